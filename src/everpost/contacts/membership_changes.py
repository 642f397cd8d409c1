"""Many contacts put on lists or taken off, a set at a time: what bulk jobs do.

Rules: the contacts are locked before their memberships; who is on a list already (or not) is left as it is, and only
who changes gets a new updated_at; nobody is on more than 50 lists; who has unsubscribed joins none. Source: contract,
bulk-activities.md §4.1, contacts.md §10.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from everpost.contacts.memberships import MAXIMUM
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform.db import Conn, many, one, run


class Present(Struct, frozen=True):
    """A contact who is there, locked until the transaction ends."""

    contact_id: ContactId
    is_unsubscribed: bool


class Room(Struct, frozen=True):
    """A contact who has room for fewer than all of the lists or tags it would get."""

    contact_id: ContactId
    left: int


async def lock(conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]) -> list[Present]:
    """Those of the contacts who are not deleted."""
    return await many(
        conn,
        Present,
        """SELECT contact_id, coalesce(permission_to_send = 'unsubscribed', false) AS is_unsubscribed
             FROM contacts
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[]) AND deleted_at IS NULL
            ORDER BY contact_id
              FOR NO KEY UPDATE""",
        account_id=account_id,
        contact_ids=contact_ids,
    )


async def touch(conn: Conn, account_id: AccountId, contact_ids: Sequence[UUID], *, now: datetime) -> None:
    """Move updated_at of contacts, which locks those who are not locked yet."""
    await run(
        conn,
        """UPDATE contacts SET updated_at = :now
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])""",
        account_id=account_id,
        contact_ids=contact_ids,
        now=now,
    )


async def join(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], list_ids: Sequence[ListId], *, now: datetime
) -> list[ContactId]:
    """Put locked contacts on lists; returns those who had no room for all of them and got the first that fit."""
    crowded = await _crowded(conn, account_id, contact_ids, list_ids)
    room = {contact.contact_id: contact.left for contact in crowded}
    changed = await many(
        conn,
        UUID,
        """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
           SELECT :account_id, joined.list_id, joining.contact_id, :now
             FROM unnest(:contact_ids::uuid[], :rooms::bigint[]) AS joining (contact_id, room)
            CROSS JOIN LATERAL (
                  SELECT list_id
                    FROM unnest(:list_ids::uuid[]) WITH ORDINALITY AS given (list_id, place)
                   WHERE NOT EXISTS (SELECT 1 FROM list_memberships m
                                      WHERE m.account_id = :account_id AND m.list_id = given.list_id
                                        AND m.contact_id = joining.contact_id)
                   ORDER BY place LIMIT joining.room) AS joined
               ON CONFLICT DO NOTHING
           RETURNING contact_id""",
        account_id=account_id,
        contact_ids=contact_ids,
        rooms=[room.get(contact_id, MAXIMUM) for contact_id in contact_ids],
        list_ids=list_ids,
        now=now,
    )
    await touch(conn, account_id, list(dict.fromkeys(changed)), now=now)
    return list(room)


async def leave(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], list_ids: Sequence[ListId], *, now: datetime
) -> None:
    """Take locked contacts off lists."""
    changed = await many(
        conn,
        UUID,
        """DELETE FROM list_memberships
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
              AND contact_id = ANY(:contact_ids::uuid[])
           RETURNING contact_id""",
        account_id=account_id,
        list_ids=list_ids,
        contact_ids=contact_ids,
    )
    await touch(conn, account_id, list(dict.fromkeys(changed)), now=now)


async def empty(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], *, at_most: int, now: datetime) -> int:
    """Take a batch of up to `at_most` contacts off deleted lists; returns how many rows went, 0 when all are gone."""
    contact_ids = await many(
        conn,
        UUID,
        """SELECT contact_id FROM list_memberships
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
            LIMIT :at_most""",
        account_id=account_id,
        list_ids=list_ids,
        at_most=at_most,
    )
    await touch(conn, account_id, contact_ids, now=now)
    return await run(
        conn,
        """DELETE FROM list_memberships
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
              AND contact_id = ANY(:contact_ids::uuid[])""",
        account_id=account_id,
        list_ids=list_ids,
        contact_ids=contact_ids,
    )


async def count(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> int:
    """How many memberships these lists have."""
    counted = await one(
        conn,
        int,
        "SELECT count(*) FROM list_memberships WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])",
        account_id=account_id,
        list_ids=list_ids,
    )
    return counted or 0


async def _crowded(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], list_ids: Sequence[ListId]
) -> list[Room]:
    return await many(
        conn,
        Room,
        """SELECT contact_id, :maximum - count(*) AS left
             FROM list_memberships
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])
            GROUP BY contact_id
           HAVING count(*) FILTER (WHERE list_id <> ALL(:list_ids::uuid[])) + :joining > :maximum""",
        account_id=account_id,
        contact_ids=contact_ids,
        list_ids=list_ids,
        joining=len(list_ids),
        maximum=MAXIMUM,
    )
