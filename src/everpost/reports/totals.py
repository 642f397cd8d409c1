"""The numbers of one mail or of a campaign's mails together.

Rules: one activity's numbers are its counters. A campaign that also has a resend counts each contact once over both,
which the counters of the two cannot say, so these are counted. Source: contract, reporting.md §5.1, §5.3.
"""

from collections.abc import Sequence

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, one
from everpost.tracking import counters
from everpost.tracking.counters import Counters


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Distinct contacts; `events` holds the counts of events and of single bounce codes."""

    sends: int
    opens: int
    clicks: int
    bounces: int
    optouts: int
    forwards: int
    abuse: int
    events: Counters

    @property
    def not_opened(self) -> int:
        return max(0, self.sends - self.opens - self.bounces)

    @property
    def delivered(self) -> int:
        return self.sends - self.bounces


class _Distinct(msgspec.Struct, frozen=True):
    sends: int
    opens: int
    clicks: int
    bounces: int
    optouts: int
    forwards: int
    abuse: int


async def find(
    conn: Conn, account_id: AccountId, groups: Sequence[Sequence[CampaignActivityId]]
) -> list[Totals | None]:
    """One per group of activities, in their order; None for a group that nothing was sent of."""
    found = await counters.find(conn, account_id, [activity_id for group in groups for activity_id in group])
    totals: list[Totals | None] = []
    for group in groups:
        sent = {activity_id: found[activity_id] for activity_id in group if activity_id in found}
        sent = {activity_id: counted for activity_id, counted in sent.items() if counted.sends > 0}
        totals.append(await _together(conn, account_id, sent) if len(sent) > 1 else _of_one(list(sent.values())))
    return totals


def _of_one(found: Sequence[Counters]) -> Totals | None:
    if not found:
        return None
    counted = found[0]
    return Totals(
        sends=counted.sends,
        opens=counted.opens,
        clicks=counted.clicks,
        bounces=counted.bounces,
        optouts=counted.optouts,
        forwards=counted.forwards,
        abuse=counted.abuse,
        events=counted,
    )


async def _together(conn: Conn, account_id: AccountId, sent: dict[CampaignActivityId, Counters]) -> Totals:
    distinct = await _distinct(conn, account_id, list(sent))
    return Totals(**msgspec.structs.asdict(distinct), events=counters.total(list(sent.values())))


async def _distinct(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]
) -> _Distinct:
    found = await one(
        conn,
        _Distinct,
        """
        SELECT (SELECT count(DISTINCT contact_id)
                  FROM sends
                 WHERE account_id = :account_id
                   AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])) AS sends,
               engaged.opens, engaged.clicks, engaged.forwards,
               happened.bounces, happened.optouts, happened.abuse
          FROM (SELECT count(DISTINCT contact_id) FILTER (WHERE opens > 0) AS opens,
                       count(DISTINCT contact_id) FILTER (WHERE clicks > 0) AS clicks,
                       count(DISTINCT contact_id) FILTER (WHERE forwards > 0) AS forwards
                  FROM engagement
                 WHERE account_id = :account_id
                   AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])) AS engaged,
               (SELECT count(DISTINCT contact_id) FILTER (WHERE kind = 'bounce') AS bounces,
                       count(DISTINCT contact_id) FILTER (WHERE kind = 'optout') AS optouts,
                       count(DISTINCT contact_id) FILTER (WHERE kind = 'abuse') AS abuse
                  FROM tracking_events
                 WHERE account_id = :account_id
                   AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])
                   AND kind IN ('bounce', 'optout', 'abuse')) AS happened""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )
    assert found is not None
    return found
