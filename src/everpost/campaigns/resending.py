"""The second go at those who did not open, from its plan to its mails.

    DRAFT ── campaign scheduled ──> SCHEDULED ── sent + delay ──> EXECUTING ── handed over ──> DONE
                                                                            └─ not sendable ─> ERROR

Rules: it goes to the audience as it is by then, without those who opened, clicked or bounced and without those whose
first mail is still on its way; who never got the first mail gets this one. A run is one transaction, and the row is
locked meanwhile, so a worker that dies leaves nothing half done. Source: contract, campaigns.md §3.15.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, LiteralString, TypeAlias
from uuid import UUID

from msgspec import Struct

from everpost.campaigns import audience, campaign_activities, runs, send_history, states
from everpost.campaigns.runs import NotSent
from everpost.campaigns.send_history import FAILED, SENT
from everpost.contacts.segment_members import Members
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform import clock, logs
from everpost.platform.db import Conn, Db, is_outage, one, run, savepoint
from everpost.platform.jobs import job

Status: TypeAlias = Literal["DRAFT", "SCHEDULED", "EXECUTING", "DONE", "ERROR"]

log: Final = logs.get(__name__)


class Planned(Struct, frozen=True):
    """A resend as it is stored."""

    campaign_activity_id: CampaignActivityId
    request_id: int | None
    subject: str
    delay_minutes: int
    status: Status
    due_at: datetime | None
    resent_at: datetime | None


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Planned | None:
    return await one(
        conn,
        Planned,
        """
        SELECT campaign_activity_id, request_id, subject, delay_minutes, status, due_at, resent_at
          FROM campaign_resends
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def number(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """The campaign is no draft any more, and neither is its resend, should it have one."""
    planned = await find(conn, account_id, campaign_id)
    if planned is None or planned.status != "DRAFT":
        return
    request_id = await one(conn, int, "SELECT nextval('resend_request_ids')")
    await run(
        conn,
        """
        UPDATE campaign_resends
           SET status = 'SCHEDULED', request_id = :request_id
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'DRAFT'""",
        account_id=account_id,
        campaign_id=campaign_id,
        request_id=request_id,
    )


async def back_to_draft(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """The campaign is a draft again, and so is its resend."""
    await run(
        conn,
        """
        UPDATE campaign_resends
           SET status = 'DRAFT', request_id = NULL
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'SCHEDULED' AND due_at IS NULL""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def plan(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, sent_at: datetime) -> None:
    """The campaign was sent: should its resend wait for that, its time is known now."""
    planned = await find(conn, account_id, campaign_id)
    if planned is None or planned.status != "SCHEDULED" or planned.due_at is not None:
        return
    due_at = max(sent_at + timedelta(minutes=planned.delay_minutes), clock.now())
    await run(
        conn,
        """
        UPDATE campaign_resends SET due_at = :due_at WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        due_at=due_at,
    )
    await resend.later(conn, at=due_at, account_id=account_id, campaign_id=campaign_id)


@job("campaigns.resend")
async def resend(db: Db, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Send a resend that is due, or go on where a killed worker stopped. Does nothing when neither is needed."""
    async with db.transaction() as conn:
        await _start(conn, account_id, campaign_id, clock.now())
    try:
        async with db.transaction() as conn:
            await _resend(conn, account_id, campaign_id)
    except Exception as error:
        if is_outage(error):
            raise  # nothing is lost: the queue runs the job again
        log.exception("resend failed", account_id=str(account_id), campaign_id=str(campaign_id))
        async with db.transaction() as conn:
            await give_up(conn, account_id, campaign_id)


async def stop(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """What was handed over does not go out after all."""
    await run(
        conn,
        """
        UPDATE campaign_resends
           SET status = 'ERROR'
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'DONE'""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def give_up(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """End a resend that has handed nothing over; does nothing when it is over already."""
    planned = await _hold_executing(conn, account_id, campaign_id)
    if planned is not None:
        await _end(conn, account_id, campaign_id, planned, count=0, reason_code=FAILED)


async def _start(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> None:
    if await states.is_removed(conn, account_id, campaign_id):
        return
    started = await one(
        conn,
        UUID,
        """
        UPDATE campaign_resends
           SET status = 'EXECUTING'
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'SCHEDULED' AND due_at <= :now
        RETURNING campaign_activity_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        now=now,
    )
    if started is not None:
        await send_history.begin(conn, account_id, CampaignActivityId(started), now=now)


async def _resend(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    planned = await _hold_executing(conn, account_id, campaign_id)
    if planned is None:
        return
    try:
        # What a refused run had opened already is undone; the entry about it stays.
        async with savepoint(conn):
            count, reason_code = await _hand_over(conn, account_id, campaign_id, planned), SENT
    except NotSent as refusal:
        count, reason_code = 0, refusal.reason_code
    await _end(conn, account_id, campaign_id, planned, count=count, reason_code=reason_code)


async def _hand_over(conn: Conn, account_id: AccountId, campaign_id: CampaignId, planned: Planned) -> int:
    """Raises: NotSent."""
    stored = await campaign_activities.require(conn, account_id, planned.campaign_activity_id)
    entry = await send_history.require_running(conn, account_id, planned.campaign_activity_id)
    primary_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    everybody = await audience.members(conn, account_id, stored.contact_list_ids, stored.segment_ids)
    members = Members(everybody.sql + _BUT_NOT, {**everybody.values, "primary_id": primary_id})
    count = await runs.hand_over(conn, account_id, stored, entry, members)
    await runs.publish(conn, account_id, stored)
    return count


# An EXCEPT binds as tightly as a UNION, hence the parentheses around those who are left out.
_BUT_NOT: Final[LiteralString] = """
    EXCEPT (
        SELECT contact_id
          FROM engagement
         WHERE account_id = :account_id AND campaign_activity_id = :primary_id AND (opens > 0 OR clicks > 0)
        UNION ALL
        SELECT contact_id
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :primary_id
           AND kind = 'bounce' AND bounce_code <> 'V'
        UNION ALL
        SELECT contact_id
          FROM outbox
         WHERE account_id = :account_id AND campaign_activity_id = :primary_id
           AND state IN ('queued', 'sending', 'bounced'))"""


async def _hold_executing(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Planned | None:
    """Lock a resend that executes until the transaction ends; None when its run is over already."""
    return await one(
        conn,
        Planned,
        """
        SELECT campaign_activity_id, request_id, subject, delay_minutes, status, due_at, resent_at
          FROM campaign_resends
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'EXECUTING'
           FOR UPDATE""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _end(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, planned: Planned, *, count: int, reason_code: int
) -> None:
    entry = await send_history.require_running(conn, account_id, planned.campaign_activity_id)
    await send_history.end(conn, account_id, entry, count=count, reason_code=reason_code)
    await run(
        conn,
        """
        UPDATE campaign_resends
           SET status = :status, resent_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        status="DONE" if reason_code in send_history.COMPLETED else "ERROR",
        now=clock.now(),
    )
