"""A campaign's report, totals and uniques, against reading one row by its primary key in the same run.

`python bench/reports.py [--sends 1000000] [--rounds 7] [--reads 1000]`

The ledger is filled with one campaign: of its sends 30 % are opened, half of these twice, 8 % clicked, 1 % bounced.
Then both are read in turn over one connection; medians are printed, with what counting it all again takes and whether
it comes to the same.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from everpost.ids import AccountId, CampaignActivityId, ContactId, new_id
from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.platform.db import Conn, many, one, run
from everpost.platform.postgres import Postgres
from everpost.reports import totals
from everpost.tracking import recount, visitors
from everpost.tracking.sends import Send

MUST, GOAL = 5.0, 2.0
LINKS = 10


def main() -> None:
    options = arguments()
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    data.chmod(0o755)
    postgres = Postgres(data)
    postgres.start()
    try:
        uvloop.run(measure(options, postgres.dsn()))
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reads", type=int, default=1_000)
    return parser.parse_args()


async def measure(options: argparse.Namespace, url: str) -> None:
    conn = await platform_db.connect_once(url)
    await migrate.execute(conn, migrate.schema_text())
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    seconds = await timed(lambda: fill(conn, account_id, activity_id, options.sends))
    print(f"{options.sends} sends of one campaign filled in and counted in {seconds:.0f} s")
    people = await some_people(conn, account_id, activity_id, options.reads)
    keys, reports = [], []
    for _ in range(options.rounds):
        keys.append(await timed(lambda: read_keys(conn, account_id, activity_id, people)) / len(people))
        reports.append(await timed(lambda: read_reports(conn, account_id, activity_id, len(people))) / len(people))
    ratio = statistics.median(report / key for key, report in zip(keys, reports, strict=True))
    print(
        f"one row by key {statistics.median(keys) * 1e6:.0f} µs, the report {statistics.median(reports) * 1e6:.0f} µs: "
        f"{ratio:.2f} times (must {MUST:g}: {'reached' if ratio <= MUST else 'MISSED'}, goal {GOAL:g}); "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )
    told_apart = await timed(lambda: visitors.people(conn, account_id, activity_id))
    counted = await timed(lambda: recount.counters(conn, account_id, activity_id))
    wrong = await recount.differences(conn, account_id, activity_id)
    print(
        f"people told from programs in {told_apart * 1e3:.0f} ms; counted again in {counted * 1e3:.0f} ms: "
        f"{len(wrong)} numbers differ from the report's"
    )
    await conn.close()
    if wrong:
        raise SystemExit(1)


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def read_keys(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, people: list[ContactId]
) -> None:
    for contact_id in people:
        found = await one(
            conn,
            Send,
            """
            SELECT campaign_activity_id, contact_id, sent_at, email_address
              FROM sends
             WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND contact_id = :contact_id""",
            account_id=account_id,
            activity_id=activity_id,
            contact_id=contact_id,
        )
        assert found is not None


async def read_reports(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, times: int) -> None:
    for _ in range(times):
        (found,) = await totals.find(conn, account_id, [[activity_id]])
        assert found is not None


async def some_people(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, count: int
) -> list[ContactId]:
    sql = """
        SELECT contact_id
          FROM sends
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id
         ORDER BY md5(email_address)
         LIMIT :count"""
    return await many(conn, ContactId, sql, account_id=account_id, activity_id=activity_id, count=count)


async def fill(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, sends: int) -> None:
    await run(
        conn,
        """
        INSERT INTO sends (account_id, campaign_activity_id, contact_id, sent_at, email_address)
        SELECT :account_id, :activity_id, md5(n::text)::uuid, now(), 'reader' || n || '@customers.example'
          FROM generate_series(1, :sends::int) AS n""",
        account_id=account_id,
        activity_id=activity_id,
        sends=sends,
    )
    await run(
        conn,
        """
        INSERT INTO links (account_id, campaign_activity_id, url, url_hash, position)
        SELECT :account_id, :activity_id, 'https://shop.example/' || n, decode(md5(n::text), 'hex'), n
          FROM generate_series(1, :links::int) AS n""",
        account_id=account_id,
        activity_id=activity_id,
        links=LINKS,
    )
    await run(
        conn,
        """
        INSERT INTO tracking_events (account_id, campaign_activity_id, kind, created_at, event_id, contact_id, url_id,
                                     device_type, bounce_code)
        SELECT :account_id, :activity_id, happened.kind, now() + n * interval '1 millisecond', gen_random_uuid(),
               md5(n::text)::uuid, CASE WHEN happened.kind = 'click' THEN first_link + n % :links::int END,
               CASE WHEN happened.kind <> 'bounce' THEN (ARRAY['computer', 'mobile', 'tablet', 'other'])[1 + n % 4] END,
               CASE WHEN happened.kind = 'bounce' THEN 'B' END
          FROM generate_series(1, :sends::int) AS n,
               (SELECT min(url_id) AS first_link FROM links WHERE account_id = :account_id) AS link,
               LATERAL (VALUES ('open', n % 100 < 30), ('open', n % 100 < 15), ('click', n % 100 < 8),
                               ('bounce', n % 100 = 99)) AS happened (kind, is_true)
         WHERE happened.is_true""",
        account_id=account_id,
        activity_id=activity_id,
        sends=sends,
        links=LINKS,
    )
    await recount.repair(conn, account_id, activity_id)
    await run(conn, "VACUUM ANALYZE")


if __name__ == "__main__":
    main()
