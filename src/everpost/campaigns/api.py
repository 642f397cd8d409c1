"""The doors of `/v3/emails`. Source: contract, campaigns.md §3."""

from everpost.campaigns import (
    ab_tests,
    campaign_activities,
    campaigns,
    previews,
    resends,
    schedules,
    send_history,
    test_sends,
)
from everpost.campaigns.errors import AREA
from everpost.campaigns.shapes import (
    AbTest,
    Activity,
    ActivityIn,
    ActivityQuery,
    Campaign,
    CampaignIn,
    CampaignNameIn,
    CampaignPage,
    CampaignQuery,
    CrossReferenceQuery,
    CrossReferences,
    Preview,
    Resend,
    ResendIn,
    Schedule,
    ScheduleIn,
    SendHistoryEntry,
    TestSendIn,
)
from everpost.ids import CampaignActivityId, CampaignId
from everpost.platform.caller import Caller
from everpost.platform.db import Conn
from everpost.platform.http import Doors

doors = Doors(area=AREA, tag="Email Campaigns", is_shape_first=True)
scheduling = Doors(area=AREA, tag="Email Scheduling", is_shape_first=True)
comparing = Doors(area=AREA, tag="Email Campaigns AB Tests", is_shape_first=True)
get, post, put, patch, delete = doors.get, doors.post, doors.put, doors.patch, doors.delete


@get("/v3/emails", scope="campaign_data", privilege="campaign:read")
async def list_campaigns(conn: Conn, caller: Caller, query: CampaignQuery) -> CampaignPage:
    """List campaigns. Newest change first; removed campaigns are among them."""
    return await campaigns.page(conn, caller.account_id, query)


@post("/v3/emails", scope="campaign_data", privilege="campaign:write", status=200)
async def create_campaign(conn: Conn, caller: Caller, data: CampaignIn) -> Campaign:
    """Create a campaign. A draft with one email in it; changing that email sets its audience."""
    return await campaigns.create(conn, caller.account_id, data)


@get("/v3/emails/campaign_id_xrefs", scope="campaign_data", privilege="campaign:read")
async def list_campaign_numbers(conn: Conn, caller: Caller, query: CrossReferenceQuery) -> CrossReferences:
    """Find campaigns by number. For clients that know campaigns by the ids of the previous API generation."""
    return await campaigns.cross_references(conn, caller.account_id, query.v2_email_campaign_ids)


@get("/v3/emails/{campaign_id}", scope="campaign_data", privilege="campaign:read")
async def get_campaign(conn: Conn, caller: Caller, campaign_id: CampaignId) -> Campaign:
    """Get a campaign. With its activities, also after it was removed."""
    return await campaigns.get(conn, caller.account_id, campaign_id)


@patch("/v3/emails/{campaign_id}", scope="campaign_data", privilege="campaign:write")
async def rename_campaign(conn: Conn, caller: Caller, campaign_id: CampaignId, data: CampaignNameIn) -> Campaign:
    """Rename a campaign. Recipients never see the name."""
    return await campaigns.rename(conn, caller.account_id, campaign_id, data)


@delete("/v3/emails/{campaign_id}", scope="campaign_data", privilege="campaign:delete")
async def delete_campaign(conn: Conn, caller: Caller, campaign_id: CampaignId) -> None:
    """Remove a campaign. Links in mails that were delivered keep working."""
    await campaigns.delete(conn, caller.account_id, campaign_id)


@get("/v3/emails/activities/{campaign_activity_id}", scope="campaign_data", privilege="campaign:read")
async def get_activity(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: ActivityQuery
) -> Activity:
    """Get a campaign activity. Body, footer address and web address only when `include` names them."""
    return await campaign_activities.get(conn, caller.account_id, campaign_activity_id, query.include)


@put("/v3/emails/activities/{campaign_activity_id}", scope="campaign_data", privilege="campaign:write")
async def replace_activity(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, data: ActivityIn
) -> Activity:
    """Change content and audience. Top-level members left out are cleared; body and footer address stay."""
    return await campaign_activities.replace(conn, caller.account_id, campaign_activity_id, data)


