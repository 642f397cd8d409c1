"""Workers killed at random moments: afterwards everything is as if nothing had happened."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import pytest

from everpost.platform import config
from everpost.platform.db import Db, one, run
from tests.activities.kills import Stage
from tests.support.instance import SOURCE

MOMENTS = 20
PEOPLE = 30
MANY = 20_000


@pytest.fixture
async def stage(db: Db, account: Any) -> AsyncIterator[Stage]:
    stage = Stage(db, account.account_id)
    yield stage
    await stage.clear()


@pytest.mark.parametrize(
    "kind",
    [
        "add_list_memberships",
        "remove_list_memberships",
        "contacts_taggings_add",
        "contacts_taggings_remove",
        "contact_delete",
        "contacts_tags_delete",
        "custom_fields_delete",
        "list_delete",
    ],
)
@pytest.mark.usefixtures("small_steps", "clock")
async def test_a_killed_worker_leaves_no_trace(kind: str, bulk: Any, stage: Stage, work: Any, account: Any) -> None:
    body = await _prepared(kind, bulk, str(account.list_id))
    assert (await bulk.post(kind, **body)).status == 201
    await stage.keep()
    events = await stage.work_and_die(at=0)
    await work()
    expected = await stage.digest()
    assert any('"state": "completed"' in row and '"percent_done": 100' in row for row in expected["activities"])
    chosen = random.Random(kind).sample(range(1, events + 1), MOMENTS)
    for moment in sorted(chosen):
        await stage.go_back()
        await stage.work_and_die(at=moment)
        await stage.recover()
        await work()
        assert await stage.digest() == expected, f"killed at event {moment} of {events}"


@pytest.mark.parametrize("kind", ["contacts_taggings_add", "contact_exports", "contacts_file_import"])
async def test_a_process_killed_for_good_is_replaced(kind, bulk, import_file, stage, work, account, db, data):
    people = await _many_people(db, account) if kind != "contacts_file_import" else 1
    if kind == "contacts_taggings_add":
        source = {"list_ids": [str(account.list_id)]}
        posted = await bulk.post(kind, source=source, tag_ids=[await bulk.tag("Red")])
    elif kind == "contact_exports":
        posted = await bulk.post(kind, fields=["first_name", "created_at"])
    else:
        rows = "".join(f"person{number}@x.example,{'x' * 40}\n" for number in range(MANY))
        posted = await import_file("email,first_name\n" + rows)
    process = _worker(data)
    try:
        await _begun(db)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert (await bulk.activity(posted))["state"] == "processing"
    await stage.recover()
    await work()
    done = await bulk.activity(posted)
    assert done["state"] == "completed"
    if kind == "contacts_taggings_add":
        assert done["status"] == {"items_total_count": people, "items_completed_count": people}
        assert await _count(db, "SELECT count(*) FROM contact_taggings") == people
    elif kind == "contact_exports":
        assert done["status"] == {"items_total_count": people, "items_completed_count": people}
        file = await bulk.api.get(done["_links"]["results"]["href"])
        assert file.text.count("\r\n") == people + 1
    else:
        assert (done["status"]["person_count"], done["status"]["error_count"]) == (MANY, 0)
        assert await _count(db, "SELECT count(*) FROM contacts") == MANY + 1


async def _many_people(db: Db, account: Any) -> int:
    """Put people on the account's list, where the owner is too; returns how many are there."""
    async with db.transaction() as conn:
        # The planner's worst mistake: it thinks that these are empty.
        await conn.execute("ANALYZE contacts, list_memberships, contact_taggings, activity_contacts")
        await run(
            conn,
            """INSERT INTO contacts (account_id, contact_id, first_name, create_source, created_at, updated_at)
               SELECT :account_id, gen_random_uuid(), 'Person', 'Account', now(), now()
                 FROM generate_series(1, :count)""",
            account_id=account.account_id,
            count=MANY,
        )
        await run(
            conn,
            """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
               SELECT account_id, :list_id, contact_id, now() FROM contacts WHERE first_name = 'Person'""",
            list_id=account.list_id,
        )
    return MANY + 1


async def _count(db: Db, sql: LiteralString) -> int | None:
    async with db.reader() as conn:
        return await one(conn, int, sql)


async def _prepared(kind: str, bulk: Any, list_id: str) -> dict[str, Any]:
    """People with lists, tags and fields, and the request: among the named contacts one who is not there."""
    first, second = await bulk.contact_list("First"), await bulk.contact_list("Second")
    red, blue = await bulk.tag("Red"), await bulk.tag("Blue")
    fields = [await bulk.field(label) for label in ("Boat", "Berth")]
    values = [{"custom_field_id": field, "value": "x"} for field in fields]
    people = []
    for number in range(PEOPLE):
        members = {"list_memberships": [[list_id], [first], [first, second]][number % 3], "custom_fields": values}
        people.append(await bulk.contact(f"person{number}", taggings=[[], [red], [red, blue]][number % 3], **members))
    missing = "0193a1c2-0000-7000-8000-00000000dead"
    everybody = {"source": {"contact_ids": [*people, missing]}}
    return {
        "add_list_memberships": {**everybody, "list_ids": [first, second]},
        "remove_list_memberships": {"source": {"list_ids": [first, list_id]}, "list_ids": [first, list_id]},
        "contacts_taggings_add": {**everybody, "tag_ids": [red, blue]},
        "contacts_taggings_remove": {"source": {"tag_ids": [red, blue]}, "tag_ids": [red, blue]},
        "contact_delete": {"list_ids": [first, list_id]},
        "contacts_tags_delete": {"tag_ids": [red, missing, blue]},
        "custom_fields_delete": {"custom_field_ids": [*fields, missing]},
        "list_delete": {"list_ids": [first, missing, second]},
    }[kind]


def _worker(data: Any) -> subprocess.Popen[bytes]:
    settings = config.current()
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "EVERPOST_DATA": str(data),
        "EVERPOST_DATABASE_URL": str(settings.database_url),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "everpost", "work"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )


async def _begun(db: Db) -> None:
    """Wait until a first step is done."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if await _count(db, "SELECT count(*) FROM activities WHERE position <> 'null'"):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the worker did nothing")
