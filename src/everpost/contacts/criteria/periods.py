"""Named periods: `last-n-days`, `between` and the others, and the stretch of time that each is at a given moment.

Rules: days are days in UTC, whatever the account's time zone; nothing looks back further than 1825 days unless it names
the days itself. Source: contract, segments.md §3.2.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from everpost.contacts.criteria.leaves import Leaf, Refused, chosen

MAX_DAYS: Final = 1825

Constant: TypeAlias = Literal[
    "last-n-days", "next-n-days", "over-n-days-ago", "on", "before", "after", "between", "any-time"
]

_DAY: Final = timedelta(days=1)
# Ends are not part of an interval; what happens this very moment is.
_INSTANT: Final = timedelta(microseconds=1)


class Interval(Struct, frozen=True):
    """From `start` on and before `end`; None is for ever."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        return (self.start is None or self.start <= moment) and (self.end is None or moment < self.end)

    def days(self) -> tuple[date | None, date | None]:
        """For things that have a date and no time: the first day of it and the first day after it."""
        first = self.start.date() if self.start else None
        after = (self.end - _INSTANT).date() + _DAY if self.end else None
        return first, after


class Period(Struct, frozen=True):
    """A period as the document names it."""

    constant: Constant
    count: int = 0
    first: date = date.min
    last: date = date.min

    def interval(self, now: datetime) -> Interval:  # noqa: PLR0911 -- one line per row of the contract's table
        match self.constant:
            case "last-n-days":
                return Interval(now - timedelta(days=self.count), now + _INSTANT)
            case "next-n-days":
                return Interval(now, now + timedelta(days=self.count) + _INSTANT)
            case "over-n-days-ago":
                return Interval(now - timedelta(days=MAX_DAYS), now - timedelta(days=self.count))
            case "on" | "between":
                return Interval(_midnight(self.first), _midnight(self.last) + _DAY)
            case "before":
                return Interval(None, _midnight(self.first))
            case "after":
                return Interval(_midnight(self.first) + _DAY, None)
            case "any-time":
                return Interval()

    def past(self, now: datetime) -> Interval:
        """The same for events, which lie in the past, and at most 1825 days back where only one end is named."""
        found = self.interval(now)
        start, end = found.start, found.end
        if self.constant in ("before", "after"):
            earliest = now - timedelta(days=MAX_DAYS)
            start = max(start or earliest, earliest)
        return Interval(start, end if end is not None and end <= now else None)


def on(day: date) -> Period:
    return Period("on", first=day, last=day)


def read(leaf: Leaf, constant_name: str, operand_name: str, *, allowed: Collection[Constant]) -> Period:
    """The period that two members of a rule name. Raises: Refused."""
    constant = chosen(leaf.find_word(constant_name), allowed)
    if constant is None:
        raise leaf.refuse(constant_name)
    if constant in ("last-n-days", "next-n-days", "over-n-days-ago"):
        count = leaf.count(operand_name)
        if count > MAX_DAYS:
            raise Refused(f"Validation failed: The date range cannot exceed {MAX_DAYS} days")
        return Period(constant, count=count)
    if constant == "any-time":
        return Period(constant)
    if constant != "between":
        day = leaf.day(operand_name)
        return Period(constant, first=day, last=day)
    first, last = leaf.two_days(operand_name)
    if (last - first).days > MAX_DAYS:
        raise Refused(f"Validation failed: The date range cannot exceed {MAX_DAYS} days")
    return Period(constant, first=first, last=last)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
