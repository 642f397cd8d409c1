"""The second go at those who did not open: its subject, its delay, and whether it is still to come.

Rules: at most one per campaign, none beside an A/B test; it is an activity of its own, with a status of its own. It
waits for the first send that is completed, and for its delay; while the campaign is a draft it has no number and goes
by the name DRAFT. `resending` sends it.
Source: contract, campaigns.md §3.15.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET

from everpost.campaigns import campaign_activities, resending, states
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.errors import AbTestExists, CampaignNotFound, ResendExists, StateConflicts, StateForbids
from everpost.campaigns.resending import Planned
from everpost.campaigns.shapes import Resend, ResendIn, timestamp
from everpost.ids import AccountId, CampaignActivityId, CampaignId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, one, run
from everpost.platform.errors import Invalid

OLDEST_SEND: Final = timedelta(days=10)
_MINUTES_PER_DAY: Final = 1440
_MOST_DAYS: Final = 10
_LEAST_MINUTES, _MOST_MINUTES = 720, 14_400


async def listing(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> list[Resend]:
    """The one there is, or none. Raises: CampaignNotFound, StateForbids."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    row = await resending.find(conn, account_id, stored.campaign_id)
    return [] if row is None else [_shown(row)]


async def create(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, new: ResendIn) -> Resend:
    """Raises: Invalid, CampaignNotFound, StateForbids, StateConflicts, ResendExists, AbTestExists."""
    problems = _problems(new)
    if problems:
        raise Invalid(*problems)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    # From here on nobody else changes this campaign.
    await states.hold(conn, account_id, stored.campaign_id)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    if stored.status not in ("DRAFT", "SCHEDULED", "DONE"):
        raise StateConflicts(f"Campaign activity is {stored.status}; a resend cannot be added now.")
    if await _has_test(conn, account_id, stored.campaign_id):
        raise AbTestExists
    try:
        await _insert(conn, account_id, stored, new.resend_subject.strip(), _minutes(new))
    except Taken as error:
        raise ResendExists from error
    if stored.status == "DONE":
        await resending.plan(conn, account_id, stored.campaign_id, sent_at=await _last_sent(conn, account_id, stored))
    await states.touch(conn, account_id, stored.campaign_id, now=clock.now())
    row = await resending.find(conn, account_id, stored.campaign_id)
    assert row is not None
    return _shown(row, is_new=True)


async def delete(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, request_id: str) -> None:
    """Raises: CampaignNotFound, StateForbids, StateConflicts."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    await states.hold(conn, account_id, stored.campaign_id)
    row = await resending.find(conn, account_id, stored.campaign_id)
    if row is None or _name(row) != request_id:
        raise CampaignNotFound
    if row.status not in ("DRAFT", "SCHEDULED"):
        raise StateConflicts(f"Resend is {row.status}; it can no longer be deleted.")
    await _delete(conn, account_id, row.campaign_activity_id)
    await states.touch(conn, account_id, stored.campaign_id, now=clock.now())


async def call_off(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Take a resend away that is still to come."""
    row = await resending.find(conn, account_id, campaign_id)
    if row is not None and row.status in ("DRAFT", "SCHEDULED"):
        await _delete(conn, account_id, row.campaign_activity_id)


async def refuse_beside_test(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Raises: ResendExists."""
    if await resending.find(conn, account_id, campaign_id) is not None:
        raise ResendExists


def _problems(new: ResendIn) -> list[str]:
    """Everything that is wrong with the body."""
    found = []
    if not new.resend_subject.strip():
        found.append("resend_subject must not be empty.")
    elif "\r" in new.resend_subject or "\n" in new.resend_subject:
        found.append("resend_subject does not have a valid value")
    if new.delay_days is not None:
        if not 1 <= new.delay_days <= _MOST_DAYS:
            found.append(f"delay_days must be between 1 and {_MOST_DAYS}.")
    elif new.delay_minutes is None:
        found.append("delay_days or delay_minutes is required.")
    elif not _LEAST_MINUTES <= new.delay_minutes <= _MOST_MINUTES:
        found.append(f"delay_minutes must be between {_LEAST_MINUTES} and {_MOST_MINUTES}.")
    return found


def _minutes(new: ResendIn) -> int:
    if new.delay_days is not None:
        return new.delay_days * _MINUTES_PER_DAY
    assert new.delay_minutes is not None
    return new.delay_minutes


def _name(row: Planned) -> str:
    """What the API calls it by."""
    return "DRAFT" if row.request_id is None else str(row.request_id)


def _shown(row: Planned, *, is_new: bool = False) -> Resend:
    days, minutes = divmod(row.delay_minutes, _MINUTES_PER_DAY)
    is_planned = row.status != "DRAFT" and not is_new
    return Resend(
        resend_subject=row.subject,
        delay_minutes=row.delay_minutes,
        resend_request_id=_name(row),
        delay_days=UNSET if minutes else days,
        resend_status=row.status if is_planned else UNSET,
        resend_date=timestamp(row.resent_at) if row.resent_at and is_planned else UNSET,
    )


async def _has_test(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> bool:
    found = await one(
        conn,
        int,
        "SELECT 1 FROM campaign_ab_tests WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return found is not None


async def _last_sent(conn: Conn, account_id: AccountId, stored: Stored) -> datetime:
    """When the campaign was sent last. Raises: StateForbids when that is too long ago."""
    run_at = await one(
        conn,
        datetime,
        """
        SELECT max(run_at)
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND status = 'COMPLETED'""",
        account_id=account_id,
        activity_id=stored.campaign_activity_id,
    )
    if run_at is None or run_at < clock.now() - OLDEST_SEND:
        raise StateForbids(f"The last send is more than {OLDEST_SEND.days} days ago; it can no longer be resent.")
    return run_at


async def _insert(conn: Conn, account_id: AccountId, stored: Stored, subject: str, minutes: int) -> None:
    activity_id = CampaignActivityId(new_id())
    await run(
        conn,
        """
        INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
        VALUES (:account_id, :activity_id, :campaign_id, 'resend')""",
        account_id=account_id,
        activity_id=activity_id,
        campaign_id=stored.campaign_id,
    )
    await run(
        conn,
        """
        INSERT INTO campaign_resends (account_id, campaign_id, campaign_activity_id, subject, delay_minutes, status)
        VALUES (:account_id, :campaign_id, :activity_id, :subject, :minutes, 'DRAFT')""",
        account_id=account_id,
        campaign_id=stored.campaign_id,
        activity_id=activity_id,
        subject=subject,
        minutes=minutes,
    )
    if stored.status != "DRAFT":
        await resending.number(conn, account_id, stored.campaign_id)


async def _delete(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        "DELETE FROM campaign_resends WHERE account_id = :account_id AND campaign_activity_id = :activity_id",
        account_id=account_id,
        activity_id=activity_id,
    )
    await run(
        conn,
        "DELETE FROM campaign_activities WHERE account_id = :account_id AND campaign_activity_id = :activity_id",
        account_id=account_id,
        activity_id=activity_id,
    )
