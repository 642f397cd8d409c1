"""Bulk jobs on selected contacts: rows per second, processor time and peak memory of the worker.

`python bench/bulk_jobs.py [--contacts 100000]`

Everybody on one list is put on two more lists, tagged with three tags, untagged, taken off the lists and deleted, on
an embedded PostgreSQL with its durable settings. Each job runs as the worker runs it, in this process.
"""

import argparse
import asyncio
import resource
import time
from collections.abc import Awaitable, Callable

import bulk_worker
import instance

from everpost.activities import contact_deletions, contact_steps, list_memberships, taggings
from everpost.activities.contact_deletions import ContactDeletion
from everpost.activities.list_memberships import MembershipsChange
from everpost.activities.selections import Source
from everpost.activities.taggings import TaggingsChange
from everpost.contacts import lists, tags
from everpost.contacts.shapes import ContactListIn
from everpost.contacts.tags import TagIn
from everpost.ids import AccountId, ListId, TagId, new_id
from everpost.platform import db as platform_db
from everpost.platform import logs, migrate
from everpost.platform.db import Conn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    options = parser.parse_args()
    with instance.embedded() as everpost:
        asyncio.run(measure(options.contacts, everpost.url))


async def measure(contacts: int, url: str) -> None:
    logs.configure("bench")
    await migrate.apply(url)
    db = await bulk_worker.open_database()
    account_id = AccountId(new_id())
    async with db.transaction() as conn:
        everybody, first, second = [await new_list(conn, account_id, name) for name in ("Everybody", "First", "Second")]
        three = [await new_tag(conn, account_id, name) for name in ("Red", "Green", "Blue")]
        await fill(conn, account_id, everybody, contacts)
    async with db.reader() as conn:
        await conn.execute("VACUUM ANALYZE")
    source = Source(list_ids=[everybody])
    joined, tagged = MembershipsChange(source, [first, second]), TaggingsChange(source, three)
    print(f"{contacts} contacts, {contact_steps.MOST_PER_STEP} per step at most, {instance.machine()}")
    jobs: list[tuple[str, Callable[[Conn], Awaitable[object]]]] = [
        ("add to 2 lists", lambda conn: list_memberships.start_adding(conn, account_id, joined)),
        ("add to them again", lambda conn: list_memberships.start_adding(conn, account_id, joined)),
        ("add 3 tags", lambda conn: taggings.start_adding(conn, account_id, tagged)),
        ("add them again", lambda conn: taggings.start_adding(conn, account_id, tagged)),
        ("remove 3 tags", lambda conn: taggings.start_removing(conn, account_id, tagged)),
        ("remove from 2 lists", lambda conn: list_memberships.start_removing(conn, account_id, joined)),
        ("delete", lambda conn: contact_deletions.start(conn, account_id, ContactDeletion(list_ids=[everybody]))),
    ]
    for name, start in jobs:
        begun, used = time.perf_counter(), time.process_time()
        async with db.transaction() as conn:
            await start(conn)
        await bulk_worker.work(db, account_id)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:20} {contacts / seconds:9,.0f} contacts/s, {cpu:5.2f} s of our processor, peak {peak:.0f} MiB")
    await db.close()


async def new_list(conn: Conn, account_id: AccountId, name: str) -> ListId:
    return (await lists.create(conn, account_id, ContactListIn(name))).list_id


async def new_tag(conn: Conn, account_id: AccountId, name: str) -> TagId:
    return (await tags.create(conn, account_id, TagIn(name))).tag_id


async def fill(conn: Conn, account_id: AccountId, list_id: ListId, contacts: int) -> None:
    await platform_db.run(
        conn,
        """INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, opt_in_source,
                                 opt_in_date, confirm_status, email_created_at, email_updated_at, first_name,
                                 create_source, created_at, updated_at)
           SELECT :account_id, uuidv7(), 'person' || number || '@x.example', 'person' || number || '@x.example',
                  'implicit', 'Account', now(), 'off', now(), now(), 'Person', 'Account', now(), now()
             FROM generate_series(1, :contacts) AS number""",
        account_id=account_id,
        contacts=contacts,
    )
    await platform_db.run(
        conn,
        """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
           SELECT account_id, :list_id, contact_id, now() FROM contacts WHERE account_id = :account_id""",
        account_id=account_id,
        list_id=list_id,
    )


if __name__ == "__main__":
    main()
