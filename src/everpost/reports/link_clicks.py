"""The links of a mail, and how many contacts followed each.

Rules: one row per distinct authored URL; most contacts first, then in order of appearance; the hidden link of the
machine trap is none; nothing before the first send; the list that clicks of a link lead onto is told as long as it
exists. Source: contract, reporting.md §3.
"""

import msgspec
from msgspec import UNSET

from everpost.ids import AccountId, CampaignActivityId, ListId, UrlId
from everpost.platform.db import Conn, many
from everpost.reports import activities
from everpost.reports.shapes import LinkClickCount, LinkReport, LinksQuery


class _Link(msgspec.Struct, frozen=True):
    url: str
    url_id: UrlId
    unique_clicks: int
    list_id: ListId | None


async def get(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, query: LinksQuery
) -> LinkReport:
    """Raises: NotFound."""
    await activities.require(conn, account_id, campaign_activity_id)
    links = await _links(conn, account_id, campaign_activity_id, is_complete=query.no_clicks)
    return LinkReport(campaign_activity_id=campaign_activity_id, link_click_counts=[_shown(link) for link in links])


def _shown(link: _Link) -> LinkClickCount:
    return LinkClickCount(
        link_url=link.url,
        url_id=str(link.url_id),
        unique_clicks=link.unique_clicks,
        list_action=UNSET if link.list_id is None else "add",
        list_id=link.list_id or UNSET,
    )


async def _links(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, *, is_complete: bool
) -> list[_Link]:
    return await many(
        conn,
        _Link,
        """
        SELECT url, url_id, unique_clicks,
               (SELECT list_id
                  FROM contact_lists AS list
                 WHERE list.account_id = :account_id AND list.list_id = links.list_id AND list.deleted_at IS NULL)
                   AS list_id
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
