"""Counting the members of segments, against a sequential count of contacts and against the plain filter alone.

`python bench/segments.py [--contacts 200000] [--events 4000000] [--rounds 5]`; `--full` is 1M contacts and 20M events.

The rule: field = value AND (opened any of five campaigns OR on a list) AND NOT clicked any of them. It is narrow where
the value is rare (one contact of 500) and wide where half of all have it. Data is made inside the database; events are
rows of sends and of engagement, which is what rules read.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import instance

from everpost.contacts import segment_members, segments
from everpost.contacts.criteria import compiler, documents, references
from everpost.contacts.segments import SegmentIn
from everpost.ids import AccountId, SegmentId, new_id
from everpost.platform import clock, config, migrate
from everpost.platform import db as platform_db
from everpost.platform.db import Conn, many, one, run

CAMPAIGNS = 20
# Of all events so many are sends; the others are opens, one of five with a click.
SENDS = 0.7
NARROW, WIDE = "choice 7", "common"
LIST_ID = new_id()
STATEMENT_LIMIT = timedelta(seconds=60)


def main() -> None:
    options = arguments()
    with instance.embedded() as everpost:
        asyncio.run(measure(options, everpost.url))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="1,000,000 contacts and 20,000,000 events")
    parser.add_argument("--explain", action="store_true", help="print the plans")
    options = parser.parse_args()
    if options.full:
        options.contacts, options.events = 1_000_000, 20_000_000
    return options


async def measure(options: argparse.Namespace, dsn: str) -> None:
    await migrate.apply(dsn)
    config.current()
    db = await platform_db.connect(dsn)
    account_id = AccountId(new_id())
    began = time.perf_counter()
    async with db.transaction() as conn:
        made = await fill(conn, account_id, options.contacts, options.events)
    async with db.reader() as conn:
        await conn.execute("VACUUM ANALYZE")
    print(f"{options.contacts:,} contacts, {made:,} events, made in {time.perf_counter() - began:.0f} s")
    async with db.reader() as conn:
        await report(conn, account_id, options)
    await db.close()


async def report(conn: Conn, account_id: AccountId, options: argparse.Namespace) -> None:
    rounds = options.rounds
    for name, value, anchor, must, goal in (
        ("narrow", NARROW, "sequential count", 1.0, 0.4),
        ("wide", WIDE, "filter alone", 10.0, 4.0),
    ):
        segment_id = await create(conn, account_id, name, value)
        alone_id = await create(conn, account_id, f"{name} filter", value, is_alone=True)
        (sequential, alone, took), (_, filtered, found) = await timed(
            rounds,
            lambda: sequential_count(conn, account_id),
            lambda: segment_members.count(conn, account_id, alone_id),  # noqa: B023
            lambda: segment_members.count(conn, account_id, segment_id),  # noqa: B023
        )
        base = sequential if name == "narrow" else alone
        print(
            f"{name:6} {found:8,} of {filtered:8,}: {took:8.1f} ms, filter alone {alone:8.1f} ms,"
            f" sequential count {sequential:8.1f} ms;"
            f" {took / base:5.2f} x {anchor} (must {must}, goal {goal})"
        )
        await both_forms(conn, account_id, segment_id, is_explained=options.explain)
        (page,), _ = await timed(rounds, lambda: first_page(conn, account_id, segment_id))  # noqa: B023
        print(f"       first page of 500: {page:8.1f} ms")


async def timed(rounds: int, *actions: Callable[[], Awaitable[int]]) -> tuple[list[float], list[int]]:
    """The median of each in milliseconds, in turns so that a busy moment hits all; the first round warms up."""
    found = [await action() for action in actions]
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for number, action in enumerate(actions):
            began = time.perf_counter()
            found[number] = await action()
            times[number].append((time.perf_counter() - began) * 1000)
    return [statistics.median(each) for each in times], found


async def sequential_count(conn: Conn, account_id: AccountId) -> int:
    async with platform_db.savepoint(conn):
        await conn.execute("SET LOCAL enable_indexscan = off")
        await conn.execute("SET LOCAL enable_indexonlyscan = off")
        await conn.execute("SET LOCAL enable_bitmapscan = off")
        counted = await one(
            conn,
            int,
            "SELECT count(*) FROM contacts WHERE account_id = :account_id AND deleted_at IS NULL",
            account_id=account_id,
        )
    return counted or 0


async def first_page(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> int:
    found = await segment_members.page(conn, account_id, segment_id, start=None, rows=501)
    return -1 if found is None else len(found)


async def both_forms(conn: Conn, account_id: AccountId, segment_id: SegmentId, *, is_explained: bool) -> None:
    """What either form would have taken, whichever was chosen."""
    tree = documents.read(await segments.criteria_of(conn, account_id, segment_id))
    compiled = compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=clock.now()))
    for name, sql in (("one by one", compiled.one_by_one), ("as sets", compiled.as_sets)):
        plan = await many(conn, str, "EXPLAIN " + sql, account_id=account_id, **compiled.values)
        try:
            async with platform_db.savepoint(conn):
                await platform_db.limit_statements(conn, STATEMENT_LIMIT)
                began = time.perf_counter()
                await one(
                    conn, int, "SELECT count(*) FROM (" + sql + ") AS m", account_id=account_id, **compiled.values
                )
                took = f"{(time.perf_counter() - began) * 1000:8.1f} ms"
        except platform_db.StatementTimeout:
            took = f"over {STATEMENT_LIMIT.total_seconds():.0f} s"
        print(f"       {name:10}: {took}, planner's cost {plan[0].rpartition('..')[2].split()[0]}")
        if is_explained:
            print("\n".join(f"         {line}" for line in plan))


async def create(conn: Conn, account_id: AccountId, name: str, value: str, *, is_alone: bool = False) -> SegmentId:
    names = await many(
        conn,
        str,
        """SELECT campaign_activity_id::text FROM sent_activities
            WHERE account_id = :account_id ORDER BY sent_at DESC LIMIT 5""",
        account_id=account_id,
    )
    has_value = {"source": "contact", "field": "cf:kind", "op": "eq", "value": value}
    events = {"source": "tracking", "op": "contains-any", "value": names}
    engaged = [
        {"type": "or", "group": [{**events, "field": "opened"},
                                 {"source": "list_membership", "op": "contains-any", "value": [str(LIST_ID)]}]},
        {"type": "not", "group": [{**events, "field": "clicked"}]},
    ]  # fmt: skip
    group = [has_value] if is_alone else [has_value, *engaged]
    criteria = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": group}})
    async with platform_db.savepoint(conn):
        made = await segments.create(conn, account_id, SegmentIn(name, criteria))
    return made.segment_id


async def fill(conn: Conn, account_id: AccountId, contacts: int, events: int) -> int:
    """Contacts, one field of 502 choices, one list with a fifth of them, and what became of the campaigns."""
    sends = int(events * SENDS / CAMPAIGNS)
    opens = int(events * (1 - SENDS) / CAMPAIGNS / 1.2)
    values: dict[str, Any] = {"account_id": account_id, "contacts": contacts, "now": clock.now_seconds()}
    await run(conn, _CONTACTS, **values)
    await run(conn, _LIST, list_id=LIST_ID, **{name: values[name] for name in ("account_id", "now")})
    await run(conn, _MEMBERSHIPS, list_id=LIST_ID, **values)
    choices = [
        {"choice_id": number, "choice_label": label, "display_order": number, "created_at": values["now"],
         "updated_at": values["now"]}
        for number, label in enumerate(["common", *(f"choice {number}" for number in range(2, 502))], start=1)
    ]  # fmt: skip
    await run(conn, _FIELD, field_id=new_id(), choices=choices, account_id=account_id, now=values["now"])
    for number in range(CAMPAIGNS):
        named = {"account_id": account_id, "activity_id": new_id(), "now": values["now"]}
        await run(conn, _ACTIVITY, days=number * 7, campaign_id=new_id(), **named)
        await run(conn, _SENDS, sends=min(sends, contacts), **named)
        await run(conn, _ENGAGEMENT, contacts=contacts, opens=min(opens, contacts), shift=number * 7919, **named)
    counted = await one(
        conn,
        int,
        """SELECT (SELECT count(*) FROM sends WHERE account_id = :account_id)
                + (SELECT count(*) + count(*) FILTER (WHERE clicks > 0) FROM engagement WHERE account_id = :account_id)""",
        account_id=account_id,
    )
    return counted or 0


_CONTACTS = """
    INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, opt_in_source,
                          opt_in_date, confirm_status, email_created_at, email_updated_at, first_name, last_name,
                          create_source, created_at, updated_at, custom_values, street_addresses)
    SELECT :account_id, lpad(to_hex(number), 32, '0')::uuid, 'reader' || number || '@example.com',
           'reader' || number || '@example.com', 'implicit', 'Account', :now, 'off', :now, :now,
           'First' || number % 1000, 'Last' || number % 5000, 'Account',
           :now::timestamptz - number * interval '1 second', :now,
           jsonb_build_object('1', jsonb_build_array(CASE WHEN number % 2 = 0 THEN 1 ELSE 2 + number / 2 % 500 END)),
           jsonb_build_array(jsonb_build_object('kind', 'home', 'city', 'City ' || number % 300, 'state', 'Oregon',
                                                'country', 'United States'))
      FROM generate_series(1, :contacts) AS number"""
_LIST = """
    INSERT INTO contact_lists (account_id, list_id, name, created_at, updated_at)
    VALUES (:account_id, :list_id, 'Readers', :now, :now)"""
_MEMBERSHIPS = """
    INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
    SELECT :account_id, :list_id, lpad(to_hex(number), 32, '0')::uuid, :now
      FROM generate_series(1, :contacts, 5) AS number"""
_FIELD = """
    INSERT INTO custom_fields (account_id, custom_field_id, field_key, label, name, type, choices, created_at, updated_at)
    VALUES (:account_id, :field_id, 1, 'Kind', 'kind', 'single_select', :choices, :now, :now)"""
_ACTIVITY = """
    INSERT INTO sent_activities (account_id, campaign_activity_id, campaign_id, sent_at)
    VALUES (:account_id, :activity_id, :campaign_id, :now::timestamptz - :days * interval '1 day')"""
_SENDS = """
    INSERT INTO sends (account_id, campaign_activity_id, contact_id, sent_at, email_address)
    SELECT :account_id, :activity_id, lpad(to_hex(number), 32, '0')::uuid, :now, 'reader@example.com'
      FROM generate_series(1, :sends) AS number"""
# Somebody else opens each time, scattered over all contacts.
_ENGAGEMENT = """
    INSERT INTO engagement (account_id, campaign_activity_id, contact_id, opens, clicks, first_opened_at,
                            last_opened_at, first_clicked_at, last_clicked_at)
    SELECT :account_id, :activity_id, lpad(to_hex(1 + (number * 104729 + :shift) % :contacts), 32, '0')::uuid, 1,
           CASE WHEN number % 5 = 0 THEN 1 ELSE 0 END, :now, :now,
           CASE WHEN number % 5 = 0 THEN :now::timestamptz END, CASE WHEN number % 5 = 0 THEN :now::timestamptz END
      FROM generate_series(1::bigint, :opens) AS number
        ON CONFLICT DO NOTHING"""


if __name__ == "__main__":
    main()
