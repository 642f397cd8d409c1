"""The links of a mail, and how many contacts followed each.

Rules: one row per distinct authored URL; most contacts first, then in order of appearance; the hidden link of the
machine trap is none; nothing before the first send. Source: contract, reporting.md §3.
"""

import msgspec

from everpost.ids import AccountId, CampaignActivityId, UrlId
from everpost.platform.db import Conn, many
from everpost.reports import activities
from everpost.reports.shapes import LinkClickCount, LinkReport, LinksQuery


class _Link(msgspec.Struct, frozen=True):
    url: str
    url_id: UrlId
    unique_clicks: int


async def get(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, query: LinksQuery
) -> LinkReport:
    """Raises: NotFound."""
    await activities.require(conn, account_id, campaign_activity_id)
    links = await _links(conn, account_id, campaign_activity_id, is_complete=query.no_clicks)
    counts = [
        LinkClickCount(link_url=link.url, url_id=str(link.url_id), unique_clicks=link.unique_clicks) for link in links
    ]
    return LinkReport(campaign_activity_id=campaign_activity_id, link_click_counts=counts)


async def _links(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, *, is_complete: bool
) -> list[_Link]:
    return await many(
        conn,
        _Link,
        """
        SELECT url, url_id, unique_clicks
          FROM links
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND NOT is_honeypot
           AND (unique_clicks > 0
                OR :is_complete AND EXISTS (SELECT 1
                                              FROM sends
                                             WHERE sends.account_id = :account_id
                                               AND sends.campaign_activity_id = :campaign_activity_id))
         ORDER BY unique_clicks DESC, position""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        is_complete=is_complete,
    )
