"""Which contacts are on which lists: always changed as a set, under the contact's row lock.

Rules: at most 50 lists per contact; the order of locks is contact, then memberships.
Source: contract, contacts.md §3.2, §10.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.contacts import lists
from everpost.contacts.errors import too_many, unknown_ids
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid

MAXIMUM: Final = 50


class Membership(Struct):
    contact_id: ContactId
    list_id: ListId


async def require_lists(
    conn: Conn, account_id: AccountId, given: Iterable[ListId], *, name: str = "list_memberships"
) -> list[ListId]:
    """The given lists, each once, all of which exist and are not deleted; `name` is the member. Raises: Invalid."""
    list_ids = list(dict.fromkeys(given))
    if len(list_ids) > MAXIMUM:
        raise Invalid(too_many(name, MAXIMUM))
    if not list_ids:
        return []
    known = await lists.existing(conn, account_id, list_ids)
    if len(known) < len(list_ids):
        raise unknown_ids(name, [list_id for list_id in list_ids if list_id not in known])
    return list_ids


async def of_contacts(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]
) -> dict[ContactId, list[ListId]]:
    """The lists of a page of contacts; who is on none is left out, as are lists whose memberships are being deleted."""
    rows = await many(
        conn,
        Membership,
        """SELECT m.contact_id, m.list_id
             FROM list_memberships m
             JOIN contact_lists list ON list.account_id = m.account_id AND list.list_id = m.list_id
            WHERE m.account_id = :account_id AND list.account_id = :account_id
              AND m.contact_id = ANY(:contact_ids::uuid[]) AND list.deleted_at IS NULL
            ORDER BY m.created_at, m.list_id""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
    joined: dict[ContactId, list[ListId]] = {}
    for row in rows:
        joined.setdefault(row.contact_id, []).append(row.list_id)
    return joined


async def add(
    conn: Conn, account_id: AccountId, contact_id: ContactId, list_ids: Sequence[ListId], *, now: datetime
) -> list[ListId]:
    """Put one contact on lists; those it is on already stay as they are. Returns those it joined."""
    if not list_ids:
        return []
    joined = await many(
        conn,
        UUID,
        """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
           SELECT :account_id, list_id, :contact_id, :now FROM unnest(:list_ids::uuid[]) AS given (list_id)
               ON CONFLICT DO NOTHING
           RETURNING list_id""",
        account_id=account_id,
        contact_id=contact_id,
        list_ids=list_ids,
        now=now,
    )
    return [ListId(list_id) for list_id in joined]


async def replace(
    conn: Conn, account_id: AccountId, contact_id: ContactId, list_ids: Sequence[ListId], *, now: datetime
) -> list[ListId]:
    """Put one contact on exactly these lists. Returns those it joined."""
    await run(
        conn,
        """DELETE FROM list_memberships
            WHERE account_id = :account_id AND contact_id = :contact_id AND list_id <> ALL(:list_ids::uuid[])""",
        account_id=account_id,
        contact_id=contact_id,
        list_ids=list_ids,
    )
    return await add(conn, account_id, contact_id, list_ids, now=now)


async def count_after_adding(
    conn: Conn, account_id: AccountId, contact_id: ContactId, list_ids: Sequence[ListId]
) -> int:
    """How many lists the contact would be on."""
    others = await one(
        conn,
        int,
        """SELECT count(*) FROM list_memberships
            WHERE account_id = :account_id AND contact_id = :contact_id AND list_id <> ALL(:list_ids::uuid[])""",
        account_id=account_id,
        contact_id=contact_id,
        list_ids=list_ids,
    )
    return (others or 0) + len(list_ids)
