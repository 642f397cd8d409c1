"""Campaigns: one message with a name, and the activities it consists of.

Rules: a name is unique among the campaigns that are not removed, whatever its case; creating one creates its
primary_email and permalink activities, in this order; removing is soft. Every campaign has a number, counted per
account, by which clients of the previous API generation find it.
Source: contract, campaigns.md §2.1, §3.1-§3.6; conventions.md §14.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct

from everpost.campaigns import ab_phases, campaign_activities, content, permalinks, states
from everpost.campaigns.errors import CampaignNameTaken, CampaignNotFound
from everpost.campaigns.shapes import (
    ActivityReference,
    Campaign,
    CampaignIn,
    CampaignNameIn,
    CampaignPage,
    CampaignQuery,
    CampaignSummary,
    CrossReference,
    CrossReferences,
    NewActivity,
    Role,
    timestamp,
)
from everpost.ids import AccountId, CampaignActivityId, CampaignId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, many, one, run
from everpost.platform.errors import Invalid
from everpost.tracking import sent_activities

_ROLE_ORDER: tuple[Role, ...] = ("primary_email", "permalink", "resend")


class _Row(Struct):
    campaign_id: CampaignId
    name: str
    status: states.Status
    type_code: int
    created_at: datetime
    updated_at: datetime


class _ActivityRow(Struct):
    campaign_activity_id: CampaignActivityId
    role: Role
    document_id: UUID | None


class _CrossReferenceRow(Struct):
    sequence_id: int
    campaign_id: CampaignId
    campaign_activity_id: CampaignActivityId


async def create(conn: Conn, account_id: AccountId, new: CampaignIn) -> Campaign:
    """A draft with one email in it. Raises: Invalid, CampaignNameTaken."""
    return await create_one(
        conn, account_id, new.name, new.email_campaign_activities[0], path="email_campaign_activities[0]."
    )


async def create_one(
    conn: Conn, account_id: AccountId, name: str, activity: NewActivity, *, path: str = ""
) -> Campaign:
    """The same; what is wrong with the activity is said with `path` before it. Raises: Invalid, CampaignNameTaken."""
    name = name.strip()
    found = [*_name_problems(name), *await campaign_activities.problems_of_new(conn, account_id, activity, path)]
    if found:
        raise Invalid(*found)
    campaign_id = CampaignId(new_id())
    try:
        await _insert(conn, account_id, campaign_id, name=name, type_code=content.type_code(activity.format_type))
    except Taken as error:
        raise CampaignNameTaken from error
    for role in _ROLE_ORDER[:2]:
        await _insert_activity(conn, account_id, campaign_id, CampaignActivityId(new_id()), role)
    await campaign_activities.store_new(conn, account_id, campaign_id, activity)
    await permalinks.create(conn, account_id, campaign_id)
    return await get(conn, account_id, campaign_id)


async def page(conn: Conn, account_id: AccountId, query: CampaignQuery) -> CampaignPage:
    """Campaigns by their last change, newest first, the removed ones among them."""
    rows = await _page(
        conn,
        account_id,
        after=query.after_date,
        before=query.before_date,
        position=query.cursor.position,
        limit=query.limit + 1,
    )
    shown = rows[: query.limit]
    links = query.cursor.links(*_position(shown[-1])) if len(rows) > query.limit else UNSET
    return CampaignPage(campaigns=[CampaignSummary(**_members(row)) for row in shown], links=links)


async def get(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """A campaign with its activities, also after its removal. Raises: CampaignNotFound."""
    row = await _find(conn, account_id, campaign_id)
    if row is None:
        raise CampaignNotFound
    activities = await _activities(conn, account_id, campaign_id)
    activities.sort(key=lambda activity: _ROLE_ORDER.index(activity.role))
    return Campaign(**_members(row), campaign_activities=[_reference(activity) for activity in activities])


async def rename(conn: Conn, account_id: AccountId, campaign_id: CampaignId, new: CampaignNameIn) -> Campaign:
    """Raises: Invalid, CampaignNotFound, StateConflicts, CampaignNameTaken."""
    name = new.name.strip()
    if found := _name_problems(name):
        raise Invalid(*found)
    campaign = await get(conn, account_id, campaign_id)
    if campaign.name == name and campaign.current_status != states.shown("REMOVED"):
        return campaign
    try:
        await states.rename(conn, account_id, campaign_id, name, now=clock.now())
    except Taken as error:
        raise CampaignNameTaken from error
    return await get(conn, account_id, campaign_id)


async def delete(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Remove a campaign and its activities; what was sent keeps its links. Raises: StateForbids, CampaignNotFound."""
    await states.remove(conn, account_id, campaign_id, now=clock.now())
    await ab_phases.call_off(conn, account_id, campaign_id)
    await sent_activities.forget(conn, account_id, campaign_id)


