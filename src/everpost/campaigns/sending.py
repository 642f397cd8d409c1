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

from everpost.campaigns import campaign_activities, content, send_history, states, web_copies
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.send_history import (
    ACCOUNT_MAY_NOT_SEND,
    FAILED,
    LINK_TOO_LONG,
    NOBODY,
    SENDER_NOT_CONFIRMED,
    SENT,
    Run,
)
from everpost.delivery import mailings, outbox
from everpost.delivery.mailings import NewMailing
from everpost.delivery.render import LinkTooLong
from everpost.ids import AccountId, CampaignId
from everpost.platform import clock, logs
from everpost.platform.db import Conn, Db, is_outage, one, savepoint
from everpost.platform.jobs import job

log: Final = logs.get(__name__)


class NotSent(Exception):
    """The run hands over nothing; the reason is what the send history will show."""

    def __init__(self, reason_code: int) -> None:
        self.reason_code = reason_code
        super().__init__(reason_code)


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
            await _give_up(conn, account_id, campaign_id, clock.now())


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
    except NotSent as refusal:
        count, reason_code = 0, refusal.reason_code
    await _end(conn, account_id, campaign_id, run, count=count, reason_code=reason_code, now=now)


async def _hand_over(conn: Conn, account_id: AccountId, stored: Stored, run: Run) -> int:
    """Freeze content and recipients and let the outbox begin; returns how many get it. Raises: NotSent."""
    new = await _mailing(conn, account_id, stored, run)
    try:
        await mailings.open_for(conn, account_id, new)
    except LinkTooLong as error:
        raise NotSent(LINK_TOO_LONG) from error
    count = await mailings.add_members(conn, account_id, run.mailing_id, stored.contact_list_ids)
    if count == 0:
        raise NotSent(NOBODY)
    await outbox.release(conn, account_id, run.mailing_id)
    await web_copies.replace(conn, account_id, stored, new.content)
    return count


async def _mailing(conn: Conn, account_id: AccountId, stored: Stored, run: Run) -> NewMailing:
    """What to send, as it may still be sent now. Raises: NotSent."""
    if not await _may_send(conn, account_id):
        raise NotSent(ACCOUNT_MAY_NOT_SEND)
    if await campaign_activities.sender_problems(conn, account_id, stored.from_email, stored.reply_to_email):
        raise NotSent(SENDER_NOT_CONFIRMED)
    if await campaign_activities.footer_address(conn, account_id, stored) is None:
        raise NotSent(FAILED)
    written = await campaign_activities.written(conn, account_id, stored)
    if content.problems(written.html):
        raise NotSent(FAILED)
    return NewMailing(
        mailing_id=run.mailing_id,
        campaign_activity_id=stored.campaign_activity_id,
        campaign_id=stored.campaign_id,
        from_name=stored.from_name,
        from_email=stored.from_email,
        reply_to_email=stored.reply_to_email,
        content=written,
        address=campaign_activities.own_address(stored),
    )


async def _give_up(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> None:
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
    log.info(
        "campaign run ended",
        account_id=str(account_id),
        campaign_id=str(campaign_id),
        send_id=run.send_id,
        count=count,
        reason_code=reason_code,
    )


async def _may_send(conn: Conn, account_id: AccountId) -> bool:
    """An account that was closed after it had scheduled something sends it no more."""
    status = await one(
        conn, str, "SELECT status FROM account_directory WHERE account_id = :account_id", account_id=account_id
    )
    return status == "active"
