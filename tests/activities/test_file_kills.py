"""Imports and exports whose workers are killed at random moments: files, contacts and counts as if nothing had happened."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from everpost.activities import exports, imports, ledger
from everpost.platform import storage
from everpost.platform.db import Db, many, one
from tests.activities.kills import Stage

MOMENTS = 20
_OUTCOME = """
    SELECT to_jsonb(contact) - ARRAY['contact_id', 'created_at', 'updated_at', 'email_created_at', 'email_updated_at',
                                     'opt_in_date', 'phone_numbers']
           || jsonb_build_object(
                  'phones', (SELECT jsonb_agg(number ->> 'phone_number') FROM jsonb_array_elements(phone_numbers) AS number),
                  'lists', (SELECT count(*) FROM list_memberships m WHERE m.contact_id = contact.contact_id),
                  'channel', (SELECT concat(sms_address, permission) FROM sms_channels s WHERE s.contact_id = contact.contact_id),
                  'history', (SELECT count(*) FROM sms_consent_history h WHERE h.contact_id = contact.contact_id))
      FROM contacts AS contact
     ORDER BY 1"""


@pytest.fixture
async def stage(db: Db, account: Any) -> AsyncIterator[Stage]:
    stage = Stage(db, account.account_id)
    yield stage
    await stage.clear()


async def test_a_killed_import_takes_every_row_once(
    api, import_file, stage, work, db, bulk, account, monkeypatch, clock
):
    monkeypatch.setattr(imports, "_FIRST_CHUNK_BYTES", 200)
    monkeypatch.setattr(imports, "_LARGEST_CHUNK_BYTES", 200)
    await bulk.field("Plan")
    known = [
        await bulk.contact(f"person{number}", list_memberships=[str(account.list_id)]) for number in range(3, 60, 9)
    ]
    assert (await api.delete(f"/v3/contacts/{known[0]}")).status == 204
    rows = [f"person{number}@x.example,Name {number},gold,555-{number:04},," for number in range(60)]
    rows[10:10] = ["nobody,x,,,,", ",,,,2125550100,1/1/2026", "person3@x.example,Again,,,,", ",Nameless,,,2125550100,"]
    text = "email,first_name,cf:plan,phone,sms_number,sms_consent_date\n" + "\n".join(rows)
    posted = await import_file(text, sms_permission_to_send="explicit")
    upload, content = await _upload(db)

    async def back() -> None:
        await stage.go_back()
        async with db.transaction() as conn:
            await conn.execute("DELETE FROM sms_channels")
            await conn.execute("DELETE FROM sms_consent_history")
        await storage.put(upload, content)

    async def outcome() -> tuple[Any, ...]:
        async with db.reader() as conn:
            people = await many(conn, str, _OUTCOME)
        activity = (await api.get(f"/v3/activities/{posted.body['activity_id']}")).body
        return people, activity, (await api.get(f"/v3/activities/{posted.body['activity_id']}/rejected_rows")).text

    await _die_at_random_moments(stage, work, back, outcome)


async def test_a_killed_export_holds_every_contact_once(api, stage, work, bulk, monkeypatch, clock):
    monkeypatch.setattr(exports, "_ROWS_PER_CHUNK", 4)
    for number in range(30):
        await bulk.contact(f"person{number}", first_name='"quoted", and\nbroken')
    posted = await api.post("/v3/activities/contact_exports", {})

    async def outcome() -> tuple[Any, ...]:
        activity = (await api.get(f"/v3/activities/{posted.body['activity_id']}")).body
        return activity, (await api.get(posted.body["_links"]["results"]["href"])).text

    await _die_at_random_moments(stage, work, stage.go_back, outcome)


async def test_an_import_that_did_its_rows_twice_would_be_seen(api, import_file, stage, work, db, monkeypatch, clock):
    """The counters outside of the transaction that made them: the kills above must find that."""
    monkeypatch.setattr(imports, "_FIRST_CHUNK_BYTES", 200)
    monkeypatch.setattr(imports, "_LARGEST_CHUNK_BYTES", 200)
    posted = await import_file("email\n" + "".join(f"person{number}@x.example\n" for number in range(60)))
    upload, content = await _upload(db)
    real = ledger.advance

    async def advance(conn: Any, *progress: Any) -> None:
        async with db.transaction() as other:
            await real(other, *progress)

    monkeypatch.setattr(ledger, "advance", advance)

    async def back() -> None:
        await stage.go_back()
        await storage.put(upload, content)

    async def outcome() -> tuple[Any, ...]:
        async with db.reader() as conn:
            people = await one(conn, int, "SELECT count(*) FROM contacts")
        return people, (await api.get(f"/v3/activities/{posted.body['activity_id']}")).body

    with pytest.raises(AssertionError, match="killed at event"):
        await _die_at_random_moments(stage, work, back, outcome)


async def _die_at_random_moments(stage: Stage, work: Any, back: Any, outcome: Any) -> None:
    await stage.keep()
    events = await stage.work_and_die(at=0)
    await work()
    expected = await outcome()
    assert "completed" in str(expected)
    for moment in sorted(random.Random(7).sample(range(1, events + 1), MOMENTS)):
        await back()
        await stage.work_and_die(at=moment)
        await stage.recover()
        await work()
        assert expected == await outcome(), f"killed at event {moment} of {events}"


async def _upload(db: Db) -> tuple[str, bytes]:
    async with db.reader() as conn:
        name = await one(conn, str, "SELECT file_name FROM activities WHERE file_name IS NOT NULL")
    assert name is not None
    with storage.open_file(name) as file:
        return name, file.read()
