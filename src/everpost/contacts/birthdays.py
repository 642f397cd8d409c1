"""A birthday is a month and a day without a year; one never comes without the other.

Source: contract, contacts.md §3.2.
"""

from typing import Final

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


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
