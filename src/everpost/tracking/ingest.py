"""The way in for opens and clicks: durable before it is acknowledged, and yet hundreds of requests share one commit.

Rules:
- Group commit: whatever arrived for an account while its last statement ran goes into the next one. There is no timer.
- One statement stores the events, moves engagement, link clicks and counters, and commits; then all are acknowledged.
- A click of somebody without any open so far is also an open, at the click's time and with the click's device.
- Above `most_queued` waiting events the next one is refused with 503, so memory stays bounded.
- A row that cannot be stored fails alone; the rest of its batch is stored.
Source: contract, campaigns.md §6.1-§6.3.
"""

import asyncio
from asyncio import Future, Task
from typing import Final

from everpost.ids import AccountId
from everpost.platform.db import Db, Unreachable
from everpost.platform.errors import Unavailable
from everpost.tracking import ledger
from everpost.tracking.ledger import Hit

MOST_IN_A_BATCH: Final = 1_000
# Accounts that write at the same moment; each holds one connection of the pool.
MOST_WRITERS: Final = 4


Waiting = tuple[Hit, "Future[None]"]


class Queue:
    """The queue of one process. `append` returns when the event is on disk."""

    def __init__(self, db: Db, *, most_queued: int = 10_000) -> None:
        self._db = db
        self._most_queued = most_queued
        self._queued = 0
        self._lanes: dict[AccountId, list[Waiting]] = {}
        self._drains: set[Task[None]] = set()
        self._writers = asyncio.Semaphore(MOST_WRITERS)

    async def append(self, account_id: AccountId, hit: Hit) -> None:
        """Raises: Unavailable when too many wait or the database cannot be reached."""
        if self._queued >= self._most_queued:
            raise Unavailable
        stored: Future[None] = asyncio.get_running_loop().create_future()
        lane = self._lanes.get(account_id)
        if lane is None:
            lane = self._lanes[account_id] = []
            drain = asyncio.create_task(self._drain(account_id, lane))
            self._drains.add(drain)
            drain.add_done_callback(self._drains.discard)
        lane.append((hit, stored))
        self._queued += 1
        await stored

    async def close(self) -> None:
        """Wait until everything that was accepted is stored or refused."""
        while self._drains:
            await asyncio.wait(self._drains)

    async def _drain(self, account_id: AccountId, lane: list[Waiting]) -> None:
        while lane:
            async with self._writers:
                batch = lane[:MOST_IN_A_BATCH]
                del lane[:MOST_IN_A_BATCH]
                await self._settle(account_id, batch)
                self._queued -= len(batch)
        del self._lanes[account_id]

    async def _settle(self, account_id: AccountId, batch: list[Waiting]) -> None:
        try:
            await ledger.store(self._db, account_id, [hit for hit, _ in batch])
        except Unreachable:
            _refuse(batch, Unavailable())
        except Exception as error:
            # Halving finds a bad row in a few statements, and everything beside it is stored.
            if len(batch) == 1:
                _refuse(batch, error)
                return
            middle = len(batch) // 2
            await self._settle(account_id, batch[:middle])
            await self._settle(account_id, batch[middle:])
        else:
            for _, stored in batch:
                if not stored.done():
                    stored.set_result(None)


def _refuse(batch: list[Waiting], error: Exception) -> None:
    for _, stored in batch:
        if not stored.done():
            stored.set_exception(error)
