"""What the reports answer, read by the models of the official package: nothing is missing, nothing has another name."""

from typing import Any

import pytest

from tests.reports.conftest import Mail
from tests.support.official import misread, models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.mark.parametrize(
    ("report", "model", "rows"),
    [
        ("sends", models.GetEmailSendsReport200Response, 5),
        ("opens", models.GetEmailOpensReport200Response, 2),
        ("unique_opens", models.GetEmailOpensReport200Response, 1),
        ("didnotopens", models.GetDidNotOpensReport200Response, 3),
        ("clicks", models.GetClicksReport200Response, 2),
        ("forwards", models.GetForwardsReport200Response, 1),
        ("optouts", models.GetOptoutsReport200Response, 1),
        ("bounces", models.GetBouncesReport200Response, 1),
    ],
)
async def test_tracking_reports_are_read_in_full(api: Any, visited: Mail, report: str, model: Any, rows: int) -> None:
    answer = await api.get(f"{visited.tracking}/{report}")
    assert [] == misread(model, answer)
    assert rows == len(answer.body["tracking_activities"])
    page = await api.get(f"{visited.tracking}/{report}", {"limit": "1"})
    assert [] == misread(model, page)


async def test_other_reports_are_read_in_full(api: Any, visited: Mail) -> None:
    stats = "/v3/reports/stats"
    links = await api.get(visited.links, {"no_clicks": "true"})
    campaign = await api.get(f"{stats}/email_campaigns/{visited.campaign_id}")
    activity = await api.get(f"{stats}/email_campaign_activities/{visited.activity_id}")
    summary = await api.get("/v3/reports/summary_reports/email_campaign_summaries")
    assert [] == misread(models.GetCampaignActivityLinkReport200Response, links)
    assert [] == misread(models.GetEmailStatsReport200Response, campaign)
    assert [] == misread(models.GetEmailCampaignActivityReport200Response, activity)
    assert [] == misread(models.GetEmailCampaignReport200Response, summary)
    assert 1 == len(summary.body["bulk_email_campaign_summaries"])
