"""A load generator that is not the bottleneck: keep-alive connections on raw asyncio transports, no HTTP library.

`python bench/http_load.py PORT CONNECTIONS SECONDS < requests` sends the paths of its input (one a line) in turn and
prints one line of JSON: requests per second, latencies in milliseconds, statuses, CPU seconds of its own.
Every response must carry Content-Length.
"""

import asyncio
import itertools
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import uvloop

HEADERS = b" HTTP/1.1\r\nHost: bench\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/126.0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One request at a time, the next as soon as an answer is complete."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], statuses: Counter[bytes]) -> None:
        self.requests, self.latencies, self.statuses = requests, latencies, statuses
        self.buffer = b""
        self.is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0 or len(self.buffer) < head + 4 + self.body_length(head):
            return
        self.latencies.append(time.perf_counter() - self.started)
        self.statuses[self.buffer[9:12]] += 1
        self.buffer = b""
        if not self.is_closing:
            self.ask()

    def body_length(self, head: int) -> int:
        found = self.buffer.lower().find(b"content-length:", 0, head)
        return int(self.buffer[found + 15 : self.buffer.find(b"\r\n", found)])


async def drive(port: int, connections: int, seconds: float, paths: list[bytes]) -> dict[str, object]:
    """Warm up for a fifth of the time, then measure."""
    requests = itertools.cycle([b"GET " + path + HEADERS for path in paths])
    latencies: list[float] = []
    statuses: Counter[bytes] = Counter()
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: Connection(requests, latencies, statuses), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds / 5)
    warm_up = len(latencies)
    latencies.clear()
    statuses.clear()
    started, cpu = time.perf_counter(), cpu_seconds()
    await asyncio.sleep(seconds)
    took, used = time.perf_counter() - started, cpu_seconds() - cpu
    # The warm-up is asked for too, so it belongs to what the caller's measurements of CPU time cover.
    measured = sorted(latencies)
    for connection in opened:
        connection.is_closing = True
    await asyncio.sleep(0.2)
    for connection in opened:
        connection.transport.close()
    return {
        "requests": warm_up + len(measured),
        "per_second": len(measured) / took,
        "p50": measured[len(measured) // 2] * 1000,
        "p99": measured[len(measured) * 99 // 100] * 1000,
        "statuses": {status.decode(): count for status, count in statuses.items()},
        "cpu_share": used / took,
    }


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(uvloop.run(drive(port, connections, seconds, sys.stdin.buffer.read().split()))))
