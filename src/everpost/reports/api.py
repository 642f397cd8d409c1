"""Doors of the e-mail reports."""

from everpost.ids import CampaignActivityId
from everpost.platform.caller import Caller
from everpost.platform.db import Conn
from everpost.platform.http import Doors
from everpost.reports import link_clicks, stats, summaries, tracking_reports
from everpost.reports.errors import AREA
from everpost.reports.shapes import (
    Bounce,
    BouncesQuery,
    CampaignActivityStatsReport,
    CampaignStatsReport,
    CampaignSummaryPage,
    Click,
    ClicksQuery,
    LinkedTrackingPage,
    LinkReport,
    LinksQuery,
    Open,
    OptOut,
    SummariesQuery,
    TrackingActivity,
    TrackingPage,
    TrackingQuery,
)

SCOPE, PRIVILEGE = "campaign_data", "ui:campaign:metrics"
TRACKING = "/v3/reports/email_reports/{campaign_activity_id}/tracking"

doors = Doors(AREA, "Email Reporting")


@doors.get(f"{TRACKING}/sends", scope=SCOPE, privilege=PRIVILEGE)
async def list_sends(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List the contacts that an email was sent to, newest first."""
    return await tracking_reports.sends(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/opens", scope=SCOPE, privilege=PRIVILEGE)
async def list_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """List every time that an email was opened, newest first."""
    return await tracking_reports.opens(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/unique_opens", scope=SCOPE, privilege=PRIVILEGE)
async def list_unique_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """List the contacts that opened an email, each with its last open, newest first."""
    return await tracking_reports.unique_opens(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/didnotopens", scope=SCOPE, privilege=PRIVILEGE)
async def list_did_not_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List the contacts that got an email and have not opened it, last sent first.

    Contacts whose mail bounced, in whatever way, are left out.
    """
    return await tracking_reports.did_not_open(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/clicks", scope=SCOPE, privilege=PRIVILEGE)
async def list_clicks(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: ClicksQuery
) -> TrackingPage[Click]:
    """List every click on a link of an email, newest first."""
    return await tracking_reports.clicks(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/forwards", scope=SCOPE, privilege=PRIVILEGE)
async def list_forwards(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List every use of an email's forward link, newest first."""
    return await tracking_reports.forwards(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/optouts", scope=SCOPE, privilege=PRIVILEGE)
async def list_opt_outs(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> LinkedTrackingPage[OptOut]:
    """List the contacts that unsubscribed through an email, newest first."""
    return await tracking_reports.opt_outs(conn, caller.account_id, campaign_activity_id, query)


@doors.get(f"{TRACKING}/bounces", scope=SCOPE, privilege=PRIVILEGE)
async def list_bounces(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: BouncesQuery
) -> LinkedTrackingPage[Bounce]:
    """List the contacts whose email came back, newest first.

    B the mailbox does not exist, D undeliverable, F full, S on hold after earlier bounces, V automatic answer,
    X other, Z blocked.
    """
    return await tracking_reports.bounces(conn, caller.account_id, campaign_activity_id, query)


@doors.get("/v3/reports/email_reports/{campaign_activity_id}/links", scope=SCOPE, privilege=PRIVILEGE)
async def list_link_clicks(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: LinksQuery
) -> LinkReport:
    """Count the contacts that clicked each link of an email, most clicked first."""
    return await link_clicks.get(conn, caller.account_id, campaign_activity_id, query)


@doors.get("/v3/reports/stats/email_campaigns/{campaign_ids}", scope=SCOPE, privilege=PRIVILEGE)
async def get_campaign_stats(conn: Conn, caller: Caller, campaign_ids: str) -> CampaignStatsReport:
    """Get the numbers and percentages of up to 150 campaigns, comma-separated."""
    return await stats.of_campaigns(conn, caller.account_id, campaign_ids)


@doors.get("/v3/reports/stats/email_campaign_activities/{campaign_activity_ids}", scope=SCOPE, privilege=PRIVILEGE)
async def get_activity_stats(conn: Conn, caller: Caller, campaign_activity_ids: str) -> CampaignActivityStatsReport:
    """Get the numbers of up to 10 campaign activities, comma-separated, with every kind of bounce."""
    return await stats.of_activities(conn, caller.account_id, campaign_activity_ids)


@doors.get("/v3/reports/summary_reports/email_campaign_summaries", scope=SCOPE, privilege=PRIVILEGE)
async def list_campaign_summaries(conn: Conn, caller: Caller, query: SummariesQuery) -> CampaignSummaryPage:
    """List the 500 most recently sent campaigns with their numbers, last sent first."""
    return await summaries.page(conn, caller.account_id, query)
