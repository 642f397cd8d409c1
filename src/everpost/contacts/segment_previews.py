"""Whom criteria choose, while somebody writes them: how many contacts, and the first few.

Rules: nothing is kept, and nothing takes longer than GET /contacts?segment_id= may before it answers 202; what would is
left out. Source: contract, segments.md §9, contacts.md §5.1.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from msgspec import Struct

from everpost.contacts import stored
from everpost.contacts.criteria import compiler, costs, documents, references
from everpost.contacts.criteria.compiler import Compiled
from everpost.contacts.shapes import Contact
from everpost.contacts.stored import SELECT_CORE, CoreContact
from everpost.ids import AccountId
from everpost.platform import clock, config
from everpost.platform.db import Conn, StatementTimeout, limit_statements, many, one, savepoint


class Preview(Struct, frozen=True):
    """`count` and `first` are None where finding them takes longer than people wait."""

    count: int | None = None
    first: Sequence[Contact] | None = None


async def find(conn: Conn, account_id: AccountId, criteria: str, *, most: int) -> Preview:
    """The last thing of a transaction: what comes after it is given as little time. Raises: Invalid."""
    now = clock.now()
    tree = documents.read(criteria)
    compiled = compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=now))
    budget = timedelta(seconds=config.current().segment_seconds)
    if not budget:
        return Preview()
    try:
        async with savepoint(conn):
            await limit_statements(conn, budget)
            first = await _first(conn, account_id, compiled, most, now)
    except StatementTimeout:
        return Preview()
    try:
        async with savepoint(conn):
            await limit_statements(conn, budget)
            return Preview(await _count(conn, account_id, compiled, now), first)
    except StatementTimeout:
        return Preview(None, first)


async def _first(conn: Conn, account_id: AccountId, compiled: Compiled, most: int, now: datetime) -> list[Contact]:
    sql = await costs.cheaper(conn, account_id, compiled, now=now, at_most=most)
    ids = await many(conn, UUID, sql + _IN_ORDER, account_id=account_id, most=most, **compiled.values)
    rows = await many(
        conn,
        CoreContact,
        SELECT_CORE + " AND contact_id = ANY(:ids::uuid[]) ORDER BY created_at, contact_id",
        account_id=account_id,
        ids=ids,
    )
    return [stored.shown(row) for row in rows]


async def _count(conn: Conn, account_id: AccountId, compiled: Compiled, now: datetime) -> int:
    members = await costs.cheaper(conn, account_id, compiled, now=now)
    sql: LiteralString = "SELECT count(*) FROM (" + members + ") AS members"  # noqa: S608 -- literals
    return await one(conn, int, sql, account_id=account_id, **compiled.values) or 0


_IN_ORDER: Final[LiteralString] = " ORDER BY contact.created_at, contact.contact_id LIMIT :most"
