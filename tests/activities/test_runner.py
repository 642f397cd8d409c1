"""One activity at a time per account, in order, and resumed wherever a worker died."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from everpost.activities import lanes, runner
from everpost.platform.db import Conn, Db, many, one, run

ROWS = 15_000  # about 4 MB below, so two chunks


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class DyingDb:
    """A database whose user dies at a transaction, just before or just after its commit."""

    def __init__(self, db: Db, *, at: int, is_committed: bool) -> None:
        self._db, self._left, self._is_committed = db, at, is_committed
        self.reader = db.reader

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Conn]:
        self._left -= 1
        async with self._db.transaction() as conn:
            yield conn
            if self._left == 0 and not self._is_committed:
                raise Killed
        if self._left == 0:
            raise Killed


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
async def test_a_worker_killed_at_any_transaction_loses_nothing_and_does_nothing_twice(
    import_file, finished, db, account, at, is_committed
):
    posted = await import_file(_big_file())
    with contextlib.suppress(Killed):
        await runner.run_lane(cast("Db", DyingDb(db, at=at, is_committed=is_committed)), account.account_id)
    await _expire_leases(db)
    await runner.wake(db)
    done = await finished(posted)
    assert done["state"] == "completed"
    assert done["status"] == {
        "items_total_count": ROWS + 1, "person_count": ROWS, "error_count": 0, "correctable_count": 3,
        "cannot_add_to_list_count": 0,
    }  # fmt: skip
    assert done["activity_errors"] == [f"Line {line}: Invalid email address" for line in (3, 7502, 15_001)]
    async with db.reader() as conn:
        # The account's owner is a contact and on the list too.
        assert await one(conn, int, "SELECT count(*) FROM contacts") == ROWS - 3 + 1
        assert await one(conn, int, "SELECT count(*) FROM list_memberships") == ROWS - 3 + 1


async def test_activities_of_one_account_run_in_their_order(import_file, finished, contacts, api, work):
    for name in ("First", "Second", "Third"):
        posted = await import_file(f"email,first_name\nada@x.example,{name}\n")
    await finished(posted)
    assert (await contacts())["ada@x.example"]["first_name"] == "Third"
    done = (await api.get("/v3/activities", {"state": "completed"})).body["activities"]
    assert len(done) == 3


async def test_while_one_worker_holds_the_lane_another_leaves_it_alone(import_file, finished, db, account, api):
    posted = await import_file("email\nada@x.example\n")
    lane = await lanes.claim(db, account.account_id)
    assert lane is not None
    await runner.run_lane(db, account.account_id)
    assert (await api.get("/v3/activities")).body["activities"][0]["state"] == "initialized"
    await _expire_leases(db)
    await runner.wake(db)
    assert (await finished(posted))["state"] == "completed"


async def test_a_worker_that_lost_its_lease_cannot_commit(import_file, db, account):
    await import_file("email\nada@x.example\n")
    slow = await lanes.claim(db, account.account_id)
    assert slow is not None
    await _expire_leases(db)
    assert await lanes.claim(db, account.account_id) is not None
    with pytest.raises(lanes.LeaseLost):
        async with slow.step() as conn:
            await run(conn, "UPDATE activities SET percent_done = 99 WHERE account_id = :id", id=account.account_id)
    async with db.reader() as conn:
        assert await many(conn, int, "SELECT percent_done FROM activities") == [1]


async def test_nothing_to_do_leaves_a_lane_free_and_quiet(import_file, finished, db, account, work):
    await finished(await import_file("email\nada@x.example\n"))
    await runner.wake(db)
    assert await work() == 0
    assert await lanes.claim(db, account.account_id) is None


async def test_accounts_do_not_wait_for_each_other(import_file, new_account, db, account):
    other = await new_account("other@x.example")
    await import_file("email\nada@x.example\n")
    async with db.transaction() as conn:
        await lanes.add_work(conn, other.account_id)
    assert await lanes.claim(db, account.account_id) is not None
    assert await lanes.claim(db, other.account_id) is not None


async def test_what_never_gets_on_is_given_up(import_file, finished, db, account, api):
    posted = await import_file("email\nada@x.example\n")
    for _ in range(10):
        with contextlib.suppress(Killed):
            await runner.run_lane(cast("Db", DyingDb(db, at=3, is_committed=False)), account.account_id)
        await _expire_leases(db)
    done = await finished(posted)
    assert done["state"] == "failed"
    assert done["activity_errors"] == ["The activity could not be completed because of an internal error"]
    assert done["percent_done"] < 100


async def test_what_takes_more_than_an_hour_is_timed_out(import_file, finished, db, account, clock):
    posted = await import_file("email\nada@x.example\n")
    with contextlib.suppress(Killed):
        await runner.run_lane(cast("Db", DyingDb(db, at=3, is_committed=False)), account.account_id)
    await _expire_leases(db)
    clock.move(timedelta(hours=1, seconds=1))
    done: dict[str, Any] = await finished(posted)
    assert (done["state"], "completed_at" in done) == ("timed_out", True)


def _big_file() -> str:
    filler = "n" * 250
    lines = [f"person{number}@x.example,{filler}" for number in range(ROWS)]
    for number in (1, 7500, 14_999):
        lines[number] = f"nobody,{filler}"
    return "email,comment\n" + "\n".join(lines) + "\n"


async def _expire_leases(db: Db) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE activity_lanes SET leased_until = now() - interval '1 second'")
