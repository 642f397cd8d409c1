"""Which campaign activities can be reported on.

Rules: those that are sent to contacts, primary e-mails and resends; never the permalink. Removing a campaign does not
take its history away. Source: contract, reporting.md §1.2.
"""

from collections.abc import Sequence

import msgspec

from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.db import Conn, many
from everpost.platform.errors import NotFound


class Reportable(msgspec.Struct, frozen=True):
    """An activity that is sent to contacts."""

    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    is_removed: bool


async def require(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Raises: NotFound."""
    if not await find(conn, account_id, [campaign_activity_id]):
        raise NotFound


async def find(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]
) -> list[Reportable]:
    """Those of the ids that can be reported on."""
    return await many(
        conn,
        Reportable,
        """
        SELECT activity.campaign_activity_id, activity.campaign_id, campaign.status = 'REMOVED' AS is_removed
          FROM campaign_activities AS activity
          JOIN campaigns AS campaign
            ON campaign.account_id = activity.account_id AND campaign.campaign_id = activity.campaign_id
         WHERE activity.account_id = :account_id
           AND activity.campaign_activity_id = ANY (:campaign_activity_ids::uuid[])
           AND activity.role IN ('primary_email', 'resend')""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )


async def of_campaigns(conn: Conn, account_id: AccountId, campaign_ids: Sequence[CampaignId]) -> list[Reportable]:
    """All activities of the campaigns that can be reported on."""
    return await many(
        conn,
        Reportable,
        """
        SELECT activity.campaign_activity_id, activity.campaign_id, campaign.status = 'REMOVED' AS is_removed
          FROM campaign_activities AS activity
          JOIN campaigns AS campaign
            ON campaign.account_id = activity.account_id AND campaign.campaign_id = activity.campaign_id
         WHERE activity.account_id = :account_id AND activity.campaign_id = ANY (:campaign_ids::uuid[])
           AND activity.role IN ('primary_email', 'resend')
         ORDER BY activity.campaign_id, activity.role""",
        account_id=account_id,
        campaign_ids=campaign_ids,
    )
