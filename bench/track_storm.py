"""A storm of clicks beside a running send: does it lose any, and how long do people wait?

`python bench/track_storm.py [--per-second 10000] [--seconds 30] [--connections 128] [--recipients 30000] [--workers 1]`

One web process takes clicks that fall due at a fixed rate, whether it keeps up or not, while `everpost work` sends one
campaign after the other into a local sink. Printed: waiting times (from when a click was due, answered with a redirect
or not), what was acknowledged and what the reports then say, and how many messages left meanwhile. It fails when a
click that was acknowledged is not counted once.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

import instance
import send
import sites
import tracking
import uvloop
from instance import Instance

from everpost.ids import AccountId, CampaignActivityId, ListId, UrlId, new_id
from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.platform.db import Conn, Db
from everpost.tracking import links, recount

MUST_MILLISECONDS = 50
# Of the clicks that are wanted: with less, short waiting times would say nothing.
MUST_SHARE = 0.99


def main() -> None:
    options = arguments()
    with send.sink() as port, instance.embedded() as everpost:
        os.environ.update(
            EVERPOST_SMTP_URL=f"smtp://127.0.0.1:{port}?starttls=off",
            EVERPOST_PUBLIC_URL="https://mail.harborlane.example",
        )
        uvloop.run(measure(options, everpost))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-second", type=float, default=10_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--recipients", type=int, default=30_000)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


async def measure(options: argparse.Namespace, everpost: Instance) -> None:
    conn = await platform_db.connect_once(everpost.url)
    await migrate.create(conn)
    db = await platform_db.connect(everpost.url, size=4)
    account_id, list_id = await send.fill(db, conn, options.recipients)
    activity_id = CampaignActivityId(new_id())
    numbers = await register(db, account_id, activity_id)
    paths = tracking.make_paths(account_id, activity_id, numbers, options.recipients)["click"]
    with (
        send.workers(options.workers) as worker,
        sites.serving(tracking.__file__, "everpost", everpost.postmaster) as site,
    ):
        await send.until_ready(conn, options.workers)
        sending = asyncio.create_task(send_for_ever(db, account_id, list_id, worker, everpost.postmaster))
        while not await sent(conn):
            await asyncio.sleep(0.1)
        before, started = await sent(conn), time.perf_counter()
        answer = await rage(options, site.port, paths)
        per_second = (await sent(conn) - before) / (time.perf_counter() - started)
        assert not sending.done(), "the send ended too early"
        sending.cancel()
        visible_after = await asyncio.to_thread(tracking.settle, everpost.url)
    report(options, answer, per_second, visible_after)
    is_right = await check(conn, account_id, activity_id, answer)
    await db.close()
    await conn.close()
    if not is_right:
        sys.exit(1)


async def register(db: Db, account_id: AccountId, activity_id: CampaignActivityId) -> list[UrlId]:
    urls = [f"https://shop.example/{number}" for number in range(tracking.LINKS)]
    async with db.transaction() as conn:
        return list((await links.register(conn, account_id, activity_id, urls)).values())


async def send_for_ever(db: Db, account_id: AccountId, list_id: ListId, worker: int, postmaster: int) -> None:
    while True:
        await send.send(db, account_id, list_id, worker=worker, postmaster=postmaster)


async def sent(conn: Conn) -> int:
    return await platform_db.one(conn, int, "SELECT coalesce(sum(sends), 0)::bigint FROM activity_counters") or 0


async def rage(options: argparse.Namespace, port: int, paths: bytes) -> dict[str, Any]:
    generator = [str(tracking.GENERATOR), str(port), str(options.connections), str(options.seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *generator, str(options.per_second),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate(paths)
    answer: dict[str, Any] = json.loads(output)
    return answer


def report(options: argparse.Namespace, answer: dict[str, Any], messages: float, visible_after: float) -> None:
    acknowledged = answer["statuses"].get("302", 0) / options.seconds
    print(
        f"{options.per_second:.0f} clicks a second wanted, {acknowledged:.0f} acknowledged, beside "
        f"{messages:.0f} messages a second; {instance.machine()}"
    )
    is_reached = answer["p99"] <= MUST_MILLISECONDS and acknowledged >= MUST_SHARE * options.per_second
    print(
        f"p50 {answer['p50']:.1f} ms, p99 {answer['p99']:.1f} ms (must {MUST_MILLISECONDS} at the full rate: "
        f"{instance.verdict(is_reached)}), longest {answer['longest']:.0f} ms; statuses {answer['statuses']}, "
        f"{answer['unanswered']} unanswered"
    )
    print(f"the last click was in the reports {visible_after:.1f} s after the storm")


async def check(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, answer: dict[str, Any]) -> bool:
    """Every click that was acknowledged is stored once, and what is stored beside them was asked for at least."""
    stored = await platform_db.one(
        conn,
        int,
        """
        SELECT count(*)
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND kind = 'click'""",
        account_id=account_id,
        activity_id=activity_id,
    )
    wrong = await recount.differences(conn, account_id, activity_id)
    acknowledged, asked = answer["acknowledged"], answer["requests"] + answer["unanswered"]
    print(f"{acknowledged} clicks acknowledged of {asked}, {stored} stored; {len(wrong)} numbers differ from a recount")
    return not wrong and acknowledged <= (stored or 0) <= asked


if __name__ == "__main__":
    main()
