"""Who meets a segment's criteria now: as SQL to embed, as a page, as a number.

    members = await segment_members.of(conn, account_id, segment_id)            # raises NotFound
    await run(conn, "... AND contact.contact_id IN (" + members.sql + ")", account_id=account_id, **members.values)

Rules: a segment has no stored members, every use evaluates it anew; the members are all contacts that are not deleted,
unsubscribed ones included, so whoever sends asks `is_mailable` too. Source: contract, segments.md §1, §9.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from msgspec import Struct

from everpost.ids import AccountId, ContactId, SegmentId
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound


class Members(Struct, frozen=True):
    """`SELECT contact_id ...` of those who meet the criteria, and its values: besides these it needs `:account_id`."""

    sql: LiteralString
    values: Mapping[str, Any]


class Position(Struct, frozen=True):
    """Where a page begins, in the order of GET /contacts."""

    created_at: datetime
    contact_id: ContactId


async def of(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Members:
    """To embed as a subquery. Raises: NotFound, also for a deleted segment."""
    raise NotFound


async def page(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, *, start: Position | None, rows: int
) -> Sequence[ContactId] | None:
    """The next `rows` members by created_at and contact_id from `start` on, or None: ask again in a moment (202).

    Not within a transaction: this one opens its own. Raises: NotFound, also for a deleted segment.
    """
    raise NotFound


async def count(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> int:
    """How many members there are now. Raises: NotFound, also for a deleted segment."""
    raise NotFound
