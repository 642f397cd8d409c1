"""Contacts as people look for them: newest first, by the beginning of an address or a name, and by where they belong.

Rules: every filter that is set must hold; deleted contacts are not found. A page begins after a contact, so it costs
the same however deep it lies; what takes longer than people wait is given up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Struct

from everpost.contacts import segment_members, stored
from everpost.contacts.consent import Permission
from everpost.contacts.shapes import Contact
from everpost.contacts.stored import SELECT_CORE, CoreContact
from everpost.ids import AccountId, ListId, SegmentId, TagId
from everpost.platform.db import Conn, StatementTimeout, limit_statements, many, savepoint

# An address is found by its index; names have none and are read one by one: a million in two or three seconds.
_PATIENCE: Final = timedelta(seconds=5)


class Search(Struct, frozen=True):
    """What to look for; `text` is how an address, a name or a last name begins."""

    text: str = ""
    list_id: ListId | None = None
    tag_id: TagId | None = None
    permission: Permission | None = None
    segment_id: SegmentId | None = None


class Position(Struct, frozen=True):
    """The contact after which a page begins."""

    created_at: datetime
    contact_id: UUID


async def find(
    conn: Conn, account_id: AccountId, search: Search, after: Position | None, *, most: int
) -> Sequence[Contact] | None:
    """None when it takes too long. The last thing of a transaction. Raises: NotFound, of a segment."""
    where, values = await _conditions(conn, account_id, search)
    if after is not None:
        where += " AND (created_at, contact_id) < (:after, :after_id)"
        values |= {"after": after.created_at, "after_id": after.contact_id}
    sql = SELECT_CORE + where + " ORDER BY created_at DESC, contact_id DESC LIMIT :most"
    try:
        async with savepoint(conn):
            await limit_statements(conn, _PATIENCE)
            rows = await many(conn, CoreContact, sql, account_id=account_id, most=most, **values)
    except StatementTimeout:
        return None
    return [stored.shown(row) for row in rows]


async def _conditions(conn: Conn, account_id: AccountId, search: Search) -> tuple[LiteralString, dict[str, Any]]:
    """What the filters add to the WHERE, put together from literals only, and the values that this names."""
    where: LiteralString = " AND deleted_at IS NULL"
    values: dict[str, Any] = {}
    text = " ".join(search.text.lower().split())
    if text:
        where += _ADDRESS if "@" in text else _ADDRESS_OR_NAME
        values["text"] = text
    if search.list_id is not None:
        where += _ON_LIST
        values["list_id"] = search.list_id
    if search.tag_id is not None:
        where += _TAGGED
        values["tag_id"] = search.tag_id
    if search.permission is not None:
        where += " AND permission_to_send = :permission"
        values["permission"] = search.permission
    if search.segment_id is not None:
        members = await segment_members.of(conn, account_id, search.segment_id)
        where += " AND contact_id IN (" + members.sql + ")"
        values |= members.values
    return where, values


_ADDRESS: Final[LiteralString] = " AND starts_with(email_key, :text)"
_ADDRESS_OR_NAME: Final[LiteralString] = """ AND (starts_with(email_key, :text) OR starts_with(lower(last_name), :text)
    OR starts_with(lower(concat_ws(' ', first_name, last_name)), :text))"""
_ON_LIST: Final[LiteralString] = """ AND contact_id IN (
    SELECT contact_id FROM list_memberships WHERE account_id = :account_id AND list_id = :list_id)"""
_TAGGED: Final[LiteralString] = """ AND contact_id IN (
    SELECT contact_id FROM contact_taggings WHERE account_id = :account_id AND tag_id = :tag_id)"""
