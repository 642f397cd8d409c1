"""Who was sent what and when: one row per contact and campaign activity, whatever became of the message.

Rules: appending the same send twice changes nothing, so that a batch may be repeated after a crash; suspended
addresses are sends too (they count, and bounce with S).
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId
from everpost.platform.db import Conn, run


class Send(msgspec.Struct, frozen=True):
    """One message that left; `email_address` as it was used."""

    campaign_activity_id: CampaignActivityId
    contact_id: ContactId
    sent_at: datetime
    email_address: str


async def append(conn: Conn, account_id: AccountId, rows: Sequence[Send]) -> None:
    """Add sends and move the counters by those that are new."""
    await run(
        conn,
        """
        WITH added AS (
            INSERT INTO sends (account_id, campaign_activity_id, contact_id, sent_at, email_address)
            SELECT :account_id, row.campaign_activity_id, row.contact_id, row.sent_at, row.email_address
              FROM unnest(:campaign_activity_ids::uuid[], :contact_ids::uuid[], :sent_ats::timestamptz[],
                          :email_addresses::text[])
                AS row (campaign_activity_id, contact_id, sent_at, email_address)
             ORDER BY row.campaign_activity_id, row.contact_id
                ON CONFLICT (account_id, campaign_activity_id, contact_id) DO NOTHING
            RETURNING campaign_activity_id)
        INSERT INTO activity_counters (account_id, campaign_activity_id, sends)
        SELECT :account_id, campaign_activity_id, count(*)
          FROM added
         GROUP BY campaign_activity_id
         ORDER BY campaign_activity_id
            ON CONFLICT (account_id, campaign_activity_id)
            DO UPDATE SET sends = activity_counters.sends + excluded.sends""",
        account_id=account_id,
        campaign_activity_ids=[row.campaign_activity_id for row in rows],
        contact_ids=[row.contact_id for row in rows],
        sent_ats=[row.sent_at for row in rows],
        email_addresses=[row.email_address for row in rows],
    )
