"""The tracking reports: row by row, who got a mail and what they did with it, newest first.

Rules: the address is the one the mail was sent to, names are the current ones; a deleted contact's rows stay, with the
day of its deletion; what machines did is left out; an activity that was never sent has an empty report.
Source: contract, reporting.md §1.3, §2.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from msgspec import UNSET

from everpost.campaigns.shapes import timestamp
from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid
from everpost.platform.paging import Links
from everpost.reports import activities, tracking_rows
from everpost.reports.shapes import (
    Bounce,
    BouncesQuery,
    Click,
    ClicksQuery,
    LinkedTrackingPage,
    LinksOrNone,
    Open,
    OptOut,
    TrackingActivity,
    TrackingPage,
    TrackingQuery,
)
from everpost.reports.tracking_rows import NEWEST, Position, Row

BOUNCE_CODES: Final = frozenset("BDFSVXZ")

Shown = TypeVar("Shown", bound=TrackingActivity)


async def sends(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """Contacts that the mail was sent to, those on hold included. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.sends(conn, account_id, activity_id, _after(query), most=query.limit + 1)
    return _page(query, rows, lambda row: _plain(activity_id, row, "em_sends"))


async def did_not_open(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """Contacts that got the mail and did not open it; who bounced, in whatever way, is left out. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.did_not_open(conn, account_id, activity_id, _after(query), most=query.limit + 1)
    return _page(query, rows, lambda row: _plain(activity_id, row, "em_didnotopens"))


async def opens(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """Every open. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.events(conn, account_id, activity_id, "open", _after(query), most=query.limit + 1)
    return _page(query, rows, lambda row: _open(activity_id, row))


async def unique_opens(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[Open]:
    """The last open of each contact. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.events(
        conn, account_id, activity_id, "open", _after(query), most=query.limit + 1, is_last_open=True
    )
    return _page(query, rows, lambda row: _open(activity_id, row))


async def clicks(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: ClicksQuery
) -> TrackingPage[Click]:
    """Every click, or those on one link. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    url_ids = None if query.url_id is None else [query.url_id]
    rows = await tracking_rows.events(
        conn, account_id, activity_id, "click", _after(query), most=query.limit + 1, url_ids=url_ids
    )
    return _page(query, rows, lambda row: _click(activity_id, row))


async def forwards(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> TrackingPage[TrackingActivity]:
    """Every use of the mail's forward link. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.events(conn, account_id, activity_id, "forward", _after(query), most=query.limit + 1)
    return _page(query, rows, lambda row: _plain(activity_id, row, "em_forwards"))


async def opt_outs(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: TrackingQuery
) -> LinkedTrackingPage[OptOut]:
    """Contacts that unsubscribed through this mail, whatever they did afterwards. Raises: NotFound."""
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.events(conn, account_id, activity_id, "optout", _after(query), most=query.limit + 1)
    return _linked(_page(query, rows, lambda row: _opt_out(activity_id, row)))


async def bounces(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, query: BouncesQuery
) -> LinkedTrackingPage[Bounce]:
    """Contacts whose mail bounced, or those with certain codes. Raises: Invalid, NotFound."""
    if not BOUNCE_CODES.issuperset(query.bounce_code):
        raise Invalid("bounce_code does not have a valid value")
    await activities.require(conn, account_id, activity_id)
    rows = await tracking_rows.events(
        conn,
        account_id,
        activity_id,
        "bounce",
        _after(query),
        most=query.limit + 1,
        bounce_codes=query.bounce_code or None,
    )
    return _linked(_page(query, rows, lambda row: _bounce(activity_id, row)))


def _after(query: TrackingQuery) -> Position:
    if query.cursor.position is None:
        return NEWEST
    at, row_id = query.cursor.position
    return Position(datetime.fromisoformat(at), UUID(row_id))


def _page(query: TrackingQuery, rows: list[Row], show: Callable[[Row], Shown]) -> TrackingPage[Shown]:
    """`rows` holds one more than the page when there is a next page."""
    shown = rows[: query.limit]
    links = (
        UNSET if len(rows) <= query.limit else query.cursor.links(shown[-1].created_at.isoformat(), shown[-1].row_id)
    )
    return TrackingPage(tracking_activities=[show(row) for row in shown], links=links)


def _linked(page: TrackingPage[Shown]) -> LinkedTrackingPage[Shown]:
    links = LinksOrNone(next=page.links.next) if isinstance(page.links, Links) else LinksOrNone()
    return LinkedTrackingPage(tracking_activities=page.tracking_activities, links=links)


def _plain(activity_id: CampaignActivityId, row: Row, report_type: str) -> TrackingActivity:
    return _shown(TrackingActivity, activity_id, row, report_type)


def _open(activity_id: CampaignActivityId, row: Row) -> Open:
    return _shown(Open, activity_id, row, "em_opens", device_type=row.device_type or UNSET)


def _click(activity_id: CampaignActivityId, row: Row) -> Click:
    return _shown(
        Click,
        activity_id,
        row,
        "em_clicks",
        device_type=row.device_type or UNSET,
        url_id=str(row.url_id),
        link_url=row.url or "",
    )


def _opt_out(activity_id: CampaignActivityId, row: Row) -> OptOut:
    return _shown(OptOut, activity_id, row, "em_optouts", opt_out_reason=row.reason or UNSET)


def _bounce(activity_id: CampaignActivityId, row: Row) -> Bounce:
    current = UNSET if row.deleted_at is not None else row.current_email_address or UNSET
    return _shown(Bounce, activity_id, row, "em_bounces", bounce_code=row.bounce_code, current_email_address=current)


def _shown(kind: type[Shown], activity_id: CampaignActivityId, row: Row, report_type: str, **more: object) -> Shown:
    return kind(
        contact_id=row.contact_id,
        campaign_activity_id=activity_id,
        tracking_activity_type=report_type,
        email_address=row.email_address,
        first_name=row.first_name or UNSET,
        last_name=row.last_name or UNSET,
        created_time=timestamp(row.created_at),
        deleted_at=UNSET if row.deleted_at is None else row.deleted_at.astimezone(UTC).date().isoformat(),
        **more,
    )
