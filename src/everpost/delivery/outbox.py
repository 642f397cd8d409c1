"""The outbox at work: recipients leave it a few at a time until every one has its outcome.

A *drain* is a shift of a few seconds on one mailing (see shifts), after which it is settled what is left to do. Any
number of workers may drain one mailing at once.

Rules: campaign mail is sent at most once (see claims). Temporary refusals are tried again until 72 hours after the
first attempt. When the last recipient has an outcome, "mailing.finished" is published, once.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from everpost.delivery import claims, interruptions, mailings
from everpost.delivery.claims import Pending
from everpost.delivery.mailings import Mailing, State
from everpost.delivery.shifts import Shift
from everpost.ids import AccountId, MailingId
from everpost.platform import clock, logs
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.events import publish
from everpost.platform.jobs import every, job

_RECIPIENTS_PER_DRAIN: Final = 2_000
_MOST_DRAINS: Final = 4
_NO_SERVER_DELAY: Final = timedelta(minutes=1)
_THROTTLED_DELAY: Final = timedelta(seconds=1)
_CANCELLED_AT_ONCE: Final = 10_000
# A job that is left to other processes comes up again soon, as one may be idle, then ever later, as there may be none.
_FIRST_OFFER: Final = timedelta(seconds=0.1)
_LATE_OFFER: Final = timedelta(seconds=2)
# At once, by one process: fewer than it takes jobs from the queue.
_MOST_MAILINGS: Final = 8

log = logs.get(__name__)

_worked_on: Final[set[MailingId]] = set()  # by this process
_next_offers: Final[dict[MailingId, timedelta]] = {}  # of what is worked on: when a job for it comes up again


async def release(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Nobody is added any more: start sending. Releasing twice changes nothing."""
    recipients = await _set_sending(conn, account_id, mailing_id)
    if recipients is not None:
        await _start(conn, account_id, mailing_id, recipients)


