"""The queue: 1,000 activities may wait, whatever is cancelled stays, and nothing of a cancelled one is done twice."""

import asyncio
from typing import Any

import pytest

from everpost.activities import contact_steps, lanes, ledger, runner
from everpost.ids import ActivityId
from everpost.platform.db import Db, many, one, run

ELEVEN = [
    "add_list_memberships", "remove_list_memberships", "contacts_taggings_add", "contacts_taggings_remove",
    "contacts_tags_delete", "custom_fields_delete", "contact_delete", "list_delete", "contact_exports",
    "contacts_json_import",
]  # fmt: skip
ALIASES = ["contacts_delete", "contacts_export"]


async def _fill(db: Db, account: Any, count: int, *, states: str = "initialized") -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO activities (account_id, activity_id, kind, state, percent_done, request, created_at, updated_at)
               SELECT :account_id, gen_random_uuid(), 'list_delete',
                      CASE WHEN number % 2 = 0 THEN 'processing' ELSE :state END, 1, '{"list_ids": []}', now(), now()
                 FROM generate_series(1, :count) AS number""",
            account_id=account.account_id,
            state=states,
            count=count,
        )


async def test_a_full_queue_refuses_every_post_before_it_looks_at_the_members(api, account, db, new_account):
    await _fill(db, account, 1000)
    for kind in [*ELEVEN, *ALIASES]:
        for body in ({}, {"list_ids": "nonsense"}):
            answer = await api.post(f"/v3/activities/{kind}", body)
            assert (429, "contacts.api.too_many_activities") == (answer.status, answer.error_key), kind
            assert answer.error_message == "You exceeded 1,000 queued activities for this user account."
            assert isinstance(answer.body, list)
        broken = await api.post(f"/v3/activities/{kind}", content=b"{", headers={"Content-Type": "application/json"})
        assert (400, "Bad request. The JSON was malformed.") == (broken.status, broken.error_message), kind
    tag = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    for path in (f"/v3/contact_lists/{account.list_id}", f"/v3/contact_tags/{tag}"):
        assert (await api.delete(path)).status == 202, "these two are not limited"


async def test_finished_activities_do_not_count(api, account, db):
    await _fill(db, account, 999)
    await _fill(db, account, 1, states="completed")
    lists = {"list_ids": [str(account.list_id)]}
    assert (await api.post("/v3/activities/list_delete", lists)).status == 201
    assert (await api.post("/v3/activities/list_delete", lists)).status == 429


@pytest.mark.usefixtures("clock")
async def test_what_is_cancelled_while_it_runs_keeps_whole_steps_only(bulk, account, db, api, work, monkeypatch):
    """The worker finds out at the end of its step, whose work is rolled back; the selection is gone."""
    monkeypatch.setattr(contact_steps, "MOST_PER_STEP", 2)
    red = await bulk.tag("Red")
    people = [await bulk.contact(f"person{number}") for number in range(5)]
    posted = await bulk.post("contacts_taggings_add", source={"contact_ids": people}, tag_ids=[red])
    activity_id = ActivityId(posted.body["activity_id"])
    lane = await lanes.claim(db, account.account_id)
    assert lane is not None
    async with lane.step() as conn:
        entry = await ledger.begin_oldest(conn, account.account_id)
    assert entry is not None
    turn = runner.Turn(lane, entry, ends_at=float("inf"))
    real_advance, steps = ledger.advance, []

    async def advance(*arguments: Any) -> None:
        steps.append(arguments)
        if len(steps) == 3:
            async with db.transaction() as other:
                await runner.cancel(other, account.account_id, activity_id)
        await real_advance(*arguments)

    monkeypatch.setattr(ledger, "advance", advance)
    with pytest.raises(ledger.Stopped):
        await runner._works[entry.kind](turn)
    activity = await bulk.activity(posted)
    assert ("cancelled", {"items_total_count": 5, "items_completed_count": 2}) == (
        activity["state"],
        activity["status"],
    )
    assert "completed_at" in activity
    async with db.reader() as conn:
        assert await one(conn, int, "SELECT count(*) FROM contact_taggings") == 2
        assert await many(conn, int, "SELECT chunk FROM activity_contacts") == []
    async with db.transaction() as conn:
        await run(conn, "UPDATE activity_lanes SET leased_until = NULL")
    await work()
    assert (await bulk.activity(posted)) == activity


async def test_a_lane_is_held_as_long_as_a_long_step_takes(bulk, account, db, monkeypatch):
    await bulk.post("list_delete", list_ids=[str(account.list_id)])
    lane = await lanes.claim(db, account.account_id)
    assert lane is not None
    monkeypatch.setattr(lanes, "LEASE_SECONDS", 0.06)
    leases: set[object] = set()
    async with lane.long_step():
        for _ in range(200):
            async with db.reader() as conn:
                leases.add(await conn.fetchval("SELECT leased_until FROM activity_lanes"))
            if len(leases) > 2:
                break
            await asyncio.sleep(0.01)
    assert len(leases) > 2, "renewed again and again, beside the step"
