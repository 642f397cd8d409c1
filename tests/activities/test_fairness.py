"""A long import of one account keeps no other account waiting."""

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
    turns = 0
    while await _state(db, account_id, activity_id) != "completed":
        picked = await _take_due(db, clock.now() + timedelta(seconds=1))
        assert picked is not None
        await jobs.registry[picked[0]].run_payload(db, picked[1])
        turns += 1
    assert turns <= 4  # two steps of ten rows, and the long one in between


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


async def _state(db: Db, account_id: Any, activity_id: str) -> str:
    async with db.reader() as conn:
        return (await ledger.get(conn, account_id, activity_id)).state  # type: ignore[arg-type]
