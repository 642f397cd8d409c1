"""Doors of the reports: e-mails, contacts, landing pages, text messages."""

from functools import partial
from typing import Final

from everpost.contacts import contacts
from everpost.ids import CampaignActivityId, ContactId
from everpost.platform.caller import Caller
from everpost.platform.db import Conn
from everpost.platform.http import Doors
from everpost.reports import (
    contact_reports,
    landing_reports,
    link_clicks,
    sms_summaries,
    stats,
    summaries,
    tracking_reports,
)
from everpost.reports.contact_reports import (
    ActivityDetailsQuery,
    ActivitySummaryPage,
    ActivitySummaryQuery,
    ContactActivityPage,
    OpenAndClickRates,
    RangeQuery,
)
from everpost.reports.errors import AREA
from everpost.reports.landing_reports import LandingPage, LandingQuery
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
from everpost.reports.sms_summaries import SmsSummariesQuery, SmsSummaryPage

TRACKING = "/v3/reports/email_reports/{campaign_activity_id}/tracking"
CONTACT = "/v3/reports/contact_reports/{contact_id}"
LANDING = "/v3/reports/landing_pages/campaign_details/{campaign_activity_id}"

emails = Doors(AREA, "Email Reporting")
people = Doors(AREA, "Contacts Reporting")
landing = Doors(AREA, "Landing Pages Reporting")
texts = Doors(AREA, "SMS Reporting")

_PRIVILEGE: Final = "ui:campaign:metrics"
email_report = partial(emails.get, scope="campaign_data", privilege=_PRIVILEGE)
contact_report = partial(
    people.get,
    # The schema asks for the first, the vendor's own programs are told to have the second.
    scope=("contact_data", "campaign_data"),
    privilege=_PRIVILEGE,
    exists=contacts.require,
)
landing_report = partial(landing.get, scope="campaign_data", privilege=_PRIVILEGE)
text_report = partial(texts.get, scope="campaign_data", privilege=_PRIVILEGE)


@email_report(f"{TRACKING}/sends")
async def list_sends(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List the contacts that an email was sent to, newest first."""
    return await tracking_reports.sends(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/opens")
async def list_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """List every time that an email was opened, newest first."""
    return await tracking_reports.opens(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/unique_opens")
async def list_unique_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """List the contacts that opened an email, each with its last open, newest first."""
    return await tracking_reports.unique_opens(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/didnotopens")
async def list_did_not_opens(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List the contacts that got an email and have not opened it, last sent first.

    Contacts whose mail bounced, in whatever way, are left out.
    """
    return await tracking_reports.did_not_open(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/clicks")
async def list_clicks(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: ClicksQuery
) -> TrackingPage[Click]:
    """List every click on a link of an email, newest first."""
    return await tracking_reports.clicks(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/forwards")
async def list_forwards(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """List every use of an email's forward link, newest first."""
    return await tracking_reports.forwards(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/optouts")
async def list_opt_outs(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: TrackingQuery
) -> LinkedTrackingPage[OptOut]:
    """List the contacts that unsubscribed through an email, newest first."""
    return await tracking_reports.opt_outs(conn, caller.account_id, campaign_activity_id, query)


@email_report(f"{TRACKING}/bounces")
async def list_bounces(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: BouncesQuery
) -> LinkedTrackingPage[Bounce]:
    """List the contacts whose email came back, newest first.

    B the mailbox does not exist, D undeliverable, F full, S on hold after earlier bounces, V automatic answer,
    X other, Z blocked.
    """
    return await tracking_reports.bounces(conn, caller.account_id, campaign_activity_id, query)


@email_report("/v3/reports/email_reports/{campaign_activity_id}/links")
async def list_link_clicks(
    conn: Conn, caller: Caller, campaign_activity_id: CampaignActivityId, query: LinksQuery
) -> LinkReport:
    """Count the contacts that clicked each link of an email, most clicked first."""
    return await link_clicks.get(conn, caller.account_id, campaign_activity_id, query)


@email_report("/v3/reports/stats/email_campaigns/{campaign_ids}")
async def get_campaign_stats(conn: Conn, caller: Caller, campaign_ids: str) -> CampaignStatsReport:
    """Get the numbers and percentages of up to 150 campaigns, comma-separated."""
    return await stats.of_campaigns(conn, caller.account_id, campaign_ids)


@email_report("/v3/reports/stats/email_campaign_activities/{campaign_activity_ids}")
async def get_activity_stats(conn: Conn, caller: Caller, campaign_activity_ids: str) -> CampaignActivityStatsReport:
    """Get the numbers of up to 10 campaign activities, comma-separated, with every kind of bounce."""
    return await stats.of_activities(conn, caller.account_id, campaign_activity_ids)


@email_report("/v3/reports/summary_reports/email_campaign_summaries")
async def list_campaign_summaries(conn: Conn, caller: Caller, query: SummariesQuery) -> CampaignSummaryPage:
    """List the 500 most recently sent campaigns with their numbers, last sent first."""
    return await summaries.page(conn, caller.account_id, query)


@contact_report(f"{CONTACT}/activity_details")
async def list_contact_activities(
    conn: Conn, caller: Caller, contact_id: ContactId, query: ActivityDetailsQuery
) -> ContactActivityPage:
    """List every send, open, click, bounce, opt-out and forward of a contact, newest first."""
    return await contact_reports.activity_details(conn, caller.account_id, contact_id, query)


@contact_report(f"{CONTACT}/open_and_click_rates")
async def get_contact_rates(conn: Conn, caller: Caller, contact_id: ContactId, query: RangeQuery) -> OpenAndClickRates:
    """Get the shares of the emails sent to a contact that it opened and clicked, from 0 to 1."""
    return await contact_reports.open_and_click_rates(conn, caller.account_id, contact_id, query)


@contact_report(f"{CONTACT}/activity_summary")
async def list_contact_summaries(
    conn: Conn, caller: Caller, contact_id: ContactId, query: ActivitySummaryQuery
) -> ActivitySummaryPage:
    """Count what a contact did with each email that it was sent, the last email first."""
    return await contact_reports.activity_summary(conn, caller.account_id, contact_id, query)


@landing_report(f"{LANDING}/p_unique_contact_clicks")
async def list_landing_page_clicks(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List who clicked which link of a landing page, each with the last click, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@landing_report(f"{LANDING}/p_unique_contact_opens")
async def list_landing_page_unique_opens(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List the contacts that opened a landing page, each with its last visit, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@landing_report(f"{LANDING}/p_contact_opens")
async def list_landing_page_opens(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List every time that a contact opened a landing page, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@landing_report(f"{LANDING}/p_unique_contact_updates")
async def list_landing_page_updates(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List the contacts that changed their data on a landing page, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@landing_report(f"{LANDING}/p_unique_contact_adds")
async def list_landing_page_adds(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List the contacts that a landing page brought, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@landing_report(f"{LANDING}/p_unique_contact_sms_optins")
async def list_landing_page_sms_opt_ins(
    caller: Caller, campaign_activity_id: CampaignActivityId, query: LandingQuery
) -> LandingPage:
    """List the contacts that agreed to text messages on a landing page, newest first."""
    return landing_reports.page(caller.account_id, campaign_activity_id, query)


@text_report("/v3/reports/summary_reports/sms_campaign_summaries")
async def list_sms_campaign_summaries(caller: Caller, query: SmsSummariesQuery) -> SmsSummaryPage:
    """List the text message campaigns that were sent in a range of time, with their numbers, last sent first."""
    return sms_summaries.page(query)


doors = (*emails, *people, *landing, *texts)
