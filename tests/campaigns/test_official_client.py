"""The official package makes every call about email campaigns, unmodified."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.official import Official, package

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
CAMPAIGNS, TESTS, SCHEDULING = package.EmailCampaignsApi, package.EmailCampaignsABTestsApi, package.EmailSchedulingApi
ALL = (CAMPAIGNS, TESTS, SCHEDULING)


class Recording(Official):
    """Remembers which methods were called."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.called: set[str] = set()

    async def call(self, method: Any, *arguments: Any, **options: Any) -> Any:
        self.called.add(method.__name__)
        return await super().call(method, *arguments, **options)


@pytest.fixture
async def official(api: Any) -> Recording:
    return Recording(api)


async def create(official: Official, email: str, name: str) -> tuple[str, str]:
    """The ids of a new campaign and of its email."""
    content = package.CreateEmailCampaignRequestEmailCampaignActivitiesInner(
        format_type=5, from_name="Harbor Lane", from_email=email, reply_to_email=email, subject="Nine new arrivals",
        html_content="<html><body>[[trackingImage]]<a href='https://x.example/'>See</a></body></html>",
    )  # fmt: skip
    asked = package.CreateEmailCampaignRequest(name=name, email_campaign_activities=[content])
    made = await official.call(CAMPAIGNS.create_email_campaign, asked)
    assert (["primary_email", "permalink"], "Draft") == (
        [each.role for each in made.campaign_activities],
        made.current_status,
    )
    return str(made.campaign_id), str(made.campaign_activities[0].campaign_activity_id)


async def refused(official: Official, status: int, method: Any, *arguments: Any) -> None:
    with pytest.raises(package.ApiException) as error:
        await official.call(method, *arguments)
    assert status == error.value.status


async def test_every_call_about_campaigns(official, account, api, work, mailbox):
    await api.post(
        "/v3/contacts",
        {"create_source": "Account", "email_address": {"address": "ann@example.com"},
         "list_memberships": [str(account.list_id)]},
    )  # fmt: skip
    campaign_id, activity_id = await create(official, account.email, "Tide Table")
    renamed = await official.call(
        CAMPAIGNS.patch_email_campaign_name, campaign_id, package.PatchEmailCampaignNameRequest(name="Tide Table, 9")
    )
    assert "Tide Table, 9" == renamed.name
    read = await official.call(CAMPAIGNS.get_email_campaign_activity, activity_id, include="html_content")
    read.contact_list_ids, read.preheader = [str(account.list_id)], "Soon"
    changed = await official.call(CAMPAIGNS.update_email_campaign_activity, activity_id, read)
    assert ([str(account.list_id)], "Soon") == ([str(each) for each in changed.contact_list_ids], changed.preheader)

    await check_ab_tests(official, activity_id, campaign_id)
    preview = await official.call(SCHEDULING.get_email_campaign_activity_preview, activity_id)
    assert "See" in preview.preview_html_content and "See" in preview.preview_text_content
    proof = package.TestSendEmailCampaignActivityRequest(email_addresses=["p@example.com"], personal_message="Please")
    assert await official.call(SCHEDULING.test_send_email_campaign_activity, activity_id, proof) is None

    await check_schedules(official, activity_id)
    await work()
    assert {"ann@example.com", "p@example.com"} <= {mail.recipient for mail in await mailbox()}
    (run,) = [
        each
        for each in await official.call(SCHEDULING.get_email_campaign_activity_send_history, activity_id)
        if each.count
    ]
    assert (1, "COMPLETED", 0) == (run.send_id, run.send_status, run.reason_code)

    await check_resends(official, activity_id)
    listed = await official.call(
        CAMPAIGNS.get_all_email_campaigns, limit=500, after_date=datetime(2000, 1, 1, tzinfo=UTC)
    )
    assert "Tide Table, 9" in [each.name for each in listed.campaigns]
    found = await official.call(CAMPAIGNS.get_email_campaign_xrefs, "1,2")
    assert campaign_id in [str(each.campaign_id) for each in found.xrefs]
    assert "Done" == (await official.call(CAMPAIGNS.get_email_campaign_by_id, campaign_id)).current_status
    assert await official.call(CAMPAIGNS.delete_email_campaign, campaign_id) is None
    await refused(official, 404, CAMPAIGNS.get_email_campaign_activity, activity_id)
    offered = {name for api_ in ALL for name in vars(api_) if name[0] != "_" and "_with" not in name}
    assert offered == official.called


async def check_ab_tests(official, activity_id, campaign_id):
    test = package.GetABTestEmailCampaign200Response(
        alternative_subject="Signed copies", test_size=10, winner_wait_duration=6
    )
    made = await official.call(TESTS.create_ab_test_email_campaign, activity_id, test)
    assert test == made == await official.call(TESTS.get_ab_test_email_campaign, activity_id)
    campaign = await official.call(CAMPAIGNS.get_email_campaign_by_id, campaign_id)
    assert ("AB_TEST", 57) == (campaign.type, campaign.type_code)
    assert await official.call(TESTS.delete_ab_test_email_campaign, activity_id) is None
    await refused(official, 404, TESTS.get_ab_test_email_campaign, activity_id)


async def check_schedules(official, activity_id):
    later = datetime.now(UTC) + timedelta(days=30)
    asked = package.ScheduleEmailCampaignActivityRequest(scheduled_date=later)
    (planned,) = await official.call(SCHEDULING.schedule_email_campaign_activity, activity_id, asked)
    (read,) = await official.call(SCHEDULING.get_email_campaign_activity_schedule, activity_id)
    assert planned.scheduled_date == read.scheduled_date
    await refused(official, 400, SCHEDULING.schedule_email_campaign_activity, activity_id, asked)
    assert await official.call(SCHEDULING.unschedule_email_campaign_activity, activity_id) is None
    assert [] == await official.call(SCHEDULING.get_email_campaign_activity_schedule, activity_id)
    now = package.ScheduleEmailCampaignActivityRequest(scheduled_date="0")
    assert [] == await official.call(SCHEDULING.schedule_email_campaign_activity, activity_id, now)


async def check_resends(official, activity_id):
    asked = package.CreateResendEmailCampaignRequest(resend_subject="Still time", delay_days=3)
    made = await official.call(CAMPAIGNS.create_resend_email_campaign, activity_id, asked)
    assert ("Still time", 3, 4320) == (made.resend_subject, made.delay_days, made.delay_minutes)
    (read,) = await official.call(CAMPAIGNS.get_resend_email_campaign, activity_id)
    assert ("SCHEDULED", made.resend_request_id) == (read.resend_status, read.resend_request_id)
    await refused(official, 409, CAMPAIGNS.create_resend_email_campaign, activity_id, asked)
    await official.call(CAMPAIGNS.delete_resend_email_campaign, activity_id, made.resend_request_id)
    assert [] == await official.call(CAMPAIGNS.get_resend_email_campaign, activity_id)
