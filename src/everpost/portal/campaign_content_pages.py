"""What a campaign says: its preview for the frames of other screens, and the source of one that is written in HTML.

Emails of blocks have an editor of their own.
"""

from collections.abc import Mapping
from typing import Final

from everpost.campaigns import campaign_activities, content, previews
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, NotFound
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_parts, composer_tags, mail_views
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns")

# 400 kB of content, each byte of which a form may have to escape.
_LARGEST_FORM: Final = 3 * content.MAX_BYTES + 64 * 1024


def editor(opened: Opened) -> str:
    """Where its content is changed."""
    name = "html" if content.shows_html(opened.email.format_type) else "content"
    return f"/campaigns/{opened.campaign.campaign_id}/{name}"


@pages.get("/campaigns/{campaign_id}/preview", **campaign_parts.READ)
async def show_preview(conn: Conn, session: Session, campaign_id: CampaignId) -> Answer:
    """The mail as the account's owner would get it, for a frame."""
    activity_id = await campaign_activities.primary_of(conn, session.account_id, campaign_id)
    preview = await previews.get(conn, session.account_id, activity_id)
    return Answer(
        mail_views.framed(preview.preview_html_content),
        headers=mail_views.FRAME_HEADERS,
        media_type="text/html; charset=utf-8",
    )


@pages.get("/campaigns/{campaign_id}/html", **campaign_parts.WRITE)
async def show_html(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The source, as its author wrote it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _page(conn, session, opened)


@pages.post("/campaigns/{campaign_id}/html", max_body_bytes=_LARGEST_FORM, **campaign_parts.WRITE)
async def save_html(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Say this from now on."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    typed = form.get("html_content", "").replace("\r\n", "\n")
    try:
        async with savepoint(conn):
            await _save(conn, session, opened, typed, form)
    except ApiError as error:
        return await _page(conn, session, opened, typed, error=error)
    if form.get("do") == "stay":
        return redirect(f"/campaigns/{campaign_id}/html?done=saved")
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


async def _save(conn: Conn, session: Session, opened: Opened, typed: str, form: Mapping[str, str]) -> None:
    """Raises: NotFound, Invalid, StateForbids, ChangedMeanwhile."""
    if not content.shows_html(opened.email.format_type):
        raise NotFound
    stored = await campaign_activities.html_of(conn, session.account_id, opened.campaign.campaign_id)
    campaign_parts.check_mark(form, stored, typed)
    new = campaign_parts.unchanged(opened.email, html_content=typed)
    await campaign_activities.replace(conn, session.account_id, opened.email.campaign_activity_id, new)


async def _page(
    conn: Conn, session: Session, opened: Opened, typed: str | None = None, *, error: ApiError | None = None
) -> Html:
    if not content.shows_html(opened.email.format_type):
        raise NotFound
    stored = await campaign_activities.html_of(conn, session.account_id, opened.campaign.campaign_id)
    return campaign_parts.page(
        "portal/campaign_html.html",
        opened,
        values={"html_content": stored if typed is None else typed},
        mark=campaign_parts.mark(stored),
        tags=await composer_tags.offered(conn, session.account_id),
        error=error,
    )
