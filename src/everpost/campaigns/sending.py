"""What happens when an email is due: checks, a frozen mailing with its recipients, an entry in the history.

    SCHEDULED ── due ──> EXECUTING ── handed over ──> DONE
                                   └─ not sendable ─> ERROR

Rules: the run is one transaction, so a worker that dies leaves nothing half done and the job that runs again starts
over; the campaign's row is locked meanwhile, so two jobs cannot run it twice. It is DONE when every recipient lies in
the outbox; delivery goes on from there. Who got the activity before is left out by the outbox's own key.
Source: contract, campaigns.md §3.14, §5.1, §5.2.
"""

from datetime import datetime
from typing import Final

from everpost.campaigns import (
    ab_phases,
    ab_tests,
    audience,
    campaign_activities,
    resending,
    runs,
    send_history,
    states,
)
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.runs import NotSent
from everpost.campaigns.send_history import FAILED, SENT, Run
from everpost.ids import AccountId, CampaignId
from everpost.platform import clock, logs
from everpost.platform.db import Conn, Db, is_outage, savepoint
from everpost.platform.jobs import job

log: Final = logs.get(__name__)


@job("campaigns.send")
async def send(db: Db, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Send a campaign that is due, or go on where a killed worker stopped. Does nothing when neither is needed."""
    async with db.transaction() as conn:
        await _start(conn, account_id, campaign_id, clock.now())
    try:
        async with db.transaction() as conn:
            await _send(conn, account_id, campaign_id, clock.now())
    except Exception as error:
        if is_outage(error):
            raise  # nothing is lost: the queue runs the job again
        # Whatever this is would fail again and leave the campaign EXECUTING for ever; as an ERROR it can be repaired.
        log.exception("campaign failed", account_id=str(account_id), campaign_id=str(campaign_id))
        async with db.transaction() as conn:
            await give_up(conn, account_id, campaign_id, clock.now())


async def _start(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> None:
    if not await states.start(conn, account_id, campaign_id, now=now):
        return
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    await send_history.begin(conn, account_id, activity_id, now=now)


async def _send(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> None:
    if not await states.hold_executing(conn, account_id, campaign_id):
        return
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    run = await send_history.require_running(conn, account_id, activity_id)
    stored = await campaign_activities.require(conn, account_id, activity_id)
    try:
        # What a refused run had opened already is undone; the entry about it stays.
        async with savepoint(conn):
            count, reason_code = await _hand_over(conn, account_id, stored, run), SENT
            await runs.publish(conn, account_id, stored)
    except NotSent as refusal:
        count, reason_code = 0, refusal.reason_code
    await _end(conn, account_id, campaign_id, run, count=count, reason_code=reason_code, now=now)


async def _hand_over(conn: Conn, account_id: AccountId, stored: Stored, run: Run) -> int:
    """Raises: NotSent."""
    members = await audience.members(conn, account_id, stored.contact_list_ids, stored.segment_ids)
    test = await ab_tests.find(conn, account_id, stored.campaign_id)
    if test is None:
        return await runs.hand_over(conn, account_id, stored, run, members)
    if not test.has_begun:
        return await ab_phases.begin(conn, account_id, stored, run, members=members, test=test)
    stored.subject = test.subject_of_winner(stored.subject)
    return await runs.hand_over(conn, account_id, stored, run, members)


async def give_up(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> None:
    """End a run that has handed nothing over; does nothing when it is over already."""
    if not await states.hold_executing(conn, account_id, campaign_id):
        return
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    run = await send_history.require_running(conn, account_id, activity_id)
    await _end(conn, account_id, campaign_id, run, count=0, reason_code=FAILED, now=now)


async def _end(
    conn: Conn,
    account_id: AccountId,
    campaign_id: CampaignId,
    run: Run,
    *,
    count: int,
    reason_code: int,
    now: datetime,
) -> None:
    await send_history.end(conn, account_id, run, count=count, reason_code=reason_code)
    is_completed = reason_code in send_history.COMPLETED
    await states.end(conn, account_id, campaign_id, "finish" if is_completed else "fail", now=now)
    if is_completed:
        await resending.plan(conn, account_id, campaign_id, sent_at=now)
    log.info(
        "campaign run ended",
        account_id=str(account_id),
        campaign_id=str(campaign_id),
        send_id=run.send_id,
        count=count,
        reason_code=reason_code,
    )
