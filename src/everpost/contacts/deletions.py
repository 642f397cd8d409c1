"""Contacts deleted: off all lists and out of every view; address, tags and all else stay for a revival.

Source: contract, contacts.md §5.5.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everpost.ids import AccountId, ContactId
from everpost.platform.db import Conn, many, run


async def delete(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], *, now: datetime
) -> list[ContactId]:
    """Delete contacts; returns those who were there to be deleted."""
    deleted = await many(
        conn,
        UUID,
        """UPDATE contacts
              SET deleted_at = :now, updated_at = :now,
                  opt_out_source = CASE WHEN email_key IS NULL THEN NULL ELSE coalesce(opt_out_source, 'Account') END,
                  opt_out_date = CASE WHEN email_key IS NULL THEN NULL ELSE coalesce(opt_out_date, :now) END
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[]) AND deleted_at IS NULL
           RETURNING contact_id""",
        account_id=account_id,
        contact_ids=contact_ids,
        now=now,
    )
    await run(
        conn,
        "DELETE FROM list_memberships WHERE account_id = :account_id AND contact_id = ANY(:deleted::uuid[])",
        account_id=account_id,
        deleted=deleted,
    )
    return [ContactId(contact_id) for contact_id in deleted]
