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
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import import_csv
import msgspec

from everpost.activities import exports, ledger, runner
from everpost.activities.shapes import ContactsExport
from everpost.ids import AccountId, ListId
from everpost.platform import logs
from everpost.platform.db import Db
from everpost.platform.postgres import Postgres

MOST_MEBIBYTES = 300
STORED = """SELECT email_address, permission_to_send, create_source, update_source, opt_in_source, opt_in_date,
    opt_out_source, opt_out_date, opt_out_reason, first_name, last_name, company_name, job_title, phone_numbers,
    street_addresses, birthday_month, birthday_day, anniversary, notes, custom_values, source_name, created_at, updated_at
  FROM contacts ORDER BY created_at, contact_id"""


def main() -> None:
    options = arguments()
    if options.work:
        print(json.dumps(asyncio.run(work(AccountId(UUID(options.work))))))
        return
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    data.chmod(0o755)
    postgres = Postgres(data)
    try:
        postgres.start()
        os.environ.update(EVERPOST_DATA=str(data), EVERPOST_DATABASE_URL=postgres.dsn())
        asyncio.run(measure(options, data))
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    return parser.parse_args()


async def measure(options: argparse.Namespace, data: Path) -> None:
    db = await import_csv.open_database()
    account_id, list_id = await import_csv.prepare(db)
    await fill(db, account_id, list_id, options.rows)
    print(f"{options.rows} contacts, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
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


async def export(db: Db, account_id: AccountId) -> dict[str, Any]:
    """What the worker's process says about an export of everybody."""
    async with db.transaction() as conn:
        started = await exports.start(conn, account_id, ContactsExport())
    command = [sys.executable, __file__, "--work", str(account_id)]
    worker = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=True)
    async with db.reader() as conn:
        done = await ledger.get(conn, account_id, started.activity_id)
        file = await exports.finished(conn, account_id, started.activity_id)
    assert (done.state, done.activity_errors) == ("completed", []), done
    answer: dict[str, Any] = msgspec.json.decode(worker.stdout)
    return {**answer, "size": file.size_bytes}


async def work(account_id: AccountId) -> dict[str, Any]:
    """The worker's process: turn after turn, until nothing is left to do."""
    logs.configure("worker")
    db = await import_csv.open_database()
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    while await import_csv.has_work(db, account_id):
        await runner.run_lane(db, account_id)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    await db.close()
    return {
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "mebibytes": after.ru_maxrss / 1024,
    }


def report(rows: int, rounds: list[tuple[float, dict[str, Any]]]) -> None:
    anchor = statistics.median(seconds for seconds, _ in rounds)
    seconds = statistics.median(each["seconds"] for _, each in rounds)
    ratio = statistics.median(each["seconds"] / before for before, each in rounds)
    cpu = statistics.median(each["cpu_seconds"] for _, each in rounds)
    peak = max(each["mebibytes"] for _, each in rounds)
    size = rounds[0][1]["size"] / 1024 / 1024
    print(f"COPY TO (anchor)  {rows / anchor:10,.0f} rows/s")
    print(
        f"export            {rows / seconds:10,.0f} rows/s   1/{ratio:.1f} of COPY TO"
        f"   worker {cpu / rows * 1e6:.1f} µs/row   {size:.0f} MiB   peak {peak:.0f} MiB"
    )
    print(f"peak memory       {peak:.0f} MiB (must {MOST_MEBIBYTES}): {import_csv.verdict(peak <= MOST_MEBIBYTES)}")


if __name__ == "__main__":
    main()
