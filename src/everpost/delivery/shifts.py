"""Shifts: a few seconds of work on one mailing, by as many hands as there are carriers free.

Each hand repeats three steps: the ledger hears of the sends of the last batch; one transaction writes down what became
of it and takes the next one; then, with no transaction open, each message is personalised, signed and submitted.

Rules: who may no longer be mailed is suppressed when the batch is taken, who is over a limit is put back. A mailing
that was paused or cancelled meanwhile gives out no more batches; where messages take long, batches are small, so that
this is seconds away. A hand without a slot, where connections are limited, does not begin.
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
    merge_fields,
    outcomes,
    page_links,
    return_paths,
    signing,
    slots,
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
from everpost.delivery.slots import Slots
from everpost.delivery.smtp import ConnectionFailed, Outcome, Stage, Verdict
from everpost.delivery.submission import Carrier
from everpost.delivery.throttles import Free, Limit, Throttles, domain_of
from everpost.ids import AccountId, ContactId, MailingId, new_id
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, commit_without_waiting, is_outage, one
from everpost.platform.relays import Relay
from everpost.tracking import tokens

# What a worker may lose when it is killed: a batch per carrier becomes unknown.
BATCH: Final = 32
# Short, so that a small mailing is not kept waiting by a large one, and a worker that shuts down soon can.
_RUN_SECONDS: Final = 5.0
_HEARTBEAT_SECONDS: Final = claims.LEASE.total_seconds() / 4
# About as long a batch may take.
_BATCH_SECONDS: Final = 4.0
# A slot is waited for with a connection in hand, which others may want: not for long, but more often than whoever gave
# one back can be there again, so that a small mailing gets its turn beside a large one.
_SLOT_SECONDS: Final = 2.0
_SLOT_POLL_SECONDS: Final = 0.1
_SLOT_DELAY: Final = timedelta(seconds=5)

log = logs.get(__name__)


class _Batch(Struct):
    """Recipients on their way out."""

    attempts: dict[ContactId, Attempt]
    people: list[Person]
    results: dict[ContactId, Result]
    slowed: set[str]  # domains and relays that asked for less

    def note_slower(self, outcome: Outcome, recipient: str, relay: Relay | None) -> None:
        name = throttles.who_wants_less(outcome, recipient, relay)
        if name is not None:
            self.slowed.add(name)


class _Hand(Struct):
    """One of those who carry in a shift, until its time is over."""

    carrier: Carrier
    claim_id: UUID
    slots: Slots
    ends_at: float
    batch: int  # how many it takes at once

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.ends_at and not self.slots.is_crowded_out and self.slots.fit(self.carrier.relay)

    def pace(self, messages: int, seconds: float) -> None:
        """Take as many next time as this one lets expect to be done soon."""
        if messages:
            self.batch = max(1, min(BATCH, int(messages * _BATCH_SECONDS / max(seconds, 0.001))))


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
        self._has_sent = False
        self._is_crowded_out = False

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
            if self._is_crowded_out and not self._has_sent:
                self.waits_until = self.waits_until or clock.now()
        finally:
            heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeat

    async def _carry(self) -> None:
        async with submission.carrier() as carrier:
            claim_id = new_id()
            held = Slots(self._account_id, claim_id, carrier.relay)
            if not await self._find_slots(held):
                self._is_crowded_out = True
                return
            # Other mailings may have kept the carriers busy until now: everybody's time starts with the first one.
            hand = _Hand(carrier, claim_id, held, time.monotonic() + _RUN_SECONDS, BATCH)
            self._claims.add(claim_id)
            batch = await self._turn(hand, None)
            while batch is not None:
                started = time.monotonic()
                await self._send(batch, carrier)
                hand.pace(len(batch.people), time.monotonic() - started)
                batch = await self._turn(hand, batch)
            self._is_crowded_out |= held.is_crowded_out
            self._claims.discard(claim_id)

    async def _find_slots(self, held: Slots) -> bool:
        """Whether the account and the relay have a connection left for this hand."""
        if not held.are_needed:
            return True
        give_up_at = time.monotonic() + _SLOT_SECONDS
        while True:
            async with self._db.transaction() as conn:
                if await held.begin(conn, now=clock.now()):
                    return True
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(_SLOT_POLL_SECONDS)

    async def _turn(self, hand: "_Hand", done: _Batch | None) -> _Batch | None:
        """Write down what became of the last batch and take the next; None when there is no more to do here."""
        for pause in (1, 2, 4, 8, 16):
            try:
                return await self._turn_once(hand, done)
            except Exception as error:
                # Outcomes that are not written down become unknown, so a database that restarts is waited for.
                if done is None or not is_outage(error):
                    raise
                hand.slots.forget()
                await asyncio.sleep(pause)
        return await self._turn_once(hand, done)

    async def _turn_once(self, hand: "_Hand", done: _Batch | None) -> _Batch | None:
        now, claim_id = clock.now(), hand.claim_id
        results = list(done.results.values()) if done else []
        addresses = {person.contact_id: person.email_address for person in done.people} if done else {}
        if results:
            await self._append_sends(results, addresses, now)
        async with self._db.transaction() as conn:
            if results:
                self._has_sent = True
                await claims.record(conn, self._account_id, self._mailing, claim_id, results)
                await hand.carrier.keep(conn, self._account_id)
            if done and done.slowed:
                await self._throttles.slow_down(conn, done.slowed, now=now)
            batch = await self._take_allowed(conn, hand, now) if self.has_server and hand.goes_on else None
            if batch is None:
                await claims.give_back(conn, self._account_id, claim_id)
                await hand.slots.end(conn)
            await claims.append_bounces(conn, self._account_id, self._mailing, results, addresses=addresses, now=now)
        return batch

    async def _append_sends(self, results: list[Result], addresses: dict[ContactId, str], now: datetime) -> None:
        """Tell the ledger first, for all hands of all workers move the same counter: none waits for another's disk.

        A worker that dies before the outcomes are written down too leaves unknown recipients, and those are sends.
        """
        async with self._db.transaction() as conn:
            await commit_without_waiting(conn)
            await claims.append_sends(conn, self._account_id, self._mailing, results, addresses=addresses, now=now)

    async def _take_allowed(self, conn: Conn, hand: "_Hand", now: datetime) -> _Batch | None:
        """What the limits of the account, the relay and the sending domain allow of the next batch."""
        limits = self._throttles.shared(hand.carrier.relay)
        if not limits and not self._warms_up:
            return await self._take(conn, hand, hand.batch, now)
        allowed = await self._allowed(conn, limits, hand.batch, now)
        if not allowed.messages:
            self.waits_until = max(allowed.at, self.waits_until or allowed.at)
            return None
        batch = await self._take(conn, hand, allowed.messages, now)
        leaving = len(batch.people) - len(batch.results) if batch else 0
        await throttles.spend(conn, limits, leaving, now=now)
        if self._warms_up:
            await warm_ups.spend(conn, self._account_id, self._sender_domain, leaving, now=now)
        return batch

    async def _allowed(self, conn: Conn, limits: list[Limit], at_most: int, now: datetime) -> Free:
        if not self._warms_up:
            return await throttles.free(conn, limits, at_most=at_most, now=now)
        today = await warm_ups.free(conn, self._account_id, self._sender_domain, at_most=at_most, now=now)
        if not today.messages:
            return today
        return await throttles.free(conn, limits, at_most=today.messages, now=now)

    async def _take(self, conn: Conn, hand: "_Hand", at_most: int, now: datetime) -> _Batch | None:
        attempts = await claims.take(conn, self._account_id, self._mailing, hand.claim_id, at_most=at_most, now=now)
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
        people = await self._put_back_others(conn, hand, people, held, now)
        results = {
            person.contact_id: outcomes.on_hold(person.contact_id) for person in people if person.email_address in held
        }
        return _Batch({attempt.contact_id: attempt for attempt in attempts}, people, results, set())

    async def _put_back_others(
        self, conn: Conn, hand: "_Hand", people: list[Person], held: set[str], now: datetime
    ) -> list[Person]:
        """Those whose domains may get more now, and those on hold, who cost nothing; the others wait for their turn."""
        domains = {
            person.contact_id: domain_of(person.email_address) for person in people if person.email_address not in held
        }
        full = await hand.slots.admit(conn, set(domains.values()), now=now)
        later = {contact_id: now + _SLOT_DELAY for contact_id, domain in domains.items() if domain in full}
        # Who goes on taking what only others can send keeps the database busy for nothing.
        hand.slots.is_crowded_out = 2 * len(later) > len(people)
        limits = self._throttles.of_domains(set(domains.values()) - full)
        if limits:
            waiting = [contact_id for contact_id in domains if contact_id not in later]
            turns = await throttles.admit(conn, limits, [domains[contact_id] for contact_id in waiting], now=now)
            later |= {contact_id: turn for contact_id, turn in zip(waiting, turns, strict=True) if turn is not None}
        if later:
            await claims.put_back(conn, self._account_id, self._mailing, later)
        return [person for person in people if person.contact_id not in later]

    async def _send(self, batch: _Batch, carrier: Carrier) -> None:
        """Nothing of the database is held here."""

        def report(message: Message, outcome: Outcome) -> None:
            assert isinstance(message.key, UUID)
            contact_id = ContactId(message.key)
            batch.results[contact_id] = outcomes.result(batch.attempts[contact_id], outcome, clock.now())
            if outcome.verdict is Verdict.TEMPORARY:
                batch.note_slower(outcome, message.recipient.decode(), carrier.relay)

        failure = Outcome(Verdict.TEMPORARY, Stage.CONNECT, 0, "Not attempted")
        try:
            # Signed here, not in threads: every core has a worker, and threads would only wait for each other.
            await carrier.carry(self._messages(batch), report)
        except ConnectionFailed as error:
            self.has_server = False
            failure = error.outcome
            batch.note_slower(failure, "", carrier.relay)
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
                    await slots.keep(conn, self._claims, now=clock.now())
            except Exception as error:
                if not is_outage(error):
                    raise


async def _number(conn: Conn, mailing_id: MailingId) -> int | None:
    return await one(
        conn, int, "SELECT mailing_number FROM mailing_directory WHERE mailing_id = :mailing_id", mailing_id=mailing_id
    )
