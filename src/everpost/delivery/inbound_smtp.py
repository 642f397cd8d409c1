"""The mail server at the bounce domain: takes what is for us, refuses everything else, answers and relays nothing.

Rules: a mail is accepted when what it asks for is committed; while the database is away it is put off, and the sending
server keeps it. A refusal is given to the server that is connected, never sent as a mail, because senders are forged.
Nobody holds it up: connections are few in all and per address, end after a while whatever they do, and of what is too
much nothing is kept. Source: contract, campaigns §5.5; RFC 5321, RFC 3207.
"""

import asyncio
from asyncio import LimitOverrunError
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from everpost.delivery import inbound
from everpost.delivery.inbound_tls import Certificate
from everpost.platform import config, db, logs
from everpost.platform.db import Db

# What comes back whole is larger only with pictures in it; mail servers return the headers of such mail.
_MOST_BYTES: Final = 2 * 1024 * 1024
_MOST_CONNECTIONS: Final = 50
_MOST_CONNECTIONS_OF_ADDRESS: Final = 20  # as many as a mail server in front of this one opens
_MOST_RECIPIENTS: Final = 20
# Since the last command, a mail's content included; and of a connection in all.
_TIMEOUT_SECONDS: Final = 60
_LONGEST_SECONDS: Final = 600
_GRACE_SECONDS: Final = 5

log = logs.get(__name__)


@asynccontextmanager
async def listening(database: Db, host: str, port: int, certificate: Certificate | None = None) -> AsyncIterator[int]:
    """Take mail while the block runs; gives the port. Raises: OSError when it is taken or not allowed."""
    sessions = _Sessions(database, certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Door(sessions), host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await sessions.end()


class _Sessions:
    """The connections that are open."""

    def __init__(self, database: Db, certificate: Certificate | None) -> None:
        self._handler = _Handler(database)
        self._certificate = certificate
        self._open: dict[_Session, str] = {}
        self._of_address = Counter[str]()

    def begin(self, address: str) -> "_Session | None":
        """None when there are too many already."""
        if len(self._open) >= _MOST_CONNECTIONS or self._of_address[address] >= _MOST_CONNECTIONS_OF_ADDRESS:
            return None
        session = _Session(self._handler, self._certificate, self._forget)
        self._open[session] = address
        self._of_address[address] += 1
        return session

    async def end(self) -> None:
        """Let mails that are being written to the database get there; who waits for a mail is sent away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._handler.idle.wait(), _GRACE_SECONDS)
        for session in list(self._open):
            session.cut()

    def _forget(self, session: "_Session") -> None:
        address = self._open.pop(session, None)
        if address is not None:
            self._of_address[address] -= 1
            self._of_address += Counter()  # drops those with none


class _Door(asyncio.Protocol):
    """Who comes in gets a session, or is sent away."""

    def __init__(self, sessions: _Sessions) -> None:
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, though they are everything that these say.
        writable = cast("asyncio.Transport", transport)
        address = str((transport.get_extra_info("peername") or ("",))[0])
        session = self._sessions.begin(address)
        if session is None:
            writable.write(b"421 4.3.2 Too many connections, try again later\r\n")
            writable.close()
            return
        writable.set_protocol(session)
        session.connection_made(transport)


class _Session(SMTP):
    """One connection."""

    def __init__(
        self, handler: "_Handler", certificate: Certificate | None, on_end: Callable[["_Session"], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            handler,
            data_size_limit=_MOST_BYTES,
            enable_SMTPUTF8=True,
            hostname=config.current().bounce_domain or "localhost",
            ident="ESMTP everpost",
            timeout=_TIMEOUT_SECONDS,
            tls_context=certificate.context() if certificate is not None else None,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=loop,
        )
        self._on_end = on_end
        self._last_moment = loop.call_later(_LONGEST_SECONDS, self.cut)

    def connection_lost(self, error: Exception | None) -> None:
        self._last_moment.cancel()
        self._on_end(self)
        super().connection_lost(error)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.close()

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        # The library's own keeps all of a line that never ends, and an object for each of a million short ones.
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        if content is None:
            answer = "552 5.3.4 Too much mail data"
        else:
            self.envelope.content = content
            answer = await self.event_handler.handle_DATA(self, self.session, self.envelope)
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(answer)

    async def _content(self) -> bytes | None:
        """Up to the lone full stop, whatever the lines are like; None when it was too much."""
        content, begins_line = bytearray(), True
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
            except LimitOverrunError as error:
                piece = await self._reader.readexactly(error.consumed)
            if begins_line and piece == b".\r\n":
                return bytes(content) if len(content) <= _MOST_BYTES else None
            if len(content) <= _MOST_BYTES:
                content += piece.removeprefix(b".") if begins_line else piece
            begins_line = piece.endswith(b"\r\n")


class _Handler:
    """What is answered to the commands; the names are aiosmtpd's."""

    def __init__(self, database: Db) -> None:
        self._db = database
        self._under_way = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, offered: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # Nobody signs in here, and yet the library offers it, with no way to do it, as soon as there is TLS.
        return [line for line in offered if not line.startswith("250-AUTH")]

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
