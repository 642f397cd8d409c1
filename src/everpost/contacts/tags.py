"""Tags: names that an account puts on its contacts.

Rules: at most 500 that are not deleted; names unique among those, whatever their case; `tag_source` never changes. A
deleted tag is seen by nobody from the same moment on, and its name is free. Deletion is bulk work and answers with an
activity, so `DELETE /contact_tags/{id}` lives with the activities; what it does to the tables is here and in
`taggings`. Source: contract, contacts.md §8.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from everpost.contacts import accounts_lock
from everpost.contacts.errors import LimitReached
from everpost.ids import AccountId, TagId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound
from everpost.platform.paging import Links, PageQuery

MAXIMUM: Final = 500
_LONGEST_NAME: Final = 255


class Tag(Struct, omit_defaults=True, kw_only=True):
    """A tag; `contacts_count` counts contacts that are not deleted."""

    tag_id: TagId
    name: str
    contacts_count: int | UnsetType = UNSET
    created_at: datetime
    updated_at: datetime
    tag_source: str | None = None


class TagPage(Struct, omit_defaults=True):
    tags: list[Tag]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class TagChange(Struct):
    """A tag's new name: 1 to 255 characters without the blanks around it."""

    name: Annotated[str, Meta(min_length=1)]


class TagIn(TagChange):
    """A new tag; `tag_source` says where it came from, in its maker's words."""

    tag_source: Annotated[str, Meta(max_length=255)] | None = None


class TagQuery(Struct, kw_only=True):
    include_count: bool = False


class TagsQuery(PageQuery, kw_only=True):
    include_count: bool = False


class TagNameTaken(Conflict):
    """Validation failed: Name already exists for tag {tag_id}"""


class _Carriers(Struct):
    tag_id: TagId
    contacts: int


async def require(conn: Conn, account_id: AccountId, tag_id: TagId) -> None:
    """Raises: NotFound."""
    await get(conn, account_id, tag_id, TagQuery())


async def known(conn: Conn, account_id: AccountId, tag_ids: Sequence[TagId]) -> list[TagId]:
    """Those of the tags that are there, in the given order, each once.

    They cannot be deleted before the transaction ends, so that none is put on anybody while it goes.
    """
    found = await many(
        conn,
        UUID,
        """SELECT tag_id FROM contact_tags
            WHERE account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[]) AND deleted_at IS NULL
            ORDER BY tag_id
              FOR SHARE""",
        account_id=account_id,
        tag_ids=tag_ids,
    )
    return [tag_id for tag_id in dict.fromkeys(tag_ids) if tag_id in found]


async def names(conn: Conn, account_id: AccountId) -> Raw:
    """The names of all tags by their ids, as a JSON object."""
    found = await one(
        conn,
        Raw,
        """SELECT coalesce(jsonb_object_agg(tag_id, name), '{}') FROM contact_tags
            WHERE account_id = :account_id AND deleted_at IS NULL""",
        account_id=account_id,
    )
    return found or Raw(b"{}")


async def get(conn: Conn, account_id: AccountId, tag_id: TagId, query: TagQuery) -> Tag:
    """Raises: NotFound."""
    found = await one(
        conn,
        Tag,
        """SELECT tag_id, name, created_at, updated_at, tag_source FROM contact_tags
            WHERE account_id = :account_id AND tag_id = :tag_id AND deleted_at IS NULL""",
        account_id=account_id,
        tag_id=tag_id,
    )
    if found is None:
        raise NotFound
    if query.include_count:
        await _add_counts(conn, account_id, [found])
    return found


async def page(conn: Conn, account_id: AccountId, query: TagsQuery) -> TagPage:
    """Tags in the order they were made."""
    position = query.cursor.position
    found = await many(
        conn,
        Tag,
        """SELECT tag_id, name, created_at, updated_at, tag_source FROM contact_tags
            WHERE account_id = :account_id AND deleted_at IS NULL
              AND (:after::timestamptz IS NULL OR (created_at, tag_id) >= (:after, :first::uuid))
            ORDER BY created_at, tag_id
            LIMIT :rows""",
        account_id=account_id,
        after=datetime.fromisoformat(position[0]) if position else None,
        first=UUID(position[1]) if position else None,
        rows=query.limit + 1,
    )
    result = TagPage(found[: query.limit])
    if len(found) > query.limit:
        result.links = query.cursor.links(found[-1].created_at, found[-1].tag_id)
    if query.include_count:
        await _add_counts(conn, account_id, result.tags)
    return result


