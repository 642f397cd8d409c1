"""What happens to a message beside opens and clicks: opt-outs, bounces, complaints, forwards.

Rules: an opt-out, a bounce and a complaint exist once per contact and activity, however often they are reported; a
later failure replaces an automatic answer (V), otherwise the first bounce stays. Appending twice changes nothing.
Source: contract, campaigns.md §5.5, §5.7, §7.1, §7.4.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId, EventId, new_id
from everpost.platform.db import Conn, many, one
from everpost.tracking import counters
from everpost.tracking.counters import BOUNCE_COUNTERS, Counters
from everpost.tracking.machines import Message

BounceCode: TypeAlias = Literal["B", "D", "F", "S", "V", "X", "Z"]
AUTO_REPLY: Final = "V"


class Bounce(msgspec.Struct, frozen=True):
    """One message that came back, or was never attempted (S)."""

    campaign_activity_id: CampaignActivityId
    contact_id: ContactId
    created_at: datetime
    bounce_code: BounceCode

    @property
    def message(self) -> Message:
        return Message(self.campaign_activity_id, self.contact_id)


class _Stored(msgspec.Struct, frozen=True):
    campaign_activity_id: CampaignActivityId
    bounce_code: BounceCode
    is_replaced: bool


async def append_opt_out(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    contact_id: ContactId,
    *,
    at: datetime,
    reason: str | None = None,
) -> bool:
    """Whether it is the contact's first through this mail; a repeat only brings its reason."""
    message = Message(campaign_activity_id, contact_id)
    is_first = await _append_once(conn, account_id, message, "optout", at=at, reason=reason)
    if is_first:
        await counters.add(conn, account_id, campaign_activity_id, Counters(optouts=1))
    return is_first


async def append_complaint(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    contact_id: ContactId,
    *,
    at: datetime,
) -> bool:
    """Whether it is the contact's first about this mail."""
    message = Message(campaign_activity_id, contact_id)
    is_first = await _append_once(conn, account_id, message, "abuse", at=at)
    if is_first:
        await counters.add(conn, account_id, campaign_activity_id, Counters(abuse=1))
    return is_first


async def has_complained(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, contact_id: ContactId
) -> bool:
    """Whether the contact complained about this mail before."""
    found = await one(
        conn,
        int,
        """
        SELECT 1 FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND kind = 'abuse'
           AND contact_id = :contact_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        contact_id=contact_id,
    )
    return found is not None


async def append_forward(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    contact_id: ContactId,
    *,
    at: datetime,
) -> None:
    """One submission of the forward form; every one is an event, the counter counts contacts."""
    message = Message(campaign_activity_id, contact_id)
    forwards = await _append_forward(conn, account_id, message, at)
    if forwards == 1:
        await counters.add(conn, account_id, campaign_activity_id, Counters(forwards=1))


async def append_bounces(conn: Conn, account_id: AccountId, bounces: Sequence[Bounce]) -> int:
    """Add bounces of any number of activities; returns how many were not there before."""
    stored = await _append_bounces(conn, account_id, _strongest(bounces))
    moved: dict[CampaignActivityId, dict[str, int]] = {}
    for bounce in stored:
        columns = moved.setdefault(bounce.campaign_activity_id, {})
        _move(columns, bounce.bounce_code, 1)
        if bounce.is_replaced:
            _move(columns, AUTO_REPLY, -1)
    for campaign_activity_id in sorted(moved):
        await counters.add(conn, account_id, campaign_activity_id, Counters(**moved[campaign_activity_id]))
    return len(stored)


def _move(columns: dict[str, int], code: str, by: int) -> None:
    name = BOUNCE_COUNTERS[code]
    columns[name] = columns.get(name, 0) + by


def _strongest(bounces: Sequence[Bounce]) -> list[Bounce]:
    """One per message, by the same rule as in the table: one statement may not touch a row twice."""
    kept: dict[Message, Bounce] = {}
    for bounce in bounces:
        known = kept.get(bounce.message)
        if known is None or (known.bounce_code == AUTO_REPLY and bounce.bounce_code != AUTO_REPLY):
            kept[bounce.message] = bounce
    return list(kept.values())


async def _append_once(
    conn: Conn,
    account_id: AccountId,
    message: Message,
    kind: Literal["optout", "abuse"],
    *,
    at: datetime,
    reason: str | None = None,
) -> bool:
    event_id = EventId(new_id())
    stored_id = await one(
        conn,
        UUID,
        """
        INSERT INTO tracking_events AS known
               (account_id, campaign_activity_id, contact_id, kind, created_at, event_id, reason)
        VALUES (:account_id, :campaign_activity_id, :contact_id, :event_kind, :created_at, :event_id, :reason)
            ON CONFLICT (account_id, campaign_activity_id, kind, contact_id)
                  WHERE kind IN ('optout', 'bounce', 'abuse')
            DO UPDATE SET reason = coalesce(excluded.reason, known.reason)
        RETURNING event_id""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        event_kind=kind,
        created_at=at,
        event_id=event_id,
        reason=reason,
    )
    return stored_id == event_id


async def _append_forward(conn: Conn, account_id: AccountId, message: Message, at: datetime) -> int | None:
    return await one(
        conn,
        int,
        """
        WITH stored AS (
            INSERT INTO tracking_events (account_id, campaign_activity_id, contact_id, kind, created_at, event_id)
            VALUES (:account_id, :campaign_activity_id, :contact_id, 'forward', :created_at, :event_id))
        INSERT INTO engagement AS known (account_id, campaign_activity_id, contact_id, forwards)
        VALUES (:account_id, :campaign_activity_id, :contact_id, 1)
            ON CONFLICT (account_id, campaign_activity_id, contact_id)
            DO UPDATE SET forwards = known.forwards + excluded.forwards
        RETURNING forwards""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        created_at=at,
        event_id=EventId(new_id()),
    )


async def _append_bounces(conn: Conn, account_id: AccountId, bounces: Sequence[Bounce]) -> list[_Stored]:
    """Those that are new, and those that replaced an automatic answer: they keep the event id of what they replace."""
    return await many(
        conn,
        _Stored,
        """
        INSERT INTO tracking_events AS known
               (account_id, campaign_activity_id, contact_id, kind, created_at, event_id, bounce_code)
        SELECT :account_id::uuid, bounce.campaign_activity_id, bounce.contact_id, 'bounce', bounce.created_at,
               bounce.event_id, bounce.bounce_code
          FROM unnest(:campaign_activity_ids::uuid[], :contact_ids::uuid[], :created_ats::timestamptz[],
                      :event_ids::uuid[], :bounce_codes::text[])
            AS bounce (campaign_activity_id, contact_id, created_at, event_id, bounce_code)
         ORDER BY bounce.campaign_activity_id, bounce.contact_id
            ON CONFLICT (account_id, campaign_activity_id, kind, contact_id)
                  WHERE kind IN ('optout', 'bounce', 'abuse')
            DO UPDATE SET bounce_code = excluded.bounce_code, created_at = excluded.created_at
                    WHERE known.bounce_code = 'V' AND excluded.bounce_code <> 'V'
        RETURNING campaign_activity_id, bounce_code, NOT event_id = ANY (:event_ids::uuid[]) AS is_replaced""",
        account_id=account_id,
        campaign_activity_ids=[bounce.campaign_activity_id for bounce in bounces],
        contact_ids=[bounce.contact_id for bounce in bounces],
        created_ats=[bounce.created_at for bounce in bounces],
        event_ids=[new_id() for _ in bounces],
        bounce_codes=[bounce.bounce_code for bounce in bounces],
    )
