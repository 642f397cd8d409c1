"""The numbers of one mail or of a campaign's mails together.

Rules: one activity's numbers are its counters. A campaign that also has a resend counts each contact once over both,
which the counters of the two cannot say, so these are counted, and kept: only a counter that moves can make them wrong.
Source: contract, reporting.md §5.1, §5.3.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, many, one, run
from everpost.reports import activities
from everpost.tracking import counters
from everpost.tracking.counters import Counters
from everpost.tracking.recount import Difference


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


class _Unique(msgspec.Struct, frozen=True):
    """The numbers of contacts; its members' order is that of the kept arrays."""

    sends: int
    opens: int
    clicks: int
    bounces: int
    optouts: int
    forwards: int
    abuse: int


# Whatever changes the numbers above moves one of these. When events turn out to be a machine's, the first ones fall and
# may rise again by as much for somebody else; the last two only rise.
_MOVING: Final = (*_Unique.__struct_fields__, "opens_left_out", "clicks_left_out")


class _Kept(msgspec.Struct, frozen=True):
    campaign_activity_id: CampaignActivityId
    summed: list[int]
    counted: list[int]


async def find(
    conn: Conn, account_id: AccountId, groups: Sequence[Sequence[CampaignActivityId]]
) -> list[Totals | None]:
    """One per group of activities, in their order; None for a group that nothing was sent of."""
    found = await counters.find(conn, account_id, [activity_id for group in groups for activity_id in group])
    sent = [{each: found[each] for each in group if each in found and found[each].sends > 0} for group in groups]
    kept = await _kept(conn, account_id, [min(group) for group in sent if len(group) > 1])
    return [
        await _together(conn, account_id, group, kept.get(min(group)))
        if len(group) > 1
        else _of_one(list(group.values()))
        for group in sent
    ]


async def wrong(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> list[Difference]:
    """Where the numbers that are kept under this activity are not what a count says, though they would be believed."""
    kept = (await _kept(conn, account_id, [campaign_activity_id])).get(campaign_activity_id)
    campaign = await activities.find(conn, account_id, [campaign_activity_id])
    if kept is None or not campaign:
        return []
    group = await activities.of_campaigns(conn, account_id, [campaign[0].campaign_id])
    found = await counters.find(conn, account_id, [each.campaign_activity_id for each in group])
    sent = [activity_id for activity_id, counted in found.items() if counted.sends > 0]
    if kept.summed != _summed([found[each] for each in sent]):
        return []
    unique = msgspec.structs.astuple(await _count(conn, account_id, sent, sends=None))
    return [
        Difference(f"{name} of the campaign", stored, counted)
        for name, stored, counted in zip(_Unique.__struct_fields__, kept.counted, unique, strict=True)
        if stored != counted
    ]


async def forget(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Have the numbers that are kept under this activity counted anew by whoever asks next."""
    await run(
        conn,
        """
        DELETE FROM counted_together
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


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


async def _together(
    conn: Conn, account_id: AccountId, sent: dict[CampaignActivityId, Counters], kept: _Kept | None
) -> Totals:
    summed = _summed(list(sent.values()))
    if kept is not None and kept.summed == summed:
        unique = _Unique(*kept.counted)
    else:
        # Sends are the most, and soon do not change any more while the others still do.
        sends = kept.counted[0] if kept is not None and kept.summed[0] == summed[0] else None
        unique = await _count(conn, account_id, list(sent), sends=sends)
        await _keep(conn, account_id, _Kept(min(sent), summed, list(msgspec.structs.astuple(unique))))
    return Totals(**msgspec.structs.asdict(unique), events=counters.total(list(sent.values())))


def _summed(found: Sequence[Counters]) -> list[int]:
    return [sum(getattr(each, name) for each in found) for name in _MOVING]


async def _kept(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]
) -> dict[CampaignActivityId, _Kept]:
    if not campaign_activity_ids:
        return {}
    rows = await many(
        conn,
        _Kept,
        """
        SELECT campaign_activity_id, summed, counted
          FROM counted_together
         WHERE account_id = :account_id AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )
    return {row.campaign_activity_id: row for row in rows}


async def _keep(conn: Conn, account_id: AccountId, new: _Kept) -> None:
    # The counters were read before anything was counted, so what is newer than they are is counted again at once.
    await run(
        conn,
        """
        INSERT INTO counted_together (account_id, campaign_activity_id, summed, counted)
        VALUES (:account_id, :campaign_activity_id, :summed, :counted)
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE
           SET summed = excluded.summed, counted = excluded.counted""",
        account_id=account_id,
        campaign_activity_id=new.campaign_activity_id,
        summed=new.summed,
        counted=new.counted,
    )


async def _count(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId], *, sends: int | None
) -> _Unique:
    """Each contact once; `sends` where they are known."""
    found = await one(
        conn,
        _Unique,
        """
        SELECT coalesce(:sends::bigint,
                        (SELECT count(DISTINCT contact_id)
                           FROM sends
                          WHERE account_id = :account_id
                            AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[]))) AS sends,
               engaged.opens, engaged.clicks, happened.bounces, happened.optouts, engaged.forwards, happened.abuse
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
        sends=sends,
    )
    assert found is not None
    return found
