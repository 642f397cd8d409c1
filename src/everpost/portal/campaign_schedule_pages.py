"""When a campaign goes out: now, after one question, or at a date in the account's time zone; and taking that back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from everpost.campaigns import schedules
from everpost.campaigns.shapes import ScheduleIn
from everpost.ids import CampaignId
from everpost.platform import clock
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_audience, campaign_pages, campaign_parts, campaign_times, campaign_words
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Scheduling")

_NOW: Final = "0"


@pages.get("/campaigns/{campaign_id}/send", **campaign_parts.SEND)
async def ask_to_send(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks once, with the number of people who will get it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _question(conn, session, opened)


@pages.post("/campaigns/{campaign_id}/send", **campaign_parts.SEND)
async def send_now(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Send it, as it was when the question was asked."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            _check_mark(opened, form)
            activity_id = opened.email.campaign_activity_id
            await schedules.create(conn, session.account_id, activity_id, ScheduleIn(_NOW))
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect(f"/campaigns/{campaign_id}?done=sending")


@pages.get("/campaigns/{campaign_id}/schedule", **campaign_parts.SEND)
async def show_schedule(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks for date and time."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    zone = await campaign_times.zone_of(conn, session.account_id)
    tomorrow = clock.now().astimezone(zone) + timedelta(days=1)
    return await _dates(conn, session, opened, {"date": f"{tomorrow:%Y-%m-%d}", "time": "09:00"})


@pages.post("/campaigns/{campaign_id}/schedule", **campaign_parts.SEND)
async def schedule(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Send it at that time."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    zone = await campaign_times.zone_of(conn, session.account_id)
    try:
        async with savepoint(conn):
            at = campaign_times.read(form.get("date", ""), form.get("time", ""), zone)
            activity_id = opened.email.campaign_activity_id
            await schedules.create(conn, session.account_id, activity_id, ScheduleIn(at.isoformat()))
    except ApiError as error:
        return await _dates(conn, session, opened, form, error=error)
    return redirect(f"/campaigns/{campaign_id}?done=scheduled")


@pages.post("/campaigns/{campaign_id}/unschedule", **campaign_parts.SEND)
async def unschedule(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Do not send it at that time."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            await schedules.delete(conn, session.account_id, opened.email.campaign_activity_id)
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=unscheduled")


def _mark(opened: Opened) -> str:
    """Of everything that somebody may have changed since the question was asked."""
    return campaign_parts.mark([opened.campaign.updated_at, opened.email.status])


def _check_mark(opened: Opened, form: Mapping[str, str]) -> None:
    """A second press finds the campaign scheduled already, which says more. Raises: ChangedMeanwhile."""
    if opened.may_change and form.get("mark") != _mark(opened):
        raise campaign_parts.ChangedMeanwhile


async def _question(conn: Conn, session: Session, opened: Opened) -> Html:
    return campaign_parts.page(
        "portal/campaign_send.html",
        opened,
        missing=await _missing(conn, session, opened),
        counted=await _counted(conn, session, opened),
        names=await campaign_audience.names(conn, session.account_id, campaign_audience.stored(opened.email)),
        mark=_mark(opened),
    )


async def _dates(
    conn: Conn, session: Session, opened: Opened, values: Mapping[str, str], *, error: ApiError | None = None
) -> Html:
    zone = await campaign_times.zone_of(conn, session.account_id)
    return campaign_parts.page(
        "portal/campaign_schedule.html",
        opened,
        values={name: values.get(name, "") for name in ("date", "time", "scheduled_date")},
        missing=await _missing(conn, session, opened),
        counted=await _counted(conn, session, opened),
        zone=zone.key.replace("_", " "),
        now=campaign_times.written(clock.now(), zone),
        error=error,
    )


async def _missing(conn: Conn, session: Session, opened: Opened) -> list[str]:
    """What keeps it from being sent, in words."""
    found = await schedules.problems(conn, session.account_id, opened.email)
    return [words for step in campaign_words.by_step(found).values() for words in step]


async def _counted(conn: Conn, session: Session, opened: Opened) -> campaign_audience.Counted | None:
    chosen = campaign_audience.stored(opened.email)
    return await campaign_audience.count(conn, session.account_id, opened.email.campaign_activity_id, chosen)
