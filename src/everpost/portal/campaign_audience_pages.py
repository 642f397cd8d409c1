"""Whom a campaign goes to: contact lists with their sizes, or one segment, and how many that reaches now."""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

import msgspec

from everpost.campaigns import campaign_activities
from everpost.ids import CampaignId, ListId, SegmentId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_audience, campaign_parts
from everpost.portal.campaign_audience import Chosen
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns")

_LIST: Final = "list:"  # and the id: the name of a list's box


class BadChoice(Invalid):
    """The audience does not have a valid value"""


class _Choice(msgspec.Struct, frozen=True):
    """What the form says: of which kind the audience is, and what is chosen of that kind and of the other."""

    kind: Literal["lists", "segment"]
    list_ids: list[ListId]
    segment_id: SegmentId | None

    @property
    def chosen(self) -> Chosen:
        if self.kind == "lists":
            return Chosen(self.list_ids, [])
        return Chosen([], [] if self.segment_id is None else [self.segment_id])


@pages.get("/campaigns/{campaign_id}/audience", **campaign_parts.WRITE)
async def show_audience(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The lists, the segments, and which of them are chosen."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _page(conn, session, opened, _stored(opened))


@pages.post("/campaigns/{campaign_id}/audience", **campaign_parts.WRITE)
async def save_audience(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Choose, or only count whom a choice would reach."""
    choice = _read(form)
    if form.get("do") == "count":
        # Which may take a while, and a send need not wait for it.
        opened = await campaign_parts.find(conn, session.account_id, campaign_id)
        return await _page(conn, session, opened, choice, is_tried=True)
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            stored, wanted = campaign_audience.stored(opened.email), choice.chosen
            campaign_parts.check_mark(form, stored, wanted)
            new = campaign_parts.unchanged(
                opened.email, contact_list_ids=list(wanted.list_ids), segment_ids=list(wanted.segment_ids)
            )
            await campaign_activities.replace(conn, session.account_id, opened.email.campaign_activity_id, new)
    except ApiError as error:
        return await _page(conn, session, opened, choice, error=error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


def _stored(opened: Opened) -> _Choice:
    segment_ids = opened.email.segment_ids
    return _Choice(
        "segment" if segment_ids else "lists", opened.email.contact_list_ids, segment_ids[0] if segment_ids else None
    )


def _read(form: Mapping[str, str]) -> _Choice:
    """Raises: BadChoice, for what no page of ours sends."""
    segment = form.get("segment_id", "")
    try:
        list_ids = [ListId(UUID(name.removeprefix(_LIST))) for name in form if name.startswith(_LIST)]
        segment_id = SegmentId(int(segment)) if segment else None
    except ValueError as error:
        raise BadChoice from error
    return _Choice("segment" if form.get("kind") == "segment" else "lists", list_ids, segment_id)


async def _page(
    conn: Conn,
    session: Session,
    opened: Opened,
    choice: _Choice,
    *,
    is_tried: bool = False,
    error: ApiError | None = None,
) -> Html:
    chosen = choice.chosen
    can_count = error is None and not chosen.is_empty
    activity_id = opened.email.campaign_activity_id
    return campaign_parts.page(
        "portal/campaign_audience.html",
        opened,
        choice=choice,
        lists=await campaign_audience.all_lists(conn, session.account_id, has_sizes=True),
        segments=await campaign_audience.all_segments(conn, session.account_id),
        mark=campaign_parts.mark(campaign_audience.stored(opened.email)),
        counted=await campaign_audience.count(conn, session.account_id, activity_id, chosen) if can_count else None,
        has_counted=can_count,
        is_tried=is_tried,
        error=error,
    )
