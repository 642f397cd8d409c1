"""The mail server at the bounce domain: takes what is for us, refuses everything else, answers and relays nothing.

Rules: a mail is accepted when what it asks for is committed; while the database is away it is put off, and the sending
server keeps it. A refusal is given to the server that is connected, never sent as a mail, because senders are forged.
Source: contract, campaigns §5.5; RFC 5321.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from everpost.delivery import inbound
from everpost.platform import config, db, logs
from everpost.platform.db import Db

# What comes back whole is larger only with pictures in it; mail servers return the headers of such mail.
_MOST_BYTES: Final = 2 * 1024 * 1024
_MOST_CONNECTIONS: Final = 50
_MOST_RECIPIENTS: Final = 20
_TIMEOUT_SECONDS: Final = 60
_GRACE_SECONDS: Final = 5

log = logs.get(__name__)


@asynccontextmanager
async def listening(database: Db, host: str, port: int) -> AsyncIterator[int]:
    """Take mail while the block runs; gives the port. Raises: OSError when it is taken or not allowed."""
    sessions = _Sessions(database)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(sessions.open, host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await sessions.end()


class _Sessions:
    """The connections that are open."""

    def __init__(self, database: Db) -> None:
        self._handler = _Handler(database)
        self._open: set[_Session] = set()

    def open(self) -> asyncio.Protocol:
        if len(self._open) >= _MOST_CONNECTIONS:
            return _Busy()
        session = _Session(self._handler, self._open.discard)
        self._open.add(session)
        return session

    async def end(self) -> None:
        """Let mails that are being written to the database get there; who waits for a mail is sent away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._handler.idle.wait(), _GRACE_SECONDS)
        for session in list(self._open):
            session.cut()


class _Session(SMTP):
    """One connection."""

    # Longer than the 1,000 that the standard allows: what comes back is often as broken as it is important.
    line_length_limit = 64 * 1024

    def __init__(self, handler: "_Handler", on_end: Callable[["_Session"], None]) -> None:
        super().__init__(
            handler,
            data_size_limit=_MOST_BYTES,
            enable_SMTPUTF8=True,
            hostname=config.current().bounce_domain or "localhost",
            ident="ESMTP everpost",
            timeout=_TIMEOUT_SECONDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )
        self._on_end = on_end

    def connection_lost(self, error: Exception | None) -> None:
        self._on_end(self)
        super().connection_lost(error)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _Busy(asyncio.Protocol):
    """Who comes when there are too many already."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, though they are everything that these say.
        writable = cast("asyncio.WriteTransport", transport)
        writable.write(b"421 4.3.2 Too many connections, try again later\r\n")
        writable.close()


class _Handler:
    """What is answered to the commands; the names are aiosmtpd's."""

    def __init__(self, database: Db) -> None:
        self._db = database
        self._under_way = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not inbound.is_expected(address):
            return "550 5.1.1 No such address here"
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._under_way += 1
        self.idle.clear()
        try:
            return await self._take(envelope)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.idle.set()

    async def _take(self, envelope: Envelope) -> str:
        source = envelope.content
        assert isinstance(source, bytes)
        try:
            for recipient in envelope.rcpt_tos:
                await inbound.receive(self._db, recipient, source, sender=envelope.mail_from)
        except Exception as error:
            # Whatever it is, the mail must not be lost: the other server keeps it and comes again.
            if not db.is_outage(error):
                log.exception("a mail could not be taken")
            return "451 4.3.0 Try again later"
        return "250 2.0.0 OK"
