"""How often an application may call: a sliding second and a day that ends at 00:00 UTC.

The processes of one node count together in memory they share, so a request costs no round trip and may land anywhere.
What a node has counted of the day is merged into an unlogged table about once a second, where it meets the counts of
the other nodes. Source: contract, conventions.md §6; the second holds on each node, the day over all of them.
"""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

import msgspec

from everpost.platform import clock, config
from everpost.platform.caller import Caller
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.errors import QuotaExceeded, Throttled
from everpost.platform.jobs import every
from everpost.platform.shared_counts import MOST_PER_SECOND, SharedCounts

_FILE: Final = "request-counts"

_counts: SharedCounts | None = None
_called: set[UUID] = set()  # whose requests this process has counted since its last merge


def count(caller: Caller) -> None:
    """Count one request. Raises: QuotaExceeded, Throttled (which are not counted)."""
    if not caller.is_limited:
        return
    settings = config.current()
    per_day = settings.rate_per_day if caller.rate_per_day is None else caller.rate_per_day
    per_second = settings.rate_per_second if caller.rate_per_second is None else caller.rate_per_second
    now = clock.now()
    with _shared().slot(caller.app_id) as slot:
        if per_day and slot.of(now.date()) >= per_day:
            raise QuotaExceeded
        if per_second and slot.has_been_called(min(per_second, MOST_PER_SECOND), now):
            raise Throttled
        slot.add(now)
    _called.add(caller.app_id)


async def requests_today(conn: Conn, app_id: UUID) -> int:
    """What this node has counted on this UTC day, and the others until about a second ago."""
    today = clock.now().date()
    saved = await one(
        conn, int, "SELECT requests FROM request_counts WHERE app_id = :app_id AND day = :day", app_id=app_id, day=today
    )
    with _shared().slot(app_id) as slot:
        return max(saved or 0, slot.of(today))


def forget() -> None:
    """Start from nothing. For tests."""
    global _counts
    if _counts is not None:
        _counts.close()
        _counts = None
    _called.clear()
    (config.current().data / _FILE).unlink(missing_ok=True)


class _Count(msgspec.Struct):
    app_id: UUID
    requests: int


async def load(db: Db) -> None:
    """Begin with what all nodes have counted today, so that a restart gives nobody a second day."""
    today = clock.now().date()
    async with db.reader() as conn:
        counts = await many(conn, _Count, "SELECT app_id, requests FROM request_counts WHERE day = :day", day=today)
    _learn(today, counts)


async def merge(db: Db) -> None:
    """Add what was counted here to the shared table, and learn what all nodes counted today."""
    today = clock.now().date()
    # Who has not called since the last time is left alone: an idle instance writes nothing.
    waiting = _take(today)
    if not waiting:
        return
    try:
        async with db.transaction() as conn:
            counts = await many(conn, _Count, _MERGE, day=today, ids=list(waiting), numbers=list(waiting.values()))
    except BaseException:
        _give_back(today, waiting)
        raise
    _learn(today, counts)


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Forget the days before yesterday."""
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM request_counts WHERE day < :day", day=clock.now().date() - timedelta(days=1))


def _shared() -> SharedCounts:
    global _counts
    if _counts is None:
        _counts = SharedCounts(config.current().data / _FILE)
    return _counts


def _take(today: date) -> dict[UUID, int]:
    taken = {}
    for app_id in _called:
        with _shared().slot(app_id) as slot:
            # Nothing, where another process of this node has just taken it.
            if requests := slot.take_unsaved(today):
                taken[app_id] = requests
    _called.clear()
    return taken


def _give_back(today: date, taken: dict[UUID, int]) -> None:
    for app_id, requests in taken.items():
        with _shared().slot(app_id) as slot:
            slot.give_back(today, requests)
    _called.update(taken)


def _learn(today: date, counts: list[_Count]) -> None:
    for found in counts:
        with _shared().slot(found.app_id) as slot:
            slot.learn(today, found.requests)


_MERGE = """
    INSERT INTO request_counts AS counted (app_id, day, requests)
    SELECT app_id, :day, requests FROM unnest(:ids::uuid[], :numbers::bigint[]) AS new (app_id, requests)
        ON CONFLICT (app_id, day) DO UPDATE SET requests = counted.requests + excluded.requests
    RETURNING app_id, requests"""
