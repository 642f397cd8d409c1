"""The HTTP server under the application: uvicorn on uvloop, with limits on what a stranger may make it keep.

Rules:
- What cannot be read as HTTP is answered 400, a head that grows too long 431, both in JSON; then the connection ends.
- Whoever takes too long for the head of a request, or is silent for as long between two, is hung up on.
- SIGTERM and SIGINT end it well: requests under way may finish for some seconds, then they are cancelled.
"""

import asyncio
import signal
import socket
import string
import sys
from asyncio import TimerHandle
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than common proxies keep a connection, so that it is they who close it and never with a request on its way.
IDLE_SECONDS: Final = 75
# What may come after the first piece of a head, which holds all of it but in the rarest of cases.
MOST_HEAD_BYTES: Final = 65_536
_GRACE_SECONDS: Final = 5


def listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket for `run`; processes that each have a shared one get their share of the connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, port),
        family=family,
        reuse_port=is_shared,
        dualstack_ipv6=family == socket.AF_INET6 and socket.has_dualstack_ipv6(),
    )


def run(application: Callable[..., Any], listener: socket.socket) -> None:
    """Serve until a signal says otherwise. For the main thread."""
    config = Config(
        application,
        loop="uvloop",
        http=_Connection,
        ws="none",
        lifespan="on",
        # Logging is set up already, and requests are counted by the application.
        log_config=None,
        log_level="error",
        access_log=False,
        # Whose word counts is for the application to say.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # The server raises what ended it once more, for whoever handled it before: to end was what was asked for.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    Server(config).run(sockets=[listener])


class _Connection(HttpToolsProtocol):
    """One connection, which the server alone would keep for as long as a request's head goes on."""

    _head_bytes = 0
    _head_deadline: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_deadline = self.loop.call_later(IDLE_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data if data.isascii() or self._is_in_request() else _escape(data))
        # The server notes the path when the head is complete.
        if self.scope is not None and "path" in self.scope:
            if self._head_deadline is not None:
                self._end_head()
        elif not self.transport.is_closing():
            self._await_head(data)

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _is_in_request(self) -> bool:
        return self.scope is not None and ("path" not in self.scope or self.cycle.more_body)

    def _await_head(self, data: bytes) -> None:
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(IDLE_SECONDS, self.transport.close)
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse(self, status: HTTPStatus) -> None:
        body = msgspec.json.encode({"message": status.phrase})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def _escape(data: bytes) -> bytes:
    """The first line in ASCII: not every client escapes the letters of a URL, and the parser calls that no HTTP."""
    line, end, rest = data.partition(b"\r\n")
    return quote(line, safe=string.punctuation + " ").encode("ascii") + end + rest
