"""Contact lists: named sets of contacts that campaigns go to.

Rules: at most 1,000 that are not deleted; names unique among those, whatever their case; a deleted list stays readable.
Deletion is bulk work and answers with an activity, so `DELETE /contact_lists/{id}` lives with the activities; what it
does to the tables is here. Source: contract, contacts.md §7.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Raw, Struct

from everpost.contacts import accounts_lock, list_counts, sequences
from everpost.contacts.errors import LimitReached
from everpost.contacts.list_counts import Which
from everpost.contacts.shapes import ContactList, ContactListIn, ContactListPage, ListXref, ListXrefs
from everpost.ids import AccountId, ListId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Db, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound
from everpost.platform.paging import PageQuery

MAXIMUM: Final = 1000


class ListQuery(Struct, kw_only=True):
    include_membership_count: Which | None = None


class ListsQuery(PageQuery, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many to return.")] = 50
    include_count: bool = False
    include_membership_count: Which | None = None
    name: str | None = None
    status: list[Literal["all", "active", "deleted"]] = []
    channel_type: Literal["email", "sms"] = "email"
    include_sms_membership_count: bool = False


class ListXrefsQuery(sequences.SequencesQuery):
    aliases = {"list_sequence_numbers": "sequence_ids"}


class ListNameTaken(Conflict):
    """Validation failed: Name already exists for list {list_id}"""


async def find_by_name(conn: Conn, account_id: AccountId, name: str) -> ListId | None:
    """A list that is not deleted, by its name in whatever case."""
    found = await _owner_of(conn, account_id, name.strip())
    return None if found is None else ListId(found)


async def require(conn: Conn, account_id: AccountId, list_id: ListId) -> None:
    """Raises: NotFound, also for a deleted list."""
    if not await existing(conn, account_id, [list_id]):
        raise NotFound


async def existing(conn: Conn, account_id: AccountId, list_ids: Iterable[ListId]) -> list[ListId]:
    """Those of the lists that are not deleted, in the given order, each once."""
    asked = list(dict.fromkeys(list_ids))
    found = await many(
        conn,
        UUID,
        """SELECT list_id FROM contact_lists
            WHERE account_id = :account_id AND list_id = ANY(:asked::uuid[]) AND deleted_at IS NULL""",
        account_id=account_id,
        asked=asked,
    )
    return [list_id for list_id in asked if list_id in found]


async def names(conn: Conn, account_id: AccountId) -> Raw:
    """The names of all lists by their ids, as a JSON object."""
    found = await one(
        conn,
        Raw,
        """SELECT coalesce(jsonb_object_agg(list_id, name), '{}') FROM contact_lists
            WHERE account_id = :account_id AND deleted_at IS NULL""",
        account_id=account_id,
    )
    return found or Raw(b"{}")


async def require_known(conn: Conn, account_id: AccountId, list_id: ListId) -> None:
    """Raises: NotFound, but not for a deleted list."""
    await get(conn, account_id, list_id, ListQuery())


async def get(conn: Conn, account_id: AccountId, list_id: ListId, query: ListQuery) -> ContactList:
    """One list, also a deleted one. Raises: NotFound."""
    found = await one(
        conn,
        ContactList,
        """SELECT list_id, name, description, favorite, created_at, updated_at, deleted_at
             FROM contact_lists
            WHERE account_id = :account_id AND list_id = :list_id""",
        account_id=account_id,
        list_id=list_id,
    )
    if found is None:
        raise NotFound
    if query.include_membership_count is not None:
        await list_counts.count_members(conn, account_id, [found], query.include_membership_count)
    return found


async def page(conn: Conn, account_id: AccountId, query: ListsQuery) -> ContactListPage:
    """Lists in the order they were made."""
    name = query.name.strip() if query.name is not None else None
    found = await _select(conn, account_id, query, name)
    result = ContactListPage(found[: query.limit])
    if len(found) > query.limit:
        result.links = query.cursor.links(found[-1].created_at, found[-1].list_id)
    if query.include_count:
        result.lists_count = await _count(conn, account_id, query.status, name)
    if query.channel_type == "sms":
        await list_counts.count_texted(
            conn,
            account_id,
            result.lists,
            query.include_membership_count,
            shows_consents=query.include_sms_membership_count,
        )
    elif query.include_membership_count is not None:
        await list_counts.count_members(conn, account_id, result.lists, query.include_membership_count)
    return result


async def create(conn: Conn, account_id: AccountId, new: ContactListIn) -> ContactList:
    """Raises: Invalid, LimitReached, ListNameTaken."""
    name = _name(new)
    await accounts_lock.take(conn, account_id)
    if await _count(conn, account_id, ["active"], None) >= MAXIMUM:
        raise LimitReached(things="contact lists", limit=MAXIMUM)
    now = clock.now_seconds()
    made = await one(
        conn,
        ContactList,
        """INSERT INTO contact_lists (account_id, list_id, name, description, favorite, created_at, updated_at)
           VALUES (:account_id, :list_id, :name, :description, :favorite, :now, :now)
               ON CONFLICT DO NOTHING
           RETURNING list_id, name, description, favorite, created_at, updated_at""",
        account_id=account_id,
        list_id=new_id(),
        name=name,
        description=new.description or None,
        favorite=bool(new.favorite),
        now=now,
    )
    if made is None:
        raise ListNameTaken(list_id=await _owner_of(conn, account_id, name))
    return made


async def change(conn: Conn, account_id: AccountId, list_id: ListId, new: ContactListIn) -> ContactList:
    """Replace a list's description of itself. Raises: NotFound, Invalid, ListNameTaken."""
    name = _name(new)
    try:
        async with savepoint(conn):
            await _write(conn, account_id, list_id, name, new)
    except Taken as error:
        raise ListNameTaken(list_id=await _owner_of(conn, account_id, name)) from error
    return await get(conn, account_id, list_id, ListQuery())


