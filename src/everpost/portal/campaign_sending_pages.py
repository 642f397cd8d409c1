"""Stopping a campaign on its way: it rests, goes on, or ends early."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from everpost.campaigns import stops
from everpost.ids import AccountId, CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_pages, campaign_parts, campaign_sending

pages: Final = Pages(tag="Email Scheduling")

Action: TypeAlias = Callable[[Conn, AccountId, CampaignId], Awaitable[None]]


@pages.post("/campaigns/{campaign_id}/pause", **campaign_parts.SEND)
async def pause_campaign(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Let nothing leave until somebody resumes it."""
    return await _act(conn, session, campaign_id, stops.pause, "paused")


@pages.post("/campaigns/{campaign_id}/resume", **campaign_parts.SEND)
async def resume_campaign(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Go on."""
    return await _act(conn, session, campaign_id, stops.resume, "resumed")


@pages.get("/campaigns/{campaign_id}/cancel", **campaign_parts.SEND)
async def ask_to_cancel(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks before those who wait never get it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    sending = await campaign_sending.find(conn, session.account_id, opened)
    return campaign_parts.page("portal/campaign_cancel.html", opened, sending=sending)


@pages.post("/campaigns/{campaign_id}/cancel", **campaign_parts.SEND)
async def cancel_campaign(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Nobody else gets it."""
    return await _act(conn, session, campaign_id, stops.cancel, "cancelled")


async def _act(conn: Conn, session: Session, campaign_id: CampaignId, action: Action, done: str) -> Html | Answer:
    await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            await action(conn, session.account_id, campaign_id)
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect(f"/campaigns/{campaign_id}?done={done}")
