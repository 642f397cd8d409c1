"""Opens and clicks, durable before the answer, against the same endpoint without the write.

`python bench/tracking.py [--seconds 3] [--rounds 3] [--connections 32 128] [--recipients 100000]`

Three web processes run on one embedded PostgreSQL with its durable settings: everpost as it is; everpost whose queue's
`append` does nothing (the anchor); and everpost whose journal only lets the disk flush a page, in a thread and once per
batch ("flush"): what is left of the anchor there is the price of waiting for a disk at all, whatever the write costs.
A process of its own loads them in turn; medians are printed, with the CPU time of web process and PostgreSQL per
request, and how long after the load the last event was in the reports.
"""

import argparse
import asyncio
import functools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import instance
import processes
import sites
from instance import Instance
from sites import Round, Site

from everpost.cli import serve as web
from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.tracking import counters, ingest, links, recount, tokens

MUST: Final = {32: 0.6, 128: 0.85}
LINKS: Final = 10
SITES: Final = ("anchor", "flush", "everpost")
GENERATOR: Final = Path(__file__).with_name("http_load.py")


@dataclass(frozen=True)
class Load:
    """One load of one site, and how long after it the last event was counted."""

    shown: Round
    visible_after_seconds: float


def main() -> None:
    options = arguments()
    with instance.embedded() as everpost:
        measure(options, everpost)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--recipients", type=int, default=100_000)
    return parser.parse_args()


def measure(options: argparse.Namespace, everpost: Instance) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    numbers = asyncio.run(prepare(everpost.url, account_id, activity_id))
    paths = make_paths(account_id, activity_id, numbers, options.recipients)
    print(f"{options.recipients} recipients, {LINKS} links, {options.rounds} rounds of {options.seconds} s each")
    with ExitStack() as open_sites:
        served = {name: open_sites.enter_context(sites.serving(__file__, name, everpost.postmaster)) for name in SITES}
        for connections in options.connections:
            for kind in ("open", "click"):
                rounds = [
                    {
                        name: load(site, connections, options.seconds, paths[kind], everpost.url)
                        for name, site in served.items()
                    }
                    for _ in range(options.rounds)
                ]
                report(kind, connections, rounds)
        print(f"peak memory of the web process: {processes.peak_megabytes(served['everpost'].pid):.0f} MB")
    asyncio.run(check(everpost.url, account_id, activity_id))


async def prepare(url: str, account_id: AccountId, activity_id: CampaignActivityId) -> list[UrlId]:
    conn = await platform_db.connect_once(url)
    await migrate.create(conn)
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


def loader(name: str) -> Callable[[], Any]:
    if name == "anchor":
        ingest.Queue.append = _nothing  # type: ignore[method-assign, assignment]
    elif name == "flush":
        ingest.Queue._write, ingest.Queue._fold = _flush, _nothing  # type: ignore[method-assign, assignment]
    return web.load


async def _nothing(self: ingest.Queue, *_: Any) -> None:
    return None


async def _flush(self: ingest.Queue, _account_id: AccountId, batch: list[ingest.Waiting]) -> list[Any]:
    await asyncio.get_running_loop().run_in_executor(None, _write_a_page)
    return [stored for _, stored in batch]


def _write_a_page() -> None:
    file = _file()
    os.pwrite(file, bytes(8192), 0)
    os.fdatasync(file)


@functools.cache
def _file() -> int:
    """In the data folder, because another disk may be faster."""
    return tempfile.mkstemp(dir=os.environ["EVERPOST_DATA"])[0]


def load(site: Site, connections: int, seconds: float, paths: bytes, url: str) -> Load:
    shown = sites.load(site, [GENERATOR, site.port, connections, seconds], paths, expected={"200", "302"})
    return Load(shown, settle(url))


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


def report(kind: str, connections: int, rounds: list[dict[str, Load]]) -> None:
    ratio, flush = (
        statistics.median(each[name].shown.per_second / each["anchor"].shown.per_second for each in rounds)
        for name in ("everpost", "flush")
    )
    must = MUST.get(connections)
    judged = "" if must is None else f" (must {must}: {instance.verdict(ratio >= must)})"
    print(f"{kind}, {connections} connections: ratio {ratio:.2f}{judged}; {ratio / flush:.2f} of a bare flush, "
          f"{instance.machine()}")  # fmt: skip
    for name in SITES:
        show(name, [each[name] for each in rounds])


def show(name: str, loads: list[Load]) -> None:
    median = {
        field.name: statistics.median(getattr(each.shown, field.name) for each in loads) for field in fields(Round)
    }
    visible = statistics.median(each.visible_after_seconds for each in loads)
    print(
        f"  {name:8} {median['per_second']:7.0f}/s, p50 {median['p50']:5.1f} ms, p99 {median['p99']:5.1f} ms, "
        f"CPU per request: web {median['web_cpu']:3.0f} µs, PostgreSQL {median['postgres_cpu']:3.0f} µs; "
        f"visible after {visible:.1f} s; generator {median['generator_share']:.0%} of a core"
    )


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
        sites.serve(loader(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
