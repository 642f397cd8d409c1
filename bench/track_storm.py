"""A storm of clicks beside a running send: does it lose any, and how long do people wait?

`python bench/track_storm.py [--per-second 10000] [--seconds 30] [--connections 128] [--recipients 30000]`

One web process takes clicks that fall due at a fixed rate, whether it keeps up or not, while a process of its own sends
campaigns into a local sink over and over. Printed: waiting times (from when a click was due), what was acknowledged and
what the reports then say, and how many messages left meanwhile. It fails when an acknowledged click is not counted once.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import send
import tracking
import uvloop

from everpost.ids import AccountId, CampaignActivityId, ListId, new_id
from everpost.platform import config
from everpost.platform import db as platform_db
from everpost.platform.postgres import Postgres
from everpost.tracking import counters, links, recount

MUST_MILLISECONDS = 50


def main() -> None:
    if sys.argv[1:2] == ["--send"]:
        uvloop.run(send_for_ever(AccountId(sys_id(2)), ListId(sys_id(3))))
    options = arguments()
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    data.chmod(0o755)
    postgres = Postgres(data)
    postgres.start()
    try:
        url = asyncio.run(send.prepare(postgres))
        os.environ.update(
            EVERPOST_DATA=str(data),
            EVERPOST_DATABASE_URL=url,
            EVERPOST_SMTP_URL=f"smtp://127.0.0.1:{send.SINK_PORT}?starttls=off",
            EVERPOST_PUBLIC_URL="https://mail.harborlane.example",
        )
        config.override(data=data, database_url=url)
        storm(options, url)
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-second", type=float, default=10_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--recipients", type=int, default=30_000)
    return parser.parse_args()


def sys_id(position: int) -> Any:
    return UUID(sys.argv[position])


async def send_for_ever(account_id: AccountId, list_id: ListId) -> None:
    db = await platform_db.connect(str(config.current().database_url), size=16)
    while True:
        await send.send(db, account_id, list_id)


def storm(options: argparse.Namespace, url: str) -> None:
    activity_id = CampaignActivityId(new_id())
    account_id, list_id, numbers = asyncio.run(prepare(url, activity_id, options.recipients))
    paths = tracking.make_paths(account_id, activity_id, numbers, options.recipients)["click"]
    with send.Sink(), tracking.serving("everpost", 0) as site, sending(account_id, list_id):
        sent = asyncio.run(count_sends(url))
        answer = rage(options, site.port, paths)
        sent = asyncio.run(count_sends(url)) - sent
        visible_after = tracking.settle(url)
    seconds = options.seconds * 1.2
    print(
        f"{options.per_second:.0f} clicks a second wanted, {answer['per_second']:.0f} answered, beside "
        f"{sent / seconds:.0f} messages a second; load of the machine {os.getloadavg()[0]:.1f}"
    )
    verdict = "reached" if answer["p99"] <= MUST_MILLISECONDS else "MISSED"
    print(
        f"p50 {answer['p50']:.1f} ms, p99 {answer['p99']:.1f} ms (must {MUST_MILLISECONDS}: {verdict}), "
        f"longest {answer['longest']:.0f} ms; statuses {answer['statuses']}, {answer['unanswered']} unanswered"
    )
    print(f"the last click was in the reports {visible_after:.1f} s after the storm")
    asyncio.run(check(url, account_id, activity_id, answer))


async def prepare(url: str, activity_id: CampaignActivityId, recipients: int) -> tuple[AccountId, ListId, Any]:
    db = await platform_db.connect(url, size=4)
    account_id, list_id = await send.fill(db, url, recipients)
    async with db.transaction() as conn:
        urls = [f"https://shop.example/{number}" for number in range(tracking.LINKS)]
        found = await links.register(conn, account_id, activity_id, urls)
    await db.close()
    return account_id, list_id, list(found.values())


@contextmanager
def sending(account_id: AccountId, list_id: ListId) -> Iterator[None]:
    command = [sys.executable, __file__, "--send", str(account_id), str(list_id)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(3)  # until it is in full swing
        yield
    finally:
        assert process.poll() is None, "the send ended too early"
        process.send_signal(signal.SIGKILL)
        process.wait()


def rage(options: argparse.Namespace, port: int, paths: bytes) -> dict[str, Any]:
    generator = Path(__file__).with_name("http_load.py")
    command = [sys.executable, str(generator), str(port)]
    command += [str(options.connections), str(options.seconds), str(options.per_second)]
    done = subprocess.run(command, input=paths, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def count_sends(url: str) -> int:
    conn = await platform_db.connect_once(url)
    count = await platform_db.one(conn, int, "SELECT coalesce(sum(sends), 0)::bigint FROM activity_counters")
    await conn.close()
    return count or 0


async def check(url: str, account_id: AccountId, activity_id: CampaignActivityId, answer: dict[str, Any]) -> None:
    """Whoever follows many links of a mail at once is a program: those clicks are kept, and left out of the numbers."""
    conn = await platform_db.connect_once(url)
    stored = (await counters.find(conn, account_id, [activity_id]))[activity_id].clicks_all
    left_out = await platform_db.one(
        conn, int, "SELECT count(*) FROM tracking_events WHERE kind = 'click' AND is_machine"
    )
    wrong = await recount.differences(conn, account_id, activity_id)
    await conn.close()
    acknowledged = answer["requests"]
    print(
        f"{acknowledged} clicks acknowledged, {stored} counted and {left_out} kept as a machine's; "
        f"{len(wrong)} numbers differ from a recount"
    )
    if wrong or stored + (left_out or 0) != acknowledged:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
