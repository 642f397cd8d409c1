"""Which contacts carry which tags: always changed as a set, under the contact's row lock.

Rules: at most 50 tags per contact; the order of locks is tags, contacts, then taggings. A tag that is being deleted is
not shown any more. Source: contract, contacts.md §3.2, §8.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from everpost.contacts import tags
from everpost.contacts.errors import too_many, unknown_ids
from everpost.ids import AccountId, ContactId, TagId
from everpost.platform.db import Conn, many, run
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
