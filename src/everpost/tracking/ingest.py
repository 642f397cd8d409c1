"""The way in for opens and clicks: durable before it is acknowledged, and yet hundreds of requests share one commit.

Rules:
- Group commit: whatever arrived for an account while its last commit ran goes into the next one, with what is being
  read at this moment. There is no timer.
- Hits are folded into events and counters before they are acknowledged, so whoever then reads a report sees them; but
  when many keep waiting, they are acknowledged from the journal and folded beside the traffic, within seconds.
- Above `most_queued` waiting hits the next one is refused with 503, so memory stays bounded.
- A row that cannot be stored fails alone; the rest of its batch is stored.
- Hits of a process that died, or that is far behind, are folded by the worker within seconds.
"""

import asyncio
import time
from asyncio import Future, Task
from collections.abc import Coroutine
from datetime import timedelta
from typing import Final

from everpost.ids import AccountId
from everpost.platform import clock, logs
from everpost.platform.db import Db, Unreachable
from everpost.platform.errors import Unavailable
from everpost.platform.jobs import every
from everpost.tracking import ledger
from everpost.tracking.hits import Hit

# Accounts that write at the same moment; each holds one connection of the pool.
MOST_WRITERS: Final = 4
# Load is more than a few in a batch, again and again: a campaign's first minute, not a burst that is over at once.
FEW: Final = 8
BURST_SECONDS: Final = 0.25
CALM_SECONDS: Final = 0.5
# Under load recipients go first, and reports may lag by seconds: folding rests many times as long as it worked, and the
# less the longer hits have waited, so that it finds the pace of the traffic.
REST_PER_WORK: Final = 20.0
LEAST_REST_SECONDS: Final = 0.05
MOST_BEHIND: Final = timedelta(seconds=10)
RETRY_SECONDS: Final = 0.5
# Clearly more than a process that lives keeps hits waiting.
ORPHANED_AFTER: Final = timedelta(seconds=15)

log = logs.get(__name__)

Waiting = tuple[Hit, "Future[None]"]


class _Lane:
    """What waits for one account, and whether much has been waiting for a while."""

    __slots__ = ("is_draining", "is_folding", "many_at", "many_since", "waiting", "written")

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.written = 0
        self.is_draining = False
        self.is_folding = False
        self.many_since = self.many_at = float("-inf")

    def take(self) -> list[Waiting]:
        batch = self.waiting[: ledger.MOST_IN_A_BATCH]
        del self.waiting[: ledger.MOST_IN_A_BATCH]
        if len(batch) > FEW:
            now = time.monotonic()
            if now - self.many_at > CALM_SECONDS:
                self.many_since = now
            self.many_at = now
        return batch

    @property
    def is_calm(self) -> bool:
        return time.monotonic() - self.many_at > CALM_SECONDS

    @property
    def is_loaded(self) -> bool:
        return self.many_at - self.many_since > BURST_SECONDS and not self.is_calm


