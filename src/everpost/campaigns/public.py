"""The public web copy of a campaign, which needs no sign-in. Source: contract, campaigns.md §6.5, §7."""

from typing import Final

from everpost.campaigns import web_copies
from everpost.platform.db import Conn
from everpost.platform.http import Answer, Pages

pages = Pages(tag="Email campaigns")
get = pages.get

# The author's own style sheets and pictures show; nothing runs, nothing is posted, and no other page frames it.
_POLICY: Final = (
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline' *; font-src * data:; form-action 'none';"
    " frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@get("/p/{permalink_id}")
async def show_web_copy(conn: Conn, permalink_id: str) -> Answer:
    """Show a campaign's web copy. From its first send on, until it is removed."""
    copy = await web_copies.get(conn, permalink_id)
    return Answer(copy.html.encode(), headers=_HEADERS, media_type="text/html; charset=utf-8")
