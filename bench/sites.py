"""Web processes under test, and what a load on them shows: requests per second, waiting times, CPU time per request."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import processes

from everpost.platform import server


@dataclass(frozen=True)
class Site:
    """A web process, and the database behind it."""

    port: int
    pid: int
    postmaster: int


@dataclass(frozen=True)
class Round:
    """What one load on one site showed; times in milliseconds, CPU in microseconds per request."""

    per_second: float
    p50: float
    p99: float
    web_cpu: float
    postgres_cpu: float
    generator_share: float

    @property
    def cpu(self) -> float:
        return self.web_cpu + self.postgres_cpu


@contextmanager
def serving(script: str, name: str, postmaster: int) -> Iterator[Site]:
    """A process of `script --serve NAME PORT`, which is to call `serve`, until the block ends."""
    port = _free_port()
    process = subprocess.Popen([sys.executable, script, "--serve", name, str(port)])
    try:
        _wait_for(port)
        yield Site(port, process.pid, postmaster)
    finally:
        process.terminate()
        process.wait()


def serve(load: Callable[..., Any], port: int) -> None:
    """As `everpost serve` does; `load` makes the ASGI application."""
    server.run(load(), server.listen("127.0.0.1", port))


def load(site: Site, generator: Sequence[object], requests: bytes, *, expected: Collection[str]) -> Round:
    """Let a process of `generator` load the site; any status that is not expected ends the bench."""
    web_cpu, postgres_cpu = processes.cpu_seconds(site.pid), processes.cpu_seconds(site.postmaster)
    command = [sys.executable, *map(str, generator)]
    done = subprocess.run(command, input=requests, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    if not set(answer["statuses"]) <= set(expected):
        raise SystemExit(f"Unexpected answers: {answer['statuses']}")
    per_request = 1e6 / answer["requests"]
    return Round(
        per_second=answer["per_second"],
        p50=answer["p50"],
        p99=answer["p99"],
        web_cpu=(processes.cpu_seconds(site.pid) - web_cpu) * per_request,
        postgres_cpu=(processes.cpu_seconds(site.postmaster) - postgres_cpu) * per_request,
        generator_share=answer["cpu_share"],
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The web process did not start.")
