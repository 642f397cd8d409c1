"""The official package makes every call about reports, unmodified."""

from typing import Any

import pytest

from tests.reports.conftest import Mail
from tests.support.official import Official, package

EMAILS, CONTACTS = package.EmailReportingApi, package.ContactsReportingApi
PAGES, TEXTS = package.LandingPagesReportingApi, package.SMSReportingApi
RANGE = ("2026-01-01T00:00:00-05:00", "2027-01-01T00:00:00-0500")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
async def official(api: Any) -> Official:
    return Official(api)


async def test_tracking_reports(official: Official, visited: Mail) -> None:
    for method, rows in (
        (EMAILS.get_email_sends_report, 5),
        (EMAILS.get_email_opens_report, 2),
        (EMAILS.get_unique_opens_report, 1),
        (EMAILS.get_did_not_opens_report, 3),
        (EMAILS.get_clicks_report, 2),
        (EMAILS.get_forwards_report, 1),
        (EMAILS.get_optouts_report, 1),
        (EMAILS.get_bounces_report, 1),
    ):
        report = await official.call(method, str(visited.activity_id), limit="500")
        assert rows == len(report.tracking_activities), method
        with pytest.raises(package.exceptions.NotFoundException):
            await official.call(method, str(visited.permalink_id))
    links = await official.call(EMAILS.get_campaign_activity_link_report, str(visited.activity_id), no_clicks=True)
    (link,) = links.link_click_counts
    clicks = await official.call(EMAILS.get_clicks_report, str(visited.activity_id), url_id=int(link.url_id), limit="1")
    assert (1, True) == (len(clicks.tracking_activities), "cursor=" in clicks.links.next.href)
    for codes, rows in ((["B", "F"], 1), (["F"], 0)):
        bounces = await official.call(EMAILS.get_bounces_report, str(visited.activity_id), bounce_code=codes)
        assert rows == len(bounces.tracking_activities)


async def test_statistics_and_summaries(official: Official, visited: Mail) -> None:
    campaign = await official.call(EMAILS.get_email_stats_report, str(visited.campaign_id))
    assert ([5], 25.0) == ([each.stats.em_sends for each in campaign.results], campaign.results[0].percents.open)
    activity = await official.call(EMAILS.get_email_campaign_activity_report, str(visited.activity_id))
    assert [1] == [each.stats.em_bounces_nonexistent_address for each in activity.results]
    summary = await official.call(EMAILS.get_email_campaign_report, limit="1")
    assert [5] == [each.unique_counts.sends for each in summary.bulk_email_campaign_summaries]
    texts = await official.call(TEXTS.get_all_bulk_sms_campaign_summaries, RANGE[0], limit="50", end_at=RANGE[1])
    assert ([], 0) == (texts.bulk_sms_campaign_summaries, texts.aggregate_percents.deliver)


async def test_contact_reports(official: Official, visited: Mail) -> None:
    ann = str(visited.contacts[0])
    rates = await official.call(CONTACTS.get_contact_open_click_rate_report, ann, *RANGE)
    assert (1, 1, 1) == (rates.included_activities_count, rates.average_open_rate, rates.average_click_rate)
    counts = await official.call(CONTACTS.get_contact_tracking_count_report, ann, *RANGE)
    assert [(1, 2, 2)] == [(each.em_sends, each.em_opens, each.em_clicks) for each in counts.campaign_activities]
    for types in ({"tracking_activities_list": ["em_sends", "em_opens"]}, {"tracking_activity_type": ["em_opens"]}):
        events = await official.call(CONTACTS.get_contact_tracking_report, ann, limit="2", **types)
        assert ["em_opens", "em_opens"] == [each.tracking_activity_type for each in events.tracking_activities]


async def test_landing_page_reports(official: Official, visited: Mail) -> None:
    for method in (
        PAGES.get_unique_contact_clicks,
        PAGES.get_unique_contact_opens,
        PAGES.get_contact_opens,
        PAGES.get_unique_contact_updates,
        PAGES.get_contact_adds,
        PAGES.get_unique_contact_sms_opt_ins,
    ):
        with pytest.raises(package.exceptions.NotFoundException, match="was not found"):
            await official.call(method, str(visited.activity_id), limit="50", contacts_filter="Jo")
