"""When a mail was opened and clicked: events per hour, per day where it took longer, per week where it took months.

Rules: as in the reports, events and not contacts, without what machines did; every bar of the range is there, those of
nothing too, and one of nothing before the first, so that a curve rises.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, many

Unit: TypeAlias = Literal["hour", "day", "week"]

_WIDTHS: Final[Mapping[Unit, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MOST_BARS: Final = 72
_ORIGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday


class Bar(msgspec.Struct, frozen=True):
    """What happened from this time until the next bar's."""

    at: datetime
    opens: int
    clicks: int


class Timeline(msgspec.Struct, frozen=True):
    unit: Unit
    bars: list[Bar]


async def find(conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]) -> Timeline:
    """From the first open or click to the last."""
    hours = await _hours(conn, account_id, campaign_activity_ids)
    if not hours:
        return Timeline("hour", [])
    unit = _unit(hours[-1].at - hours[0].at)
    return Timeline(unit, _folded(hours, _WIDTHS[unit]))


def _unit(span: timedelta) -> Unit:
    for unit, width in _WIDTHS.items():
        if span < width * _MOST_BARS:
            return unit
    return "week"


def _folded(hours: Sequence[Bar], width: timedelta) -> list[Bar]:
    opens: dict[datetime, int] = {}
    clicks: dict[datetime, int] = {}
    for hour in hours:
        at = hour.at - (hour.at - _ORIGIN) % width
        opens[at] = opens.get(at, 0) + hour.opens
        clicks[at] = clicks.get(at, 0) + hour.clicks
    first, last = min(opens) - width, max(opens)
    times = [first + number * width for number in range((last - first) // width + 1)]
    return [Bar(at, opens.get(at, 0), clicks.get(at, 0)) for at in times]


async def _hours(conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]) -> list[Bar]:
    return await many(
        conn,
        Bar,
        """
        SELECT date_trunc('hour', created_at, 'UTC') AS at, count(*) FILTER (WHERE kind = 'open') AS opens,
               count(*) FILTER (WHERE kind = 'click') AS clicks
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])
           AND kind IN ('open', 'click') AND NOT is_machine
         GROUP BY 1
         ORDER BY 1""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )
