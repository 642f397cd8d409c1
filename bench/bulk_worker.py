"""A worker that does one account's bulk activities in a process of its own, and says what it took.

`python bench/bulk_worker.py ACCOUNT_ID` prints one line of JSON.
"""

import asyncio
import resource
import subprocess
import sys
import time
from uuid import UUID

import msgspec

from everpost.activities import exports, imports, ledger, runner
from everpost.ids import AccountId
from everpost.platform import config, logs
from everpost.platform import db as platform_db
from everpost.platform.db import Db

# Imported, so that the runner knows their kinds.
KINDS = (imports.run, exports.run)


class Took(msgspec.Struct, frozen=True):
    """What a process took until nothing was left to do."""

    seconds: float
    cpu_seconds: float
    mebibytes: float


async def in_process(account_id: AccountId) -> Took:
    """Start the worker and wait for it."""
    command = [sys.executable, __file__, str(account_id)]
    worker = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(worker.stdout, type=Took)


async def open_database() -> Db:
    url = config.current().database_url
    assert url is not None
    return await platform_db.connect(url, size=4)


async def work(db: Db, account_id: AccountId) -> None:
    """Turn after turn, as the worker does it."""
    while await _is_work_left(db, account_id):
        await runner.run_lane(db, account_id)


async def main(account_id: AccountId) -> None:
    logs.configure("worker")
    db = await open_database()
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await work(db, account_id)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    await db.close()
    cpu_seconds = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(msgspec.json.encode(Took(seconds, cpu_seconds, mebibytes=after.ru_maxrss / 1024)).decode())


async def _is_work_left(db: Db, account_id: AccountId) -> bool:
    async with db.reader() as conn:
        return await ledger.is_work_left(conn, account_id)


if __name__ == "__main__":
    asyncio.run(main(AccountId(UUID(sys.argv[1]))))
