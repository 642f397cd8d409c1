"""Opens and clicks, durable before the answer, against the same endpoint without the write.

`python bench/tracking.py [--seconds 3] [--rounds 3] [--connections 32 128] [--recipients 100000]`

Two web processes run on one embedded PostgreSQL with its durable settings: everpost as it is, and everpost whose
queue's `append` does nothing (the anchor). A process of its own loads them in turn; medians are printed, with the CPU
time of web process and PostgreSQL per request, and how long after the load the last event was in the reports.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server

from everpost.cli import serve as web
from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.platform.postgres import Postgres
from everpost.tracking import counters, ingest, links, recount, tokens

MUST = {32: 0.6, 128: 0.85}
LINKS = 10


@dataclass
class Site:
    """A web process under test, and the database behind it."""

    port: int
    pid: int
    postmaster: int


@dataclass
class Round:
    """What one load on one site showed; times in milliseconds, CPU in microseconds per request."""

    per_second: float
    p50: float
    p99: float
    web_cpu: float
    postgres_cpu: float
    visible_after_seconds: float
    generator_share: float


def main() -> None:
    options = arguments()
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    data.chmod(0o755)
    postgres = Postgres(data)
    try:
        postgres.start()
        os.environ.update(EVERPOST_DATA=str(data), EVERPOST_DATABASE_URL=postgres.dsn())
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        measure(options, postgres.dsn(), postmaster)
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--recipients", type=int, default=100_000)
    return parser.parse_args()


def measure(options: argparse.Namespace, url: str, postmaster: int) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    numbers = asyncio.run(prepare(url, account_id, activity_id))
    paths = make_paths(account_id, activity_id, numbers, options.recipients)
    print(f"{options.recipients} recipients, {LINKS} links, {options.rounds} rounds of {options.seconds} s each")
    with serving("anchor", postmaster) as anchor, serving("everpost", postmaster) as everpost:
        for connections in options.connections:
            for kind in ("open", "click"):

                def run(site: Site, connections: int = connections, kind: str = kind) -> Round:
                    return load(site, connections, options.seconds, paths[kind], lambda: settle(url))

                rounds = [(run(anchor), run(everpost)) for _ in range(options.rounds)]
                report(kind, connections, rounds)
        print(f"peak memory of the web process: {processes.peak_megabytes(everpost.pid):.0f} MB")
    asyncio.run(check(url, account_id, activity_id))


async def prepare(url: str, account_id: AccountId, activity_id: CampaignActivityId) -> list[UrlId]:
    conn = await platform_db.connect_once(url)
    await migrate.execute(conn, migrate.schema_text())
    found = await links.register(conn, account_id, activity_id, [f"https://shop.example/{n}" for n in range(LINKS)])
    await conn.close()
    return list(found.values())


def make_paths(
    account_id: AccountId, activity_id: CampaignActivityId, numbers: list[UrlId], recipients: int
) -> dict[str, bytes]:
    chance, signer = random.Random(1), tokens.signer()
    mints = [signer.recipient(account_id, activity_id, ContactId(new_id())) for _ in range(recipients)]
    chance.shuffle(mints)
    opens = "\n".join(f"/o/{mint.open()}.gif" for mint in mints)
    clicks = "\n".join(f"/c/{mint.click(chance.choice(numbers))}" for mint in mints)
    return {"open": opens.encode(), "click": clicks.encode()}


@contextmanager
def serving(name: str, postmaster: int) -> Iterator[Site]:
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", name, str(port)])
    try:
        wait_for(port)
        yield Site(port, process.pid, postmaster)
    finally:
        process.terminate()
        process.wait()


def serve(name: str, port: int) -> None:
    server = Server(
        "everpost.app:create", address="127.0.0.1", port=port, interface=Interfaces.ASGI, factory=True, workers=1,
        loop=Loops.uvloop, http=HTTPModes.http1, websockets=False, log_enabled=False,
    )  # fmt: skip
    server.serve(target_loader=load_anchor if name == "anchor" else web.load, wrap_loader=False)


def load_anchor() -> Any:
    async def append(self: ingest.Queue, account_id: AccountId, hit: Any) -> None:
        return None

    ingest.Queue.append = append  # type: ignore[method-assign]
    return web.load()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The web process did not start.")


def load(site: Site, connections: int, seconds: float, paths: bytes, settle: Callable[[], float]) -> Round:
    generator = Path(__file__).with_name("http_load.py")
    command = [sys.executable, str(generator), str(site.port), str(connections), str(seconds)]
    web_cpu, postgres_cpu = processes.cpu_seconds(site.pid), processes.cpu_seconds(site.postmaster)
    done = subprocess.run(command, input=paths, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    visible_after = settle()
    if not {"200", "302"} >= set(answer["statuses"]):
        raise SystemExit(f"Unexpected answers: {answer['statuses']}")
    per_request = 1e6 / answer["requests"]
    return Round(
        per_second=answer["per_second"],
        p50=answer["p50"],
        p99=answer["p99"],
        web_cpu=(processes.cpu_seconds(site.pid) - web_cpu) * per_request,
        postgres_cpu=(processes.cpu_seconds(site.postmaster) - postgres_cpu) * per_request,
        visible_after_seconds=visible_after,
        generator_share=answer["cpu_share"],
    )


def settle(url: str) -> float:
    """Seconds until every acknowledged event is in events and counters."""
    started = time.perf_counter()

    async def wait() -> None:
        conn = await platform_db.connect_once(url)
        while await platform_db.one(conn, int, "SELECT count(*) FROM tracking_batches"):
            await asyncio.sleep(0.05)
        await conn.close()

    asyncio.run(wait())
    return time.perf_counter() - started


def report(kind: str, connections: int, rounds: list[tuple[Round, Round]]) -> None:
    ratio = statistics.median(mine.per_second / base.per_second for base, mine in rounds)
    print(
        f"{kind}, {connections} connections: ratio {ratio:.2f}{judged(ratio, MUST.get(connections))}, "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )
    for name, several in (("anchor", [base for base, _ in rounds]), ("everpost", [mine for _, mine in rounds])):
        show(name, Round(*(statistics.median(values) for values in zip(*map(vars_of, several), strict=True))))


def vars_of(measured: Round) -> tuple[float, ...]:
    return tuple(vars(measured).values())


def show(name: str, measured: Round) -> None:
    print(
        f"  {name:8} {measured.per_second:7.0f}/s, p50 {measured.p50:5.1f} ms, p99 {measured.p99:5.1f} ms, "
        f"CPU per request: web {measured.web_cpu:3.0f} µs, PostgreSQL {measured.postgres_cpu:3.0f} µs; "
        f"visible after {measured.visible_after_seconds:.1f} s; generator {measured.generator_share:.0%} of a core"
    )


def judged(ratio: float, must: float | None) -> str:
    return "" if must is None else f" (must {must}: {'reached' if ratio >= must else 'MISSED'})"


async def check(url: str, account_id: AccountId, activity_id: CampaignActivityId) -> None:
    """What was counted while it was loaded must equal a recount."""
    conn = await platform_db.connect_once(url)
    stored = (await counters.find(conn, account_id, [activity_id]))[activity_id]
    recounted = await recount.counters(conn, account_id, activity_id)
    await conn.close()
    is_equal = all(getattr(stored, name) == getattr(recounted, name) for name in counters.Counters.__struct_fields__)
    print(f"{stored.opens_all} opens and {stored.clicks_all} clicks stored; counters equal a recount: {is_equal}")
    if not is_equal:
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        main()
