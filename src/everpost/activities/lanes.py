"""Lanes: per account one worker at a time, wherever it runs.

A lane is a row with a lease. The lease is renewed in each transaction of the work, and a fencing number tells whether
it is still the same lease: a worker that lost it cannot commit. Times are the database's, as nodes' clocks differ.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from everpost.ids import AccountId
from everpost.platform.db import Conn, Db, many, one, run

# Shorter than the time after which the queue hands a dead worker's job to another, so that one finds the lane free.
LEASE_SECONDS: Final = 10


class LeaseLost(Exception):
    """Another worker took the lane over."""


class Lane:
    """A lane that this worker holds."""

    def __init__(self, db: Db, account_id: AccountId, fence: int) -> None:
        self.db = db
        self.account_id = account_id
        self._fence = fence

    @contextlib.asynccontextmanager
    async def step(self) -> AsyncIterator[Conn]:
        """One transaction of the work. Commits only while the lease is ours, and renews it. Raises: LeaseLost."""
        async with self.db.transaction() as conn:
            yield conn
            # Last, because the row stays locked until the commit, and whoever adds work waits for it.
            await _renew(conn, self.account_id, self._fence)

    @contextlib.asynccontextmanager
    async def long_step(self) -> AsyncIterator[Conn]:
        """The same for a transaction that may outlast the lease: it is renewed beside it until the block ends."""
        keeper = asyncio.create_task(self._keep())
        try:
            async with self.step() as conn:
                yield conn
        finally:
            keeper.cancel()
            # If it found the lease lost, the step has found it too.
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            async with self.db.transaction() as conn:
                await _renew(conn, self.account_id, self._fence)

    async def release(self, conn: Conn, *, has_work: bool) -> None:
        """Raises: LeaseLost. Call `lock` before looking whether there is work."""
        changed = await run(
            conn,
            """UPDATE activity_lanes SET leased_until = NULL, has_work = :has_work
                WHERE account_id = :account_id AND fence = :fence""",
            account_id=self.account_id,
            fence=self._fence,
            has_work=has_work,
        )
        if not changed:
            raise LeaseLost


async def claim(db: Db, account_id: AccountId) -> Lane | None:
    """The account's lane, or None while another worker holds it or when there is nothing to do."""
    async with db.transaction() as conn:
        fence = await one(
            conn,
            int,
            """UPDATE activity_lanes
                  SET fence = fence + 1, leased_until = now() + :seconds * interval '1 second'
                WHERE account_id = :account_id AND has_work AND (leased_until IS NULL OR leased_until < now())
               RETURNING fence""",
            account_id=account_id,
            seconds=LEASE_SECONDS,
        )
    return None if fence is None else Lane(db, account_id, fence)


async def add_work(conn: Conn, account_id: AccountId) -> None:
    """Say that there is work, and hold the lane's row until the commit: a worker about to leave waits and sees it."""
    await run(
        conn,
        """INSERT INTO activity_lanes (account_id, has_work) VALUES (:account_id, true)
               ON CONFLICT (account_id) DO UPDATE SET has_work = excluded.has_work""",
        account_id=account_id,
    )


async def lock(conn: Conn, account_id: AccountId) -> None:
    """Hold the lane's row until the commit, so that nobody adds work meanwhile."""
    await run(
        conn,
        "SELECT account_id FROM activity_lanes WHERE account_id = :account_id FOR UPDATE",
        account_id=account_id,
    )


async def deserted(conn: Conn) -> list[AccountId]:
    """Accounts with work that nobody holds. Spans accounts: the table is the instance's, not a tenant's."""
    found = await many(
        conn,
        UUID,
        "SELECT account_id FROM activity_lanes WHERE has_work AND (leased_until IS NULL OR leased_until < now())",
    )
    return [AccountId(account_id) for account_id in found]


async def _renew(conn: Conn, account_id: AccountId, fence: int) -> None:
    renewed = await run(
        conn,
        """UPDATE activity_lanes SET leased_until = now() + :seconds * interval '1 second'
            WHERE account_id = :account_id AND fence = :fence""",
        account_id=account_id,
        fence=fence,
        seconds=LEASE_SECONDS,
    )
    if not renewed:
        raise LeaseLost
