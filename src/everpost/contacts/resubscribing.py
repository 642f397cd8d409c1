"""PUT /contacts/resubscribe/{contact_id}: invite somebody who unsubscribed, once for each opt-out.

Rules: nothing about the permission changes before the person confirms; the lists are remembered until then.
Source: contract, contacts.md §5.10.
"""

from everpost.contacts import confirmations, contacts, memberships, stored
from everpost.contacts.errors import BeingChanged
from everpost.contacts.shapes import Resubscription
from everpost.ids import AccountId, ContactId
from everpost.platform import clock
from everpost.platform.db import Conn, LockTimeout, wait_for_locks
from everpost.platform.errors import Conflict, Invalid, NotFound


class WasInvited(Conflict):
    """A resubscribe email was already sent to this contact."""


class IsSubscribed(Invalid):
    """Validation failed: The contact is not unsubscribed"""


class HasNoAddress(Invalid):
    """Validation failed: The contact has no email address"""


async def require(conn: Conn, account_id: AccountId, contact_id: ContactId) -> None:
    """Raises: NotFound, also for a deleted contact."""
    found = await stored.find_core(conn, account_id, contact_id)
    if found is None or found.deleted_at is not None:
        raise NotFound


async def invite(conn: Conn, account_id: AccountId, contact_id: ContactId, given: Resubscription) -> None:
    """Raises: NotFound, Invalid, HasNoAddress, IsSubscribed, WasInvited, BeingChanged."""
    list_ids = await memberships.require_lists(conn, account_id, given.list_ids, name="list_ids")
    await wait_for_locks(conn, contacts.LOCK_WAIT)
    try:
        contact = await stored.lock(conn, account_id, contact_id)
    except LockTimeout as error:
        raise BeingChanged from error
    if contact is None or contact.deleted_at is not None:
        raise NotFound
    if contact.email_key is None:
        raise HasNoAddress
    if contact.permission_to_send != "unsubscribed":
        raise IsSubscribed
    if not await confirmations.ask_to_come_back(conn, account_id, contact, list_ids):
        raise WasInvited
    contact.confirm_status = "pending"
    contact.updated_at = clock.now_seconds()
    await stored.write(conn, account_id, contact, is_address_new=False)
