"""Segments: named, saved rules about contacts. They have no members of their own (see `segment_members`).

Rules: at most 100 that are not deleted; names unique among those, whatever their case; a deleted segment stays readable
and frees its name. The criteria are kept and shown as they were sent, to the last blank; they are checked when they are
written and never again. Creating takes the account's lock, so count and number are settled one request at a time.
Source: contract, segments.md §1, §2.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, LiteralString

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import replace as with_members

from everpost.contacts import accounts_lock
from everpost.contacts import errors as contact_errors
from everpost.contacts.criteria import documents, references
from everpost.contacts.errors import LimitReached
from everpost.ids import AccountId, SegmentId
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound
from everpost.platform.paging import Links, PageQuery

MAXIMUM: Final = 100
_LARGEST: Final = 2**63 - 1

AREA: Final = with_members(
    contact_errors.AREA,
    prefix="segments.api",
    invalid_key="segments.api.validation.error",
    malformed_key="segments.api.validation.error",
    not_found_key="segments.api.not_found",
)


class SegmentIn(Struct):
    """A segment's name and its criteria: a JSON document as text, or, for clients that send it so, as an object."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    segment_criteria: Annotated[str, Meta(min_length=1, max_length=documents.MAX_LENGTH)] | dict[str, Any]


class SegmentNameIn(Struct):
    name: Annotated[str, Meta(min_length=1, max_length=255)]


class Segment(Struct):
    """A segment with its criteria as they were sent."""

    name: str
    segment_criteria: str
    segment_id: SegmentId
    created_at: str
    edited_at: str


class SegmentSummary(Struct):
    """A segment in the collection: without its criteria."""

    name: str
    segment_id: SegmentId
    created_at: str
    edited_at: str


