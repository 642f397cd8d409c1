"""All campaigns that were sent, most recently sent first, with their numbers.

Rules: the 500 most recent at most, over all pages; removed campaigns are left out; the percentages are computed from
the sums over the campaigns of the page. What is usual is computed alike, from the campaigns before one of them.
Source: contract, reporting.md §6.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from everpost.campaigns.shapes import timestamp
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.db import Conn, many
from everpost.reports import totals
from everpost.reports.percents import percent
from everpost.reports.shapes import (
    AggregatePercents,
    CampaignSummary,
    CampaignSummaryPage,
    SummariesQuery,
    UniqueCounts,
)
from everpost.reports.totals import Totals

MOST_CAMPAIGNS: Final = 500
# Enough that one odd mail does not decide what is usual, and few enough that it is what readers do nowadays.
_LEAST_BEFORE, _MOST_BEFORE = 3, 10

# Source: contract, campaigns.md §2.2, in words.
_TYPES: Final = {
    1: "Default",
    2: "Bulk Email",
    10: "Newsletter",
    11: "Announcement",
    12: "Product Service News",
    14: "Business Letter",
    15: "Card",
    16: "Press Release",
    17: "Flyer",
    18: "Feedback Request",
    19: "Ratings and Reviews",
    20: "Event Announcement",
    21: "Simple Coupon",
    22: "Sale Promotion",
    23: "Product Promotion",
    24: "Membership Drive",
    25: "Fundraiser",
    26: "Custom Code Email",
    57: "A/B Test",
}


class _Sent(msgspec.Struct, frozen=True):
    campaign_id: CampaignId
    type_code: int
    last_sent_at: datetime
    campaign_activity_ids: list[CampaignActivityId]


async def page(conn: Conn, account_id: AccountId, query: SummariesQuery) -> CampaignSummaryPage:
    """One page."""
    rest = _after(await _sent(conn, account_id), query.cursor.position)
    shown = rest[: query.limit]
    found = await totals.find(conn, account_id, [campaign.campaign_activity_ids for campaign in shown])
    counts = [_counts(total) for total in found]
    is_last = len(rest) <= query.limit
    return CampaignSummaryPage(
        bulk_email_campaign_summaries=[
            CampaignSummary(
                campaign_id=campaign.campaign_id,
                campaign_type=_TYPES[campaign.type_code],
                last_sent_date=timestamp(campaign.last_sent_at),
                unique_counts=unique,
            )
            for campaign, unique in zip(shown, counts, strict=True)
        ],
        aggregate_percents=_percents(counts),
        links=UNSET if is_last else query.cursor.links(shown[-1].last_sent_at.isoformat(), shown[-1].campaign_id),
    )


async def usual(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> AggregatePercents | None:
    """The shares over the campaigns that were sent before this one; None as long as these say too little."""
    sent = await _sent(conn, account_id)
    place = next((number for number, each in enumerate(sent) if each.campaign_id == campaign_id), len(sent))
    before = sent[place + 1 : place + 1 + _MOST_BEFORE]
    if len(before) < _LEAST_BEFORE:
        return None
    found = await totals.find(conn, account_id, [campaign.campaign_activity_ids for campaign in before])
    return _percents([_counts(total) for total in found])


def _after(campaigns: list[_Sent], position: tuple[str, ...] | None) -> list[_Sent]:
    if position is None:
        return campaigns
    at, campaign_id = datetime.fromisoformat(position[0]), position[1]
    return [
        campaign
        for campaign in campaigns
        if campaign.last_sent_at < at or (campaign.last_sent_at == at and str(campaign.campaign_id) > campaign_id)
    ]


def _counts(total: Totals | None) -> UniqueCounts:
    if total is None:
        return UniqueCounts(sends=0, opens=0, clicks=0, forwards=0, optouts=0, abuse=0, bounces=0, not_opened=0)
    return UniqueCounts(
        sends=total.sends,
        opens=total.opens,
        clicks=total.clicks,
        forwards=total.forwards,
        optouts=total.optouts,
        abuse=total.abuse,
        bounces=total.bounces,
        not_opened=total.not_opened,
    )


def _percents(counts: Sequence[UniqueCounts]) -> AggregatePercents:
    sends, bounces = sum(each.sends for each in counts), sum(each.bounces for each in counts)
    opens, delivered = sum(each.opens for each in counts), sends - bounces
    return AggregatePercents(
        click=percent(sum(each.clicks for each in counts), opens),
        open=percent(opens, delivered),
        did_not_open=percent(sum(each.not_opened for each in counts), delivered),
        bounce=percent(bounces, sends),
        unsubscribe=percent(sum(each.optouts for each in counts), delivered),
    )


async def _sent(conn: Conn, account_id: AccountId) -> list[_Sent]:
    """The most recently sent campaigns; runs that found nobody to send to are none."""
    return await many(
        conn,
        _Sent,
        """
        SELECT campaign.campaign_id, campaign.type_code, max(campaign_run.run_at) AS last_sent_at,
               array_agg(DISTINCT activity.campaign_activity_id) AS campaign_activity_ids
          FROM campaign_runs AS campaign_run
          JOIN campaign_activities AS activity
            ON activity.account_id = campaign_run.account_id
           AND activity.campaign_activity_id = campaign_run.campaign_activity_id
          JOIN campaigns AS campaign
            ON campaign.account_id = activity.account_id AND campaign.campaign_id = activity.campaign_id
         WHERE campaign_run.account_id = :account_id AND campaign_run.status = 'COMPLETED'
           AND campaign_run.reason_code = 0 AND campaign.status <> 'REMOVED'
         GROUP BY campaign.campaign_id, campaign.type_code
         ORDER BY last_sent_at DESC, campaign.campaign_id
         LIMIT :most""",
        account_id=account_id,
        most=MOST_CAMPAIGNS,
    )
