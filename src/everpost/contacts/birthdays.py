"""A birthday is a month and a day without a year; one never comes without the other.

Source: contract, contacts.md §3.2.
"""

import re
from typing import Final

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# 4/30, 04/30/1990, 1990-04-30, --04-30 and 30.4.1990, as other programs write it.
_WRITTEN: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})(?:[/-]\d{2,4})?",
        r"(?:\d{4}|-)[/-](?P<month>\d{1,2})[/-](?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?:\d{2,4})?",
    )
)


def problems(month: int | None, day: int | None) -> list[str]:
    """What is wrong with the pair, in the order of the contract's table."""
    if month is None and day is None:
        return []
    if month is None:
        return ["birthday_month is missing"]
    if day is None:
        return ["birthday_day is missing"]
    if not 1 <= month <= 12:
        return ["birthday_month does not have a valid value"]
    return [] if is_day_of(month, day) else ["birthday_day does not have a valid value"]


def is_day_of(month: int, day: int) -> bool:
    """Whether a month has such a day in some year: 29 February counts."""
    return 1 <= day <= _DAYS[month - 1]


def read(text: str) -> tuple[int, int] | None:
    """The month and day of a date in one text, the year left out; None when it is none."""
    for pattern in _WRITTEN:
        match = pattern.fullmatch(text)
        if match is not None:
            month, day = int(match["month"]), int(match["day"])
            return (month, day) if 1 <= month <= 12 and is_day_of(month, day) else None
    return None
