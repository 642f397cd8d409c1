"""A campaign's report, totals and uniques, against reading one row by its primary key in the same run.

`python bench/reports.py [--sends 1000000] [--rounds 7] [--reads 1000]`

The ledger is filled with one campaign: of its sends 30 % are opened, half of these twice, 8 % clicked, 1 % bounced.
Then both are read in turn over one connection; medians are printed, with what counting it all again takes and whether
it comes to the same. So are the two reports whose numbers no counter holds: a campaign with a resend to a tenth of its
contacts, where each counts once, and the comparison of an A/B test's samples, a tenth of the contacts each. These are
counted when a counter moved, and kept until the next one does.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import instance
import uvloop

from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, new_id
from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.platform.db import Conn, many, one, run
from everpost.reports import totals, variants
from everpost.tracking import recount
from everpost.tracking.sends import Send

MUST, GOAL = 5.0, 2.0
LINKS = 10


def main() -> None:
    options = arguments()
    with instance.embedded() as everpost:
        uvloop.run(measure(options, everpost.url))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reads", type=int, default=1_000)
    return parser.parse_args()


async def measure(options: argparse.Namespace, url: str) -> None:
    conn = await platform_db.connect_once(url)
    await migrate.create(conn)
    account_id, activity_id, resend_id = AccountId(new_id()), CampaignActivityId(new_id()), CampaignActivityId(new_id())
    campaign_id = CampaignId(new_id())
    seconds = await timed(lambda: fill(conn, account_id, activity_id, options.sends))
    seconds += await timed(lambda: fill(conn, account_id, resend_id, options.sends // 10))
    seconds += await timed(lambda: fill_test(conn, account_id, campaign_id, activity_id, resend_id, options.sends))
    print(f"{options.sends} sends of one campaign filled in and counted in {seconds:.0f} s")
    people = await some_people(conn, account_id, activity_id, options.reads)
    reports = {
        "the report": lambda: totals.find(conn, account_id, [[activity_id]]),
        "with a resend": lambda: totals.find(conn, account_id, [[activity_id, resend_id]]),
        "the A/B comparison": lambda: variants.find(conn, account_id, campaign_id),
    }
    first_looks = {name: await timed(report) for name, report in reports.items()}
    keys: list[float] = []
    looks: dict[str, list[float]] = {name: [] for name in reports}
    for _ in range(options.rounds):
        keys.append(await timed(lambda: read_keys(conn, account_id, activity_id, people)) / len(people))
        for name, report in reports.items():
            looks[name].append(await timed(functools.partial(repeat, report, len(people))) / len(people))
    print(f"one row by key {statistics.median(keys) * 1e6:.0f} µs; {instance.machine()}")
    for name, seconds_each in looks.items():
        ratio = statistics.median(look / key for key, look in zip(keys, seconds_each, strict=True))
        print(
            f"{name} {statistics.median(seconds_each) * 1e6:.0f} µs, {ratio:.2f} times (must {MUST:g}: "
            f"{instance.verdict(ratio <= MUST)}, goal {GOAL:g}); the first look {first_looks[name] * 1e3:.0f} ms"
        )
    counted = await timed(lambda: recount.counters(conn, account_id, activity_id))
    wrong = await recount.differences(conn, account_id, activity_id)
    wrong += await totals.wrong(conn, account_id, min(activity_id, resend_id))
    wrong += await variants.wrong(conn, account_id, activity_id)
    print(f"counted again in {counted * 1e3:.0f} ms: {len(wrong)} numbers differ from the report's")
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


async def repeat(report: Callable[[], Awaitable[Any]], times: int) -> None:
    for _ in range(times):
        assert await report()


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
               (SELECT min(url_id) AS first_link
                  FROM links
                 WHERE account_id = :account_id AND campaign_activity_id = :activity_id) AS link,
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


async def fill_test(
    conn: Conn,
    account_id: AccountId,
    campaign_id: CampaignId,
    activity_id: CampaignActivityId,
    resend_id: CampaignActivityId,
    sends: int,
) -> None:
    """The campaign of both activities, with a test that is over."""
    first, second, rest = new_id(), new_id(), new_id()
    await run(
        conn,
        """
        INSERT INTO campaigns (account_id, campaign_id, sequence_id, name, type_code, status, created_at, updated_at)
        VALUES (:account_id, :campaign_id, 1, 'Spring', 57, 'DONE', now(), now())""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    await run(
        conn,
        """
        INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
        VALUES (:account_id, :activity_id, :campaign_id, 'primary_email'),
               (:account_id, :resend_id, :campaign_id, 'resend')""",
        account_id=account_id,
        activity_id=activity_id,
        resend_id=resend_id,
        campaign_id=campaign_id,
    )
    await run(
        conn,
        """
        INSERT INTO campaign_contents (account_id, campaign_id, format_type, from_name, from_email, reply_to_email,
                                       subject, html_content, contact_list_ids, segment_ids)
        VALUES (:account_id, :campaign_id, 5, '', '', '', 'Nine new arrivals', '', '{}', '{}')""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    await run(
        conn,
        """
        INSERT INTO mailings (account_id, mailing_id, campaign_activity_id, campaign_id, state, letterhead, template,
                              url_ids, recipients, created_at)
        SELECT :account_id, mailing_id, :activity_id, :campaign_id, 'finished', '{}', '', '{}', 0, now()
          FROM unnest(:mailing_ids::uuid[]) AS mailing (mailing_id)""",
        account_id=account_id,
        activity_id=activity_id,
        campaign_id=campaign_id,
        mailing_ids=[first, second, rest],
    )
    await run(
        conn,
        """
        INSERT INTO campaign_ab_tests (account_id, campaign_id, alternative_subject, test_size, winner_wait_hours, seed,
                                       mailing_a, mailing_b, mailing_rest, winner)
        VALUES (:account_id, :campaign_id, 'Signed copies inside', 10, 6, '', :first, :second, :rest, 'B')""",
        account_id=account_id,
        campaign_id=campaign_id,
        first=first,
        second=second,
        rest=rest,
    )
    await run(
        conn,
        """
        INSERT INTO outbox (account_id, campaign_activity_id, contact_id, mailing_id, state, attempts)
        SELECT :account_id, :activity_id, md5(n::text)::uuid,
               CASE n / 100 % 10 WHEN 0 THEN :first::uuid WHEN 1 THEN :second ELSE :rest END, 'sent', 1
          FROM generate_series(1, :sends::int) AS n""",
        account_id=account_id,
        activity_id=activity_id,
        first=first,
        second=second,
        rest=rest,
        sends=sends,
    )
    await run(conn, "VACUUM ANALYZE")


if __name__ == "__main__":
    main()
