"""The page with all campaigns: how each stands, and its numbers for those who may see them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from everpost.delivery import progress
from everpost.ids import AccountId, CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Html, Pages
from everpost.reports import campaign_list
from everpost.reports.campaign_list import Listed
from everpost.reports.percents import percent

pages: Final = Pages(tag="Email Campaigns")

METRICS: Final = "ui:campaign:metrics"


class CampaignsQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    done: Literal["", "deleted"] = ""


@pages.get("/campaigns", privilege="campaign:read")
async def show_campaigns(conn: Conn, session: Session, query: CampaignsQuery) -> Html:
    """The campaigns that changed last come first, 25 a page."""
    page = await campaign_list.page(conn, session.account_id, search=query.q, number=query.page)
    shown = await table(conn, session, [campaign for campaign, _ in page.campaigns])
    return Html("portal/campaigns.html", page=page, search=query.q, done=query.done, **shown)


async def table(conn: Conn, session: Session, campaigns: Sequence[Listed]) -> dict[str, Any]:
    """What `campaign_table.html` needs to show these."""
    return {
        "percent": percent,
        "has_numbers": METRICS in session.privileges,
        "under_way": await _under_way(conn, session.account_id, campaigns),
    }


async def _under_way(
    conn: Conn, account_id: AccountId, campaigns: Sequence[Listed]
) -> dict[CampaignId, Literal["EXECUTING", "PAUSED"]]:
    """Campaigns of which something is leaving, or rests, whatever is done with them as a whole."""
    campaign_ids = {each: campaign.campaign_id for campaign in campaigns for each in campaign.campaign_activity_ids}
    found = await progress.unfinished(conn, account_id, campaign_ids)
    return {
        campaign_ids[each.campaign_activity_id]: "PAUSED" if each.state == "paused" else "EXECUTING" for each in found
    }
