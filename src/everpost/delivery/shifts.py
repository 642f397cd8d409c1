"""Shifts: a few seconds of work on one mailing, by as many hands as there are carriers free.

Each hand repeats three steps: one transaction writes down what became of the last batch and takes the next one; then,
with no transaction open, each message is personalised, signed and submitted.

Rules: who may no longer be mailed is suppressed when the batch is taken, who is over a limit is put back. A mailing
that was paused or cancelled meanwhile gives out no more batches.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.delivery import (
    claims,
    holds,
    merge_fields,
    outcomes,
    page_links,
    return_paths,
    signing,
    submission,
    suppressions,
    throttles,
    warm_ups,
)
from everpost.delivery.headers import BadAddress
from everpost.delivery.mailings import Mailing
from everpost.delivery.merge_fields import Fields, Person
from everpost.delivery.message import Composer, Message
from everpost.delivery.outcomes import Attempt, Result
from everpost.delivery.smtp import ConnectionFailed, Outcome, Stage, Verdict
from everpost.delivery.submission import Carrier
from everpost.delivery.throttles import Free, Limit, Throttles, domain_of
from everpost.ids import AccountId, ContactId, MailingId, new_id
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, is_outage, one
from everpost.tracking import tokens

# What a worker may lose when it is killed: a batch per carrier becomes unknown.
BATCH: Final = 32
# Short, so that a small mailing is not kept waiting by a large one, and a worker that shuts down soon can.
_RUN_SECONDS: Final = 5.0
_HEARTBEAT_SECONDS: Final = claims.LEASE.total_seconds() / 4

log = logs.get(__name__)


class _Batch(Struct):
    """Recipients on their way out."""

    attempts: dict[ContactId, Attempt]
    people: list[Person]
    results: dict[ContactId, Result]
    slowed: set[str]  # domains that asked for less


class _Hand(Struct, frozen=True):
    """One of those who carry in a shift, until its time is over."""

    carrier: Carrier
    claim_id: UUID
    ends_at: float


class Shift:
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
        limits: Throttles,
    ) -> None:
        self.has_server = True
        self.waits_until: datetime | None = None  # when the limits allow more
        self._db = db
        self._account_id = account_id
        self._mailing = mailing
        self._composer = composer
        self._fields = fields
        self._mailing_number = number
        self._claims: set[UUID] = set()
        self._has_holds = has_holds
        self._throttles = limits
        self._sender_domain = domain_of(mailing.letterhead.from_email)
        self._warms_up = warm_ups.concerns(self._sender_domain)

    @classmethod
    async def prepare(cls, db: Db, account_id: AccountId, mailing: Mailing) -> "Shift":
        async with db.reader() as conn:
            signers = await signing.signers(conn, account_id, mailing.letterhead.from_email)
            composer = Composer(mailing.letterhead, mailing.rendered, signers)
            fields = await merge_fields.fields(conn, account_id, composer.names)
            number = await _number(conn, mailing.mailing_id) if mailing.letterhead.bounce_domain else None
            has_holds = await holds.are_any(conn, account_id, now=clock.now())
            limits = await Throttles.find(conn, account_id, now=clock.now())
        return cls(
            db,
            account_id,
            mailing,
            composer=composer,
            fields=fields,
            number=number,
            has_holds=has_holds,
            limits=limits,
        )

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
            if done and done.slowed:
                await self._throttles.slow_down(conn, done.slowed, now=now)
            goes_on = self.has_server and time.monotonic() < hand.ends_at
            batch = await self._take_allowed(conn, hand, now) if goes_on else None
            if batch is None:
                await claims.give_back(conn, self._account_id, claim_id)
            if done and results:
                addresses = {person.contact_id: person.email_address for person in done.people}
                await claims.append_sends(conn, self._account_id, self._mailing, results, addresses=addresses, now=now)
        return batch

    async def _take_allowed(self, conn: Conn, hand: "_Hand", now: datetime) -> _Batch | None:
        """What the limits of the account, the relay and the sending domain allow of the next batch."""
        limits = self._throttles.shared(hand.carrier.relay)
        if not limits and not self._warms_up:
            return await self._take(conn, hand.claim_id, BATCH, now)
        allowed = await self._allowed(conn, limits, now)
        if not allowed.messages:
            self.waits_until = max(allowed.at, self.waits_until or allowed.at)
            return None
        batch = await self._take(conn, hand.claim_id, allowed.messages, now)
        leaving = len(batch.people) - len(batch.results) if batch else 0
        await throttles.spend(conn, limits, leaving, now=now)
        if self._warms_up:
            await warm_ups.spend(conn, self._account_id, self._sender_domain, leaving, now=now)
        return batch

    async def _allowed(self, conn: Conn, limits: list[Limit], now: datetime) -> Free:
        if not self._warms_up:
            return await throttles.free(conn, limits, at_most=BATCH, now=now)
        today = await warm_ups.free(conn, self._account_id, self._sender_domain, at_most=BATCH, now=now)
        if not today.messages:
            return today
        return await throttles.free(conn, limits, at_most=today.messages, now=now)

    async def _take(self, conn: Conn, claim_id: UUID, at_most: int, now: datetime) -> _Batch | None:
        attempts = await claims.take(conn, self._account_id, self._mailing, claim_id, at_most=at_most, now=now)
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
            reasons = await suppressions.reasons(conn, self._account_id, gone)
            await claims.suppress(conn, self._account_id, self._mailing, reasons)
        people = await self._put_back_others(conn, people, held, now)
        results = {
            person.contact_id: outcomes.on_hold(person.contact_id) for person in people if person.email_address in held
        }
        return _Batch({attempt.contact_id: attempt for attempt in attempts}, people, results, set())

    async def _put_back_others(self, conn: Conn, people: list[Person], held: set[str], now: datetime) -> list[Person]:
        """Those whose domains may get more now, and those on hold, who cost nothing; the others wait for their turn."""
        limits = self._throttles.of_domains({domain_of(person.email_address) for person in people})
        if not limits:
            return people
        domains = ["" if person.email_address in held else domain_of(person.email_address) for person in people]
        turns = await throttles.admit(conn, limits, domains, now=now)
        later = {person.contact_id: turn for person, turn in zip(people, turns, strict=True) if turn is not None}
        if later:
            await claims.put_back(conn, self._account_id, self._mailing, later)
        return [person for person in people if person.contact_id not in later]

    async def _send(self, batch: _Batch, carrier: Carrier) -> None:
        """Nothing of the database is held here."""

        def report(message: Message, outcome: Outcome) -> None:
            assert isinstance(message.key, UUID)
            contact_id = ContactId(message.key)
            batch.results[contact_id] = outcomes.result(batch.attempts[contact_id], outcome, clock.now())
            if throttles.wants_less(outcome):
                batch.slowed.add(domain_of(message.recipient.decode()))

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


async def _number(conn: Conn, mailing_id: MailingId) -> int | None:
    return await one(
        conn, int, "SELECT mailing_number FROM mailing_directory WHERE mailing_id = :mailing_id", mailing_id=mailing_id
    )
