"""The HTTP server over a real socket: what it refuses, how long it waits, and how it ends."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.support.instance import free_port

# Says how long the body was, after as many seconds as the path names. Its patience is cut short, or tests would wait.
SCRIPT = """
import asyncio, sys
from everpost.platform import server

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await asyncio.sleep(float(scope["path"][1:] or 0))
    body = f"{length} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

server.IDLE_SECONDS = float(sys.argv[2])
server.run(application, server.listen("127.0.0.1", int(sys.argv[1])))
"""

Start = Callable[..., tuple[int, "subprocess.Popen[bytes]"]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def make(*, idle_seconds: float = 60) -> tuple[int, "subprocess.Popen[bytes]"]:
        port = free_port()
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(port), str(idle_seconds)], stderr=subprocess.PIPE)
        started.append(process)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError):
                connect(port).close()
                return port, process
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    yield make
    for process in started:
        process.kill()
        process.communicate()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
    return received


def ask(port: int, sent: bytes) -> bytes:
    with connect(port) as connection:
        connection.sendall(sent)
        return everything(connection)


def test_requests_are_answered_one_after_the_other_on_one_connection(start: Start) -> None:
    port, _ = start()
    answers = ask(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /0.0 HTTP/1.1\r\nHost: a\r\n"
                        b"Connection: close\r\n\r\n")  # fmt: skip
    assert (2, True, True) == (answers.count(b"HTTP/1.1 200 OK"), b"3 /" in answers, answers.endswith(b"0 /0.0"))
    assert b"server:" not in answers.lower()


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_refused_in_json_and_hung_up_on(start: Start, sent: bytes) -> None:
    port, _ = start()
    answer = ask(port, sent)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n")
    assert answer.endswith(b'\r\n\r\n{"message":"Bad Request"}')


def test_a_head_that_goes_on_and_on_is_refused(start: Start) -> None:
    port, _ = start()
    with connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.1)
        with suppress(OSError):
            for _ in range(20):
                connection.sendall(b"X-Long: " + b"x" * 10_000 + b"\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /0 HTTP/1.1\r\nHost: a\r\n\r\nGET /"])
def test_who_says_nothing_more_is_hung_up_on(start: Start, sent: bytes) -> None:
    port, _ = start(idle_seconds=0.3)
    started = time.monotonic()
    answer = ask(port, sent)
    assert answer.count(b"200 OK") == sent.count(b"\r\n\r\n")
    assert 0.25 < time.monotonic() - started < 10


def test_an_answer_that_takes_longer_than_silence_may_is_given(start: Start) -> None:
    port, _ = start(idle_seconds=0.2)
    assert ask(port, b"GET /0.6 HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"0 /0.6")


def test_whoever_is_asked_to_end_finishes_its_requests_first(start: Start) -> None:
    port, process = start()
    with connect(port) as connection:
        connection.sendall(b"GET /0.5 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert everything(connection).endswith(b"0 /0.5")
    _, errors = process.communicate(timeout=20)
    assert (0, b"") == (process.returncode, errors)
