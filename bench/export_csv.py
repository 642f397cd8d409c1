"""A CSV export of all contacts with all fields against a server-side COPY of the same columns.

`python bench/export_csv.py [--rows 200000] [--rounds 3]`

Contacts as the import of bench/import_csv.py makes them: five custom fields, one list, half of them with a telephone
number. The anchor is one COPY of what is stored, in the file's order, to a file of the server's; the export makes 43
columns and five custom ones of it, chunk by chunk, with the names of lists and tags, and keeps every chunk on disk
before it goes on. It runs as the worker runs it, in a process of its own, whose processor time and peak memory are
printed.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

import bulk_worker
import import_csv
import instance
from bulk_worker import Took

from everpost.activities import exports, ledger
from everpost.activities.shapes import ContactsExport
from everpost.ids import AccountId, ListId
from everpost.platform.db import Db

MOST_MEBIBYTES = 300
STORED = """SELECT email_address, permission_to_send, create_source, update_source, opt_in_source, opt_in_date,
    opt_out_source, opt_out_date, opt_out_reason, first_name, last_name, company_name, job_title, phone_numbers,
    street_addresses, birthday_month, birthday_day, anniversary, notes, custom_values, source_name, created_at, updated_at
  FROM contacts ORDER BY created_at, contact_id"""


def main() -> None:
    options = import_csv.arguments(__doc__)
    with instance.embedded() as everpost:
        asyncio.run(measure(options, everpost.data))


async def measure(options: argparse.Namespace, data: Path) -> None:
    db = await bulk_worker.open_database()
    account_id, list_id = await import_csv.prepare(db)
    await fill(db, account_id, list_id, options.rows)
    print(f"{options.rows} contacts, {options.rounds} rounds, {instance.machine()}")
    rounds = [
        (await copy(db, data / "postgres" / "anchor.csv"), await export(db, account_id)) for _ in range(options.rounds)
    ]
    report(options.rows, rounds)
    await db.close()


async def fill(db: Db, account_id: AccountId, list_id: ListId, rows: int) -> None:
    async with db.reader() as conn:
        await conn.execute(
            """INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, opt_in_source,
                                     opt_in_date, confirm_status, first_name, last_name, company_name, create_source,
                                     source_name, created_at, updated_at, custom_values, phone_numbers)
               SELECT $1, gen_random_uuid(), address, address, 'implicit', 'Account', now(), 'off', 'First' || n % 5000,
                      'Last' || n % 7001, 'Company ' || n % 3000, 'Account', 'File import',
                      date_trunc('second', now()) - n % 1000 * interval '1 hour', now(),
                      jsonb_build_object('1', 'gold', '2', 'City ' || n % 400, '3', (n % 1000)::text,
                                         '4', '1/2/2015', '5', 'note text ' || n),
                      CASE WHEN n % 2 = 0 THEN '[{"kind": "home", "phone_number": "555-0100"}]' ELSE '[]' END::jsonb
                 FROM (SELECT n, 'person' || n || '@example' || n % 977 || '.com' AS address
                         FROM generate_series(1, $2::int) AS n) AS made""",
            account_id,
            rows,
        )
        await conn.execute(
            "INSERT INTO list_memberships SELECT account_id, $1, contact_id, created_at FROM contacts", list_id
        )
        await conn.execute("VACUUM (ANALYZE) contacts, list_memberships")
        await conn.execute("CHECKPOINT")


async def copy(db: Db, file: Path) -> float:
    """Seconds that the server needs to write what is stored to a file."""
    async with db.reader() as conn:
        started = time.perf_counter()
        await conn.execute(f"COPY ({STORED}) TO '{file}' (FORMAT csv, HEADER)")
        return time.perf_counter() - started


async def export(db: Db, account_id: AccountId) -> tuple[Took, int]:
    """What the worker's process says about an export of everybody, and the size of the file in bytes."""
    async with db.transaction() as conn:
        started = await exports.start(conn, account_id, ContactsExport())
    took = await bulk_worker.in_process(account_id)
    async with db.reader() as conn:
        done = await ledger.get(conn, account_id, started.activity_id)
        file = await exports.finished(conn, account_id, started.activity_id)
    assert (done.state, done.activity_errors) == ("completed", []), done
    return took, file.size_bytes


def report(rows: int, rounds: list[tuple[float, tuple[Took, int]]]) -> None:
    copies, exported = zip(*rounds, strict=True)
    took = [each for each, _ in exported]
    ratio = statistics.median(each.seconds / copy for each, copy in zip(took, copies, strict=True))
    cpu_seconds = statistics.median(each.cpu_seconds for each in took)
    peak, size = max(each.mebibytes for each in took), exported[0][1] / 1024 / 1024
    print(f"COPY TO (anchor)  {rows / statistics.median(copies):10,.0f} rows/s")
    print(
        f"export            {rows / statistics.median(each.seconds for each in took):10,.0f} rows/s"
        f"   1/{ratio:.1f} of COPY TO   worker {cpu_seconds / rows * 1e6:.1f} µs/row   {size:.0f} MiB"
        f"   peak {peak:.0f} MiB"
    )
    print(f"peak memory       {peak:.0f} MiB (must {MOST_MEBIBYTES}): {instance.verdict(peak <= MOST_MEBIBYTES)}")


if __name__ == "__main__":
    main()
