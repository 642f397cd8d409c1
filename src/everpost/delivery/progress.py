"""The mailings of some activities that are still on their way: how each stands, and how far they are together.

Rules: a mailing is on its way from its release until its last recipient has an outcome, cancelled ones included.
"""

from collections.abc import Collection
from uuid import UUID

from everpost.delivery import mailings
from everpost.delivery.mailings import Progress, Summary
from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, many


async def unfinished(conn: Conn, account_id: AccountId, activity_ids: Collection[CampaignActivityId]) -> list[Summary]:
    """Those that are being sent, that rest, or whose last messages are being taken back; oldest first."""
    return await many(
        conn,
        Summary,
        """
        SELECT mailing_id, campaign_activity_id, state, recipients, created_at, finished_at, pause_reason
          FROM mailings
         WHERE account_id = :account_id AND campaign_activity_id = ANY (:activity_ids)
           AND state IN ('sending', 'paused', 'cancelled') AND finished_at IS NULL
         ORDER BY mailing_id""",
        account_id=account_id,
        activity_ids=[UUID(str(activity_id)) for activity_id in activity_ids],
    )


async def together(conn: Conn, account_id: AccountId, found: Collection[Summary]) -> Progress:
    """How many recipients of these are where, counted now."""
    counted = [await mailings.progress(conn, account_id, each.mailing_id) for each in found]
    return Progress(*(sum(getattr(each, name) for each in counted) for name in Progress.__struct_fields__))