@scheduling.get(
    "/v3/emails/activities/{campaign_activity_id}/schedules", scope="campaign_data", privilege="campaign:read"
)
async def get_schedule(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> list[Schedule]:
    """Get the schedule. One date while the email waits for it, otherwise none."""
    return await schedules.get(conn, caller.account_id, campaign_activity_id)


@scheduling.post(
    "/v3/emails/activities/{campaign_activity_id}/schedules",
    scope="campaign_data",
    privilege="campaign:send",
    status=201,
)
async def create_schedule(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, data: ScheduleIn
) -> list[Schedule]:
    """Send now or at a date. `"0"` sends at once."""
    return await schedules.create(conn, caller.account_id, campaign_activity_id, data)


@scheduling.delete(
    "/v3/emails/activities/{campaign_activity_id}/schedules", scope="campaign_data", privilege="campaign:send"
)
async def delete_schedule(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> None:
    """Delete the schedule. The email goes back to the status it had before."""
    await schedules.delete(conn, caller.account_id, campaign_activity_id)


@scheduling.post(
    "/v3/emails/activities/{campaign_activity_id}/tests",
    scope="campaign_data",
    privilege="campaign:send",
    status=204,
)
async def send_test(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, data: TestSendIn) -> None:
    """Send a test. To at most five addresses; nothing of it is counted."""
    await test_sends.create(conn, caller.account_id, campaign_activity_id, data)


@scheduling.get(
    "/v3/emails/activities/{campaign_activity_id}/previews", scope="campaign_data", privilege="campaign:read"
)
async def preview_activity(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> Preview:
    """Preview an email. As the account's owner would receive it, as HTML and as text."""
    return await previews.get(conn, caller.account_id, campaign_activity_id)


@scheduling.get(
    "/v3/emails/activities/{campaign_activity_id}/send_history", scope="campaign_data", privilege="campaign:read"
)
async def list_send_history(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId
) -> list[SendHistoryEntry]:
    """List the sends of an email. Oldest first, each with its count and outcome."""
    return await send_history.listing(conn, caller.account_id, campaign_activity_id)


@get(
    "/v3/emails/activities/{campaign_activity_id}/non_opener_resends", scope="campaign_data", privilege="campaign:read"
)
async def list_resends(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> list[Resend]:
    """List the resend to non-openers. The only one, or none."""
    return await resends.listing(conn, caller.account_id, campaign_activity_id)


@post(
    "/v3/emails/activities/{campaign_activity_id}/non_opener_resends",
    scope="campaign_data",
    privilege="campaign:send",
    status=201,
)
async def create_resend(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, data: ResendIn) -> Resend:
    """Resend to non-openers. Some time after the first send, with a subject of its own."""
    return await resends.create(conn, caller.account_id, campaign_activity_id, data)


@delete(
    "/v3/emails/activities/{campaign_activity_id}/non_opener_resends/{resend_request_id}",
    scope="campaign_data",
    privilege="campaign:send",
)
async def delete_resend(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, resend_request_id: str
) -> None:
    """Delete the resend. `DRAFT` names the resend of a draft; one that was sent stays."""
    await resends.delete(conn, caller.account_id, campaign_activity_id, resend_request_id)


@comparing.get("/v3/emails/activities/{campaign_activity_id}/abtest", scope="campaign_data", privilege="campaign:read")
async def get_ab_test(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> AbTest:
    """Get the A/B test. Two subjects for one email."""
    return await ab_tests.get(conn, caller.account_id, campaign_activity_id)


@comparing.post(
    "/v3/emails/activities/{campaign_activity_id}/abtest", scope="campaign_data", privilege="campaign:write", status=201
)
async def create_ab_test(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, data: AbTest) -> AbTest:
    """Test two subjects. A part of the audience gets one or the other, the rest gets the one that was opened more."""
    return await ab_tests.create(conn, caller.account_id, campaign_activity_id, data)


@comparing.delete(
    "/v3/emails/activities/{campaign_activity_id}/abtest", scope="campaign_data", privilege="campaign:write"
)
async def delete_ab_test(conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId) -> None:
    """Delete the A/B test. As long as the email is a draft."""
    await ab_tests.delete(conn, caller.account_id, campaign_activity_id)


doors.doors += [*scheduling, *comparing]
