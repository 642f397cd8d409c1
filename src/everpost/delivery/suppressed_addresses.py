"""What keeps one address from getting an account's mail, and the way back where there is one.

Rules: holds are the whole server's, so an account hears of them, and may end them, only for addresses of its own
contacts; that is written down. A complaint is for good, and an opt-out is the person's own to take back.
Source: contract, campaigns.md §5.1, §5.6, §5.7.
"""

from datetime import datetime

from msgspec import Struct

from everpost.accounts import audit
from everpost.contacts import email_addresses, stored
from everpost.contacts.stored import CoreContact
from everpost.delivery import holds, suppressions
from everpost.delivery.holds import Hold
from everpost.delivery.suppressions import Reason, Standing
from everpost.ids import AccountId, ContactId, UserId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, NotFound


class BadAddress(Invalid):
    """address does not look like an email address."""


class NotOurs(NotFound):
    """No contact of this account has the address."""


class Suppression(Struct, frozen=True):
    """Everything that is known of an address; nothing speaks against mailing it when all of it is None."""

    address: str
    contact: CoreContact | None
    reason: Reason | None
    hold: Hold | None
    complained_at: datetime | None


async def find(conn: Conn, account_id: AccountId, typed: str) -> Suppression:
    """Raises: BadAddress."""
    address = typed.strip()
    if not email_addresses.is_valid(address):
        raise BadAddress
    contact = await _contact(conn, account_id, address)
    return Suppression(
        address=address,
        contact=contact,
        reason=suppressions.of(_standing(contact)) if contact else None,
        hold=await holds.find(conn, address, now=clock.now()) if contact else None,
        complained_at=await holds.complained_at(conn, account_id, address),
    )


async def end_hold(conn: Conn, account_id: AccountId, typed: str, *, by: UserId) -> None:
    """Try an address of a contact again. Raises: BadAddress, NotOurs."""
    found = await find(conn, account_id, typed)
    if found.contact is None or found.reason == "deleted":
        raise NotOurs
    if await holds.end(conn, found.address, now=clock.now()):
        await audit.append(
            conn, "hold.ended", account_id=account_id, user_id=by, contact_id=str(found.contact.contact_id)
        )


async def _contact(conn: Conn, account_id: AccountId, address: str) -> CoreContact | None:
    contact_id = await stored.owner_of(conn, account_id, email_addresses.key(address))
    return None if contact_id is None else await stored.find_core(conn, account_id, ContactId(contact_id))


def _standing(contact: CoreContact) -> Standing:
    return Standing(contact.contact_id, contact.deleted_at is not None, contact.permission_to_send)