class SegmentPage(Struct, omit_defaults=True):
    segments: list[SegmentSummary]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class SegmentsQuery(PageQuery, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many to return.")] = 1000
    sort_by: Annotated[
        Literal["date", "name"], Meta(description="date: most recently edited first; name: in the alphabet's order.")
    ] = "date"


class SegmentNameTaken(Conflict):
    """Validation failed: Name already exists for segment {segment_id}"""


class _Row(Struct):
    name: str
    segment_criteria: str
    segment_id: SegmentId
    created_at: datetime
    edited_at: datetime


async def require(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> None:
    """Raises: NotFound, also for a deleted segment."""
    await criteria_of(conn, account_id, segment_id)


async def get(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Segment:
    """One segment, also a deleted one. Raises: NotFound."""
    found = await one(
        conn,
        _Row,
        """SELECT name, segment_criteria, segment_id, created_at, edited_at FROM segments
            WHERE account_id = :account_id AND segment_id = :segment_id""",
        account_id=account_id,
        segment_id=segment_id,
    )
    if found is None:
        raise NotFound
    return _shown(found)


async def criteria_of(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> str:
    """What to evaluate. Raises: NotFound, also for a deleted segment."""
    if abs(segment_id) > _LARGEST:  # a query or a body may name any number
        raise NotFound
    found = await one(
        conn,
        str,
        """SELECT segment_criteria FROM segments
            WHERE account_id = :account_id AND segment_id = :segment_id AND deleted_at IS NULL""",
        account_id=account_id,
        segment_id=segment_id,
    )
    if found is None:
        raise NotFound
    return found


async def page(conn: Conn, account_id: AccountId, query: SegmentsQuery) -> SegmentPage:
    """Those that are not deleted."""
    position = query.cursor.position
    found = await many(
        conn,
        _Row,
        _BY_NAME if query.sort_by == "name" else _BY_DATE,
        account_id=account_id,
        edge=_edge(query, position[0]) if position else None,
        first=int(position[1]) if position else None,
        rows=query.limit + 1,
    )
    result = SegmentPage([_summary(row) for row in found[: query.limit]])
    if len(found) > query.limit:
        next_row = found[-1]
        result.links = query.cursor.links(
            next_row.name if query.sort_by == "name" else next_row.edited_at, next_row.segment_id
        )
    return result


async def create(conn: Conn, account_id: AccountId, new: SegmentIn) -> Segment:
    """Raises: Invalid, LimitReached, SegmentNameTaken."""
    name, criteria = await _checked(conn, account_id, new)
    await accounts_lock.take(conn, account_id)
    if await _count(conn, account_id) >= MAXIMUM:
        raise LimitReached(things="segments", limit=MAXIMUM)
    # Deleted segments keep their row, so the highest number only grows.
    made = await one(
        conn,
        _Row,
        """INSERT INTO segments (account_id, segment_id, name, segment_criteria, created_at, edited_at)
           SELECT :account_id, coalesce(max(segment_id), 0) + 1, :name, :criteria, :now, :now
             FROM segments WHERE account_id = :account_id
               ON CONFLICT DO NOTHING
           RETURNING name, segment_criteria, segment_id, created_at, edited_at""",
        account_id=account_id,
        name=name,
        criteria=criteria,
        now=clock.now(),
    )
    if made is None:
        raise SegmentNameTaken(segment_id=await _owner_of(conn, account_id, name))
    return _shown(made)


async def replace(conn: Conn, account_id: AccountId, segment_id: SegmentId, new: SegmentIn) -> Segment:
    """Set both, even when one stays as it is. Raises: NotFound, Invalid, SegmentNameTaken."""
    name, criteria = await _checked(conn, account_id, new)
    return await _write(conn, account_id, segment_id, name, criteria)


async def rename(conn: Conn, account_id: AccountId, segment_id: SegmentId, new: SegmentNameIn) -> Segment:
    """Raises: NotFound, Invalid, SegmentNameTaken."""
    if not new.name.strip():
        raise Invalid("name is empty")
    return await _write(conn, account_id, segment_id, new.name.strip(), None)


async def delete(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> None:
    """Emails that are scheduled for it find nobody there. Raises: NotFound."""
    deleted = await run(
        conn,
        """UPDATE segments SET deleted_at = :now
            WHERE account_id = :account_id AND segment_id = :segment_id AND deleted_at IS NULL""",
        account_id=account_id,
        segment_id=segment_id,
        now=clock.now(),
    )
    if not deleted:
        raise NotFound


async def _checked(conn: Conn, account_id: AccountId, new: SegmentIn) -> tuple[str, str]:
    """The name and the criteria as they are stored. Raises: Invalid."""
    name, criteria = new.name.strip(), new.segment_criteria
    text = criteria if isinstance(criteria, str) else msgspec.json.encode(criteria).decode()
    problems = [] if name else ["name is empty"]
    if not text.strip():
        problems.append("segment_criteria is empty")
    elif len(text) > documents.MAX_LENGTH:
        problems.append(f"segment_criteria is too long (maximum is {documents.MAX_LENGTH} characters)")
    else:
        problems += await _criteria_problems(conn, account_id, text)
    if problems:
        raise Invalid(*problems)
    return name, text


async def _criteria_problems(conn: Conn, account_id: AccountId, text: str) -> list[str]:
    try:
        await references.check(conn, account_id, documents.read(text))
    except Invalid as error:
        return list(error.messages)
    return []


async def _write(conn: Conn, account_id: AccountId, segment_id: SegmentId, name: str, criteria: str | None) -> Segment:
    try:
        async with savepoint(conn):
            written = await _update(conn, account_id, segment_id, name, criteria)
    except Taken as error:
        raise SegmentNameTaken(segment_id=await _owner_of(conn, account_id, name)) from error
    if written is None:
        raise NotFound
    return _shown(written)


async def _update(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, name: str, criteria: str | None
) -> _Row | None:
    return await one(
        conn,
        _Row,
        """UPDATE segments
              SET name = :name, segment_criteria = coalesce(:criteria, segment_criteria), edited_at = :now
            WHERE account_id = :account_id AND segment_id = :segment_id AND deleted_at IS NULL
           RETURNING name, segment_criteria, segment_id, created_at, edited_at""",
        account_id=account_id,
        segment_id=segment_id,
        name=name,
        criteria=criteria,
        now=clock.now(),
    )


async def _owner_of(conn: Conn, account_id: AccountId, name: str) -> int | None:
    return await one(
        conn,
        int,
        """SELECT segment_id FROM segments
            WHERE account_id = :account_id AND lower(name) = lower(:name) AND deleted_at IS NULL""",
        account_id=account_id,
        name=name,
    )


async def _count(conn: Conn, account_id: AccountId) -> int:
    counted = await one(
        conn,
        int,
        "SELECT count(*) FROM segments WHERE account_id = :account_id AND deleted_at IS NULL",
        account_id=account_id,
    )
    return counted or 0


def _edge(query: SegmentsQuery, text: str) -> str | datetime:
    return text if query.sort_by == "name" else datetime.fromisoformat(text)


def _shown(row: _Row) -> Segment:
    return Segment(
        name=row.name,
        segment_criteria=row.segment_criteria,
        segment_id=row.segment_id,
        created_at=_timestamp(row.created_at),
        edited_at=_timestamp(row.edited_at),
    )


def _summary(row: _Row) -> SegmentSummary:
    return SegmentSummary(row.name, row.segment_id, _timestamp(row.created_at), _timestamp(row.edited_at))


def _timestamp(moment: datetime) -> str:
    """`2026-03-04T15:20:31.000Z`"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


_BY_DATE: Final[LiteralString] = """
    SELECT name, segment_criteria, segment_id, created_at, edited_at FROM segments
     WHERE account_id = :account_id AND deleted_at IS NULL
       AND (:edge::timestamptz IS NULL OR (edited_at, segment_id) <= (:edge::timestamptz, :first::bigint))
     ORDER BY edited_at DESC, segment_id DESC
     LIMIT :rows"""

_BY_NAME: Final[LiteralString] = """
    SELECT name, segment_criteria, segment_id, created_at, edited_at FROM segments
     WHERE account_id = :account_id AND deleted_at IS NULL
       AND (:edge::text IS NULL OR (lower(name), segment_id) >= (lower(:edge::text), :first::bigint))
     ORDER BY lower(name), segment_id
     LIMIT :rows"""
