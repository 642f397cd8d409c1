"""The official Python client package does the same journey, unmodified but for its host."""

import json
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import constant_contact_api_client as official
import httpx
import pytest

from tests.journeys import address_books
from tests.journeys.demo import EMAIL, DemoInstance
from tests.journeys.story import HTML, links_of, path_of
from tests.support.smtp import SmtpServer, parse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    server = SmtpServer().start()
    yield server
    server.stop()


@pytest.fixture
def instance(smtp: SmtpServer) -> Iterator[DemoInstance]:
    running = DemoInstance(smtp_url=smtp.url)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def client(instance: DemoInstance) -> Iterator[official.ApiClient]:
    settings = official.Configuration(host=f"{instance.url}/v3", access_token=instance.token())
    with official.ApiClient(settings) as api:
        yield api


def test_the_official_client_imports_sends_and_reads_reports(
    client: official.ApiClient, instance: DemoInstance, smtp: SmtpServer, tmp_path: Path
) -> None:
    account = official.AccountServicesApi(client).get_account_details()
    assert (EMAIL, True) == (account.contact_email, bool(account.encoded_account_id))

    lists = official.ContactListsApi(client)
    list_id = str(lists.create_list(official.UpdateListRequest(name="Readers")).list_id)
    assert {"Readers"} <= {each.name for each in lists.get_all_lists(include_membership_count="all").lists or []}
    _add_one_contact(client, list_id)
    _import(client, list_id, tmp_path)

    campaign_id, activity_id = _create_campaign(client, list_id)
    scheduling = official.EmailSchedulingApi(client)
    preview = scheduling.get_email_campaign_activity_preview(activity_id)
    assert "nine new arrivals" in (preview.preview_html_content or "")
    # The client's model turns "0" into 1970-01-01T00:00:00+00:00, which must mean now as well.
    request = official.ScheduleEmailCampaignActivityRequest(scheduled_date="0")
    assert [] == scheduling.schedule_email_campaign_activity(activity_id, request)
    _until(lambda: len(smtp.messages) == 96)
    _until(lambda: bool(scheduling.get_email_campaign_activity_send_history(activity_id)))
    (run,) = scheduling.get_email_campaign_activity_send_history(activity_id)
    assert (1, 96, "COMPLETED", 0) == (run.send_id, run.count, run.send_status, run.reason_code)

    _open_and_click(instance, smtp.messages[0][1])
    _check_reports(client, campaign_id, activity_id)
    _check_segments(client, activity_id)


def _add_one_contact(client: official.ApiClient, list_id: str) -> None:
    contacts = official.ContactsApi(client)
    created = contacts.create_contact(
        official.CreateContactRequest(
            email_address=official.CreateContactRequestEmailAddress(
                address="tobin@fernwick.example", permission_to_send="implicit"
            ),
            first_name="Tobin",
            create_source="Account",
            list_memberships=[list_id],
        )
    )
    found = contacts.get_all_contacts(email="tobin@fernwick.example", include="list_memberships", include_count=True)
    assert [created.contact_id] == [each.contact_id for each in found.contacts or []]
    with pytest.raises(official.ApiException) as refused:
        contacts.create_contact(
            official.CreateContactRequest(
                email_address=official.CreateContactRequestEmailAddress(address="Tobin@Fernwick.example"),
                create_source="Account",
            )
        )
    assert 409 == refused.value.status
    assert str(created.contact_id) in str(refused.value.body)


def _import(client: official.ApiClient, list_id: str, folder: Path) -> None:
    path = folder / "contacts.csv"
    path.write_bytes(address_books.gmail(100, bad=3, duplicates=2).content)
    bulk = official.BulkActivitiesApi(client)
    activity_id = str(bulk.create_csv_import_activity(str(path), list_id).activity_id)
    _until(lambda: bulk.get_activity_by_id(activity_id).state == "completed")
    status: Any = bulk.get_activity_by_id(activity_id).status
    assert (100, 3) == (status.person_count, status.correctable_count)


