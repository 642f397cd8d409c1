"""Why a recipient of a mailing gets nothing after all, in one word each."""

from collections.abc import Collection
from typing import Literal, TypeAlias

from msgspec import Struct

from everpost.ids import AccountId, ContactId
from everpost.platform.db import Conn, many

Reason: TypeAlias = Literal[
    "deleted", "no_address", "unsubscribed", "pending", "not_mailable", "complained", "cancelled"
]


async def reasons(conn: Conn, account_id: AccountId, contact_ids: Collection[ContactId]) -> dict[ContactId, Reason]:
    """What speaks against mailing each of these now; a complaint, where nothing of the contact itself does."""
    found = {each.contact_id: each for each in await _standings(conn, account_id, list(contact_ids))}
    return {contact_id: of(found.get(contact_id)) or "complained" for contact_id in contact_ids}


class Standing(Struct, frozen=True):
    """What a contact says about being mailed."""

    contact_id: ContactId
    is_deleted: bool
    permission_to_send: str | None


def of(standing: Standing | None) -> Reason | None:
    """None when nothing speaks against it."""
    if standing is None or standing.is_deleted:
        return "deleted"
    match standing.permission_to_send:
        case "implicit" | "explicit":
            return None
        case "unsubscribed":
            return "unsubscribed"
        case "pending_confirmation":
            return "pending"
        case None:
            return "no_address"
        case _:
            return "not_mailable"


async def _standings(conn: Conn, account_id: AccountId, contact_ids: list[ContactId]) -> list[Standing]:
    return await many(
        conn,
        Standing,
        """
        SELECT contact_id, deleted_at IS NOT NULL AS is_deleted, permission_to_send
          FROM contacts
         WHERE account_id = :account_id AND contact_id = ANY (:contact_ids)""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
