"""Jobs are real together with what caused them, run in a worker, and survive what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from everpost.platform import job_runner, jobs
from everpost.platform.config import Settings
from everpost.platform.db import Db, many, one, run
from everpost.platform.events import on, publish
from everpost.platform.jobs import every, job

_done: list[Any] = []


@job("test.note")
async def note(db: Db, number: int, account_id: UUID) -> None:
    _done.append((number, account_id))


@job("test.stumble")
async def stumble(db: Db, times: int) -> None:
    _done.append("try")
    if _done.count("try") <= times:
        raise RuntimeError("as intended")


@on("test.happened")
async def hear(db: Db, number: int) -> None:
    _done.append(("heard", number))


@on("test.happened")
async def hear_too(db: Db, number: int) -> None:
    _done.append(("heard too", number))


@every(timedelta(minutes=5))
async def tick(db: Db) -> None:
    _done.append("tick")


@pytest.fixture(autouse=True)
def _forget() -> None:
    _done.clear()


@asynccontextmanager
async def _worker(db: Db, settings: Settings) -> AsyncIterator[None]:
    assert settings.database_url is not None
    stop = asyncio.Event()
    task = asyncio.create_task(job_runner.run_until(stop, db, settings.database_url))
    yield
    stop.set()
    await asyncio.wait_for(task, 20)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_job_runs_with_its_arguments(db: Db, settings: Settings) -> None:
    account_id = uuid4()
    async with _worker(db, settings):
        async with db.transaction() as conn:
            await note.later(conn, number=7, account_id=account_id)
        await _until(lambda: any(each != "tick" for each in _done))
    assert [(7, account_id)] == [each for each in _done if each != "tick"]


async def test_a_job_of_a_transaction_that_fails_never_was(db: Db, work: Callable[[], Awaitable[int]]) -> None:
    async def enqueue_and_fail() -> None:
        async with db.transaction() as conn:
            await note.later(conn, number=1, account_id=uuid4())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await enqueue_and_fail()
    assert 0 == await work()


async def test_a_job_waits_for_its_time(db: Db, clock: Any, work: Callable[[], Awaitable[int]]) -> None:
    async with db.transaction() as conn:
        await note.later(conn, at=clock.now() + timedelta(hours=1), number=1, account_id=uuid4())
    assert 0 == await work()
    clock.move(timedelta(hours=1))
    assert 1 == await work()


async def test_a_job_with_a_key_waits_only_once(db: Db, work: Callable[[], Awaitable[int]]) -> None:
    async with db.transaction() as conn:
        for number in (1, 2):
            await note.later(conn, only_once="note", number=number, account_id=uuid4())
    assert 1 == await work()


async def test_a_job_that_raises_is_tried_again(db: Db, settings: Settings) -> None:
    async with db.transaction() as conn:
        await stumble.later(conn, times=1)
    async with _worker(db, settings):
        await _until(lambda: _done.count("try") == 2)


async def test_a_job_whose_worker_died_is_taken_by_another(db: Db, settings: Settings) -> None:
    async with db.transaction() as conn:
        await note.later(conn, number=3, account_id=uuid4())
        # As kill -9 leaves it: picked by a worker whose heartbeat has stopped.
        dead = (
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = :worker, heartbeat = now() - interval '1 minute'"
        )
        await run(conn, dead, worker=uuid4())
    async with _worker(db, settings):
        await _until(lambda: any(each != "tick" for each in _done))


async def test_every_subscriber_hears_a_fact_that_was_committed(db: Db, work: Callable[[], Awaitable[int]]) -> None:
    async with db.transaction() as conn:
        await publish(conn, "test.happened", number=9)
    assert 2 == await work()
    assert {("heard", 9), ("heard too", 9)} == set(_done)


async def test_a_recurring_task_is_claimed_by_one_node_each_interval(db: Db, clock: Any) -> None:
    task = jobs.recurring["tests.platform.test_jobs.tick"]
    claims = await asyncio.gather(*(jobs.claim_recurring(db, task) for _ in range(5)))
    assert 1 == sum(claims)
    clock.move(timedelta(minutes=5))
    assert await jobs.claim_recurring(db, task)


async def test_two_jobs_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match=r"test\.note"):
        job("test.note")(note.function)


async def test_a_finished_job_leaves_the_queue(db: Db, settings: Settings) -> None:
    async with db.transaction() as conn:
        await note.later(conn, number=1, account_id=uuid4())
    async with _worker(db, settings):
        await _until(lambda: any(each != "tick" for each in _done))
    async with db.reader() as conn:
        assert 0 == await one(conn, int, "SELECT count(*) FROM pgqueuer")
        assert ["successful"] == await many(
            conn, str, "SELECT status::text FROM pgqueuer_log WHERE status = 'successful'"
        )


async def test_a_worker_whose_connections_are_cut_goes_on(db: Db, settings: Settings) -> None:
    async with _worker(db, settings):
        await _run_one(db, 1)
        async with db.reader() as conn:
            cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            await run(conn, f"{cut} AND pid <> pg_backend_pid()")
        await _run_one(db, 2)


async def test_a_slow_recurring_task_does_not_hold_up_the_others(db: Db, settings: Settings) -> None:
    async def wait(_: Db) -> None:
        await asyncio.sleep(60)

    async def note_it(_: Db) -> None:
        _done.append("quick")

    jobs.recurring |= {
        name: jobs.Recurring(name, timedelta(minutes=1), function)
        for name, function in (("a slow one", wait), ("a quick one", note_it))
    }
    try:
        async with _worker(db, settings):
            await _until(lambda: "quick" in _done)
    finally:
        del jobs.recurring["a slow one"], jobs.recurring["a quick one"]


async def _run_one(db: Db, number: int) -> None:
    account_id = uuid4()
    async with db.transaction() as conn:
        await note.later(conn, number=number, account_id=account_id)
    await _until(lambda: (number, account_id) in _done)