class Queue:
    """The queue of one process. `append` returns when the hit is on disk."""

    def __init__(self, db: Db, *, most_queued: int = 10_000) -> None:
        self._db = db
        # Kept, because asking for the running loop costs Python 3.11 a call of the system, a tenth of all of a hit.
        self._loop = asyncio.get_running_loop()
        self._most_queued = most_queued
        self._queued = 0
        self._lanes: dict[AccountId, _Lane] = {}
        self._tasks: set[Task[None]] = set()
        self._writers = asyncio.Semaphore(MOST_WRITERS)

    async def append(self, account_id: AccountId, hit: Hit) -> None:
        """Raises: Unavailable when too many wait or the database cannot be reached."""
        if self._queued >= self._most_queued:
            raise Unavailable
        stored: Future[None] = self._loop.create_future()
        lane = self._lanes.get(account_id)
        if lane is None:
            lane = self._lanes[account_id] = _Lane()
        lane.waiting.append((hit, stored))
        self._queued += 1
        if not lane.is_draining:
            lane.is_draining = True
            self._start(self._drain(account_id, lane))
        await stored

    async def close(self) -> None:
        """Wait until everything that was accepted is stored and folded, or refused."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _drain(self, account_id: AccountId, lane: _Lane) -> None:
        while lane.waiting:
            async with self._writers:
                # One turn of the loop lets requests in that are here already: fewer, larger commits.
                await asyncio.sleep(0)
                batch = lane.take()
                stored = await self._write(account_id, batch)
                lane.written += len(stored)
                if stored and not lane.is_folding:
                    await self._fold(account_id, lane)
                for future in stored:
                    if not future.done():
                        future.set_result(None)
            self._queued -= len(batch)
        lane.is_draining = False
        self._forget(account_id, lane)

    async def _write(self, account_id: AccountId, batch: list[Waiting]) -> "list[Future[None]]":
        """Into the journal; returns the futures of those that are there, and refuses the others."""
        try:
            async with self._db.reader() as conn:
                await ledger.append(conn, account_id, [hit for hit, _ in batch])
        except Unreachable:
            _refuse(batch, Unavailable())
            return []
        except Exception as error:
            # Halving finds a bad row in a few statements, and everything beside it is stored.
            if len(batch) == 1:
                _refuse(batch, error)
                return []
            middle = len(batch) // 2
            return [
                *await self._write(account_id, batch[:middle]),
                *await self._write(account_id, batch[middle:]),
            ]
        return [future for _, future in batch]

    async def _fold(self, account_id: AccountId, lane: _Lane) -> None:
        if not lane.is_loaded:
            folded = await self._try_to_fold(account_id)
            if folded is not None and folded.is_everything:
                return
        lane.is_folding = True
        self._start(self._fold_beside(account_id, lane))

    async def _fold_beside(self, account_id: AccountId, lane: _Lane) -> None:
        """Fold while hits come in, resting in between, until the journal is empty."""
        while True:
            written, started = lane.written, time.monotonic()
            folded = await self._try_to_fold(account_id)
            # Whatever was written after the fold began may not be in it.
            if folded is not None and folded.is_everything and lane.written == written:
                break
            if folded is not None and lane.is_loaded:
                await asyncio.sleep(rest_seconds(folded, time.monotonic() - started))
        lane.is_folding = False
        self._forget(account_id, lane)

    async def _try_to_fold(self, account_id: AccountId) -> ledger.Folded | None:
        """None after a failure, which takes nothing away: what the journal holds can wait."""
        try:
            return await ledger.fold(self._db, account_id)
        except Exception:
            log.exception("hits wait in the journal", account_id=str(account_id))
            await asyncio.sleep(RETRY_SECONDS)
            return None

    def _forget(self, account_id: AccountId, lane: _Lane) -> None:
        # What the lane knows of the load is worth keeping for the next batch, which may be a millisecond away.
        if lane.is_calm and not lane.is_draining and not lane.is_folding:
            del self._lanes[account_id]

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@every(timedelta(seconds=5))
async def fold_orphans(db: Db) -> None:
    """Fold what a process left in the journal when it died, or does not come to."""
    async with db.reader() as conn:
        account_ids = await ledger.behind(conn, clock.now() - ORPHANED_AFTER)
    for account_id in account_ids:
        await ledger.fold_all(db, account_id)


def rest_seconds(folded: ledger.Folded, work_seconds: float) -> float:
    """How long not to fold after a fold that took `work_seconds`, for the sake of those who wait for an answer."""
    behind = timedelta(0) if folded.oldest_at is None else clock.now() - folded.oldest_at
    return max(LEAST_REST_SECONDS, work_seconds * REST_PER_WORK * (1 - behind / MOST_BEHIND))


def _refuse(batch: list[Waiting], error: Exception) -> None:
    for _, stored in batch:
        if not stored.done():
            stored.set_exception(error)
