"""What the composer shows: an email of blocks with what is wrong beside it, and its preview."""

from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct

from everpost.campaigns import block_mjml, previews
from everpost.campaigns.block_shapes import Align, Document, Font, Height, Share, Width
from everpost.campaigns.readings import Reading
from everpost.delivery.render import Content
from everpost.ids import AccountId
from everpost.platform.db import Conn
from everpost.platform.http import Answer, Html
from everpost.portal import composer_forms, composer_tags, mail_views
from everpost.portal.campaign_parts import Opened
from everpost.portal.forms import Problems

View: TypeAlias = Literal["html", "text"]

_CHOICES: Final = {
    "align": [(name, name.capitalize()) for name in get_args(Align)],
    "font": [(name, name.capitalize()) for name in get_args(Font)],
    "height": [(height, f"{height} pixels") for height in get_args(Height)],
    "level": [(1, "Title"), (2, "Large"), (3, "Small")],
    "share": [(share, f"{share} %") for share in get_args(Share)],
    "style": [("solid", "Solid"), ("dashed", "Dashed"), ("dotted", "Dotted")],
    "width": [(width, f"{width} pixels") for width in get_args(Width)],
}
_TEXT_PAGE: Final = (
    "<!DOCTYPE html><meta charset=utf-8><meta name=color-scheme content='light dark'><title>Text</title>"
)


class Draft(Struct, kw_only=True):
    """A document in somebody's hands. `version` is the one it was made from; `theirs` that of somebody faster."""

    document: Document
    version: int
    preheader: str
    problems: Problems
    at: str = ""
    is_saved: bool = True
    theirs: int | None = None
    done: str = ""
    status: int = 200


async def blocks(conn: Conn, account_id: AccountId, opened: Opened, draft: Draft) -> Html:
    """The form with all blocks; while nothing may be changed, the preview alone."""
    return Html(
        "portal/composer.html",
        draft.status,
        **_head(opened),
        draft=draft,
        problems=draft.problems,
        wrong=composer_forms.wrong_places(draft.problems),
        cards=composer_forms.cards(draft.document.blocks),
        labels=composer_forms.LABELS,
        networks=block_mjml.NETWORKS,
        choices=_CHOICES,
        tags=await composer_tags.offered(conn, account_id),
    )


def start(opened: Opened) -> Html:
    """For an email that an application made: the offer to begin its document."""
    return Html("portal/composer_start.html", **_head(opened))


async def frame(
    conn: Conn, account_id: AccountId, opened: Opened, view: View, *, html: str, preheader: str | None
) -> Answer:
    """The document inside the sandboxed frame: the email as the account's owner would get it."""
    written = Content(html=html, subject=opened.email.subject, preheader=preheader or "")
    reading = await previews.of_content(conn, account_id, opened.email, written)
    return Answer(_framed(reading, view), headers=mail_views.FRAME_HEADERS, media_type="text/html; charset=utf-8")


def _head(opened: Opened) -> dict[str, Any]:
    address = f"/campaigns/{opened.campaign.campaign_id}"
    return {"campaign": opened.campaign, "email": opened.email, "address": address, "may_change": opened.may_change}


def _framed(reading: Reading, view: View) -> bytes:
    if view == "html":
        return mail_views.framed(reading.html)
    shown = reading.text.replace("&", "&amp;").replace("<", "&lt;")
    return f"{_TEXT_PAGE}<pre style='white-space:pre-wrap;font:14px/1.5 monospace'>{shown}</pre>".encode()
