"""Handing a batch of messages over: to the relay, over connections that are shared by all mailings of this process, or,
while there is none, into the built-in mailbox.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from email import message_from_bytes, policy
from email.utils import parseaddr
from itertools import chain
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from everpost.delivery import failover
from everpost.delivery.message import Message
from everpost.delivery.smtp import Connection, Outcome, Report, Stage, Verdict
from everpost.ids import AccountId
from everpost.platform import config, relays
from everpost.platform.db import Conn
from everpost.platform.mailbox import NewMail, append
from everpost.platform.relays import Relay

# How many connections in a row may break without taking a message, before what is left is put off.
_TRIES: Final = 3


class Carrier(Protocol):
    """Takes messages, and tells of each that it took what became of it."""

    @property
    def relay(self) -> Relay | None:
        """Where the next message probably goes."""
        ...

    async def carry(self, messages: Iterator[Message], report: Report) -> None:
        """Those that were not reported were never begun. Raises: ConnectionFailed."""
        ...

    async def keep(self, conn: Conn, account_id: AccountId) -> None:
        """Whatever must become true together with the outcomes."""
        ...


@contextlib.asynccontextmanager
async def carrier() -> AsyncIterator[Carrier]:
    """A carrier for one task, once one is free: a process keeps `smtp_connections` of them."""
    settings = config.current()
    configured = relays.read_all(settings.smtp_url) if settings.smtp_url else []
    async with _slots(settings.smtp_connections):
        if not configured:
            yield MailboxCarrier()
            return
        line = RelayCarrier(configured)
        try:
            yield line
        finally:
            await line.close()


class RelayCarrier:
    """One connection to one of the relays, opened when it is needed, and again when it broke."""

    def __init__(self, configured: Sequence[Relay]) -> None:
        self._configured = configured
        self._relay = failover.in_order(configured)[0]
        self._connection: Connection | None = None

    @property
    def relay(self) -> Relay | None:
        return self._relay

    async def carry(self, messages: Iterator[Message], report: Report) -> None:
        failures = 0
        unsent: list[tuple[Message, Outcome]] = []
        while failures < _TRIES * len(self._configured):
            listener = _Listener(report)
            connection = await self._open()
            await connection.submit(chain([message for message, _ in unsent], messages), listener)
            unsent = listener.unsent
            if connection.is_open:
                return
            # The connection was lost. Some servers take only so many messages over one.
            failures = 0 if listener.has_reported else failures + 1
            if failures and failures % _TRIES == 0:
                failover.put_aside(self._relay, unsent[-1][1] if unsent else None)
        for message, outcome in unsent:
            report(message, Outcome(Verdict.TEMPORARY, outcome.stage, outcome.code, outcome.text))

    async def keep(self, conn: Conn, account_id: AccountId) -> None:
        """The relay has it."""

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _open(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            self._relay, self._connection = await failover.connect(self._configured)
        return self._connection


class _Listener:
    """Reports outcomes, and keeps to itself the messages that were not sent and may go over another connection."""

    def __init__(self, report: Report) -> None:
        self.unsent: list[tuple[Message, Outcome]] = []
        self.has_reported = False
        self._report = report

    def __call__(self, message: Message, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.UNSENT:
            self.unsent.append((message, outcome))
        else:
            self.has_reported = True
            self._report(message, outcome)


class MailboxCarrier:
    """The built-in mailbox. A message gets there in the transaction that calls it sent, so never twice."""

    relay = None

    def __init__(self) -> None:
        self._taken: list[Message] = []

    async def carry(self, messages: Iterator[Message], report: Report) -> None:
        for message in messages:
            self._taken.append(message)
            report(message, Outcome(Verdict.ACCEPTED, Stage.DATA, 250, "Kept in the built-in mailbox"))

    async def keep(self, conn: Conn, account_id: AccountId) -> None:
        await append(conn, [_mail(account_id, message) for message in self._taken])
        self._taken.clear()


def _mail(account_id: AccountId, message: Message) -> NewMail:
    headers = message_from_bytes(message.data.partition(b"\r\n\r\n")[0], policy=policy.default)
    return NewMail(
        account_id=account_id,
        # People know who wrote it; the envelope names an address for bounces that nobody can read.
        sender=parseaddr(str(headers["From"]))[1] or message.sender.decode(),
        recipient=message.recipient.decode(),
        subject=str(headers["Subject"] or ""),
        content=message.data,
    )


_semaphores: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = WeakKeyDictionary()


def _slots(size: int) -> asyncio.Semaphore:
    """What bounds the carriers of this process; a semaphore belongs to one event loop."""
    return _semaphores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(size))