async def resume(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Go on with a mailing that is paused, whatever share of it bounced, and those that belong together with it.

    Publishes "mailing.resumed" for each. Raises: interruptions.NotPaused, UnderReview.
    """
    for each in await interruptions.end_pause(conn, account_id, mailing_id):
        if each.state == "sending":
            await _start(conn, account_id, each.mailing_id, each.recipients)
        await publish(conn, "mailing.resumed", account_id=account_id, mailing_id=each.mailing_id)


async def cancel(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Nobody else gets it, for ever, nor those that belong together with it.

    Publishes "mailing.cancelled" for each, at once, and again when the last recipient has an outcome. Raises:
    interruptions.NotRunning.
    """
    for each in await interruptions.set_cancelled(conn, account_id, mailing_id):
        await _end(conn, account_id, each)


async def withdraw(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Cancel a mailing that was not released yet, and only that one. Publishes "mailing.cancelled"."""
    if await interruptions.withdraw(conn, account_id, mailing_id):
        await _end(conn, account_id, mailing_id)


@job("outbox.drain")
async def drain(db: Db, account_id: AccountId, mailing_id: MailingId) -> None:
    """Work on a mailing for a while, then settle what is left to do."""
    async with db.reader() as conn:
        mailing = await mailings.find(conn, account_id, mailing_id)
    if mailing is None or mailing.state not in ("sending", "paused", "cancelled"):
        return
    if mailing_id in _worked_on or len(_worked_on) >= _MOST_MAILINGS:
        # All hands of this process are busy; a process that has some free may take this job instead. And whatever else
        # waits in the queue, such as a campaign that is due, must not wait behind sends.
        async with db.transaction() as conn:
            await _look_again(conn, account_id, mailing_id, clock.now() + _until_next_offer(mailing_id))
        return
    _worked_on.add(mailing_id)
    try:
        await _drain(db, account_id, mailing)
    finally:
        _worked_on.discard(mailing_id)
        _next_offers.pop(mailing_id, None)


@every(timedelta(minutes=1))
async def sweep(db: Db) -> None:
    """Start what should have been started, should its job have been lost."""
    async with db.transaction() as conn:
        for due in await _due(conn, clock.now() - timedelta(minutes=1)):
            await drain.later(
                conn, only_once=f"outbox.sweep:{due.mailing_id}", account_id=due.account_id, mailing_id=due.mailing_id
            )


def _until_next_offer(mailing_id: MailingId) -> timedelta:
    if mailing_id not in _worked_on:
        return _LATE_OFFER
    waiting = _next_offers.get(mailing_id, _FIRST_OFFER)
    _next_offers[mailing_id] = min(2 * waiting, _LATE_OFFER)
    return waiting


async def _drain(db: Db, account_id: AccountId, mailing: Mailing) -> None:
    mailing_id = mailing.mailing_id
    async with db.transaction() as conn:
        if lost := await claims.bury(conn, account_id, mailing, now=clock.now()):
            log.warning("outbox.unknown", mailing_id=str(mailing_id), recipients=lost)
        if mailing.state == "sending":
            await interruptions.pause_if_bad(conn, account_id, mailing)
        if mailing.state == "cancelled":
            await claims.cancel(conn, account_id, mailing_id, at_most=_CANCELLED_AT_ONCE)
    shift = await Shift.prepare(db, account_id, mailing)
    await shift.work()
    await _settle(db, account_id, mailing_id, shift)


async def _start(conn: Conn, account_id: AccountId, mailing_id: MailingId, recipients: int) -> None:
    now = clock.now()
    await _set_look_at(conn, mailing_id, now)
    # More than one for a large mailing, so that other workers can join in.
    for _ in range(1 + min(recipients // _RECIPIENTS_PER_DRAIN, _MOST_DRAINS - 1)):
        await drain.later(conn, at=now, account_id=account_id, mailing_id=mailing_id)


async def _end(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    await _start(conn, account_id, mailing_id, 0)
    await publish(conn, "mailing.cancelled", account_id=account_id, mailing_id=mailing_id)


async def _settle(db: Db, account_id: AccountId, mailing_id: MailingId, shift: Shift) -> None:
    """Look again when something is due, or finish."""
    now = clock.now()
    # A transaction of its own: of two drains that end together, the later one sees all that both wrote.
    async with db.transaction() as conn:
        pending = await claims.pending(conn, account_id, mailing_id)
        if pending is None:
            if await _finish(conn, account_id, mailing_id, now):
                await _forget(conn, mailing_id)
                await publish(conn, "mailing.finished", account_id=account_id, mailing_id=mailing_id)
                if await interruptions.state(conn, account_id, mailing_id) == "cancelled":
                    await publish(conn, "mailing.cancelled", account_id=account_id, mailing_id=mailing_id)
            return
        state = await interruptions.state(conn, account_id, mailing_id)
        at = _next_look(pending, shift, state, now)
        if at is None:
            await _forget(conn, mailing_id)
        else:
            await _look_again(conn, account_id, mailing_id, at)


def _next_look(pending: Pending, shift: Shift, state: State, now: datetime) -> datetime | None:
    """None: when somebody resumes it."""
    if state == "paused":
        # What is under way ends by itself; if its worker dies, somebody has to see that.
        return pending.lease_until
    if state == "cancelled":
        return now if pending.next_attempt_at else pending.lease_until
    if not shift.has_server:
        return now + _NO_SERVER_DELAY
    if shift.waits_until is not None:
        return max(shift.waits_until, now + _THROTTLED_DELAY)
    times = [at for at in (pending.next_attempt_at, pending.lease_until) if at is not None]
    return min(times, default=now + _NO_SERVER_DELAY)


async def _look_again(conn: Conn, account_id: AccountId, mailing_id: MailingId, at: datetime) -> None:
    await _set_look_at(conn, mailing_id, at)
    await drain.later(conn, at=at, account_id=account_id, mailing_id=mailing_id)


class _Due(Struct, frozen=True):
    account_id: AccountId
    mailing_id: MailingId


async def _due(conn: Conn, before: datetime) -> list[_Due]:
    return await many(
        conn,
        _Due,
        "SELECT account_id, mailing_id FROM mailing_directory WHERE look_at < :before ORDER BY look_at LIMIT 1000",
        before=before,
    )


async def _set_look_at(conn: Conn, mailing_id: MailingId, at: datetime) -> None:
    await run(
        conn,
        "UPDATE mailing_directory SET look_at = :at WHERE mailing_id = :mailing_id",
        mailing_id=mailing_id,
        at=at,
    )


async def _forget(conn: Conn, mailing_id: MailingId) -> None:
    await run(conn, "UPDATE mailing_directory SET look_at = NULL WHERE mailing_id = :mailing_id", mailing_id=mailing_id)


async def _set_sending(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int | None:
    """How many recipients there are; None when it was released before."""
    return await one(
        conn,
        int,
        """
        UPDATE mailings SET state = 'sending'
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'open'
        RETURNING recipients""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


async def _finish(conn: Conn, account_id: AccountId, mailing_id: MailingId, now: datetime) -> int:
    return await run(
        conn,
        """
        UPDATE mailings
           SET state = CASE WHEN state = 'cancelled' THEN state ELSE 'finished' END, finished_at = :now,
               pause_reason = NULL
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND finished_at IS NULL
           AND state IN ('sending', 'paused', 'cancelled')""",
        account_id=account_id,
        mailing_id=mailing_id,
        now=now,
    )
