"""A campaign's links over its first send and its resend, and the mail that they stand in.

Rules: a link is its authored text, which both sends have in common; a contact that clicked it in both counts once.
"""

from collections.abc import Sequence

import msgspec

from everpost.campaigns import previews
from everpost.ids import AccountId, CampaignActivityId, CampaignId, UrlId
from everpost.platform.db import Conn, many, one


class Link(msgspec.Struct, frozen=True):
    """One link; `url_ids` name it in the single sends."""

    url: str
    url_ids: list[UrlId]
    contacts: int


async def find(conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]) -> list[Link]:
    """Most clicked first, then in the order of the mail; those that nobody clicked too."""
    # One send's counts are kept with its links; only where there are two must contacts be looked at.
    return await many(
        conn,
        Link,
        """
        SELECT link.url, array_agg(link.url_id ORDER BY link.url_id) AS url_ids,
               CASE WHEN count(*) = 1 THEN max(link.unique_clicks)
                    ELSE (SELECT count(DISTINCT click.contact_id)
                            FROM link_clicks AS click
                           WHERE click.account_id = :account_id
                             AND click.campaign_activity_id = ANY (:campaign_activity_ids::uuid[])
                             AND click.url_id = ANY (array_agg(link.url_id)))
               END AS contacts
          FROM links AS link
         WHERE link.account_id = :account_id AND link.campaign_activity_id = ANY (:campaign_activity_ids::uuid[])
           AND NOT link.is_honeypot
         GROUP BY link.url
         ORDER BY contacts DESC, min(link.position), link.url""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )


async def mail(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, campaign_activity_id: CampaignActivityId
) -> str:
    """The HTML of what was sent last, without anybody's data; before a send, of what would be sent now."""
    sent = await one(
        conn,
        str,
        "SELECT html FROM web_copies WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return sent or (await previews.get(conn, account_id, campaign_activity_id)).preview_html_content
