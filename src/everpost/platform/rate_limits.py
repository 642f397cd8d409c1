"""How often an application may call: a sliding second and a day that ends at 00:00 UTC.

Counters live in the process and day counts are merged into an unlogged table about once a second, so that a request
costs no round trip and a crash forgets at most that second. Source: contract, conventions.md §6.
"""

from collections import deque
from datetime import date, timedelta
from uuid import UUID

import msgspec

from everpost.platform import clock, config
from everpost.platform.caller import Caller
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.errors import QuotaExceeded, Throttled
from everpost.platform.jobs import every

_SECOND = timedelta(seconds=1)


class _Counter:
    """One application's requests: the moments of the last second, and today's number here and on other nodes."""

    __slots__ = ("day", "elsewhere", "moments", "unsaved")

    def __init__(self) -> None:
        self.moments: deque[float] = deque()
        self.day: date = clock.now().date()
        self.unsaved = 0
        self.elsewhere = 0


_counters: dict[UUID, _Counter] = {}


def count(caller: Caller) -> None:
    """Count one request. Raises: QuotaExceeded, Throttled (which are not counted)."""
    if not caller.is_limited:
        return
    settings = config.current()
    per_day = settings.rate_per_day if caller.rate_per_day is None else caller.rate_per_day
    per_second = settings.rate_per_second if caller.rate_per_second is None else caller.rate_per_second
    counter = _counter(caller.app_id)
    if per_day and counter.unsaved + counter.elsewhere >= per_day:
        raise QuotaExceeded
    now = clock.now().timestamp()
    while counter.moments and counter.moments[0] <= now - _SECOND.total_seconds():
        counter.moments.popleft()
    if per_second and len(counter.moments) >= per_second:
        raise Throttled
    counter.moments.append(now)
    counter.unsaved += 1


async def requests_today(conn: Conn, app_id: UUID) -> int:
    """What all nodes counted, and what this one has not told yet."""
    today = clock.now().date()
    stored = await one(
        conn, int, "SELECT requests FROM request_counts WHERE app_id = :app_id AND day = :day", app_id=app_id, day=today
    )
    return (stored or 0) + _counter(app_id).unsaved


def forget() -> None:
    """Start from nothing. For tests."""
    _counters.clear()


class _Count(msgspec.Struct):
    app_id: UUID
    requests: int


async def load(db: Db) -> None:
    """Begin with what all nodes have counted today, so that a restart gives nobody a second day."""
    today = clock.now().date()
    async with db.reader() as conn:
        counts = await many(conn, _Count, "SELECT app_id, requests FROM request_counts WHERE day = :day", day=today)
    for found in counts:
        _counter(found.app_id).elsewhere = found.requests


async def merge(db: Db) -> None:
    """Add what was counted here to the shared table, and learn what all nodes counted today."""
    today = clock.now().date()
    # Who has not called since the last time is left alone: an idle instance writes nothing.
    waiting = {
        app_id: counter.unsaved for app_id, counter in _counters.items() if counter.unsaved and counter.day == today
    }
    if not waiting:
        return
    async with db.transaction() as conn:
        counts = await many(conn, _Count, _MERGE, day=today, ids=list(waiting), numbers=list(waiting.values()))
    for found in counts:
        counter = _counters[found.app_id]
        if counter.day == today:
            counter.unsaved -= waiting[found.app_id]
            counter.elsewhere = found.requests


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Forget the days before yesterday."""
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM request_counts WHERE day < :day", day=clock.now().date() - timedelta(days=1))


def _counter(app_id: UUID) -> _Counter:
    counter = _counters.get(app_id)
    if counter is None or counter.day != clock.now().date():
        counter = _counters[app_id] = _Counter()
    return counter


_MERGE = """
    INSERT INTO request_counts AS counted (app_id, day, requests)
    SELECT app_id, :day, requests FROM unnest(:ids::uuid[], :numbers::bigint[]) AS new (app_id, requests)
        ON CONFLICT (app_id, day) DO UPDATE SET requests = counted.requests + excluded.requests
    RETURNING app_id, requests"""
