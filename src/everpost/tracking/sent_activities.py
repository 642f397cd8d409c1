"""Which campaign activities went out, and when last: what rules about "the last five campaigns" choose from.

Rules: written when a send is over, in its transaction; a removed campaign's activities leave. Campaigns know more about
all this, but those who choose recipients stand below them.
"""

from datetime import datetime

from msgspec import Struct

from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.db import Conn, many, run


class SentActivity(Struct, frozen=True):
    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    sent_at: datetime


async def newest_first(conn: Conn, account_id: AccountId) -> list[SentActivity]:
    """All of the account: a few for each week it has been mailing."""
    return await many(
        conn,
        SentActivity,
        """SELECT campaign_activity_id, campaign_id, sent_at FROM sent_activities
            WHERE account_id = :account_id
            ORDER BY sent_at DESC, campaign_activity_id DESC""",
        account_id=account_id,
    )


async def record(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    campaign_id: CampaignId,
    *,
    sent_at: datetime,
) -> None:
    """The activity went to somebody; the last time counts."""
    await run(
        conn,
        """INSERT INTO sent_activities (account_id, campaign_activity_id, campaign_id, sent_at)
           VALUES (:account_id, :campaign_activity_id, :campaign_id, :sent_at)
               ON CONFLICT (account_id, campaign_activity_id) DO UPDATE SET sent_at = excluded.sent_at""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        campaign_id=campaign_id,
        sent_at=sent_at,
    )


async def forget(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """The campaign was removed."""
    await run(
        conn,
        "DELETE FROM sent_activities WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
