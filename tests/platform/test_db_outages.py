"""When the database cannot: what is an outage and what is our mistake, and that a pool comes back by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.platform import config
from everpost.platform.db import (
    Conn,
    Db,
    NoConnection,
    Taken,
    connect,
    is_outage,
    many,
    one,
    run,
    wait_for_locks,
)

Doing = Callable[[Conn], Awaitable[Any]]


async def _failure(db: Db, action: Doing) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- which one is the question
        async with db.transaction() as conn:
            await action(conn)
    return caught.value


async def test_values_that_do_not_fit_are_no_outage(db: Db) -> None:
    too_large = await _failure(db, lambda conn: run(conn, "SELECT :number::int", number=2**40))
    no_text = await _failure(db, lambda conn: run(conn, "SELECT :text::text", text="a\0b"))
    twice = "INSERT INTO recurring_tasks VALUES ('a', now()), ('a', now())"
    taken = await _failure(db, lambda conn: run(conn, twice))
    assert isinstance(taken, Taken)
    assert not any(map(is_outage, (too_large, no_text, taken)))


async def test_a_statement_that_takes_too_long_is_an_outage(settings: config.Settings, db: Db) -> None:
    assert settings.database_url is not None
    impatient = await connect(settings.database_url, size=1, statement_seconds=1)
    try:
        assert is_outage(await _failure(impatient, lambda conn: run(conn, "SELECT pg_sleep(5)")))
        async with impatient.reader() as conn:
            assert "1min" == await one(conn, str, "SHOW idle_in_transaction_session_timeout")
    finally:
        await impatient.close()


async def test_a_lock_that_somebody_holds_is_an_outage(db: Db) -> None:
    async def lock(conn: Conn) -> None:
        await wait_for_locks(conn, timedelta(milliseconds=50))
        await run(conn, "LOCK TABLE recurring_tasks")

    async with db.transaction() as conn:
        await run(conn, "LOCK TABLE recurring_tasks")
        assert is_outage(await _failure(db, lock))


async def test_an_address_where_nothing_answers_is_an_outage(settings: config.Settings, db: Db) -> None:
    assert settings.database_url is not None
    mine = await connect(settings.database_url, size=1)
    mine.pool.terminate()
    assert is_outage(await _failure(mine, lambda conn: one(conn, int, "SELECT 1")))
    assert is_outage(NoConnection("FileNotFoundError"))


async def test_connections_that_were_cut_are_replaced(db: Db) -> None:
    async with db.reader() as first, db.reader() as second:
        cut = "SELECT pg_terminate_backend(:pid)"
        await run(first, cut, pid=await one(second, int, "SELECT pg_backend_pid()"))
        with pytest.raises(Exception) as caught:  # noqa: PT011 -- it differs with the moment
            await one(second, int, "SELECT 1")
    assert is_outage(caught.value)
    for _ in range(3):
        async with db.transaction() as conn:
            assert 1 == await one(conn, int, "SELECT 1")


async def test_a_request_that_is_cancelled_leaves_no_transaction_behind(db: Db) -> None:
    async def hold() -> None:
        async with db.transaction() as conn:
            await run(conn, "INSERT INTO recurring_tasks VALUES ('cancelled', now())")
            await run(conn, "SELECT pg_sleep(30)")

    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with db.reader() as conn:
        idle = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        assert [] == await many(conn, int, idle)
        assert [] == await many(conn, str, "SELECT name FROM recurring_tasks WHERE name = 'cancelled'")
