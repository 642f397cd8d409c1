"""Opens and clicks on their way into the tables: the events, and every number that depends on them, in one statement.

Rules:
- A contact's first open and first click are decided by the key of `engagement`, so several nodes may write at once.
- A click of somebody without any open so far is also an open, at the click's time and with the click's device. Of
  requests that arrive together the opens come first.
- Events of machines are stored and counted nowhere.
Source: contract, campaigns.md §6.1-§6.3.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId, EventId, UrlId, new_id
from everpost.platform.db import Conn, Db, many
from everpost.tracking import machines
from everpost.tracking.device_types import DeviceType
from everpost.tracking.machines import Message

Row: TypeAlias = tuple[object, ...]

_EVENT_COLUMNS: Final = (
    "campaign_activity_id", "contact_id", "event_id", "kind", "url_id", "device_type", "created_at", "is_machine",
    "is_implied",
)  # fmt: skip
_TOUCH_COLUMNS: Final = (
    "campaign_activity_id", "contact_id", "opens", "clicks", "machine_clicks", "is_open_implied", "honeypot_at",
    "first_opened_at", "last_opened_at", "first_clicked_at", "last_clicked_at", "first_open_id", "last_open_id",
    "first_click_id",
)  # fmt: skip


class Hit(msgspec.Struct, frozen=True):
    """An open, or a click when it has a `url_id`."""

    event_id: EventId
    campaign_activity_id: CampaignActivityId
    contact_id: ContactId
    created_at: datetime
    device_type: DeviceType | None = None
    url_id: UrlId | None = None
    is_honeypot: bool = False


async def store(db: Db, account_id: AccountId, hits: Sequence[Hit]) -> None:
    """Write the hits durably, then look whether a machine gave itself away.

    The look is a transaction of its own: it is rare, and the hits are acknowledged with or without it.
    """
    # A single statement commits by itself, which saves two round trips per batch.
    async with db.reader() as conn:
        suspects = await append(conn, account_id, hits)
    if suspects:
        async with db.transaction() as conn:
            await machines.sweep(conn, account_id, suspects, latest=_latest(hits))


async def append(conn: Conn, account_id: AccountId, hits: Sequence[Hit]) -> list[Message]:
    """Write the hits; returns the messages that a machine may have visited."""
    touches = _touches(hits)
    implied = [hit for touch in touches if (hit := touch.implied_open) is not None]
    events = [_event(hit, is_implied=False) for hit in hits] + [_event(hit, is_implied=True) for hit in implied]
    return await many(
        conn,
        Message,
        _APPEND,
        account_id=account_id,
        burst_links=machines.BURST_LINKS,
        honeypot_since=_latest(hits) - machines.HONEYPOT_WINDOW,
        **_columns("event", _EVENT_COLUMNS, events),
        **_columns("touch", _TOUCH_COLUMNS, [touch.row() for touch in touches]),
    )


class _Touch:
    """What a batch does to the engagement of one message."""

    __slots__ = ("clicks", "honeypot_at", "implied_open", "machine_clicks", "message", "opens")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.opens: list[Hit] = []
        self.clicks: list[Hit] = []
        self.implied_open: Hit | None = None
        self.machine_clicks = 0
        self.honeypot_at: datetime | None = None

    def add(self, hit: Hit) -> None:
        if hit.is_honeypot:
            self.machine_clicks += 1
            self.honeypot_at = hit.created_at
        elif hit.url_id is None:
            self.opens.append(hit)
        else:
            self.clicks.append(hit)

    def imply_open(self) -> None:
        """Let the first click stand for an open, unless there is a real one; the database decides whether it counts."""
        if self.clicks and not self.opens:
            self.implied_open = msgspec.structs.replace(self.clicks[0], event_id=EventId(new_id()), url_id=None)
            self.opens.append(self.implied_open)

    def row(self) -> Row:
        first_open, last_open = _first_and_last(self.opens)
        first_click, last_click = _first_and_last(self.clicks)
        return (
            *(self.message.campaign_activity_id, self.message.contact_id),
            *(len(self.opens), len(self.clicks), self.machine_clicks, self.implied_open is not None, self.honeypot_at),
            *(first_open and first_open.created_at, last_open and last_open.created_at),
            *(first_click and first_click.created_at, last_click and last_click.created_at),
            *(
                first_open and first_open.event_id,
                last_open and last_open.event_id,
                first_click and first_click.event_id,
            ),
        )


def _touches(hits: Sequence[Hit]) -> list[_Touch]:
    touches: dict[tuple[CampaignActivityId, ContactId], _Touch] = {}
    for hit in hits:
        key = hit.campaign_activity_id, hit.contact_id
        touch = touches.get(key)
        if touch is None:
            touch = touches[key] = _Touch(Message(*key))
        touch.add(hit)
    for touch in touches.values():
        touch.imply_open()
    return list(touches.values())


def _first_and_last(hits: Sequence[Hit]) -> tuple[Hit | None, Hit | None]:
    """In the order in which they arrived, and in the order of the reports."""
    if len(hits) < 2:
        only = hits[0] if hits else None
        return only, only
    return hits[0], max(hits, key=lambda hit: (hit.created_at, hit.event_id))


def _event(hit: Hit, *, is_implied: bool) -> Row:
    return (
        *(hit.campaign_activity_id, hit.contact_id, hit.event_id, "open" if hit.url_id is None else "click"),
        *(hit.url_id, hit.device_type, hit.created_at, hit.is_honeypot, is_implied),
    )


def _latest(hits: Sequence[Hit]) -> datetime:
    return max(hit.created_at for hit in hits)


def _columns(prefix: str, names: Sequence[str], rows: Iterable[Row]) -> dict[str, list[object]]:
    """The rows as one array per column, which is how `unnest` takes them."""
    return {f"{prefix}_{name}": list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


# Every part of the statement sees the tables as they were before it; what must be known of their new state comes out of
# `touched`, which moves the engagement first and thereby decides what is a first open and a first click.
_APPEND: Final = """
    WITH touched AS (
        INSERT INTO engagement AS known
               (account_id, campaign_activity_id, contact_id, opens, clicks, machine_clicks, is_open_implied,
                honeypot_at, first_opened_at, last_opened_at, first_clicked_at, last_clicked_at,
                first_open_id, last_open_id, first_click_id)
        SELECT :account_id::uuid, touch.campaign_activity_id, touch.contact_id, touch.opens, touch.clicks,
               touch.machine_clicks, touch.is_open_implied, touch.honeypot_at,
               touch.first_opened_at, touch.last_opened_at, touch.first_clicked_at, touch.last_clicked_at,
               touch.first_open_id, touch.last_open_id, touch.first_click_id
          FROM unnest(:touch_campaign_activity_id::uuid[], :touch_contact_id::uuid[], :touch_opens::int[],
                      :touch_clicks::int[], :touch_machine_clicks::int[], :touch_is_open_implied::boolean[],
                      :touch_honeypot_at::timestamptz[], :touch_first_opened_at::timestamptz[],
                      :touch_last_opened_at::timestamptz[], :touch_first_clicked_at::timestamptz[],
                      :touch_last_clicked_at::timestamptz[], :touch_first_open_id::uuid[], :touch_last_open_id::uuid[],
                      :touch_first_click_id::uuid[])
            AS touch (campaign_activity_id, contact_id, opens, clicks, machine_clicks, is_open_implied, honeypot_at,
                      first_opened_at, last_opened_at, first_clicked_at, last_clicked_at, first_open_id, last_open_id,
                      first_click_id)
         ORDER BY touch.campaign_activity_id, touch.contact_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id) DO UPDATE SET
               opens = known.opens
                     + CASE WHEN excluded.is_open_implied AND known.opens > 0 THEN 0 ELSE excluded.opens END,
               clicks = known.clicks + excluded.clicks,
               machine_clicks = known.machine_clicks + excluded.machine_clicks,
               is_open_implied = CASE WHEN known.opens > 0 THEN known.is_open_implied
                                      ELSE excluded.is_open_implied END,
               honeypot_at = greatest(known.honeypot_at, excluded.honeypot_at),
               first_opened_at = coalesce(known.first_opened_at, excluded.first_opened_at),
               first_open_id = coalesce(known.first_open_id, excluded.first_open_id),
               last_opened_at = CASE WHEN known.opens > 0 AND (excluded.opens = 0 OR excluded.is_open_implied
                                          OR (excluded.last_opened_at, excluded.last_open_id)
                                           < (known.last_opened_at, known.last_open_id))
                                     THEN known.last_opened_at ELSE excluded.last_opened_at END,
               last_open_id = CASE WHEN known.opens > 0 AND (excluded.opens = 0 OR excluded.is_open_implied
                                        OR (excluded.last_opened_at, excluded.last_open_id)
                                         < (known.last_opened_at, known.last_open_id))
                                   THEN known.last_open_id ELSE excluded.last_open_id END,
               first_clicked_at = coalesce(known.first_clicked_at, excluded.first_clicked_at),
               first_click_id = coalesce(known.first_click_id, excluded.first_click_id),
               last_clicked_at = greatest(known.last_clicked_at, excluded.last_clicked_at)
        RETURNING campaign_activity_id, contact_id, first_open_id, first_click_id,
                  clicks + machine_clicks AS requests, honeypot_at),
    accepted AS (
        SELECT event.campaign_activity_id, event.contact_id, event.event_id, event.kind, event.url_id,
               event.device_type, event.created_at, event.is_machine, touched.first_open_id, touched.first_click_id
          FROM unnest(:event_campaign_activity_id::uuid[], :event_contact_id::uuid[], :event_event_id::uuid[],
                      :event_kind::text[], :event_url_id::bigint[], :event_device_type::text[],
                      :event_created_at::timestamptz[], :event_is_machine::boolean[], :event_is_implied::boolean[])
            AS event (campaign_activity_id, contact_id, event_id, kind, url_id, device_type, created_at, is_machine,
                      is_implied)
          JOIN touched
            ON touched.campaign_activity_id = event.campaign_activity_id AND touched.contact_id = event.contact_id
         WHERE NOT event.is_implied OR event.event_id = touched.first_open_id),
    stored AS (
        INSERT INTO tracking_events (account_id, campaign_activity_id, contact_id, event_id, kind, url_id,
                                     device_type, created_at, is_machine)
        SELECT :account_id::uuid, campaign_activity_id, contact_id, event_id, kind, url_id, device_type, created_at,
               is_machine
          FROM accepted),
    linked AS (
        INSERT INTO link_clicks (account_id, campaign_activity_id, contact_id, url_id)
        SELECT DISTINCT :account_id::uuid, campaign_activity_id, contact_id, url_id
          FROM accepted
         WHERE kind = 'click' AND NOT is_machine
         ORDER BY campaign_activity_id, contact_id, url_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id, url_id) DO NOTHING
        RETURNING campaign_activity_id, url_id),
    counted_links AS (
        UPDATE links
           SET unique_clicks = unique_clicks + added.contacts
          FROM (SELECT campaign_activity_id, url_id, count(*) AS contacts
                  FROM linked
                 GROUP BY campaign_activity_id, url_id) AS added
         WHERE links.account_id = :account_id AND links.campaign_activity_id = added.campaign_activity_id
           AND links.url_id = added.url_id),
    counted AS (
        INSERT INTO activity_counters AS known
               (account_id, campaign_activity_id, opens, clicks,
                opens_computer, opens_mobile, opens_tablet, opens_other, opens_none,
                clicks_computer, clicks_mobile, clicks_tablet, clicks_other, clicks_none)
        SELECT :account_id::uuid, campaign_activity_id,
               count(*) FILTER (WHERE event_id = first_open_id),
               count(*) FILTER (WHERE event_id = first_click_id),
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'computer'),
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'mobile'),
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'tablet'),
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'other'),
               count(*) FILTER (WHERE kind = 'open' AND device_type IS NULL),
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'computer'),
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'mobile'),
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'tablet'),
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'other'),
               count(*) FILTER (WHERE kind = 'click' AND device_type IS NULL)
          FROM accepted
         WHERE NOT is_machine
         GROUP BY campaign_activity_id
         ORDER BY campaign_activity_id
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE SET
               opens = known.opens + excluded.opens,
               clicks = known.clicks + excluded.clicks,
               opens_computer = known.opens_computer + excluded.opens_computer,
               opens_mobile = known.opens_mobile + excluded.opens_mobile,
               opens_tablet = known.opens_tablet + excluded.opens_tablet,
               opens_other = known.opens_other + excluded.opens_other,
               opens_none = known.opens_none + excluded.opens_none,
               clicks_computer = known.clicks_computer + excluded.clicks_computer,
               clicks_mobile = known.clicks_mobile + excluded.clicks_mobile,
               clicks_tablet = known.clicks_tablet + excluded.clicks_tablet,
               clicks_other = known.clicks_other + excluded.clicks_other,
               clicks_none = known.clicks_none + excluded.clicks_none)
    SELECT campaign_activity_id, contact_id
      FROM touched
     WHERE requests >= :burst_links OR honeypot_at >= :honeypot_since"""
