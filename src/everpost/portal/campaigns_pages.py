"""The page with all campaigns: how each stands, and its numbers for those who may see them."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Html, Pages
from everpost.reports import campaign_list
from everpost.reports.percents import percent

pages: Final = Pages(tag="Email Campaigns")

METRICS: Final = "ui:campaign:metrics"


class CampaignsQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


@pages.get("/campaigns", privilege="campaign:read")
async def show_campaigns(conn: Conn, session: Session, query: CampaignsQuery) -> Html:
    """The campaigns that changed last come first, 25 a page."""
    page = await campaign_list.page(conn, session.account_id, search=query.q, number=query.page)
    return Html(
        "portal/campaigns.html",
        page=page,
        search=query.q,
        percent=percent,
        has_numbers=METRICS in session.privileges,
    )
