"""A load generator that is not the bottleneck: keep-alive connections on raw asyncio transports, no HTTP library.

`python bench/http_load.py PORT CONNECTIONS SECONDS [RATE] < requests` sends the paths of its input (one a line) in turn
and prints one line of JSON: requests per second, latencies in milliseconds, statuses, CPU seconds of its own.
Without RATE every connection asks again as soon as it is answered. With it, requests fall due at so many a second
whether connections are free or not, and latencies count from when they were due.
Every response must carry Content-Length.
"""

import asyncio
import itertools
import json
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

import uvloop

HEADERS = b" HTTP/1.1\r\nHost: bench\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/126.0\r\n\r\n"
TICK_SECONDS = 0.001
LAST_ANSWERS_SECONDS = 10


class Load:
    """What is asked, and what came back."""

    def __init__(self, paths: list[bytes], rate: float) -> None:
        self._requests = itertools.cycle([b"GET " + path + HEADERS for path in paths])
        self._rate = rate
        self._idle: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._is_over = False
        self.asked = self.answered = self.acknowledged = 0
        self.latencies: list[float] = []
        self.statuses: Counter[bytes] = Counter()

    def start(self) -> None:
        if self._rate:
            self._next_due = time.perf_counter()
            self._tick()

    def stop(self) -> None:
        self._is_over = True

    def be_answered(self, connection: "Connection", status: bytes, seconds: float) -> None:
        self.answered += 1
        self.acknowledged += status < b"400"
        self.latencies.append(seconds)
        self.statuses[status] += 1
        self.be_free(connection)

    def be_free(self, connection: "Connection") -> None:
        if self._is_over:
            return
        if not self._rate:
            self._ask(connection, time.perf_counter())
        elif self._due:
            self._ask(connection, self._due.popleft())
        else:
            self._idle.append(connection)

    def _tick(self) -> None:
        if self._is_over:
            return
        now = time.perf_counter()
        while self._next_due <= now:
            self._due.append(self._next_due)
            self._next_due += 1 / self._rate
        while self._due and self._idle:
            self._ask(self._idle.popleft(), self._due.popleft())
        asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _ask(self, connection: "Connection", due: float) -> None:
        self.asked += 1
        connection.ask(next(self._requests), due)


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(
        self,
        be_free: "Callable[[Connection], None]",
        be_answered: "Callable[[Connection, bytes, float], None]",
    ) -> None:
        self.be_free, self.be_answered = be_free, be_answered
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.be_free(self)

    def ask(self, request: bytes, started: float) -> None:
        self.started = started
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0 or len(self.buffer) < head + 4 + self.body_length(head):
            return
        status, self.buffer = self.buffer[9:12], b""
        self.be_answered(self, status, time.perf_counter() - self.started)

    def body_length(self, head: int) -> int:
        found = self.buffer.lower().find(b"content-length:", 0, head)
        return int(self.buffer[found + 15 : self.buffer.find(b"\r\n", found)])


async def drive(port: int, connections: int, seconds: float, rate: float, paths: list[bytes]) -> dict[str, object]:
    """Warm up for a fifth of the time, then measure."""
    load, loop = Load(paths, rate), asyncio.get_running_loop()
    load.start()
    opened = [
        (await loop.create_connection(lambda: Connection(load.be_free, load.be_answered), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds / 5)
    load.latencies.clear()
    load.statuses.clear()
    started, cpu = time.perf_counter(), cpu_seconds()
    await asyncio.sleep(seconds)
    took, used = time.perf_counter() - started, cpu_seconds() - cpu
    measured = sorted(load.latencies)
    load.stop()
    until = loop.time() + LAST_ANSWERS_SECONDS
    while load.answered < load.asked and loop.time() < until:
        await asyncio.sleep(0.01)
    for transport in opened:
        transport.close()
    return {
        # With the warm-up, which the caller's measurements of CPU time cover too.
        "requests": load.answered,
        "acknowledged": load.acknowledged,
        "unanswered": load.asked - load.answered,
        "per_second": len(measured) / took,
        "p50": measured[len(measured) // 2] * 1000,
        "p99": measured[len(measured) * 99 // 100] * 1000,
        "longest": measured[-1] * 1000,
        "statuses": {status.decode(): count for status, count in load.statuses.items()},
        "cpu_share": used / took,
    }


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rate = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    print(json.dumps(uvloop.run(drive(port, connections, seconds, rate, sys.stdin.buffer.read().split()))))
