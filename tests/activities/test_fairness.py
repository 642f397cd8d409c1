"""Long work of one account keeps no other account waiting."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from everpost.activities import ledger, runner
from everpost.oauth import tokens
from everpost.platform import clock, jobs
from everpost.platform.db import Db
from tests.support.api import Api
from tests.support.fixtures import _take_due

LONG = "email,first_name\n" + "".join(f"person{number}@x.example,{'x' * 40}\n" for number in range(30_000))
SHORT = "email\n" + "".join(f"person{number}@x.example\n" for number in range(10))


@pytest.fixture
async def second(new_account: Any, api: Api, db: Db) -> Any:
    """Another account with a client, and what posts a file for it."""
    account = await new_account("other@x.example")
    client = api.with_token(await tokens.mint_for_command_line(db, account.email, ["contact_data"]))

    async def post(text: str) -> Any:
        data = {"list_ids": str(account.list_id)}
        files = {"file": ("a.csv", text.encode())}
        posted = await client.post("/v3/activities/contacts_file_import", data=data, files=files)
        assert posted.status == 201, posted
        return account.account_id, posted.body["activity_id"]

    return post


async def test_a_single_worker_turns_to_the_other_account_after_one_turn(import_file, second, db, work, monkeypatch):
    monkeypatch.setattr(runner, "_TURN_SECONDS", 0.0)
    assert (await import_file(LONG)).status == 201
    account_id, activity_id = await second(SHORT)
    # Two steps of ten rows, and the long one in between.
    assert await _turns_until_completed(db, account_id, activity_id) <= 4


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("contacts_taggings_add", {"source": {"list_ids": ["list"]}, "tag_ids": ["tag"]}),
        ("contacts_taggings_remove", {"source": {"list_ids": ["list"]}, "tag_ids": ["tag"]}),
        ("add_list_memberships", {"source": {"list_ids": ["list"]}, "list_ids": ["list"]}),
        ("remove_list_memberships", {"source": {"list_ids": ["list"]}, "list_ids": ["list"]}),
        ("contact_delete", {"list_ids": ["list"]}),
        ("contacts_tags_delete", {"tag_ids": ["tag"]}),
        ("custom_fields_delete", {"custom_field_ids": ["field"]}),
        ("list_delete", {"list_ids": ["list"]}),
        ("contact_exports", {}),
    ],
)
async def test_long_work_of_any_kind_goes_on_turn_by_turn_and_lets_others_in(
    kind, members, bulk, second, small_steps, account, db, work, monkeypatch
):
    monkeypatch.setattr(runner, "_TURN_SECONDS", 0.0)
    ids = {"list": str(account.list_id), "tag": await bulk.tag("Red"), "field": await bulk.field("Boat")}
    value = {"custom_field_id": ids["field"], "value": "x"}
    for number in range(12):
        await bulk.contact(f"p{number}", list_memberships=[ids["list"]], taggings=[ids["tag"]], custom_fields=[value])
    body = {name: _filled(member, ids) for name, member in members.items()}
    long = (await bulk.post(kind, **body)).body["activity_id"]
    account_id, activity_id = await second(SHORT)
    assert await _turns_until_completed(db, account_id, activity_id) <= 4
    assert "processing" == await _state(db, account.account_id, long)
    # However short its turns are: it ends.
    assert await asyncio.wait_for(work(), 5) >= 3
    assert "completed" == await _state(db, account.account_id, long)


async def test_accounts_are_worked_on_side_by_side(import_file, second, account, db):
    long = (await import_file(LONG)).body["activity_id"]
    working = asyncio.create_task(runner.run_lane(db, account.account_id))
    while await _state(db, account.account_id, long) == "initialized":
        await asyncio.sleep(0.01)
    account_id, activity_id = await second(SHORT)
    await runner.run_lane(db, account_id)
    assert "completed" == await _state(db, account_id, activity_id)
    assert "processing" == await _state(db, account.account_id, long)
    await working


async def _turns_until_completed(db: Db, account_id: Any, activity_id: str) -> int:
    turns = 0
    while await _state(db, account_id, activity_id) != "completed":
        picked = await _take_due(db, clock.now() + timedelta(seconds=1))
        assert picked is not None
        await jobs.registry[picked[0]].run_payload(db, picked[1])
        turns += 1
    return turns


def _filled(member: Any, ids: dict[str, str]) -> Any:
    """The member of a request, with the ids of the things that it names."""
    if isinstance(member, dict):
        return {name: _filled(each, ids) for name, each in member.items()}
    return [ids[name] for name in member]


async def _state(db: Db, account_id: Any, activity_id: str) -> str:
    async with db.reader() as conn:
        return (await ledger.get(conn, account_id, activity_id)).state  # type: ignore[arg-type]
