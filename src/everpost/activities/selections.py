"""Which contacts a bulk activity works on: exactly one selector, and who is left out of it.

Rules: empty arrays and false count as not given; values of one selector are ORed; deleted contacts are never selected;
the answer is settled when the activity begins, not when it is asked for, and kept in chunks of one step each, so that
nobody who comes or goes meanwhile makes the counters wrong. Source: contract, bulk-activities.md §1.3, §2.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, LiteralString, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from everpost.contacts import contact_pages, lists, segment_members, tags
from everpost.contacts.criteria import compiler, documents, references
from everpost.contacts.segment_members import Members
from everpost.contacts.stored import IS_ACTIVE
from everpost.ids import AccountId, ActivityId, ContactId, ListId, SegmentId, TagId
from everpost.platform import clock
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid, NotFound

Level: TypeAlias = Literal["unqualified", "low", "medium", "high"]


class Source(Struct, omit_defaults=True, kw_only=True):
    """The contacts to work on: exactly one of the members."""

    contact_ids: Annotated[list[ContactId], Meta(max_length=500)] | None = None
    list_ids: Annotated[list[ListId], Meta(max_length=50)] | None = None
    tag_ids: Annotated[list[TagId], Meta(max_length=50)] | None = None
    segment_id: SegmentId | None = None
    all_active_contacts: bool | None = None
    new_subscriber: bool | None = None
    engagement_level: Level | None = None


class Exclusion(Struct, omit_defaults=True):
    """Contacts to leave out; only with lists, all active contacts or new subscribers."""

    contact_ids: Annotated[list[ContactId], Meta(max_length=500)] | None = None


class Selected(Struct, frozen=True):
    """How many contacts were selected, and in how many chunks they are kept."""

    contacts: int
    chunks: int


def given(source: Struct, names: Sequence[str]) -> list[str]:
    """Those of the selectors that were given."""
    return [name for name in names if getattr(source, name) not in (None, False, [])]


def require_one(source: Struct, names: Sequence[str], *, inside: str | None = None) -> str:
    """The one selector that was given; `inside` is the member of the request that holds them. Raises: Invalid."""
    chosen = given(source, names)
    if len(chosen) > 1:
        raise Invalid(f"{', '.join(_named(name, inside) for name in chosen)} are mutually exclusive")
    if not chosen:
        listed = ", ".join(_named(name, inside) for name in names)
        raise Invalid(f"{listed} are missing, exactly one parameter must be provided")
    return chosen[0]


def check(source: Source, exclude: Exclusion | None) -> None:
    """One selector, and an exclusion only where there is something to exclude from. Raises: Invalid."""
    chosen = require_one(source, _SELECTORS, inside="source")
    if exclude is not None and exclude.contact_ids and chosen not in _EXCLUDABLE:
        raise Invalid(f"source[{chosen}], exclude[contact_ids] are mutually exclusive")


async def require(conn: Conn, account_id: AccountId, source: Source, *, inside: str | None, is_not_found: bool) -> None:
    """The lists, tags or the segment of a source exist. Raises: Invalid, or NotFound where the operation has a 404."""
    unknown = await _unknown(conn, account_id, source)
    if unknown and is_not_found:
        raise NotFound
    if unknown:
        raise Invalid(*(f"{_named(name, inside)} contains an invalid id: {each}" for name, each in unknown))


async def settle(
    conn: Conn,
    account_id: AccountId,
    activity_id: ActivityId,
    source: Source,
    exclude: Exclusion | None,
    *,
    chunk_size: int,
) -> Selected:
    """Select the contacts and keep them for the activity; named ids are kept as they are, unknown ones too."""
    if source.contact_ids:
        await _keep_named(conn, account_id, activity_id, list(dict.fromkeys(source.contact_ids)), chunk_size)
        return await _kept(conn, account_id, activity_id)
    where, values = await _condition(conn, account_id, source)
    excluded = (exclude.contact_ids or []) if exclude else []
    return await keep(
        conn, account_id, activity_id, _KEEP + where + _IN_CHUNKS, size=chunk_size, excluded=excluded, **values
    )


async def keep(
    conn: Conn, account_id: AccountId, activity_id: ActivityId, statement: LiteralString, **values: Any
) -> Selected:
    """Run a statement that selects contacts by what else is known of them, and keeps them for an activity."""
    # Of tables that were nearly empty when they were last looked at the planner thinks they still are, and joins a
    # hundred thousand rows by nested loops, which takes minutes.
    await run(conn, "SET LOCAL enable_nestloop = off")
    await run(conn, statement, account_id=account_id, activity_id=activity_id, **values)
    await run(conn, "SET LOCAL enable_nestloop = on")
    return await _kept(conn, account_id, activity_id)


async def _kept(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Selected:
    """What is kept for an activity."""
    selected = await one(
        conn,
        Selected,
        """SELECT coalesce(sum(cardinality(contact_ids)), 0)::bigint AS contacts, count(*) AS chunks
             FROM activity_contacts
            WHERE account_id = :account_id AND activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
    )
    assert selected is not None
    return selected


