"""A copy of what was sent, for the addresses that keep the account's records.

Rules: one copy per run to every confirmed address with the role JOURNALING; it is nobody's, so tags show their
fallback, nothing is tracked and it is counted nowhere. Source: contract, campaigns.md §5.2; account.md §8.
"""

from everpost.campaigns import campaign_activities
from everpost.campaigns.campaign_activities import Stored
from everpost.delivery import test_messages
from everpost.delivery.test_messages import TestMessage
from everpost.ids import AccountId
from everpost.platform.db import Conn, many


async def send(conn: Conn, account_id: AccountId, stored: Stored) -> None:
    """Send the copies, when and if the run's transaction commits."""
    addresses = await _addresses(conn, account_id)
    if not addresses:
        return
    copy = TestMessage(
        from_name=stored.from_name,
        from_email=stored.from_email,
        reply_to_email=stored.reply_to_email,
        content=await campaign_activities.written(conn, account_id, stored),
        address=campaign_activities.own_address(stored),
        is_journal=True,
    )
    await test_messages.send(conn, account_id, copy, addresses)


async def _addresses(conn: Conn, account_id: AccountId) -> list[str]:
    return await many(
        conn,
        str,
        """
        SELECT email_address
          FROM account_emails
         WHERE account_id = :account_id AND confirmed_at IS NOT NULL AND 'JOURNALING' = ANY (roles)
         ORDER BY email_id""",
        account_id=account_id,
    )
