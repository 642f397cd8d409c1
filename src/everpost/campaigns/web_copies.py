"""The public web copy of a campaign: what the latest send said, for everybody.

Rules: rendered once, when a send starts, and stored, so a later change of the email shows only after the next send and
a page view renders nothing. No contact's data is in it, nothing is tracked, and no link unsubscribes anybody.
Source: contract, campaigns.md §3.8, §6.5.
"""

from msgspec import Struct

from everpost.campaigns import campaign_activities, permalinks, readings
from everpost.campaigns.campaign_activities import Stored
from everpost.delivery.render import Content
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import NotFound


class WebCopy(Struct, frozen=True):
    """A whole HTML document."""

    html: str


async def get(conn: Conn, permalink_id: str) -> WebCopy:
    """Raises: NotFound before the first send, after the campaign's removal, and for any other address."""
    target = await permalinks.find(conn, permalink_id)
    if target is None:
        raise NotFound
    copy = await one(
        conn,
        WebCopy,
        """
        SELECT w.html
          FROM web_copies w
          JOIN campaigns c ON c.account_id = w.account_id AND c.campaign_id = w.campaign_id
         WHERE w.account_id = :account_id AND w.campaign_id = :campaign_id AND c.status <> 'REMOVED'""",
        account_id=target.account_id,
        campaign_id=target.campaign_id,
    )
    if copy is None:
        raise NotFound
    return copy


async def replace(conn: Conn, account_id: AccountId, stored: Stored, content: Content) -> None:
    """Publish what is being sent now."""
    reading = await readings.for_everybody(
        conn,
        account_id,
        content,
        from_email=stored.from_email,
        address=campaign_activities.own_address(stored),
    )
    await run(
        conn,
        """
        INSERT INTO web_copies (account_id, campaign_id, html, rendered_at)
        VALUES (:account_id, :campaign_id, :html, :now)
            ON CONFLICT (account_id, campaign_id) DO UPDATE
           SET html = excluded.html, rendered_at = excluded.rendered_at""",
        account_id=account_id,
        campaign_id=stored.campaign_id,
        html=reading.html,
        now=clock.now(),
    )
