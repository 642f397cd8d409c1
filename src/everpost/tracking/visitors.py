"""People and programs told apart: what a report's numbers leave out, and what they hold that no person did.

Rules: the reports count whatever is not a machine's by what it did (machines.py); of that, `by_people` is what no name
speaks against (programs.py).
"""

from collections.abc import Sequence

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn
from everpost.tracking import counters
from everpost.tracking.counters import Counters


class Visits(msgspec.Struct, frozen=True):
    """Opens or clicks of one activity, as events."""

    by_people: int = 0
    by_proxies: int = 0
    by_scanners: int = 0
    left_out: int = 0

    @property
    def reported(self) -> int:
        """What the reports count."""
        return self.by_people + self.by_proxies + self.by_scanners


class Visitors(msgspec.Struct, frozen=True):
    """Who came to an activity's mails."""

    opens: Visits = Visits()
    clicks: Visits = Visits()


async def find(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]
) -> dict[CampaignActivityId, Visitors]:
    """One entry for each of the activities, whether anybody came or not."""
    found = await counters.find(conn, account_id, campaign_activity_ids)
    return {activity_id: of(found.get(activity_id, Counters())) for activity_id in campaign_activity_ids}


def of(counted: Counters) -> Visitors:
    """What an activity's counters say of its visitors."""
    opens_by_people = counted.opens_all - counted.opens_proxy - counted.opens_scanner
    clicks_by_people = counted.clicks_all - counted.clicks_proxy - counted.clicks_scanner
    return Visitors(
        Visits(opens_by_people, counted.opens_proxy, counted.opens_scanner, counted.opens_left_out),
        Visits(clicks_by_people, counted.clicks_proxy, counted.clicks_scanner, counted.clicks_left_out),
    )
