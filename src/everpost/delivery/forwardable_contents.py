"""What an author wrote, kept for the copies that recipients forward: a mail itself is full of its recipient's links.

Kept only while the account's mails have a forward link; of an activity that is sent again the latest counts.
Source: contract, campaigns.md §7.4.
"""

from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, one, run


async def keep(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, content: Content) -> None:
    await run(
        conn,
        """
        INSERT INTO forwardable_contents (account_id, campaign_activity_id, html, preheader)
        VALUES (:account_id, :campaign_activity_id, :html, :preheader)
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE
           SET html = excluded.html, preheader = excluded.preheader""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        html=content.html,
        preheader=content.preheader,
    )


async def find(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> Content | None:
    """Without a subject: that of the mail itself counts."""
    return await one(
        conn,
        Content,
        """
        SELECT html, '' AS subject, preheader
          FROM forwardable_contents
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
