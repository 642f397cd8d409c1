"""Dates as people write them: anniversaries and custom fields of type date.

Rules: month always before day; separated by / or -; the year first or last, in four digits. Anniversaries lie after
1900 and at most ten years ahead. Source: contract, contacts.md §3.2.
"""

import re
from datetime import date

from everpost.platform import clock

_YEAR_LAST = re.compile(r"(?P<month>\d{1,2})(?P<mark>[/-])(?P<day>\d{1,2})(?P=mark)(?P<year>\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})(?P<mark>[/-])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})", re.ASCII)
_FIRST_YEAR = 1901
_YEARS_AHEAD = 10


def parse(text: str) -> date | None:
    """The anniversary that a text names, or None when it names no date or one in a year that is not allowed."""
    found = read_date(text)
    if found is None or not _FIRST_YEAR <= found.year <= clock.now().year + _YEARS_AHEAD:
        return None
    return found


def read_date(text: str) -> date | None:
    """The date that a text names, whatever the year."""
    match = _YEAR_LAST.fullmatch(text) or _YEAR_FIRST.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None
