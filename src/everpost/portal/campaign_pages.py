"""One campaign: its checklist until it is sent, its report afterwards, and on both how far a running send is."""

from typing import Any, Final, Literal

import msgspec

from everpost.campaigns import schedules, states
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError
from everpost.platform.http import Html, Pages
from everpost.portal import (
    campaign_parts,
    campaign_sending,
    campaign_steps,
    campaign_times,
    campaign_words,
    echarts,
    report,
)
from everpost.portal.campaign_parts import Opened
from everpost.reports.percents import percent

pages: Final = Pages(tag="Email Campaigns")

METRICS: Final = "ui:campaign:metrics"
# A campaign that was sent and is to be sent again, or failed at it, is looked at for what is to be done.
_TO_DO: Final = ("SCHEDULED", "ERROR")
_REPORT: Final[dict[str, Any]] = {"privilege": METRICS, "bad_id_status": 404}

Done = Literal[
    "", "created", "copied", "saved", "renamed", "tested", "sending", "scheduled", "unscheduled", "paused", "resumed",
    "cancelled",
]  # fmt: skip


class CampaignQuery(msgspec.Struct, frozen=True):
    """What has just been done, for the note above the page."""

    done: Done = ""


@pages.get("/campaigns/{campaign_id}", **campaign_parts.READ)
async def show_campaign(conn: Conn, session: Session, campaign_id: CampaignId, query: CampaignQuery) -> Html:
    """The report of what was sent, to those who may see it; else the checklist."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    if METRICS in session.privileges and opened.email.status not in _TO_DO:
        found = await report.get(conn, session.account_id, campaign_id)
        if found.total is not None:
            return await _report(conn, session, opened, found, done=query.done)
    return await _checklist(conn, session, opened, done=query.done)


@pages.get("/campaigns/{campaign_id}/setup", **campaign_parts.READ)
async def show_setup(conn: Conn, session: Session, campaign_id: CampaignId, query: CampaignQuery) -> Html:
    """The checklist, also of a campaign that was sent: for sending it to those who are new."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _checklist(conn, session, opened, done=query.done)


@pages.get("/campaigns/{campaign_id}/report", **_REPORT)
async def show_report(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """What came of a campaign's first send and its resend together, and of each."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _report(conn, session, opened, await report.get(conn, session.account_id, campaign_id))


async def refused(conn: Conn, session: Session, campaign_id: CampaignId, error: ApiError) -> Html:
    """The campaign as it is now, with why something could not be done with it. Raises: CampaignNotFound."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _checklist(conn, session, opened, error=error)


async def _checklist(
    conn: Conn, session: Session, opened: Opened, *, done: Done = "", error: ApiError | None = None
) -> Html:
    sending = await campaign_sending.find(conn, session.account_id, opened)
    # A page that looks again every other second must not count a large audience each time.
    counts = opened.may_change and sending is None
    return campaign_parts.page(
        "portal/campaign.html",
        opened,
        checklist=await campaign_steps.find(conn, session.account_id, opened, counts=counts),
        sending=sending,
        scheduled=await _scheduled(conn, session, opened),
        was_sent=opened.email.was_sent,
        failure=await _failure(conn, session, opened),
        can_change=opened.may_change,
        can_schedule=opened.email.status in states.RULES["schedule"].starts,
        refusal=campaign_words.sentence(error) if error else "",
        done=done,
        error=error,
    )


async def _report(conn: Conn, session: Session, opened: Opened, found: report.Report, *, done: Done = "") -> Html:
    return campaign_parts.page(
        "portal/report.html",
        opened,
        report=found,
        sending=await campaign_sending.find(conn, session.account_id, opened),
        can_change=opened.may_change,
        percent=percent,
        script=echarts.address(),
        done=done,
    )


async def _failure(conn: Conn, session: Session, opened: Opened) -> str:
    """Why the last send did not end well, or found nobody, in a few words."""
    if opened.email.status not in ("ERROR", "DONE"):
        return ""
    outcome = await report.last_outcome(conn, session.account_id, opened.email.campaign_activity_id)
    return "" if outcome == report.SENT else outcome or "Failed"


async def _scheduled(conn: Conn, session: Session, opened: Opened) -> str:
    """When it is due, in the account's time zone; empty unless it waits for that."""
    at = await schedules.due_at(conn, session.account_id, opened.campaign.campaign_id)
    return "" if at is None else campaign_times.written(at, await campaign_times.zone_of(conn, session.account_id))
