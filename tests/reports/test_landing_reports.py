"""Landing-page and text-message reports: nothing to tell yet, told as the official clients insist on."""

from typing import Any

import msgspec
import pytest

from everpost.reports.landing_reports import LandingPage
from tests.reports.conftest import Mail
from tests.support.official import misread, models

LANDING = "/v3/reports/landing_pages/campaign_details"
SMS = "/v3/reports/summary_reports/sms_campaign_summaries"
UNKNOWN = "0193a1c2-0000-7000-8000-00000000dead"
REPORTS = {
    "p_unique_contact_clicks": models.GetUniqueContactClicks200Response,
    "p_unique_contact_opens": models.GetUniqueContactOpens200Response,
    "p_contact_opens": models.GetUniqueContactOpens200Response,
    "p_unique_contact_updates": models.GetUniqueContactUpdates200Response,
    "p_unique_contact_adds": models.GetContactAdds200Response,
    "p_unique_contact_sms_optins": models.GetUniqueContactSMSOptIns200Response,
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.mark.parametrize("report", REPORTS)
async def test_no_activity_is_a_landing_page_and_bad_questions_are_refused(api: Any, mail: Mail, report: str) -> None:
    for activity_id in (UNKNOWN, mail.activity_id, mail.permalink_id):
        answer = await api.get(f"{LANDING}/{activity_id}/{report}", {"contacts_filter": "ann"})
        assert (404, "reportingsvc.not_found") == (answer.status, answer.error_key)
        assert "The requested resource was not found." == answer.error_message
    answer = await api.get(f"{LANDING}/17/{report}")
    assert (400, "campaign_activity_id is in an invalid format.") == (answer.status, answer.error_message)
    for limit in ("0", "501", "many"):
        answer = await api.get(f"{LANDING}/{UNKNOWN}/{report}", {"limit": limit})
        assert (400, "reportingsvc.validation.error") == (answer.status, answer.error_key)
        assert "limit does not have a valid value" == answer.error_message


@pytest.mark.parametrize("model", REPORTS.values())
def test_an_empty_report_is_one_that_the_official_package_reads(model: Any) -> None:
    body = msgspec.json.decode(msgspec.json.encode(LandingPage(tracking_activities=[])))
    assert {"tracking_activities": [], "_links": {"next": {"href": ""}}} == body
    assert "" == model.from_dict(body).links.next.href


async def test_no_text_message_was_ever_sent(api: Any) -> None:
    answer = await api.get(SMS, {"start_at": "2026-01-01", "end_at": "2026-01-01T00:00:00Z", "limit": "50"})
    assert [] == misread(models.GetAllBulkSmsCampaignSummaries200Response, answer)
    percents = {"deliver": 0.0, "click": 0.0, "bounce": 0.0, "unsubscribe": 0.0}
    assert {"bulk_sms_campaign_summaries": [], "aggregate_percents": percents} == answer.body


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "start_at"),
        ({"start_at": "soon"}, "start_at"),
        ({"start_at": "2026-01-02", "end_at": "2026-01-01"}, "end_at"),
        ({"start_at": "2026-01-02", "limit": "51"}, "limit"),
        ({"start_at": "2026-01-02", "cursor": "x"}, "cursor"),
    ],
)
async def test_a_bad_range_of_text_messages_is_refused(api: Any, query: dict[str, str], named: str) -> None:
    answer = await api.get(SMS, query)
    assert (400, "reportingsvc.validation.error") == (answer.status, answer.error_key)
    assert f"{named} does not have a valid value" == answer.error_message