async def cross_references(conn: Conn, account_id: AccountId, numbers: Sequence[str]) -> CrossReferences:
    """Campaigns by the number that the previous API generation knew them by. Raises: Invalid."""
    if not all(re.fullmatch(r"\d+", number, re.ASCII) for number in numbers):
        raise Invalid("v2_email_campaign_ids does not have a valid value")
    # A number with more digits than a column takes is nobody's.
    known = [int(digits) for number in numbers if 0 < len(digits := number.lstrip("0")) <= 18]
    rows = await _by_sequence(conn, account_id, known)
    return CrossReferences(
        [CrossReference(str(row.sequence_id), row.campaign_id, row.campaign_activity_id) for row in rows]
    )


def _name_problems(name: str) -> list[str]:
    if not name:
        return ["name must not be empty."]
    return ["name does not have a valid value"] if "\n" in name or "\r" in name else []


def _members(row: _Row) -> dict[str, Any]:
    return {
        "campaign_id": row.campaign_id,
        "name": row.name,
        "current_status": states.shown(row.status),
        "type": content.type_name(row.type_code),
        "type_code": row.type_code,
        "created_at": timestamp(row.created_at),
        "updated_at": timestamp(row.updated_at),
    }


def _reference(row: _ActivityRow) -> ActivityReference:
    return ActivityReference(
        row.campaign_activity_id,
        row.role,
        row.document_id if row.document_id is not None and row.role == "primary_email" else UNSET,
    )


def _position(last: _Row) -> tuple[str, str]:
    return timestamp(last.updated_at), str(last.campaign_id)


async def _insert(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, name: str, type_code: int) -> None:
    sequence_id = await _next_sequence_id(conn, account_id)
    await run(
        conn,
        """
        INSERT INTO campaigns (account_id, campaign_id, sequence_id, name, type_code, status, created_at, updated_at)
        VALUES (:account_id, :campaign_id, :sequence_id, :name, :type_code, 'DRAFT', :now, :now)""",
        account_id=account_id,
        campaign_id=campaign_id,
        sequence_id=sequence_id,
        name=name,
        type_code=type_code,
        now=clock.now(),
    )


async def _next_sequence_id(conn: Conn, account_id: AccountId) -> int:
    # The row lock makes creates of one account take turns, so no number is given twice and none is skipped.
    number = await one(
        conn,
        int,
        """
        INSERT INTO campaign_sequences (account_id, last_sequence_id)
        VALUES (:account_id, 1)
            ON CONFLICT (account_id) DO UPDATE
           SET last_sequence_id = campaign_sequences.last_sequence_id + excluded.last_sequence_id
        RETURNING last_sequence_id""",
        account_id=account_id,
    )
    assert number is not None
    return number


async def _insert_activity(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, campaign_activity_id: CampaignActivityId, role: Role
) -> None:
    await run(
        conn,
        """
        INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
        VALUES (:account_id, :campaign_activity_id, :campaign_id, :role)""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        campaign_id=campaign_id,
        role=role,
    )


async def _find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> _Row | None:
    return await one(
        conn,
        _Row,
        """
        SELECT campaign_id, name, status, type_code, created_at, updated_at
          FROM campaigns
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _activities(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> list[_ActivityRow]:
    return await many(
        conn,
        _ActivityRow,
        """
        SELECT a.campaign_activity_id, a.role, t.document_id
          FROM campaign_activities a
          JOIN campaign_contents t ON t.account_id = a.account_id AND t.campaign_id = a.campaign_id
         WHERE a.account_id = :account_id AND a.campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _page(
    conn: Conn,
    account_id: AccountId,
    *,
    after: datetime | None,
    before: datetime | None,
    position: tuple[str, ...] | None,
    limit: int,
) -> list[_Row]:
    updated_at, campaign_id = (datetime.fromisoformat(position[0]), UUID(position[1])) if position else (None, None)
    return await many(
        conn,
        _Row,
        """
        SELECT campaign_id, name, status, type_code, created_at, updated_at
          FROM campaigns
         WHERE account_id = :account_id
           AND (:after::timestamptz IS NULL OR updated_at > :after)
           AND (:before::timestamptz IS NULL OR updated_at < :before)
           AND (:updated_at::timestamptz IS NULL
                OR (updated_at <= :updated_at AND (updated_at < :updated_at OR campaign_id > :campaign_id)))
         ORDER BY updated_at DESC, campaign_id
         LIMIT :limit""",
        account_id=account_id,
        after=after,
        before=before,
        updated_at=updated_at,
        campaign_id=campaign_id,
        limit=limit,
    )


async def _by_sequence(conn: Conn, account_id: AccountId, numbers: list[int]) -> list[_CrossReferenceRow]:
    return await many(
        conn,
        _CrossReferenceRow,
        """
        SELECT c.sequence_id, c.campaign_id, a.campaign_activity_id
          FROM campaigns c
          JOIN campaign_activities a ON a.account_id = c.account_id AND a.campaign_id = c.campaign_id
         WHERE c.account_id = :account_id AND c.sequence_id = ANY(:numbers) AND a.role = 'primary_email'
         ORDER BY c.sequence_id""",
        account_id=account_id,
        numbers=numbers,
    )