async def chunk(conn: Conn, account_id: AccountId, activity_id: ActivityId, number: int) -> list[ContactId]:
    """The contacts of one step."""
    found = await many(
        conn,
        UUID,
        """SELECT unnest(contact_ids) FROM activity_contacts
            WHERE account_id = :account_id AND activity_id = :activity_id AND chunk = :number""",
        account_id=account_id,
        activity_id=activity_id,
        number=number,
    )
    return [ContactId(contact_id) for contact_id in found]


async def _unknown(conn: Conn, account_id: AccountId, source: Source) -> list[tuple[str, object]]:
    """What a source names and is not there, with the selector that names it."""
    list_ids, tag_ids = source.list_ids or [], source.tag_ids or []
    known_lists = await lists.existing(conn, account_id, list_ids) if list_ids else []
    known_tags = await tags.known(conn, account_id, tag_ids) if tag_ids else []
    unknown: list[tuple[str, object]] = [("list_ids", each) for each in list_ids if each not in known_lists]
    unknown += [("tag_ids", each) for each in tag_ids if each not in known_tags]
    if source.segment_id is not None and await _members(conn, account_id, source.segment_id) is None:
        unknown.append(("segment_id", source.segment_id))
    return unknown


async def _condition(conn: Conn, account_id: AccountId, source: Source) -> tuple[LiteralString, Mapping[str, Any]]:
    """What selects the contacts, as the end of a WHERE, and the values that it names."""
    if source.list_ids:
        return _ON_LISTS, {"list_ids": source.list_ids}
    if source.tag_ids:
        return _TAGGED, {"tag_ids": source.tag_ids}
    if source.segment_id is not None:
        members = await _members(conn, account_id, source.segment_id)
        return (" AND contact_id IN (" + members.sql + ")", members.values) if members else (" AND false", {})
    if source.new_subscriber:
        return _NEW, {"opted_in_after": clock.now() - contact_pages.NEW_SUBSCRIBER_FOR}
    if source.engagement_level is not None:
        return await _of_level(conn, account_id, source.engagement_level)
    return " AND " + IS_ACTIVE, {}


async def _of_level(conn: Conn, account_id: AccountId, level: Level) -> tuple[LiteralString, Mapping[str, Any]]:
    """An engagement level is a criterion of segments, so theirs decides."""
    criterion = {"source": "contact", "field": "engagement_level", "op": "eq", "value": level}
    document = {"version": "1.0.0", "criteria": {"type": "and", "group": [criterion]}}
    tree = documents.read(msgspec.json.encode(document).decode())
    found = compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=clock.now()))
    return " AND contact_id IN (" + found.as_sets + ")", found.values


async def _members(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Members | None:
    """None for a segment that is not there (any more)."""
    try:
        return await segment_members.of(conn, account_id, segment_id)
    except NotFound:
        return None


async def _keep_named(
    conn: Conn, account_id: AccountId, activity_id: ActivityId, contact_ids: Sequence[ContactId], size: int
) -> None:
    await run(
        conn,
        """INSERT INTO activity_contacts (account_id, activity_id, chunk, contact_ids)
           SELECT :account_id, :activity_id, (place - 1) / :size, array_agg(contact_id ORDER BY place)
             FROM unnest(:contact_ids::uuid[]) WITH ORDINALITY AS given (contact_id, place)
            GROUP BY (place - 1) / :size""",
        account_id=account_id,
        activity_id=activity_id,
        contact_ids=contact_ids,
        size=size,
    )


def _named(name: str, inside: str | None) -> str:
    return f"{inside}[{name}]" if inside else name


_SELECTORS: Final = Source.__struct_fields__
_EXCLUDABLE: Final = ("all_active_contacts", "list_ids", "new_subscriber")

_KEEP: Final[LiteralString] = """INSERT INTO activity_contacts (account_id, activity_id, chunk, contact_ids)
    SELECT :account_id, :activity_id, chunk, array_agg(contact_id ORDER BY contact_id)
      FROM (SELECT contact_id, (row_number() OVER (ORDER BY contact_id) - 1) / :size AS chunk
              FROM contacts
             WHERE account_id = :account_id AND deleted_at IS NULL
               AND contact_id NOT IN (SELECT unnest(:excluded::uuid[]))"""
_IN_CHUNKS: Final[LiteralString] = ") AS numbered GROUP BY chunk"
_ON_LISTS: Final[LiteralString] = """ AND contact_id IN (SELECT contact_id FROM list_memberships
    WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[]))"""
_TAGGED: Final[LiteralString] = """ AND contact_id IN (SELECT contact_id FROM contact_taggings
    WHERE account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[]))"""
_NEW: Final[LiteralString] = " AND is_mailable AND opt_in_date > :opted_in_after"
