"""Which contacts carry which tags: always changed as a set, under the contact's row lock.

Rules: at most 50 tags per contact; the order of locks is tags, contacts, then taggings. A tag that is being deleted is
not shown any more. Source: contract, contacts.md §3.2, §8.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.contacts import membership_changes, tags
from everpost.contacts.errors import too_many, unknown_ids
from everpost.contacts.membership_changes import Room
from everpost.ids import AccountId, ContactId, TagId
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid

MAXIMUM: Final = 50


class Tagging(Struct):
    contact_id: ContactId
    tag_id: TagId


async def require_tags(conn: Conn, account_id: AccountId, given: Iterable[TagId]) -> list[TagId]:
    """The given tags, each once, all of which exist and stay until the transaction ends. Raises: Invalid."""
    tag_ids = list(dict.fromkeys(given))
    if len(tag_ids) > MAXIMUM:
        raise Invalid(too_many("taggings", MAXIMUM))
    if not tag_ids:
        return []
    known = await tags.known(conn, account_id, tag_ids)
    if len(known) < len(tag_ids):
        raise unknown_ids("taggings", [tag_id for tag_id in tag_ids if tag_id not in known])
    return tag_ids


async def of_contacts(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]
) -> dict[ContactId, list[TagId]]:
    """The tags of a page of contacts; who carries none is left out."""
    rows = await many(
        conn,
        Tagging,
        """SELECT t.contact_id, t.tag_id
             FROM contact_taggings t
             JOIN contact_tags tag ON tag.account_id = t.account_id AND tag.tag_id = t.tag_id
            WHERE t.account_id = :account_id AND tag.account_id = :account_id
              AND t.contact_id = ANY(:contact_ids::uuid[]) AND tag.deleted_at IS NULL
            ORDER BY t.created_at, t.tag_id""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
    carried: dict[ContactId, list[TagId]] = {}
    for row in rows:
        carried.setdefault(row.contact_id, []).append(row.tag_id)
    return carried


async def replace(
    conn: Conn, account_id: AccountId, contact_id: ContactId, tag_ids: Sequence[TagId], *, now: datetime
) -> None:
    """Put exactly these tags on one contact; those it carries already stay as they are."""
    await run(
        conn,
        """DELETE FROM contact_taggings
            WHERE account_id = :account_id AND contact_id = :contact_id AND tag_id <> ALL(:tag_ids::uuid[])""",
        account_id=account_id,
        contact_id=contact_id,
        tag_ids=tag_ids,
    )
    await add(conn, account_id, contact_id, tag_ids, now=now)


async def add(
    conn: Conn, account_id: AccountId, contact_id: ContactId, tag_ids: Sequence[TagId], *, now: datetime
) -> None:
    """Put tags on one contact who has room for them, which callers have checked."""
    if not tag_ids:
        return
    await run(
        conn,
        """INSERT INTO contact_taggings (account_id, tag_id, contact_id, created_at)
           SELECT :account_id, tag_id, :contact_id, :now FROM unnest(:tag_ids::uuid[]) AS given (tag_id)
               ON CONFLICT DO NOTHING""",
        account_id=account_id,
        contact_id=contact_id,
        tag_ids=tag_ids,
        now=now,
    )


async def tag(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], tag_ids: Sequence[TagId], *, now: datetime
) -> list[ContactId]:
    """Put tags on locked contacts; returns those who had no room for all of them and got the first that fit."""
    crowded = await _crowded(conn, account_id, contact_ids, tag_ids)
    room = {contact.contact_id: contact.left for contact in crowded}
    changed = await many(
        conn,
        UUID,
        """INSERT INTO contact_taggings (account_id, tag_id, contact_id, created_at)
           SELECT :account_id, tagged.tag_id, carrying.contact_id, :now
             FROM unnest(:contact_ids::uuid[], :rooms::bigint[]) AS carrying (contact_id, room)
            CROSS JOIN LATERAL (
                  SELECT tag_id
                    FROM unnest(:tag_ids::uuid[]) WITH ORDINALITY AS given (tag_id, place)
                   WHERE NOT EXISTS (SELECT 1 FROM contact_taggings t
                                      WHERE t.account_id = :account_id AND t.tag_id = given.tag_id
                                        AND t.contact_id = carrying.contact_id)
                   ORDER BY place LIMIT carrying.room) AS tagged
               ON CONFLICT DO NOTHING
           RETURNING contact_id""",
        account_id=account_id,
        contact_ids=contact_ids,
        rooms=[room.get(contact_id, MAXIMUM) for contact_id in contact_ids],
        tag_ids=tag_ids,
        now=now,
    )
    await membership_changes.touch(conn, account_id, list(dict.fromkeys(changed)), now=now)
    return list(room)


async def untag(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], tag_ids: Sequence[TagId], *, now: datetime
) -> None:
    """Take tags off locked contacts."""
    changed = await many(
        conn,
        UUID,
        """DELETE FROM contact_taggings
            WHERE account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[])
              AND contact_id = ANY(:contact_ids::uuid[])
           RETURNING contact_id""",
        account_id=account_id,
        tag_ids=tag_ids,
        contact_ids=contact_ids,
    )
    await membership_changes.touch(conn, account_id, list(dict.fromkeys(changed)), now=now)


async def take_off(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], tag_id: TagId, *, now: datetime
) -> None:
    """Take one tag off its carriers, who need not be locked before."""
    await membership_changes.touch(conn, account_id, contact_ids, now=now)
    await run(
        conn,
        """DELETE FROM contact_taggings
            WHERE account_id = :account_id AND tag_id = :tag_id AND contact_id = ANY(:contact_ids::uuid[])""",
        account_id=account_id,
        tag_id=tag_id,
        contact_ids=contact_ids,
    )


async def count(conn: Conn, account_id: AccountId, tag_ids: Sequence[TagId]) -> int:
    """How many taggings these tags have, those of deleted contacts included."""
    counted = await one(
        conn,
        int,
        """SELECT count(*) FROM contact_taggings
            WHERE account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[])""",
        account_id=account_id,
        tag_ids=tag_ids,
    )
    return counted or 0


async def carriers(
    conn: Conn, account_id: AccountId, tag_id: TagId, *, after: ContactId, at_most: int
) -> list[ContactId]:
    """The next contacts who carry a tag, in the order of their ids, deleted ones included."""
    found = await many(
        conn,
        UUID,
        """SELECT contact_id FROM contact_taggings
            WHERE account_id = :account_id AND tag_id = :tag_id AND contact_id > :after
            ORDER BY contact_id LIMIT :at_most""",
        account_id=account_id,
        tag_id=tag_id,
        after=after,
        at_most=at_most,
    )
    return [ContactId(contact_id) for contact_id in found]


async def _crowded(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], tag_ids: Sequence[TagId]
) -> list[Room]:
    # A tag that is being deleted still counts, as an untidy moment does less harm than a contact with 51.
    return await many(
        conn,
        Room,
        """SELECT contact_id, :maximum - count(*) AS left
             FROM contact_taggings
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])
            GROUP BY contact_id
           HAVING count(*) FILTER (WHERE tag_id <> ALL(:tag_ids::uuid[])) + :joining > :maximum""",
        account_id=account_id,
        contact_ids=contact_ids,
        tag_ids=tag_ids,
        joining=len(tag_ids),
        maximum=MAXIMUM,
    )
