"""The links of a campaign, and onto which list whoever clicks one of them is put."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from everpost.campaigns import click_lists
from everpost.delivery.render import LinkTooLong, MailTooLarge
from everpost.ids import CampaignId, ListId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_audience, campaign_parts
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns")

_LIST: Final = "list-"  # and the number of the link, from 0: the name of its field


class BadChoice(Invalid):
    """The choice of lists does not have a valid value"""


class _Shown(msgspec.Struct, frozen=True):
    """The links of the content; what the form is about, so it must still be so when it is saved."""

    urls: Sequence[str]
    list_ids: Sequence[ListId | None]

    @property
    def chosen(self) -> dict[str, ListId]:
        return {url: list_id for url, list_id in zip(self.urls, self.list_ids, strict=True) if list_id is not None}


@pages.get("/campaigns/{campaign_id}/links", **campaign_parts.WRITE)
async def show_links(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The links, each with the lists to choose from."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _page(conn, session, opened)


@pages.post("/campaigns/{campaign_id}/links", **campaign_parts.WRITE)
async def save_links(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Choose the lists."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            stored = await _stored(conn, session, opened)
            wanted = _Shown(stored.urls, _read(form, len(stored.urls)))
            campaign_parts.check_mark(form, stored, wanted)
            await click_lists.replace(conn, session.account_id, campaign_id, wanted.chosen)
    except ApiError as error:
        return await _page(conn, session, opened, error=error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


async def _stored(conn: Conn, session: Session, opened: Opened) -> _Shown:
    """Raises: Invalid, for a content that could not be sent."""
    chosen = await click_lists.find(conn, session.account_id, opened.campaign.campaign_id)
    try:
        urls = await click_lists.links(conn, session.account_id, opened.email)
    except (LinkTooLong, MailTooLarge) as error:
        raise Invalid(str(error)) from error
    return _Shown(urls, [chosen.get(url) for url in urls])


def _read(form: Mapping[str, str], count: int) -> list[ListId | None]:
    """Raises: BadChoice, for what no page of ours sends."""
    typed = [form.get(f"{_LIST}{number}", "") for number in range(count)]
    try:
        return [ListId(UUID(each)) if each else None for each in typed]
    except ValueError as error:
        raise BadChoice from error


async def _page(conn: Conn, session: Session, opened: Opened, *, error: ApiError | None = None) -> Html:
    try:
        shown = await _stored(conn, session, opened)
    except Invalid as unsendable:
        shown, error = _Shown([], []), error or unsendable
    lists = await campaign_audience.all_lists(conn, session.account_id)
    return campaign_parts.page(
        "portal/campaign_links.html",
        opened,
        links=[(url, str(list_id or "")) for url, list_id in zip(shown.urls, shown.list_ids, strict=True)],
        lists=[(str(each.list_id), each.name) for each in lists],
        mark=campaign_parts.mark(shown),
        error=error,
    )
