"""When an email goes out: at a moment to come, or now.

Rules: `"0"`, the number 0 and the Unix epoch all mean now (a client library turns the first into the last), and so does
a moment up to five minutes ago, for clocks that differ; nothing lies more than ten years ahead. All that keeps an email
from being scheduled is reported at once. Who gets it is decided when the send starts, not here.
Source: contract, campaigns.md §3.9-§3.11.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from everpost.campaigns import ab_tests, audience, campaign_activities, content, resending, sending, states
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.errors import StateForbids
from everpost.campaigns.shapes import Schedule, ScheduleIn, timestamp
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform import clock
from everpost.platform.db import Conn, one
from everpost.platform.errors import Invalid
from everpost.platform.validation import read_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_PAST = timedelta(minutes=5)
_MAX_AHEAD = timedelta(days=3653)


class BadDate(Invalid):
    """scheduled_date does not have a valid value"""


class When(Struct, frozen=True):
    """The moment to send at, and whether the caller named one."""

    at: datetime
    is_dated: bool


async def get(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> list[Schedule]:
    """The date while it waits, in any other status nothing. Raises: CampaignNotFound."""
    stored = await campaign_activities.require(conn, account_id, activity_id)
    if stored.role == "resend":
        return []  # its time follows from the email's own
    at = await due_at(conn, account_id, stored.campaign_id)
    return [] if at is None else [Schedule(timestamp(at))]


async def due_at(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> datetime | None:
    """The moment that a scheduled campaign waits for."""
    return await one(
        conn,
        datetime,
        """
        SELECT scheduled_at
          FROM campaigns
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'SCHEDULED'""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def create(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, new: ScheduleIn) -> list[Schedule]:
    """Send now (answers nothing) or later (answers the date). Raises: Invalid, CampaignNotFound, StateForbids."""
    now = clock.now()
    when = read(new.scheduled_date, now)
    stored = await campaign_activities.require(conn, account_id, activity_id)
    found = await problems(conn, account_id, stored)
    if found:
        raise StateForbids(*found)
    await states.schedule(conn, account_id, stored.campaign_id, at=when.at, now=now)
    await resending.number(conn, account_id, stored.campaign_id)
    await sending.send.later(conn, at=when.at, account_id=account_id, campaign_id=stored.campaign_id)
    return [Schedule(timestamp(when.at))] if when.is_dated else []


async def delete(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> None:
    """Go back to the status from before. Raises: CampaignNotFound, StateForbids."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    await states.unschedule(conn, account_id, stored.campaign_id, now=clock.now())
    if (await campaign_activities.require(conn, account_id, activity_id)).status == "DRAFT":
        await resending.back_to_draft(conn, account_id, stored.campaign_id)


async def problems(conn: Conn, account_id: AccountId, stored: Stored) -> list[str]:
    """Everything that keeps this activity from being scheduled."""
    found = []
    if stored.role != "primary_email":
        found.append(campaign_activities.role_problem(stored))
    elif stored.status not in states.RULES["schedule"].starts:
        found.append(states.why_not(stored.status))
    test = await ab_tests.find(conn, account_id, stored.campaign_id)
    if test is not None and test.waits_for_winner:
        found.append("The A/B test waits for its winner; schedule again after it was sent.")
    if not stored.contact_list_ids and not stored.segment_ids:
        found.append("contact_list_ids or segment_ids must be set before scheduling.")
    found += await audience.problems(conn, account_id, stored.contact_list_ids, stored.segment_ids)
    found += await campaign_activities.sender_problems(conn, account_id, stored.from_email, stored.reply_to_email)
    found += content.problems(await campaign_activities.html_of(conn, account_id, stored.campaign_id))
    if await campaign_activities.footer_address(conn, account_id, stored) is None:
        found.append("A physical address is required before scheduling.")
    return found


def read(sent: str | int, now: datetime) -> When:
    """What a client means by its `scheduled_date`. Raises: Invalid."""
    at = _parsed(sent)
    if at == _EPOCH:
        return When(now.replace(microsecond=0), is_dated=False)
    at = at.replace(microsecond=0)
    if at < now - _MAX_PAST:
        raise Invalid("scheduled_date must not be in the past.")
    if at > now + _MAX_AHEAD:
        raise Invalid("scheduled_date must not be more than 10 years ahead.")
    return When(at, is_dated=True)


def _parsed(sent: str | int) -> datetime:
    text = str(sent).strip()
    if text == "0":
        return _EPOCH
    # Digits alone are a count of something, which only 0 may be; a date has hyphens.
    if text.isdigit() or isinstance(sent, int):
        raise BadDate
    try:
        return read_datetime(text)
    except (ValueError, OverflowError) as error:
        raise BadDate from error