async def mark_deleted(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], *, now: datetime) -> list[ListId]:
    """Mark lists deleted, which frees their names; returns those that were not deleted before.

    Bulk deletion does this first and commits, then `membership_changes.empty`: from then on no request finds the list
    to add anyone to it, so nothing is left behind.
    """
    marked = await many(
        conn,
        UUID,
        """UPDATE contact_lists SET deleted_at = :now, updated_at = :now
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[]) AND deleted_at IS NULL
           RETURNING list_id""",
        account_id=account_id,
        list_ids=list_ids,
        now=now,
    )
    return [ListId(list_id) for list_id in marked]


async def xrefs(db: Db, account_id: AccountId, query: ListXrefsQuery) -> ListXrefs:
    """The lists behind numbers of the previous API. Raises: Invalid."""
    return ListXrefs(await sequences.look_up(db, account_id, query, numbered=_numbered, number=_number))


_BEFORE_ALL: Final = datetime.fromisoformat("0001-01-02T00:00:00+00:00")


def _wanted(status: Sequence[str]) -> tuple[bool, bool]:
    """Whether deleted lists and whether the others were asked for."""
    if "all" in status:
        return True, True
    return "deleted" in status, "active" in status or not status


def _name(new: ContactListIn) -> str:
    name = new.name.strip()
    if not name:
        raise Invalid("name is empty")
    return name


async def _select(conn: Conn, account_id: AccountId, query: ListsQuery, name: str | None) -> list[ContactList]:
    """A page, and one row more if there is another."""
    wants_deleted, wants_others = _wanted(query.status)
    position = query.cursor.position
    return await many(
        conn,
        ContactList,
        """SELECT list_id, name, description, favorite, created_at, updated_at, deleted_at
             FROM contact_lists
            WHERE account_id = :account_id
              AND CASE WHEN deleted_at IS NULL THEN :wants_others::boolean ELSE :wants_deleted::boolean END
              AND (:name::text IS NULL OR lower(name) = lower(:name))
              AND (created_at, list_id) >= (:after::timestamptz, :first::uuid)
            ORDER BY created_at, list_id
            LIMIT :rows""",
        account_id=account_id,
        wants_others=wants_others,
        wants_deleted=wants_deleted,
        name=name,
        after=datetime.fromisoformat(position[0]) if position else _BEFORE_ALL,
        first=UUID(position[1]) if position else UUID(int=0),
        rows=query.limit + 1,
    )


async def _owner_of(conn: Conn, account_id: AccountId, name: str) -> UUID | None:
    return await one(
        conn,
        UUID,
        """SELECT list_id FROM contact_lists
            WHERE account_id = :account_id AND lower(name) = lower(:name) AND deleted_at IS NULL""",
        account_id=account_id,
        name=name,
    )


async def _write(conn: Conn, account_id: AccountId, list_id: ListId, name: str, new: ContactListIn) -> None:
    # A PUT that changes nothing leaves updated_at as it was.
    await run(
        conn,
        """UPDATE contact_lists
              SET name = :name, description = :description, favorite = :favorite, updated_at = :now
            WHERE account_id = :account_id AND list_id = :list_id AND deleted_at IS NULL
              AND (name, description, favorite) IS DISTINCT FROM (:name, :description::text, :favorite::boolean)""",
        account_id=account_id,
        list_id=list_id,
        name=name,
        description=new.description or None,
        favorite=bool(new.favorite),
        now=clock.now_seconds(),
    )


async def _count(conn: Conn, account_id: AccountId, status: Sequence[str], name: str | None) -> int:
    wants_deleted, wants_others = _wanted(status)
    counted = await one(
        conn,
        int,
        """SELECT count(*) FROM contact_lists
            WHERE account_id = :account_id
              AND CASE WHEN deleted_at IS NULL THEN :wants_others::boolean ELSE :wants_deleted::boolean END
              AND (:name::text IS NULL OR lower(name) = lower(:name))""",
        account_id=account_id,
        wants_others=wants_others,
        wants_deleted=wants_deleted,
        name=name,
    )
    return counted or 0


async def _numbered(conn: Conn, account_id: AccountId, sequence_ids: Sequence[int]) -> list[ListXref]:
    return await many(
        conn,
        ListXref,
        """SELECT sequence_id::text AS sequence_id, list_id FROM contact_lists
            WHERE account_id = :account_id AND sequence_id = ANY(:sequence_ids::bigint[])
            ORDER BY contact_lists.sequence_id""",
        account_id=account_id,
        sequence_ids=sequence_ids,
    )


async def _number(conn: Conn, account_id: AccountId) -> None:
    # The last condition is asked again after waiting for another request that numbers the same rows.
    await run(
        conn,
        """UPDATE contact_lists
              SET sequence_id = waiting.number
             FROM (SELECT list_id, row_number() OVER (ORDER BY created_at, list_id)
                          + (SELECT coalesce(max(sequence_id), 0) FROM contact_lists
                              WHERE account_id = :account_id) AS number
                     FROM contact_lists
                    WHERE account_id = :account_id AND sequence_id IS NULL) AS waiting
            WHERE contact_lists.account_id = :account_id AND contact_lists.list_id = waiting.list_id
              AND contact_lists.sequence_id IS NULL""",
        account_id=account_id,
    )
