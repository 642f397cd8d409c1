"""Who meets a segment's criteria now: as SQL to embed, as a page, as a number.

    members = await segment_members.of(conn, account_id, segment_id)            # raises NotFound
    await run(conn, "... AND contact.contact_id IN (" + members.sql + ")", account_id=account_id, **members.values)

Rules: a segment has no stored members, every use evaluates it anew; the members are all contacts that are not deleted,
unsubscribed ones included, so whoever sends asks `is_mailable` too. A page that takes longer than somebody should wait
is finished by a job, whose result serves for five minutes. Source: contract, segments.md §1, §9, contacts.md §5.1.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Struct

from everpost.contacts import segments
from everpost.contacts.criteria import compiler, costs, documents, references
from everpost.contacts.criteria.compiler import Compiled
from everpost.ids import AccountId, ContactId, SegmentId
from everpost.platform import clock, config
from everpost.platform.db import Conn, Db, StatementTimeout, limit_statements, many, one, run, savepoint
from everpost.platform.errors import NotFound
from everpost.platform.jobs import every, job

RESULT_SERVES: Final = timedelta(minutes=5)
# A job that has not answered after this long will not: then the next request asks anew.
_PATIENCE: Final = timedelta(minutes=30)


class Members(Struct, frozen=True):
    """`SELECT contact_id ...` of those who meet the criteria, and its values: besides these it needs `:account_id`.

    It ends in its WHERE, which more conditions on `contact` may follow.
    """

    sql: LiteralString
    values: Mapping[str, Any]


class Position(Struct, frozen=True):
    """Where a page begins, in the order of GET /contacts."""

    created_at: datetime
    contact_id: ContactId


async def of(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Members:
    """To embed as a subquery. Raises: NotFound, also for a deleted segment."""
    now = clock.now()
    compiled = await _compiled(conn, account_id, segment_id, now)
    return Members(await costs.cheaper(conn, account_id, compiled, now=now), compiled.values)


async def page(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, *, start: Position | None, rows: int
) -> Sequence[ContactId] | None:
    """The next `rows` members by created_at and contact_id from `start` on, or None: ask again in a moment (202).

    Not within a transaction: this one opens its own. Raises: NotFound, also for a deleted segment.
    """
    await segments.require(conn, account_id, segment_id)
    finding = await _finding(conn, account_id, segment_id, clock.now())
    if finding is not None:
        return await _found_page(conn, account_id, segment_id, start, rows) if finding.is_done else None
    budget = timedelta(seconds=config.current().segment_seconds)
    try:
        if budget:
            async with savepoint(conn):
                await limit_statements(conn, budget)
                return await _page(conn, account_id, segment_id, start, rows)
    except StatementTimeout:
        pass
    async with savepoint(conn):
        await _begin(conn, account_id, segment_id)
    return None


async def count(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> int:
    """How many members there are now. Raises: NotFound, also for a deleted segment."""
    members = await of(conn, account_id, segment_id)
    sql: LiteralString = "SELECT count(*) FROM (" + members.sql + ") AS members"  # noqa: S608 -- literals
    return await one(conn, int, sql, account_id=account_id, **members.values) or 0


@job("segments.find")
async def find(db: Db, account_id: AccountId, segment_id: SegmentId, asked_at: datetime) -> None:
    """Find all members, for requests that could not wait. Does nothing when it was done or asked anew since."""
    async with db.transaction() as conn:
        finding = await _finding(conn, account_id, segment_id, asked_at)
        if finding is None or finding.is_done or finding.asked_at != asked_at:
            return
        try:
            members = await of(conn, account_id, segment_id)
        except NotFound:  # deleted meanwhile
            return
        await _keep(conn, account_id, segment_id, members)


@every(RESULT_SERVES)
async def sweep(db: Db) -> None:
    """Throw away results that are too old. Spans accounts: the table is nearly empty."""
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM segment_findings WHERE asked_at < :before", before=clock.now() - _PATIENCE)


class _Finding(Struct):
    """A search for members that a job makes, or has made."""

    asked_at: datetime
    is_done: bool


async def _compiled(conn: Conn, account_id: AccountId, segment_id: SegmentId, now: datetime) -> Compiled:
    tree = documents.read(await segments.criteria_of(conn, account_id, segment_id))
    return compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=now))


async def _page(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, start: Position | None, rows: int
) -> list[ContactId]:
    now = clock.now()
    compiled = await _compiled(conn, account_id, segment_id, now)
    sql = await costs.cheaper(conn, account_id, compiled, now=now, at_most=rows)
    tail, values = _tail(start, rows)
    found = await many(conn, UUID, sql + tail, account_id=account_id, **compiled.values, **values)
    return [ContactId(contact_id) for contact_id in found]


async def _found_page(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, start: Position | None, rows: int
) -> list[ContactId]:
    """A page of what the job has found; who was deleted since is left out."""
    tail, values = _tail(start, rows)
    found = await many(conn, UUID, _FOUND + tail, account_id=account_id, segment_id=segment_id, **values)
    return [ContactId(contact_id) for contact_id in found]


def _tail(start: Position | None, rows: int) -> tuple[LiteralString, dict[str, Any]]:
    if start is None:
        return _IN_ORDER, {"rows": rows}
    return _FROM + _IN_ORDER, {"after": start.created_at, "first": start.contact_id, "rows": rows}


async def _finding(conn: Conn, account_id: AccountId, segment_id: SegmentId, now: datetime) -> _Finding | None:
    """Unless it is too old to serve, or was about criteria that have changed since."""
    return await one(
        conn,
        _Finding,
        """SELECT finding.asked_at, finding.found_at IS NOT NULL AS is_done
             FROM segment_findings AS finding
             JOIN segments AS segment
               ON segment.account_id = finding.account_id AND segment.segment_id = finding.segment_id
            WHERE finding.account_id = :account_id AND finding.segment_id = :segment_id
              AND segment.account_id = :account_id AND segment.edited_at <= finding.asked_at
              AND coalesce(finding.found_at > :served_since, finding.asked_at > :asked_since)""",
        account_id=account_id,
        segment_id=segment_id,
        served_since=now - RESULT_SERVES,
        asked_since=now - _PATIENCE,
    )


async def _begin(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> None:
    asked_at = clock.now()
    await run(
        conn,
        """INSERT INTO segment_findings (account_id, segment_id, asked_at)
           VALUES (:account_id, :segment_id, :asked_at)
               ON CONFLICT (account_id, segment_id) DO UPDATE
              SET asked_at = excluded.asked_at, found_at = excluded.found_at, contact_ids = excluded.contact_ids""",
        account_id=account_id,
        segment_id=segment_id,
        asked_at=asked_at,
    )
    await find.later(conn, account_id=account_id, segment_id=segment_id, asked_at=asked_at)


async def _keep(conn: Conn, account_id: AccountId, segment_id: SegmentId, members: Members) -> None:
    found = await many(conn, UUID, members.sql, account_id=account_id, **members.values)
    await run(
        conn,
        """UPDATE segment_findings SET found_at = :now, contact_ids = :found
            WHERE account_id = :account_id AND segment_id = :segment_id""",
        account_id=account_id,
        segment_id=segment_id,
        now=clock.now(),
        found=found,
    )


_FROM: Final[LiteralString] = " AND (contact.created_at, contact.contact_id) >= (:after, :first)"
_IN_ORDER: Final[LiteralString] = " ORDER BY contact.created_at, contact.contact_id LIMIT :rows"

_FOUND: Final[LiteralString] = """
    SELECT contact.contact_id
      FROM contacts AS contact
     WHERE contact.account_id = :account_id AND contact.deleted_at IS NULL
       AND contact.contact_id IN (SELECT unnest(contact_ids) FROM segment_findings
                                   WHERE account_id = :account_id AND segment_id = :segment_id)"""
