"""All campaigns as a person looks through them: how each stands, and its numbers where it was sent.

Rules: removed campaigns are left out; those that changed last come first; a search looks into the names.
"""

from datetime import datetime
from typing import Final

import msgspec

from everpost.campaigns.states import Status
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.db import Conn, many, one
from everpost.reports import totals
from everpost.reports.totals import Totals

PAGE_SIZE: Final = 25


class Listed(msgspec.Struct, frozen=True):
    """One campaign; `sent_at` is when it went out last, `scheduled_at` when it will."""

    campaign_id: CampaignId
    name: str
    status: Status
    updated_at: datetime
    scheduled_at: datetime | None
    sent_at: datetime | None
    campaign_activity_ids: list[CampaignActivityId]


class Page(msgspec.Struct, frozen=True):
    """One page; `number` counts from 1, `total` is how many campaigns match in all."""

    campaigns: list[tuple[Listed, Totals | None]]
    number: int
    total: int

    @property
    def last_number(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


async def page(conn: Conn, account_id: AccountId, *, search: str = "", number: int = 1) -> Page:
    """A number beyond the last is the last."""
    pattern = f"%{_escaped(search.strip())}%"
    total = await _count(conn, account_id, pattern)
    number = min(number, Page([], 1, total).last_number)
    found = await _listed(conn, account_id, pattern, offset=(number - 1) * PAGE_SIZE)
    numbers = await totals.find(conn, account_id, [each.campaign_activity_ids for each in found])
    return Page(list(zip(found, numbers, strict=True)), number, total)


def _escaped(search: str) -> str:
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def _count(conn: Conn, account_id: AccountId, pattern: str) -> int:
    count = await one(
        conn,
        int,
        """
        SELECT count(*)
          FROM campaigns
         WHERE account_id = :account_id AND status <> 'REMOVED' AND name ILIKE :pattern""",
        account_id=account_id,
        pattern=pattern,
    )
    return count or 0


async def _listed(conn: Conn, account_id: AccountId, pattern: str, *, offset: int) -> list[Listed]:
    # An offset is fine here: campaigns are made by hand, and people page through them by hand.
    return await many(
        conn,
        Listed,
        """
        SELECT campaign.campaign_id, campaign.name, campaign.status, campaign.updated_at, campaign.scheduled_at,
               (SELECT max(campaign_run.run_at)
                  FROM campaign_activities AS activity
                  JOIN campaign_runs AS campaign_run
                    ON campaign_run.account_id = activity.account_id
                   AND campaign_run.campaign_activity_id = activity.campaign_activity_id
                 WHERE activity.account_id = :account_id AND activity.campaign_id = campaign.campaign_id
                   AND campaign_run.account_id = :account_id AND campaign_run.status = 'COMPLETED'
                   AND campaign_run.reason_code = 0) AS sent_at,
               ARRAY (SELECT activity.campaign_activity_id
                        FROM campaign_activities AS activity
                       WHERE activity.account_id = :account_id AND activity.campaign_id = campaign.campaign_id
                         AND activity.role IN ('primary_email', 'resend')) AS campaign_activity_ids
          FROM campaigns AS campaign
         WHERE campaign.account_id = :account_id AND campaign.status <> 'REMOVED' AND campaign.name ILIKE :pattern
         ORDER BY campaign.updated_at DESC, campaign.campaign_id
         LIMIT :most OFFSET :offset""",
        account_id=account_id,
        pattern=pattern,
        most=PAGE_SIZE,
        offset=offset,
    )
