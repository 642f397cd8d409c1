"""To whom an email goes: contact lists, or one segment, never both.

Rules: every list named must exist and not be deleted, when the audience is set and when the email is scheduled; a list
that is deleted leaves the drafts that name it. So must the segment; deleted after that it has nobody in it. Who meets
its criteria, and who of all these is mailable, is decided at the moment the send starts.
Source: contract, campaigns.md §3.8, §5.1, contacts.md §10.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from everpost.contacts import segments
from everpost.contacts.segment_members import Members
from everpost.delivery import reach, recipients
from everpost.delivery.reach import Reach
from everpost.ids import AccountId, CampaignActivityId, ListId, SegmentId
from everpost.platform.db import Conn, Db, StatementTimeout, limit_statements, many, run, savepoint
from everpost.platform.errors import NotFound
from everpost.platform.events import on

# People wait for these, one after the other.
_FIRST_TRY: Final = timedelta(seconds=1)
_SECOND_TRY: Final = timedelta(seconds=8)


async def problems(
    conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], segment_ids: Sequence[int | str]
) -> list[str]:
    """Why this cannot be the audience of an email; empty when it can."""
    found = []
    if list_ids and segment_ids:
        found.append("contact_list_ids and segment_ids must not be set together.")
    unknown = await unknown_lists(conn, account_id, list_ids)
    found.extend(f"contact_list_ids contains an unknown list id: {list_id}." for list_id in unknown)
    for index, segment_id in enumerate(segment_ids):
        found.extend(await _segment_problems(conn, account_id, index, segment_id))
    return found


async def unknown_lists(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> list[ListId]:
    """Those of `list_ids` that are not, or no longer, lists of this account."""
    known = set(await _existing(conn, account_id, list_ids))
    return [list_id for list_id in dict.fromkeys(list_ids) if list_id not in known]


async def members(
    conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], segment_ids: Sequence[SegmentId]
) -> Members:
    """Who belongs to the audience now, whether mailable or not."""
    if segment_ids:
        return await recipients.of_segment(conn, account_id, segment_ids[0])
    return recipients.of_lists(list_ids)


async def reached(
    conn: Conn,
    account_id: AccountId,
    activity_id: CampaignActivityId,
    list_ids: Sequence[ListId],
    segment_ids: Sequence[SegmentId],
) -> Reach | None:
    """Who would get it now, and why the others would not. None when counting takes longer than people wait."""
    found = await members(conn, account_id, list_ids, segment_ids)
    try:
        async with savepoint(conn):
            return await _count(conn, account_id, activity_id, found, at_most=_FIRST_TRY)
    except StatementTimeout:
        return await _reached_by_many(conn, account_id, activity_id, found)


@on("lists.deleted")
async def detach_lists(db: Db, account_id: AccountId, list_ids: list[ListId]) -> None:
    """Take deleted lists off drafts. Other emails keep them: they were sent to them, or will say that they are gone."""
    async with db.transaction() as conn:
        await _detach(conn, account_id, list_ids)


async def _reached_by_many(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, found: Members
) -> Reach | None:
    """The database took the audience for a small one, and looked for each contact by itself: now for all at once."""
    try:
        async with savepoint(conn):
            await run(conn, "SET LOCAL enable_nestloop = off")
            reached_now = await _count(conn, account_id, activity_id, found, at_most=_SECOND_TRY)
            await run(conn, "SET LOCAL enable_nestloop = on")
            return reached_now
    except StatementTimeout:
        return None


async def _count(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, found: Members, *, at_most: timedelta
) -> Reach:
    """What follows in this transaction may take as long as ever. Raises: StatementTimeout."""
    await limit_statements(conn, at_most)
    reached_now = await reach.count(conn, account_id, activity_id, found)
    await run(conn, "SET LOCAL statement_timeout TO DEFAULT")
    return reached_now


async def _segment_problems(conn: Conn, account_id: AccountId, index: int, segment_id: int | str) -> list[str]:
    # Some clients send numbers as text.
    if isinstance(segment_id, str) and not re.fullmatch("[0-9]{1,18}", segment_id):
        return [f"segment_ids[{index}] does not have a valid value"]
    try:
        await segments.require(conn, account_id, SegmentId(int(segment_id)))
    except NotFound:
        return [f"segment_ids contains an unknown segment id: {int(segment_id)}."]
    return []


async def _existing(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> list[UUID]:
    return await many(
        conn,
        UUID,
        """
        SELECT list_id
          FROM contact_lists
         WHERE account_id = :account_id AND list_id = ANY(:list_ids) AND deleted_at IS NULL""",
        account_id=account_id,
        list_ids=list_ids,
    )


async def _detach(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> int:
    return await run(
        conn,
        """
        UPDATE campaign_contents
           SET contact_list_ids = ARRAY(SELECT list_id
                                          FROM unnest(contact_list_ids) WITH ORDINALITY AS named (list_id, position)
                                         WHERE list_id <> ALL(:list_ids)
                                         ORDER BY position)
         WHERE account_id = :account_id AND contact_list_ids && :list_ids
           AND campaign_id IN (SELECT campaign_id FROM campaigns
                                WHERE account_id = :account_id AND status = 'DRAFT')""",
        account_id=account_id,
        list_ids=list_ids,
    )
