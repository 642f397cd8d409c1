"""What came of the mails to one contact: every event, its rates, and a line for each mail.

Rules: e-mails to contacts only, never permalinks; what machines did is left out; deleted contacts still have reports;
`start` and `end` are both inside the range, to the millisecond, and five years apart at most. Sends are found activity
by activity: an account has few of these, and an index of sends by contact would be paid for with every mail.
Source: contract, contacts.md §9, reporting.md §7.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from everpost.campaigns.shapes import timestamp
from everpost.contacts import contacts
from everpost.ids import AccountId, CampaignActivityId, ContactId
from everpost.platform.db import Conn, many, one
from everpost.platform.errors import Invalid
from everpost.platform.paging import Links, PageQuery

LONGEST_RANGE: Final = timedelta(days=1825)
SUMMARY_PAGE: Final = 200

Type: TypeAlias = Literal[
    "em_sends", "em_opens", "em_clicks", "em_bounces", "em_optouts", "em_forwards",
    "p_contact_open", "p_contact_click", "p_contact_add", "p_contact_update",
]  # fmt: skip

# Landing pages have no events yet, so their types are known and empty.
_KINDS: Final[Mapping[str, str]] = {
    "em_sends": "send",
    "em_opens": "open",
    "em_clicks": "click",
    "em_bounces": "bounce",
    "em_optouts": "optout",
    "em_forwards": "forward",
}
_TYPES: Final = {kind: name for name, kind in _KINDS.items()}


class ActivityDetailsQuery(PageQuery, kw_only=True):
    # The name that the schema's own text gives it.
    aliases = {"tracking_activities_type": "tracking_activity_type"}

    limit: Annotated[int, Meta(ge=1, le=100, description="How many to return.")] = 100
    tracking_activity_type: Annotated[list[Type], Meta(description="What to list; this or the next.")] = []
    tracking_activities_list: Annotated[list[Type], Meta(description="The same, comma-separated.")] = []
    include_campaign_activity_names: bool = True


class RangeQuery(Struct, kw_only=True):
    """Both ends count."""

    start: datetime
    end: datetime


class ActivitySummaryQuery(PageQuery, kw_only=True):
    """Both ends count. Pages have a fixed size."""

    # No parameter of this report: whatever is sent is ignored, as every unknown one is.
    limit: str = ""  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]
    start: datetime
    end: datetime


class ContactActivity(Struct, kw_only=True, omit_defaults=True):
    """One thing that happened between the contact and a mail."""

    contact_id: ContactId
    campaign_activity_id: CampaignActivityId
    created_time: str
    tracking_activity_type: str
    campaign_activity_name: str | UnsetType = UNSET


class ContactActivityPage(Struct, kw_only=True):
    tracking_activities: list[ContactActivity]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class OpenAndClickRates(Struct, kw_only=True):
    """Which share (0 to 1) of the mails that the contact was sent it opened and clicked."""

    contact_id: ContactId
    included_activities_count: int
    average_open_rate: float
    average_click_rate: float


class ActivitySummary(Struct, kw_only=True):
    """One mail to the contact, with how often everything happened."""

    campaign_activity_id: CampaignActivityId
    start_on: str
    em_sends: int
    em_opens: int
    em_clicks: int
    em_bounces: int
    em_forwards: int
    em_unsubscribes: int


class ActivitySummaryPage(Struct, kw_only=True):
    contact_id: ContactId
    campaign_activities: list[ActivitySummary]
    links: Links | UnsetType = field(name="_links", default=UNSET)


async def activity_details(
    conn: Conn, account_id: AccountId, contact_id: ContactId, query: ActivityDetailsQuery
) -> ContactActivityPage:
    """Every single event, newest first. Raises: NotFound, Invalid."""
    await contacts.require(conn, account_id, contact_id)
    kinds = _kinds(query)
    rows = await _events(conn, account_id, contact_id, kinds, _after(query), most=query.limit + 1)
    shown = rows[: query.limit]
    page = ContactActivityPage(
        tracking_activities=[
            ContactActivity(
                contact_id=contact_id,
                campaign_activity_id=row.campaign_activity_id,
                created_time=timestamp(row.created_at),
                tracking_activity_type=_TYPES[row.kind],
                campaign_activity_name=row.name if query.include_campaign_activity_names else UNSET,
            )
            for row in shown
        ]
    )
    if len(rows) > query.limit:
        page.links = query.cursor.links(shown[-1].created_at.isoformat(), shown[-1].row_id, shown[-1].kind)
    return page


async def open_and_click_rates(
    conn: Conn, account_id: AccountId, contact_id: ContactId, query: RangeQuery
) -> OpenAndClickRates:
    """Raises: NotFound, Invalid."""
    await contacts.require(conn, account_id, contact_id)
    _require_range(query.start, query.end)
    found = await _rates(conn, account_id, contact_id, query)
    return OpenAndClickRates(
        contact_id=contact_id,
        included_activities_count=found.sent,
        average_open_rate=_share(found.opened, found.sent),
        average_click_rate=_share(found.clicked, found.sent),
    )


async def activity_summary(
    conn: Conn, account_id: AccountId, contact_id: ContactId, query: ActivitySummaryQuery
) -> ActivitySummaryPage:
    """The mails sent to the contact in a range, the last first. Raises: NotFound, Invalid."""
    await contacts.require(conn, account_id, contact_id)
    _require_range(query.start, query.end)
    rows = await _summaries(conn, account_id, contact_id, query)
    shown = rows[:SUMMARY_PAGE]
    page = ActivitySummaryPage(contact_id=contact_id, campaign_activities=[_summary(row) for row in shown])
    if len(rows) > SUMMARY_PAGE:
        page.links = query.cursor.links(shown[-1].sent_at.isoformat(), shown[-1].campaign_activity_id)
    return page


class _Position(Struct, frozen=True):
    """Where a page begins: after this event."""

    at: datetime
    row_id: UUID
    kind: str


class _Event(Struct):
    row_id: UUID
    created_at: datetime
    kind: str
    campaign_activity_id: CampaignActivityId
    name: str


class _Rates(Struct):
    sent: int
    opened: int
    clicked: int


class _Summary(Struct):
    campaign_activity_id: CampaignActivityId
    sent_at: datetime
    opens: int
    clicks: int
    bounces: int
    forwards: int
    optouts: int


# Everything is older, so the first page asks like every other one.
_NEWEST: Final = _Position(datetime.fromisoformat("9999-12-31T00:00:00+00:00"), UUID(int=2**128 - 1), "~")


def _kinds(query: ActivityDetailsQuery) -> list[str]:
    """Exactly one of the two parameters must be given. Raises: Invalid."""
    if bool(query.tracking_activity_type) == bool(query.tracking_activities_list):
        raise Invalid("tracking_activity_type does not have a valid value")
    return [_KINDS[name] for name in query.tracking_activity_type or query.tracking_activities_list if name in _KINDS]


def _after(query: ActivityDetailsQuery) -> _Position:
    position = query.cursor.position
    if position is None:
        return _NEWEST
    at, row_id, kind = position
    return _Position(datetime.fromisoformat(at), UUID(row_id), kind)


def _require_range(start: datetime, end: datetime) -> None:
    if end < start:
        raise Invalid("end does not have a valid value")
    if end - start > LONGEST_RANGE:
        raise Invalid("start does not have a valid value")


def _until(end: datetime) -> datetime:
    """What is shown with the time `end` was before this: times are kept finer than they are shown."""
    shown = end.replace(microsecond=end.microsecond // 1000 * 1000)
    return min(shown, _NEWEST.at) + timedelta(milliseconds=1)


def _share(part: int, whole: int) -> float:
    """With four decimals, rounded half up; 0.0 of nothing."""
    return (part * 20_000 + whole) // (2 * whole) / 10_000 if whole else 0.0


def _summary(row: _Summary) -> ActivitySummary:
    return ActivitySummary(
        campaign_activity_id=row.campaign_activity_id,
        start_on=timestamp(row.sent_at),
        em_sends=1,
        em_opens=row.opens,
        em_clicks=row.clicks,
        em_bounces=row.bounces,
        em_forwards=row.forwards,
        em_unsubscribes=row.optouts,
    )


async def _events(
    conn: Conn, account_id: AccountId, contact_id: ContactId, kinds: list[str], after: _Position, *, most: int
) -> list[_Event]:
    # An open that was inferred from a click has the click's id and time, so the kind is part of the order.
    return await many(
        conn,
        _Event,
        """
        SELECT event.row_id, event.created_at, event.kind, event.campaign_activity_id, campaign.name
          FROM (SELECT event_id AS row_id, created_at, kind, campaign_activity_id
                  FROM tracking_events
                 WHERE account_id = :account_id AND contact_id = :contact_id AND kind = ANY (:kinds)
                   AND NOT is_machine AND created_at <= :after_at
                UNION ALL
                SELECT send.campaign_activity_id, send.sent_at, 'send', send.campaign_activity_id
                  FROM campaign_activities AS sent
                  JOIN sends AS send
                    ON send.account_id = sent.account_id AND send.campaign_activity_id = sent.campaign_activity_id
                 WHERE sent.account_id = :account_id AND send.account_id = :account_id
                   AND send.contact_id = :contact_id AND 'send' = ANY (:kinds)) AS event
          JOIN campaign_activities AS activity
            ON activity.account_id = :account_id AND activity.campaign_activity_id = event.campaign_activity_id
          JOIN campaigns AS campaign
            ON campaign.account_id = :account_id AND campaign.campaign_id = activity.campaign_id
         WHERE activity.role IN ('primary_email', 'resend')
           AND (event.created_at, event.row_id, event.kind) < (:after_at, :after_id, :after_kind)
         ORDER BY event.created_at DESC, event.row_id DESC, event.kind DESC
         LIMIT :most""",
        account_id=account_id,
        contact_id=contact_id,
        kinds=kinds,
        after_at=after.at,
        after_id=after.row_id,
        after_kind=after.kind,
        most=most,
    )


async def _rates(conn: Conn, account_id: AccountId, contact_id: ContactId, query: RangeQuery) -> _Rates:
    found = await one(
        conn,
        _Rates,
        """
        SELECT count(*) AS sent, count(*) FILTER (WHERE engagement.opens > 0) AS opened,
               count(*) FILTER (WHERE engagement.clicks > 0) AS clicked
          FROM campaign_activities AS activity
          JOIN sends AS send
            ON send.account_id = activity.account_id AND send.campaign_activity_id = activity.campaign_activity_id
          LEFT JOIN engagement
            ON engagement.account_id = :account_id AND engagement.contact_id = :contact_id
           AND engagement.campaign_activity_id = send.campaign_activity_id
         WHERE activity.account_id = :account_id AND activity.role IN ('primary_email', 'resend')
           AND send.account_id = :account_id AND send.contact_id = :contact_id
           AND send.sent_at >= :start AND send.sent_at < :until""",
        account_id=account_id,
        contact_id=contact_id,
        start=query.start,
        until=_until(query.end),
    )
    assert found is not None
    return found


async def _summaries(
    conn: Conn, account_id: AccountId, contact_id: ContactId, query: ActivitySummaryQuery
) -> list[_Summary]:
    position = query.cursor.position
    return await many(
        conn,
        _Summary,
        """
        SELECT send.campaign_activity_id, send.sent_at,
               count(*) FILTER (WHERE event.kind = 'open') AS opens,
               count(*) FILTER (WHERE event.kind = 'click') AS clicks,
               count(*) FILTER (WHERE event.kind = 'bounce') AS bounces,
               count(*) FILTER (WHERE event.kind = 'forward') AS forwards,
               count(*) FILTER (WHERE event.kind = 'optout') AS optouts
          FROM (SELECT sends.campaign_activity_id, sends.sent_at
                  FROM campaign_activities AS activity
                  JOIN sends
                    ON sends.account_id = activity.account_id
                   AND sends.campaign_activity_id = activity.campaign_activity_id
                 WHERE activity.account_id = :account_id AND activity.role IN ('primary_email', 'resend')
                   AND sends.account_id = :account_id AND sends.contact_id = :contact_id
                   AND sends.sent_at >= :start AND sends.sent_at < :until
                   AND (sends.sent_at, sends.campaign_activity_id) < (:after_at, :after_id)
                 ORDER BY sends.sent_at DESC, sends.campaign_activity_id DESC
                 LIMIT :most) AS send
          LEFT JOIN tracking_events AS event
            ON event.account_id = :account_id AND event.contact_id = :contact_id
           AND event.campaign_activity_id = send.campaign_activity_id AND NOT event.is_machine
         GROUP BY send.campaign_activity_id, send.sent_at
         ORDER BY send.sent_at DESC, send.campaign_activity_id DESC""",
        account_id=account_id,
        contact_id=contact_id,
        start=query.start,
        until=_until(query.end),
        after_at=datetime.fromisoformat(position[0]) if position else _NEWEST.at,
        after_id=UUID(position[1]) if position else _NEWEST.row_id,
        most=SUMMARY_PAGE + 1,
    )