def _create_campaign(client: official.ApiClient, list_id: str) -> tuple[str, str]:
    campaigns = official.EmailCampaignsApi(client)
    content = official.CreateEmailCampaignRequestEmailCampaignActivitiesInner(
        format_type=5, from_name="Harbor Lane", from_email=EMAIL, reply_to_email=EMAIL, subject="New", html_content=HTML
    )
    created = campaigns.create_email_campaign(
        official.CreateEmailCampaignRequest(name="Tide Table 9", email_campaign_activities=[content])
    )
    activity_id = str((created.campaign_activities or [])[0].campaign_activity_id)
    activity = campaigns.get_email_campaign_activity(activity_id, include="html_content")
    activity.contact_list_ids = [list_id]
    updated = campaigns.update_email_campaign_activity(activity_id, activity)
    assert [list_id] == [str(each) for each in updated.contact_list_ids or []]
    return str(created.campaign_id), activity_id


def _open_and_click(instance: DemoInstance, source: bytes) -> None:
    html = unescape(parse(source).get_body(("html",)).get_content())  # type: ignore[union-attr]
    with httpx.Client(base_url=instance.url) as inbox:
        inbox.get(path_of(next(part for part in html.split('"') if "/o/" in part)))
        inbox.get(path_of(next(link for link in links_of(html) if "/c/" in link)))
        inbox.post(
            path_of(next(link for link in links_of(html) if "/u/" in link)), data={"List-Unsubscribe": "One-Click"}
        )


def _check_reports(client: official.ApiClient, campaign_id: str, activity_id: str) -> None:
    reports = official.EmailReportingApi(client)
    _until(lambda: len(reports.get_clicks_report(activity_id).tracking_activities or []) == 1)
    counts = {
        "sends": reports.get_email_sends_report(activity_id),
        "opens": reports.get_email_opens_report(activity_id),
        "unique_opens": reports.get_unique_opens_report(activity_id),
        "optouts": reports.get_optouts_report(activity_id),
        "bounces": reports.get_bounces_report(activity_id),
        "forwards": reports.get_forwards_report(activity_id),
    }
    assert {"sends": 96, "opens": 1, "unique_opens": 1, "optouts": 1, "bounces": 0, "forwards": 0} == {
        name: len(report.tracking_activities or []) for name, report in counts.items()
    }
    links = reports.get_campaign_activity_link_report(activity_id)
    assert [1] == [each.unique_clicks for each in links.link_click_counts or []]
    campaign = (reports.get_email_stats_report(campaign_id).results or [])[0]
    assert (96, 1) == (campaign.stats.em_sends, campaign.stats.em_opens)
    activity = (reports.get_email_campaign_activity_report(activity_id).results or [])[0]
    assert 96 == activity.stats.em_sends
    summary = (reports.get_email_campaign_report().bulk_email_campaign_summaries or [])[0]
    assert (campaign_id, 96) == (str(summary.campaign_id), summary.unique_counts.sends)


def _check_segments(client: official.ApiClient, activity_id: str) -> None:
    """Whoever opened the campaign, found by a rule that is written, read, renamed and deleted again."""
    segments = official.SegmentsApi(client)
    opened = {"source": "tracking", "field": "opened", "op": "contains-any", "value": [activity_id]}
    criteria = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": [opened]}})
    created = segments.create_segment(official.CreateSegmentRequest(name="Openers", segment_criteria=criteria))
    assert criteria == segments.get_segment_by_id(created.segment_id).segment_criteria
    assert ["Openers"] == [each.name for each in segments.get_all_segments(sort_by="name").segments]
    found = official.ContactsApi(client).get_all_contacts(segment_id=str(created.segment_id))
    assert 1 == len(found.contacts or [])
    segments.update_segment_name(created.segment_id, official.UpdateSegmentNameRequest(name="Readers"))
    nobody = criteria.replace("opened", "bounced")
    changed = official.CreateSegmentRequest(name="Bounced", segment_criteria=nobody)
    assert "Bounced" == segments.update_segment(created.segment_id, changed).name
    assert [] == official.ContactsApi(client).get_all_contacts(segment_id=str(created.segment_id)).contacts
    segments.delete_segment(created.segment_id)
    assert [] == segments.get_all_segments().segments


def _until(condition: Any, seconds: float = 60) -> None:
    """Ask again, no faster than the API's limit of four requests a second would like."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
