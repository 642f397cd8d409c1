"""The outbox at work: recipients leave it a few at a time until every one has its outcome.

A *drain* works on one mailing for a few seconds, with as many carriers as are free. Each repeats three steps: one
transaction writes down what became of the last batch and takes the next one; then, with no transaction open, each
message is personalised, signed and submitted. Any number of workers may drain one mailing at once.

Rules: campaign mail is sent at most once (see claims). Temporary refusals are tried again until 72 hours after the
first attempt. When the last recipient has an outcome, "mailing.finished" is published, once.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.delivery import (
    claims,
    holds,
    mailings,
    merge_fields,
    outcomes,
    page_links,
    return_paths,
    signing,
    submission,
)
from everpost.delivery.headers import BadAddress
from everpost.delivery.mailings import Mailing
from everpost.delivery.merge_fields import Fields, Person
from everpost.delivery.message import Composer, Message
from everpost.delivery.outcomes import Attempt, Result
from everpost.delivery.smtp import ConnectionFailed, Outcome, Stage, Verdict
from everpost.delivery.submission import Carrier
from everpost.ids import AccountId, ContactId, MailingId, new_id
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, is_outage, many, one, run
from everpost.platform.events import publish
from everpost.platform.jobs import every, job
from everpost.tracking import tokens

# What a worker may lose when it is killed: a batch per carrier becomes unknown.
BATCH: Final = 32
# Short, so that a small mailing is not kept waiting by a large one, and a worker that shuts down soon can.
_RUN_SECONDS: Final = 5.0
_RECIPIENTS_PER_DRAIN: Final = 10_000
_MOST_DRAINS: Final = 4
_NO_SERVER_DELAY: Final = timedelta(minutes=1)
_HEARTBEAT_SECONDS: Final = claims.LEASE.total_seconds() / 4

log = logs.get(__name__)


async def release(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Nobody is added any more: start sending. Releasing twice changes nothing."""
    now = clock.now()
    recipients = await _set_sending(conn, account_id, mailing_id)
    if recipients is None:
        return
    await _set_look_at(conn, mailing_id, now)
    # More than one for a large mailing, so that other workers can join in.
    for _ in range(1 + min(recipients // _RECIPIENTS_PER_DRAIN, _MOST_DRAINS - 1)):
        await drain.later(conn, at=now, account_id=account_id, mailing_id=mailing_id)


@job("outbox.drain")
async def drain(db: Db, account_id: AccountId, mailing_id: MailingId) -> None:
    """Work on a mailing for a while, then settle what is left to do."""
    async with db.reader() as conn:
        mailing = await mailings.find(conn, account_id, mailing_id)
    if mailing is None or mailing.state != "sending":
        return
    async with db.transaction() as conn:
        if lost := await claims.bury(conn, account_id, mailing, now=clock.now()):
            log.warning("outbox.unknown", mailing_id=str(mailing_id), recipients=lost)
    shift = await _Shift.prepare(db, account_id, mailing)
    await shift.work()
    await _settle(db, account_id, mailing, has_server=shift.has_server)


@every(timedelta(minutes=1))
async def sweep(db: Db) -> None:
    """Start what should have been started, should its job have been lost."""
    async with db.transaction() as conn:
        for due in await _due(conn, clock.now() - timedelta(minutes=1)):
            await drain.later(
                conn, only_once=f"outbox.sweep:{due.mailing_id}", account_id=due.account_id, mailing_id=due.mailing_id
            )


class _Batch(Struct):
    """Recipients on their way out."""

    attempts: dict[ContactId, Attempt]
    people: list[Person]
    results: dict[ContactId, Result]


class _Hand(Struct, frozen=True):
    """One of those who carry in a shift, until its time is over."""

    carrier: Carrier
    claim_id: UUID
    ends_at: float


class _Shift:
    """One drain of one mailing."""

    def __init__(
        self,
        db: Db,
        account_id: AccountId,
        mailing: Mailing,
        *,
        composer: Composer,
        fields: Fields,
        number: int | None,
        has_holds: bool,
    ) -> None:
        self.has_server = True
        self._db = db
        self._account_id = account_id
        self._mailing = mailing
        self._composer = composer
        self._fields = fields
        self._mailing_number = number
        self._claims: set[UUID] = set()
        self._has_holds = has_holds

    @classmethod
    async def prepare(cls, db: Db, account_id: AccountId, mailing: Mailing) -> "_Shift":
        async with db.reader() as conn:
            signers = await signing.signers(conn, account_id, mailing.letterhead.from_email)
            composer = Composer(mailing.letterhead, mailing.rendered, signers)
            fields = await merge_fields.fields(conn, account_id, composer.names)
            number = await _number(conn, mailing.mailing_id) if mailing.letterhead.bounce_domain else None
            has_holds = await holds.are_any(conn, account_id, now=clock.now())
        return cls(db, account_id, mailing, composer=composer, fields=fields, number=number, has_holds=has_holds)

    async def work(self) -> None:
        """Send with every carrier that is free, until nothing is due or the time is over."""
        heartbeat = asyncio.create_task(self._keep_claims())
        try:
            carriers = min(config.current().smtp_connections, 1 + self._mailing.recipients // (2 * BATCH))
            # One that fails must not cancel the others in the middle of a batch.
            ends = await asyncio.gather(*(self._carry() for _ in range(carriers)), return_exceptions=True)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        finally:
            heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeat

    async def _carry(self) -> None:
        async with submission.carrier() as carrier:
            # Other mailings may have kept the carriers busy until now: everybody's time starts with the first one.
            hand = _Hand(carrier, new_id(), time.monotonic() + _RUN_SECONDS)
            self._claims.add(hand.claim_id)
            batch = await self._turn(hand, None)
            while batch is not None:
                await self._send(batch, carrier)
                batch = await self._turn(hand, batch)
            self._claims.discard(hand.claim_id)

    async def _turn(self, hand: "_Hand", done: _Batch | None) -> _Batch | None:
        """Write down what became of the last batch and take the next; None when there is no more to do here."""
        for pause in (1, 2, 4, 8, 16):
            try:
                return await self._turn_once(hand, done)
            except Exception as error:
                # Outcomes that are not written down become unknown, so a database that restarts is waited for.
                if done is None or not is_outage(error):
                    raise
                await asyncio.sleep(pause)
        return await self._turn_once(hand, done)

    async def _turn_once(self, hand: "_Hand", done: _Batch | None) -> _Batch | None:
        now, claim_id = clock.now(), hand.claim_id
        async with self._db.transaction() as conn:
            results = list(done.results.values()) if done else []
            if results:
                await claims.record(conn, self._account_id, self._mailing, claim_id, results)
                await hand.carrier.keep(conn, self._account_id)
            goes_on = self.has_server and time.monotonic() < hand.ends_at
            batch = await self._take(conn, claim_id, now) if goes_on else None
            if batch is None:
                await claims.give_back(conn, self._account_id, claim_id)
            if done and results:
                addresses = {person.contact_id: person.email_address for person in done.people}
                await claims.append_sends(conn, self._account_id, self._mailing, results, addresses=addresses, now=now)
        return batch

    async def _take(self, conn: Conn, claim_id: UUID, now: datetime) -> _Batch | None:
        attempts = await claims.take(conn, self._account_id, self._mailing, claim_id, at_most=BATCH, now=now)
        if not attempts:
            return None
        found = await self._fields.people(conn, self._account_id, [attempt.contact_id for attempt in attempts])
        people = [person for person in found if person.is_mailable and person.email_address]
        held = set[str]()
        if self._has_holds and people:
            addresses = [person.email_address for person in people]
            held = await holds.held(conn, addresses, now=now)
            complained = await holds.complained(conn, self._account_id, addresses)
            people = [person for person in people if person.email_address not in complained]
        # Whoever unsubscribed since the run started, and committed that before we came here, gets nothing.
        gone = {attempt.contact_id for attempt in attempts} - {person.contact_id for person in people}
        if gone:
            await claims.suppress(conn, self._account_id, self._mailing, sorted(gone))
        results = {
            person.contact_id: outcomes.on_hold(person.contact_id) for person in people if person.email_address in held
        }
        return _Batch({attempt.contact_id: attempt for attempt in attempts}, people, results)

    async def _send(self, batch: _Batch, carrier: Carrier) -> None:
        """Nothing of the database is held here."""

        def report(message: Message, outcome: Outcome) -> None:
            assert isinstance(message.key, UUID)
            contact_id = ContactId(message.key)
            batch.results[contact_id] = outcomes.result(batch.attempts[contact_id], outcome, clock.now())

        failure = Outcome(Verdict.TEMPORARY, Stage.CONNECT, 0, "Not attempted")
        try:
            messages = self._messages(batch)
            if self._composer.signs:
                # Signatures cost more than all the rest and let go of the interpreter: threads make several at once.
                messages = iter(await asyncio.to_thread(list, messages))
            await carrier.carry(messages, report)
        except ConnectionFailed as error:
            self.has_server = False
            failure = error.outcome
            log.warning("outbox.no_server", stage=failure.stage.value, code=failure.code, reason=failure.text)
        for person in batch.people:
            if person.contact_id not in batch.results:
                attempt = batch.attempts[person.contact_id]
                batch.results[person.contact_id] = outcomes.result(attempt, failure, clock.now())

    def _messages(self, batch: _Batch) -> Iterator[Message]:
        """Composed one by one, as the carrier takes them."""
        # To the second, as the Date header is: it is then formatted once for all messages of that second.
        mailing, now = self._mailing, clock.now_seconds()
        mint = tokens.signer()
        for person in batch.people:
            if person.contact_id in batch.results:
                continue  # on hold
            recipient = mint.recipient(self._account_id, mailing.campaign_activity_id, person.contact_id)
            values = self._fields.values(person)
            values.update(page_links.tokens(recipient, mailing.url_ids))
            if self._mailing_number is not None:
                values.update(return_paths.tokens(self._mailing_number, person.contact_id))
            message_id = f"{person.contact_id.hex}.{mailing.campaign_activity_id.hex}"
            try:
                yield self._composer.compose(person.contact_id, values, message_id=message_id, at=now)
            except BadAddress as error:
                outcome = Outcome(Verdict.PERMANENT, Stage.RCPT, 553, f"5.1.3 {error}")
                batch.results[person.contact_id] = outcomes.result(batch.attempts[person.contact_id], outcome, now)

    async def _keep_claims(self) -> None:
        """A server may take minutes for a message; the claim must not look dead meanwhile."""
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                async with self._db.transaction() as conn:
                    await claims.keep(conn, self._account_id, sorted(self._claims), now=clock.now())
            except Exception as error:
                if not is_outage(error):
                    raise


async def _settle(db: Db, account_id: AccountId, mailing: Mailing, *, has_server: bool) -> None:
    """Look again when something is due, or finish."""
    now = clock.now()
    # A transaction of its own: of two drains that end together, the later one sees all that both wrote.
    async with db.transaction() as conn:
        pending = await claims.pending(conn, account_id, mailing.mailing_id)
        if pending is None:
            if await _finish(conn, account_id, mailing.mailing_id, now):
                await _forget(conn, mailing.mailing_id)
                await publish(conn, "mailing.finished", account_id=account_id, mailing_id=mailing.mailing_id)
            return
        times = [at for at in (pending.next_attempt_at, pending.lease_until) if at is not None]
        if not has_server:
            times = [now + _NO_SERVER_DELAY]
        await _look_again(conn, account_id, mailing.mailing_id, min(times, default=now + _NO_SERVER_DELAY))


async def _look_again(conn: Conn, account_id: AccountId, mailing_id: MailingId, at: datetime) -> None:
    await _set_look_at(conn, mailing_id, at)
    await drain.later(conn, at=at, account_id=account_id, mailing_id=mailing_id)


async def _number(conn: Conn, mailing_id: MailingId) -> int | None:
    return await one(
        conn, int, "SELECT mailing_number FROM mailing_directory WHERE mailing_id = :mailing_id", mailing_id=mailing_id
    )


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
        UPDATE mailings SET state = 'finished', finished_at = :now
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'sending'""",
        account_id=account_id,
        mailing_id=mailing_id,
        now=now,
    )