async def create(conn: Conn, account_id: AccountId, new: TagIn) -> Tag:
    """Raises: Invalid, LimitReached, TagNameTaken."""
    name = _name(new)
    await accounts_lock.take(conn, account_id)
    if await _count(conn, account_id) >= MAXIMUM:
        raise LimitReached(things="tags", limit=MAXIMUM)
    made = await one(
        conn,
        Tag,
        """INSERT INTO contact_tags (account_id, tag_id, name, tag_source, created_at, updated_at)
           VALUES (:account_id, :tag_id, :name, :tag_source, :now, :now)
               ON CONFLICT DO NOTHING
           RETURNING tag_id, name, created_at, updated_at, tag_source""",
        account_id=account_id,
        tag_id=new_id(),
        name=name,
        tag_source=new.tag_source or None,
        now=clock.now_seconds(),
    )
    if made is None:
        raise TagNameTaken(tag_id=await _owner_of(conn, account_id, name))
    return made


async def rename(conn: Conn, account_id: AccountId, tag_id: TagId, new: TagChange) -> Tag:
    """Raises: NotFound, Invalid, TagNameTaken."""
    name = _name(new)
    try:
        async with savepoint(conn):
            await _rename(conn, account_id, tag_id, name)
    except Taken as error:
        raise TagNameTaken(tag_id=await _owner_of(conn, account_id, name)) from error
    return await get(conn, account_id, tag_id, TagQuery())


async def mark_deleted(conn: Conn, account_id: AccountId, tag_ids: Sequence[TagId], *, now: datetime) -> list[TagId]:
    """Mark tags deleted; returns those that were not deleted before, in the given order.

    Bulk deletion does this first and commits, then takes them off the contacts: nobody gets one of them from then on.
    """
    marked = await many(
        conn,
        UUID,
        """UPDATE contact_tags SET deleted_at = :now, updated_at = :now
            WHERE account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[]) AND deleted_at IS NULL
           RETURNING tag_id""",
        account_id=account_id,
        tag_ids=tag_ids,
        now=now,
    )
    return [tag_id for tag_id in dict.fromkeys(tag_ids) if tag_id in marked]


def _name(new: TagChange) -> str:
    """Raises: Invalid."""
    name = new.name.strip()
    if not name:
        raise Invalid("name is empty")
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"name is too long (maximum is {_LONGEST_NAME} characters)")
    return name


async def _owner_of(conn: Conn, account_id: AccountId, name: str) -> UUID | None:
    return await one(
        conn,
        UUID,
        """SELECT tag_id FROM contact_tags
            WHERE account_id = :account_id AND lower(name) = lower(:name) AND deleted_at IS NULL""",
        account_id=account_id,
        name=name,
    )


async def _rename(conn: Conn, account_id: AccountId, tag_id: TagId, name: str) -> None:
    # As with lists, a PUT that changes nothing leaves updated_at as it was.
    await run(
        conn,
        """UPDATE contact_tags SET name = :name, updated_at = :now
            WHERE account_id = :account_id AND tag_id = :tag_id AND deleted_at IS NULL AND name <> :name""",
        account_id=account_id,
        tag_id=tag_id,
        name=name,
        now=clock.now_seconds(),
    )


async def _count(conn: Conn, account_id: AccountId) -> int:
    counted = await one(
        conn,
        int,
        "SELECT count(*) FROM contact_tags WHERE account_id = :account_id AND deleted_at IS NULL",
        account_id=account_id,
    )
    return counted or 0


async def _add_counts(conn: Conn, account_id: AccountId, found: Sequence[Tag]) -> None:
    """Deleted contacts keep their tags; they are few and have an index, so the rest need not be looked at."""
    rows = await many(
        conn,
        _Carriers,
        """SELECT t.tag_id, count(*) FILTER (WHERE gone.contact_id IS NULL) AS contacts
             FROM contact_taggings t
             LEFT JOIN contacts gone ON gone.account_id = t.account_id AND gone.contact_id = t.contact_id
                                    AND gone.account_id = :account_id AND gone.deleted_at IS NOT NULL
            WHERE t.account_id = :account_id AND t.tag_id = ANY(:tag_ids::uuid[])
            GROUP BY t.tag_id""",
        account_id=account_id,
        tag_ids=[tag.tag_id for tag in found],
    )
    contacts = {row.tag_id: row.contacts for row in rows}
    for tag in found:
        tag.contacts_count = contacts.get(tag.tag_id, 0)
