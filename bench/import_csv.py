"""A CSV import, new and then again unchanged, against a server-side COPY of the same file.

`python bench/import_csv.py [--rows 200000] [--rounds 3]`

9 columns (5 of them custom fields), one list, on an embedded PostgreSQL with its durable settings. The anchor copies
the file into a table of nine text columns without an index. The import runs as the worker runs it, in a process of its
own, whose processor time and peak memory are printed; only the limit of 40,000 lines, which the door sets, is absent.
Before the second import the tables are vacuumed, as autovacuum does by itself within half a minute.

What bounds it: of some 7 µs per new row on an idle machine 6 are the server's COPY into `contacts` and
`list_memberships` (docs/decisions/0003-import-without-stage.md), with five index entries, checks and log for two tuples
where the anchor writes one tuple and nothing else. Reading, checking and writing the CSV anew happen beside it in a
thread. Less would need fewer indexes, or indexes that are built after the load, which an account in use does not allow;
a second connection gained nothing.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import bulk_worker
import instance
from bulk_worker import Took

from everpost.activities import import_requests, ledger, runner
from everpost.activities.import_requests import Request
from everpost.activities.ledger import New
from everpost.contacts import custom_fields, lists
from everpost.contacts.custom_fields import CustomFieldIn, Metadata
from everpost.contacts.shapes import ContactListIn
from everpost.ids import AccountId, ActivityId, ListId, new_id
from everpost.platform import config, migrate
from everpost.platform import db as platform_db
from everpost.platform.db import Conn, Db

MUST, MUST_AGAIN, MUST_MEBIBYTES = 1 / 18, 0.4, 300
HEADINGS = "email,first_name,last_name,company_name,cf:plan,cf:city,cf:score,cf:member_since,cf:note"
FIELDS = (
    CustomFieldIn(label="Plan", type="string"),
    CustomFieldIn(label="City", type="string"),
    CustomFieldIn(label="Score", type="number", metadata=Metadata(integer=True)),
    CustomFieldIn(label="Member since", type="date"),
    CustomFieldIn(label="Note", type="string"),
)


def main() -> None:
    options = arguments(__doc__)
    with instance.embedded() as everpost:
        asyncio.run(measure(options, everpost.data))


def arguments(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def measure(options: argparse.Namespace, data: Path) -> None:
    file = data / "people.csv"
    with file.open("w") as text:
        text.writelines(csv_lines(options.rows))
    db = await bulk_worker.open_database()
    account_id, list_id = await prepare(db)
    size = file.stat().st_size / 1024 / 1024
    print(f"{options.rows} rows, {size:.0f} MiB, {options.rounds} rounds, {instance.machine()}")
    rounds = []
    for _ in range(options.rounds):
        await forget(db)
        anchor = await copy(db, file)
        new = await import_once(db, account_id, list_id, file)
        await vacuum(db)
        before = await versions(db)
        again = await import_once(db, account_id, list_id, file)
        assert await versions(db) == before, "the second import wrote contacts"
        rounds.append((anchor, new, again))
    report(options.rows, rounds)
    await db.close()


def csv_lines(rows: int) -> Iterator[str]:
    chance = random.Random(7)
    yield HEADINGS + "\n"
    for number in range(rows):
        city, score = chance.randrange(400), chance.randrange(1000)
        yield (
            f"person{chance.randrange(10**9)}.{number}@example{number % 977}.com,First{number % 5000},"
            f"Last{chance.randrange(7001)},Company {number % 3000},{'gold' if number % 3 else 'free'},City {city},"
            f"{score},{1 + number % 12}/{1 + number % 28}/20{10 + number % 15},note text {chance.randrange(10**5)}\n"
        )


async def prepare(db: Db) -> tuple[AccountId, ListId]:
    account_id = AccountId(new_id())
    async with db.transaction() as conn:
        await migrate.create(conn)
        columns = ", ".join(f"c{number} text" for number in range(HEADINGS.count(",") + 1))
        await conn.execute(f"CREATE TABLE anchor ({columns})")
    async with db.transaction() as conn:
        for field in FIELDS:
            await custom_fields.create(conn, account_id, field)
        made = await lists.create(conn, account_id, ContactListIn(name="Everybody"))
    return account_id, made.list_id


async def forget(db: Db) -> None:
    async with db.reader() as conn:
        await conn.execute("TRUNCATE contacts, list_memberships, activities, activity_lanes, anchor, pgqueuer")
        await conn.execute("CHECKPOINT")


async def vacuum(db: Db) -> None:
    async with db.reader() as conn:
        await conn.execute("VACUUM (ANALYZE) contacts, list_memberships")


async def copy(db: Db, file: Path) -> float:
    """Seconds that the server needs to copy the file."""
    async with db.reader() as conn:
        started = time.perf_counter()
        await conn.execute(f"COPY anchor FROM '{file}' (FORMAT csv, HEADER)")
        seconds = time.perf_counter() - started
        await conn.execute("CHECKPOINT")
    return seconds


async def import_once(db: Db, account_id: AccountId, list_id: ListId, file: Path) -> Took:
    """What the worker's process says about an import of the file."""
    activity_id = ActivityId(new_id())
    name = f"{runner.UPLOADS}/{account_id}/{activity_id}"
    stored = config.current().data / "files" / name
    stored.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, stored)
    new = New(
        activity_id=activity_id,
        kind=import_requests.FILE,
        request=Request([list_id], None),
        file_name=name,
    )
    async with db.transaction() as conn:
        await runner.start(conn, account_id, new)
    took = await bulk_worker.in_process(account_id)
    async with db.reader() as conn:
        done = await ledger.get(conn, account_id, activity_id)
    assert (done.state, done.activity_errors) == ("completed", []), done
    return took


async def versions(db: Db) -> int:
    """A number that changes with any write to a contact."""
    async with db.reader() as conn:
        return await _versions(conn)


async def _versions(conn: Conn) -> int:
    found = await platform_db.one(
        conn, int, "SELECT sum(hashtext(xmin::text || ctid::text || xmax::text))::bigint FROM contacts"
    )
    return found or 0


def report(rows: int, rounds: list[tuple[float, Took, Took]]) -> None:
    copies, news, agains = zip(*rounds, strict=True)
    print(f"COPY (anchor)     {rows / statistics.median(copies):10,.0f} rows/s")
    for name, imports in (("new", news), ("again unchanged", agains)):
        per_copy = statistics.median(each.seconds / copy for each, copy in zip(imports, copies, strict=True))
        print(
            f"{name:17} {rows / statistics.median(each.seconds for each in imports):10,.0f} rows/s"
            f"   1/{per_copy:.1f} of COPY"
            f"   worker {statistics.median(each.cpu_seconds for each in imports) / rows * 1e6:.1f} µs/row"
            f"   peak {max(each.mebibytes for each in imports):.0f} MiB"
        )
    ratio = statistics.median(copy / new.seconds for copy, new, _ in rounds)
    repeated = statistics.median(again.seconds / new.seconds for _, new, again in rounds)
    peak = max(each.mebibytes for each in (*news, *agains))
    print(f"new               1/{1 / ratio:.1f} of COPY (must 1/18, goal 1/8): {instance.verdict(ratio >= MUST)}")
    print(f"again unchanged   {repeated:.2f} of the first time (must 0.4): {instance.verdict(repeated <= MUST_AGAIN)}")
    print(f"peak memory       {peak:.0f} MiB (must 300): {instance.verdict(peak <= MUST_MEBIBYTES)}")


if __name__ == "__main__":
    main()
