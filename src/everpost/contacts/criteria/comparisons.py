"""What a rule asks of one property of a contact: the operators of each kind of property, read into typed tests.

Rules: a negative operator is the exact opposite of its positive one, so it is true where there is no value.
Source: contract, segments.md §5.2.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from everpost.contacts import birthdays
from everpost.contacts.criteria import periods
from everpost.contacts.criteria.leaves import Leaf, Refused
from everpost.contacts.criteria.periods import Period

# `day` has no time of day; `anniversary` is a day that comes again every year, `birthday` has no year at all.
Kind: TypeAlias = Literal["text", "choice", "choices", "number", "moment", "day", "anniversary", "birthday"]


class PresenceTest(Struct, frozen=True):
    """Has a value, or, negated, has none."""

    is_negated: bool


class TextTest(Struct, frozen=True):
    how: Literal["equals", "contains", "starts", "ends"]
    texts: tuple[str, ...]  # one of them
    is_negated: bool


class ChoiceTest(Struct, frozen=True):
    choices: tuple[str, ...]
    wants_all: bool
    is_negated: bool


class NumberTest(Struct, frozen=True):
    how: Literal["equals", "less", "at_most", "greater", "at_least", "between"]
    numbers: tuple[Decimal, ...]
    is_negated: bool


class PeriodTest(Struct, frozen=True):
    period: Period
    is_negated: bool


class YearlyTest(Struct, frozen=True):
    """Falls on a day of any year, as 100 * month + day."""

    month_day: int
    is_negated: bool


class MonthTest(Struct, frozen=True):
    months: tuple[int, ...]
    is_negated: bool = False


class SeasonTest(Struct, frozen=True):
    """Comes round within a period of days that lies about now."""

    period: Period
    is_negated: bool = False


Test: TypeAlias = PresenceTest | TextTest | ChoiceTest | NumberTest | PeriodTest | YearlyTest | MonthTest | SeasonTest

_TEXTS: Final = {"eq": "equals", "contains": "contains", "starts-with": "starts", "ends-with": "ends"}
_NUMBERS: Final = {
    "eq": "equals",
    "lt": "less",
    "lte": "at_most",
    "gt": "greater",
    "gte": "at_least",
    "between": "between",
}
_OPPOSITES: Final = {"not-eq": "eq", "not-contains": "contains", "contains-none": "contains-any", "empty": "not-empty"}
_MONTH_DAY: Final = re.compile(r"(?P<month>[0-9]{1,2})[-/](?P<day>[0-9]{1,2})")


def read(kind: Kind, leaf: Leaf) -> Test:
    """Raises: Refused."""
    operator = leaf.operator()
    positive = _OPPOSITES.get(operator, operator)
    if positive == "not-empty":
        return PresenceTest(is_negated=is_negative(operator))
    return _READERS[kind](leaf, positive, is_negative(operator))


def read_any(leaf: Leaf) -> None:
    """Check a rule about a property whose kind is not known: some kind must take it. Raises: Refused."""
    refusals = []
    for kind in _READERS:
        try:
            read(kind, leaf)
        except Refused as refusal:
            refusals.append(refusal)
        else:
            return
    # Kinds that do not know the operator say so; one that knows it and misses an operand says more.
    raise max(refusals, key=lambda refusal: str(refusal) != str(leaf.refuse("op")))


def is_negative(operator: str) -> bool:
    """Whether contacts without a value meet it."""
    return operator in _OPPOSITES


def _read_text(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    if operator == "contains-any":
        return TextTest("equals", leaf.texts(), is_negated)
    how = _TEXTS.get(operator)
    if how is None:
        raise leaf.refuse("op")
    return TextTest(how, (leaf.one_text(),), is_negated)  # type: ignore[arg-type]


def _read_choice(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    if operator == "eq":
        return ChoiceTest((leaf.one_text(),), False, is_negated)
    if operator == "contains-any":
        return ChoiceTest(leaf.texts(), False, is_negated)
    raise leaf.refuse("op")


def _read_choices(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    if operator == "contains-all":
        return ChoiceTest(leaf.texts(), True, False)
    return _read_choice(leaf, operator, is_negated)


def _read_number(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    how = _NUMBERS.get(operator)
    if how is None:
        raise leaf.refuse("op")
    numbers = leaf.numbers()
    if len(numbers) != (2 if how == "between" else 1):
        raise leaf.refuse("value")
    return NumberTest(how, numbers, is_negated)  # type: ignore[arg-type]


def _read_date(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    match operator:
        case "eq":
            return PeriodTest(periods.on(leaf.day("value")), is_negated)
        case "before" | "after":
            day = leaf.day("value")
            return PeriodTest(Period(operator, first=day, last=day), is_negated)
        case "between":
            first, last = leaf.two_days("value")
            return PeriodTest(Period("between", first=first, last=last), is_negated)
        case "in-period":
            return PeriodTest(periods.read(leaf, "const_value", "param", allowed=_EVERY_PERIOD), is_negated)
        case _:
            raise leaf.refuse("op")


def _read_birthday(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    match operator:
        case "eq" if not is_negated:
            return YearlyTest(_month_day(leaf), is_negated)
        case "month-eq":
            return MonthTest(_months(leaf))
        case "in-period":
            return SeasonTest(periods.read(leaf, "const_value", "param", allowed=_SEASONS))
        case _:
            raise leaf.refuse("op")


def _read_anniversary(leaf: Leaf, operator: str, is_negated: bool) -> Test:
    """As a day of every year where that has a meaning, else as the one day that it is."""
    match operator:
        case "eq":
            return YearlyTest(_month_day(leaf), is_negated)
        case "in-period" if leaf.find_word("const_value") not in _SEASONS:
            return _read_date(leaf, operator, is_negated)
        case "month-eq" | "in-period":
            return _read_birthday(leaf, operator, is_negated)
        case _:
            return _read_date(leaf, operator, is_negated)


def _month_day(leaf: Leaf) -> int:
    match = _MONTH_DAY.fullmatch(leaf.one_text())
    if match is None:
        day = leaf.day("value")
        return day.month * 100 + day.day
    month, number = int(match["month"]), int(match["day"])
    if not 1 <= month <= 12 or not birthdays.is_day_of(month, number):
        raise leaf.refuse("value")
    return month * 100 + number


def _months(leaf: Leaf) -> tuple[int, ...]:
    months = leaf.numbers()
    if any(month not in range(1, 13) for month in months):
        raise leaf.refuse("value")
    return tuple(map(int, months))


_EVERY_PERIOD: Final[tuple[periods.Constant, ...]] = (
    "last-n-days", "next-n-days", "over-n-days-ago", "on", "before", "after", "between", "any-time",
)  # fmt: skip
_SEASONS: Final[tuple[periods.Constant, ...]] = ("last-n-days", "next-n-days")

_READERS: Final[Mapping[Kind, Callable[[Leaf, str, bool], Test]]] = MappingProxyType(
    {
        "text": _read_text,
        "choice": _read_choice,
        "choices": _read_choices,
        "number": _read_number,
        "moment": _read_date,
        "day": _read_date,
        "birthday": _read_birthday,
        "anniversary": _read_anniversary,
    }
)
