"""Dates and times as the people of an account write and read them: in the account's own time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from everpost.accounts import summaries
from everpost.accounts.summaries import SummaryQuery
from everpost.ids import AccountId
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid


class BadDate(Invalid):
    """date is not a date."""


class BadTime(Invalid):
    """time is not a time."""


class NoSuchTime(Invalid):
    """time does not exist on that day: the clocks are put forward."""


async def zone_of(conn: Conn, account_id: AccountId) -> ZoneInfo:
    """The account's time zone."""
    return ZoneInfo((await summaries.get(conn, account_id, SummaryQuery())).time_zone_id or "UTC")


def read(date: str, time: str, zone: ZoneInfo) -> datetime:
    """What two fields of a form mean there. An hour that comes twice is the first. Raises: Invalid."""
    try:
        day = datetime.strptime(date.strip(), "%Y-%m-%d")  # noqa: DTZ007 -- the zone follows
    except ValueError as error:
        raise BadDate from error
    try:
        clock_time = datetime.strptime(time.strip()[:5], "%H:%M").time()  # noqa: DTZ007
    except ValueError as error:
        raise BadTime from error
    local = datetime.combine(day, clock_time, zone)
    try:
        there_and_back = local.astimezone(UTC).astimezone(zone)
    except OverflowError as error:  # within a day of the first or the last that there is
        raise BadDate from error
    if there_and_back.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise NoSuchTime
    return local


def written(at: datetime, zone: ZoneInfo) -> str:
    """`Friday, 6 March 2026, 15:00 (US/Eastern)`"""
    local = at.astimezone(zone)
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M} ({zone.key.replace('_', ' ')})"


def delay(minutes: int) -> str:
    """`3 days`, or in hours where it is not whole days."""
    days, rest = divmod(minutes, 24 * 60)
    if rest:
        return f"{minutes / 60:.4g} hours"
    return "1 day" if days == 1 else f"{days} days"
