"""Bytes to and from an SMTP server: writes that do not wait, replies that do."""

import asyncio
import ssl
from collections import deque
from typing import Final, cast

from msgspec import Struct

_MAX_REPLY_BYTES: Final = 65_536
_MAX_REPLY_LINES: Final = 1000


class Reply(Struct, frozen=True):
    """One reply, of one or more lines."""

    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        return " ".join(self.lines)[:1000]


class BadReply(ConnectionError):
    """The server sent something that is no SMTP reply."""


async def connect(host: str, port: int, tls: ssl.SSLContext | None, *, timeout_seconds: float) -> "Wire":
    """Raises: OSError, TimeoutError."""
    async with asyncio.timeout(timeout_seconds):
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            Wire, host, port, ssl=tls, server_hostname=host if tls else None, ssl_handshake_timeout=None
        )
    wire.is_encrypted = tls is not None
    return wire


class Wire(asyncio.Protocol):
    """One connection. Replies queue up in order; the reader takes them one by one."""

    def __init__(self) -> None:
        self.is_encrypted = False
        self._transport: asyncio.Transport | None = None
        self._replies: deque[Reply] = deque()
        self._rest = b""
        self._lines: list[str] = []
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self._error is None

    def write(self, data: bytes) -> None:
        if self._transport is not None and self._error is None:
            self._transport.write(data)

    async def reply(self, timeout_seconds: float) -> Reply:
        """The next reply. Raises: TimeoutError, EOFError, OSError."""
        if not self._replies:
            await self._wait(timeout_seconds)
        return self._replies.popleft()

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout_seconds: float) -> None:
        """Encrypt from here on. Raises: OSError, TimeoutError, BadReply."""
        if self._replies or self._rest or self._transport is None:
            # Somebody put words into the server's mouth before encryption began (CVE-2021-38371 and its kin).
            raise BadReply("The server spoke before TLS began.")
        async with asyncio.timeout(timeout_seconds):
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_hostname=host
            )
        self.is_encrypted = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._error is None:
            self._error = EOFError("The connection is closed.")

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's by inheritance, only by what they can do.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\r\n")
        self._rest = lines.pop()
        for line in lines:
            self._add(line)
        if len(self._rest) > _MAX_REPLY_BYTES or len(self._lines) > _MAX_REPLY_LINES:
            self._give_up(BadReply("The server's reply has no end."))
        if self._replies and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._error is None:
            self._error = exc or EOFError("The server closed the connection.")
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._error)

    def _add(self, line: bytes) -> None:
        if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b""):
            self._give_up(BadReply(f"The server said {line[:100]!r}."))
            return
        self._lines.append(line[4:].decode("utf-8", "replace"))
        if line[3:4] != b"-":
            self._replies.append(Reply(int(line[:3]), self._lines))
            self._lines = []

    def _give_up(self, error: Exception) -> None:
        self.connection_lost(error)
        self.close()

    async def _wait(self, timeout_seconds: float) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._waiter
        finally:
            self._waiter = None
