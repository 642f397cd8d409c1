"""Who did what with a mail: the rows of the tracking reports, for people to filter, page through and download.

Rules: a campaign's first send and its resend are looked at together, as its report counts them, or one by one.
Together, the lists of contacts hold each contact once, and a link is the same link in both.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta

from everpost.campaigns.shapes import timestamp
from everpost.ids import AccountId, CampaignActivityId, UrlId
from everpost.platform.db import Conn, Db
from everpost.portal import report
from everpost.reports import tracking_rows
from everpost.reports.link_maps import Link
from everpost.reports.tracking_rows import NEWEST, Position, Row
from everpost.tracking.events import BounceCode

PAGE_SIZE: Final = 50
_EXPORT_ROWS: Final = 2_000

Did: TypeAlias = Literal[
    "sent", "opened", "opens", "not-opened", "clicks", "bounces", "unsubscribed", "forwards", "complaints"
]
# What the filter offers, and what the time in its rows is the time of.
CHOICES: Final[Mapping[Did, tuple[str, str]]] = {
    "sent": ("Sent to", "Sent"),
    "opened": ("Opened, each contact once", "Opened last"),
    "opens": ("Every open", "Opened"),
    "not-opened": ("Did not open", "Sent"),
    "clicks": ("Every click", "Clicked"),
    "bounces": ("Bounced", "Bounced"),
    "unsubscribed": ("Unsubscribed", "Unsubscribed"),
    "forwards": ("Forwarded", "Forwarded"),
    "complaints": ("Reported as spam", "Reported"),
}
REASONS: Final[Mapping[BounceCode, str]] = {
    "B": "Does not exist",
    "D": "Undeliverable",
    "F": "Full",
    "S": "On hold",
    "V": "Automatic answer",
    "X": "Other",
    "Z": "Blocked",
}
_KINDS: Final[Mapping[Did, tracking_rows.Kind]] = {
    "opened": "open",
    "opens": "open",
    "clicks": "click",
    "bounces": "bounce",
    "unsubscribed": "optout",
    "forwards": "forward",
    "complaints": "abuse",
}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows: `url_id` counts for clicks only, `bounce_code` for bounces only; an empty one is every one."""

    did: Did = "opened"
    mail: Literal["both", "primary_email", "resend"] = "both"
    url_id: Annotated[str, Meta(pattern=r"^\d{0,18}$", description="Only clicks on this link.")] = ""
    bounce_code: Literal["", "B", "D", "F", "S", "V", "X", "Z"] = ""

    @property
    def link(self) -> UrlId | None:
        return UrlId(int(self.url_id)) if self.url_id else None

    @property
    def parameters(self) -> dict[str, object]:
        """As they stand in an address."""
        chosen = {"did": self.did, "mail": self.mail, "url_id": self.url_id, "bounce_code": self.bounce_code}
        return {name: value for name, value in chosen.items() if value}

    @property
    def address(self) -> str:
        return urlencode(self.parameters)


class PeopleQuery(Filter, frozen=True, kw_only=True):
    """And the row after which the page begins."""

    after_at: datetime | None = None
    after_id: UUID | None = None

    @property
    def after(self) -> Position:
        return NEWEST if self.after_at is None or self.after_id is None else Position(self.after_at, self.after_id)


class Mails(msgspec.Struct, frozen=True):
    """The sends that are looked at, by role, and the links in them."""

    ids: Mapping[str, CampaignActivityId]
    links: Sequence[Link]

    def other(self, role: str) -> CampaignActivityId | None:
        return next((activity_id for each, activity_id in self.ids.items() if each != role), None)

    def url_ids(self, url_id: UrlId) -> list[UrlId]:
        """What that link is called in each of them."""
        return next((link.url_ids for link in self.links if url_id in link.url_ids), [url_id])


class Listed(msgspec.Struct, frozen=True):
    """A row, and the words for the mail that it is about."""

    row: Row
    mail: str


class Page(msgspec.Struct, frozen=True):
    """Some of the rows; `following` is the query of the next page."""

    rows: list[Listed]
    following: str | None


async def page(conn: Conn, account_id: AccountId, mails: Mails, query: PeopleQuery) -> Page:
    found = await rows(conn, account_id, mails, query, query.after, most=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    return Page(shown, _following(query, shown[-1].row) if len(found) > PAGE_SIZE else None)


async def rows(
    conn: Conn, account_id: AccountId, mails: Mails, chosen: Filter, after: Position, *, most: int
) -> list[Listed]:
    """Newest first, after a position."""
    found = [
        Listed(row, report.MAILS[role])
        for role in mails.ids
        for row in await _rows_of(conn, account_id, mails, role, chosen, after=after, most=most)
    ]
    return sorted(found, key=lambda listed: (listed.row.created_at, listed.row.row_id), reverse=True)[:most]


async def file(db: Db, account_id: AccountId, mails: Mails, chosen: Filter) -> AsyncIterator[bytes]:
    """All rows as a CSV file, a piece at a time; no transaction is open while a piece is on its way."""
    yield _lines([_HEADINGS])
    after, is_over = NEWEST, False
    while not is_over:
        async with db.reader() as conn:
            found = await rows(conn, account_id, mails, chosen, after, most=_EXPORT_ROWS)
        yield _lines(_cells(listed) for listed in found)
        is_over = len(found) < _EXPORT_ROWS
        after = after if is_over else found[-1].row.position


async def _rows_of(
    conn: Conn, account_id: AccountId, mails: Mails, role: str, chosen: Filter, *, after: Position, most: int
) -> list[Row]:
    activity_id, other_id = mails.ids[role], mails.other(role)
    if chosen.did == "sent":
        return await tracking_rows.sends(conn, account_id, activity_id, after, most=most, other_id=other_id)
    if chosen.did == "not-opened":
        return await tracking_rows.did_not_open(conn, account_id, activity_id, after, most=most, other_id=other_id)
    is_once = chosen.did == "opened"
    return await tracking_rows.events(
        conn,
        account_id,
        activity_id,
        _KINDS[chosen.did],
        after,
        most=most,
        is_last_open=is_once,
        other_id=other_id if is_once else None,
        url_ids=mails.url_ids(chosen.link) if chosen.did == "clicks" and chosen.link is not None else None,
        bounce_codes=[chosen.bounce_code] if chosen.did == "bounces" and chosen.bounce_code else None,
    )


def _following(query: PeopleQuery, last: Row) -> str:
    return urlencode({**query.parameters, "after_at": last.created_at.isoformat(), "after_id": last.row_id})


_HEADINGS: Final = (
    "Email address", "First name", "Last name", "Time", "Device", "Link", "Bounce code", "Reason", "Contact ID",
    "Mail",
)  # fmt: skip
# A spreadsheet would take a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _cells(listed: Listed) -> Sequence[str]:
    row = listed.row
    return (
        row.email_address,
        row.first_name or "",
        row.last_name or "",
        timestamp(row.created_at),
        row.device_type or "",
        row.url or "",
        row.bounce_code or "",
        row.reason or "",
        str(row.contact_id),
        listed.mail,
    )


def _lines(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in line] for line in lines)
    return text.getvalue().encode()
