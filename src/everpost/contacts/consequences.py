"""What a change of a contact brings with it: a mail that asks for a confirmation, or a welcome that is due.

Called in the change's transaction, after the row is written. Source: contract, contacts.md §4.3-4.5.
"""

from collections.abc import Sequence

from everpost.contacts import confirmations, welcomes
from everpost.contacts.consent import Consent, Source
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn


async def follow(
    conn: Conn,
    account_id: AccountId,
    contact: StoredContact,
    joined: Sequence[ListId],
    *,
    before: Consent | None,
    is_address_new: bool,
    actor: Source,
) -> None:
    """`before` is the consent the contact had, None for a new one; `joined` are the lists it was not on before."""
    if contact.permission_to_send == "pending_confirmation":
        was_waiting = before is not None and before.permission_to_send == "pending_confirmation"
        if is_address_new or not was_waiting:
            await confirmations.ask_to_opt_in(conn, account_id, contact)
    else:
        await welcomes.publish_joined(conn, account_id, contact, joined, actor=actor)
