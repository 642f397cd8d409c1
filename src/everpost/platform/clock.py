"""The one source of time. Tests stop and move it; everything else only asks `now()`.

On a cluster all comparisons follow the database's clock, so `follow(offset)` shifts this one by what the pool measured
when it connected: a node whose own clock is wrong still schedules, expires and reports like the others.
"""

from datetime import UTC, datetime, timedelta

_offset = timedelta(0)
_stopped_at: datetime | None = None


def now() -> datetime:
    """The present moment, aware and in UTC."""
    if _stopped_at is not None:
        return _stopped_at
    return datetime.now(UTC) + _offset


def now_seconds() -> datetime:
    """The present moment cut to whole seconds, as contacts, lists and bulk activities store it."""
    return now().replace(microsecond=0)


def follow(offset: timedelta) -> None:
    """Shift this clock by `offset`, measured as database time minus node time."""
    global _offset
    _offset = offset


def stop(at: datetime | None = None) -> datetime:
    """Let time stand still, now or at a given moment. For tests."""
    global _stopped_at
    _stopped_at = at if at is not None else now()
    return _stopped_at


def move(by: timedelta) -> datetime:
    """Move time, stopped or running. For tests."""
    global _offset, _stopped_at
    if _stopped_at is None:
        _offset += by
    else:
        _stopped_at += by
    return now()


def resume() -> None:
    """Let time run again from the machine's clock. For tests."""
    global _offset, _stopped_at
    _stopped_at, _offset = None, timedelta(0)
