"""What a process remembers for a moment of rows that are asked for at every request and hardly ever change.

Rules: bounded in number and in seconds. Whoever changes such a row calls `forget()` in the same transaction: this
process forgets at once, and remembers nothing new until that transaction has surely ended, because what is read
meanwhile may be from before it. Other processes find out when their seconds are over.
"""

from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from everpost.platform import clock

Key = TypeVar("Key")
Value = TypeVar("Value")

_A_TRANSACTION: Final = timedelta(seconds=5)

_changed_at: datetime | None = None
_all: "list[Memory[object, object]]" = []


class Memory(Generic[Key, Value]):
    """Values by key, the oldest dropped when there are too many."""

    __slots__ = ("_held", "_most", "_seconds")

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = timedelta(seconds=seconds)
        self._held: dict[Key, tuple[Value, datetime]] = {}
        _all.append(self)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._held)

    def find(self, key: Key) -> Value | None:
        held = self._held.get(key)
        # A moment ahead of us is from before the clock was set back.
        if held is None or not held[1] <= clock.now() < held[1] + self._seconds:
            return None
        return held[0]

    def keep(self, key: Key, value: Value) -> None:
        now = clock.now()
        if _changed_at is not None and _changed_at <= now < _changed_at + _A_TRANSACTION:
            return
        self._held.pop(key, None)
        if len(self._held) >= self._most:
            del self._held[next(iter(self._held))]
        self._held[key] = (value, now)

    def clear(self) -> None:
        self._held.clear()


def forget() -> None:
    """Something that may be remembered is being changed."""
    global _changed_at
    _changed_at = clock.now()
    for memory in _all:
        memory.clear()


def resume() -> None:
    """Remember again at once. For tests."""
    global _changed_at
    _changed_at = None
