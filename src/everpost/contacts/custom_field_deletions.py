"""Several custom fields deleted: marked at once, then their values cleared from the contacts, some thousands at a time.

Rules: as when one is deleted: seen by nobody from the mark on, keys never given again, nobody's updated_at moves.
Source: contract, contacts.md §6.5, bulk-activities.md §4.3.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from everpost.ids import AccountId, ContactId, CustomFieldId
from everpost.platform.db import Conn, many, one, run


class Marked(Struct, frozen=True):
    """A field that was deleted, and the key of its values."""

    custom_field_id: CustomFieldId
    field_key: int


async def known(conn: Conn, account_id: AccountId, custom_field_ids: Sequence[CustomFieldId]) -> list[CustomFieldId]:
    """Those of the fields that are there."""
    found = await many(
        conn,
        UUID,
        """SELECT custom_field_id FROM custom_fields
            WHERE account_id = :account_id AND custom_field_id = ANY(:custom_field_ids::uuid[])
              AND deleted_at IS NULL""",
        account_id=account_id,
        custom_field_ids=custom_field_ids,
    )
    return [CustomFieldId(custom_field_id) for custom_field_id in found]


async def mark(
    conn: Conn, account_id: AccountId, custom_field_ids: Sequence[CustomFieldId], *, now: datetime
) -> list[Marked]:
    """Mark fields deleted; returns those that were not deleted before."""
    return await many(
        conn,
        Marked,
        """UPDATE custom_fields SET deleted_at = :now
            WHERE account_id = :account_id AND custom_field_id = ANY(:custom_field_ids::uuid[])
              AND deleted_at IS NULL
           RETURNING custom_field_id, field_key""",
        account_id=account_id,
        custom_field_ids=custom_field_ids,
        now=now,
    )


async def count_contacts(conn: Conn, account_id: AccountId) -> int:
    """How many contacts have to be looked at, deleted ones included."""
    counted = await one(
        conn, int, "SELECT count(*) FROM contacts WHERE account_id = :account_id", account_id=account_id
    )
    return counted or 0


async def clear(
    conn: Conn, account_id: AccountId, field_keys: Sequence[int], *, after: ContactId, at_most: int
) -> list[ContactId]:
    """Clear the fields of the next contacts in the order of their ids; returns whom it looked at, nobody at the end."""
    contact_ids = await many(
        conn,
        UUID,
        """SELECT contact_id FROM contacts
            WHERE account_id = :account_id AND contact_id > :after
            ORDER BY contact_id LIMIT :at_most""",
        account_id=account_id,
        after=after,
        at_most=at_most,
    )
    if contact_ids:
        await run(
            conn,
            """UPDATE contacts SET custom_values = custom_values - :field_keys::text[]
                WHERE account_id = :account_id AND contact_id > :after AND contact_id <= :last
                  AND custom_values ?| :field_keys""",
            account_id=account_id,
            field_keys=[str(key) for key in field_keys],
            after=after,
            last=contact_ids[-1],
        )
    return [ContactId(contact_id) for contact_id in contact_ids]
