"""A recipient moves to another e-mail address: it counts once whoever reads mail there has confirmed it.

Rules: the link goes to the new address, is good for 60 days, and only while the contact still has the old one; opening
it changes nothing. It is sealed and says all there is to know, so nothing is stored before it is used. A contact may
ask five times an hour, so that nobody is flooded. Source: contract, campaigns.md §7.3, §7.5.
"""

import base64
import binascii
import enum
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from everpost.accounts import accounts, throttles
from everpost.accounts.throttles import Limit
from everpost.contacts import email_addresses, stored
from everpost.delivery.profiles import Profile
from everpost.ids import AccountId, ContactId
from everpost.platform import clock, config, crypto, mail, pages
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, TooMany

PATH: Final = "/profile-address"

_VALID_FOR: Final = timedelta(days=60)
_LIMIT: Final = Limit(failures=5, within=timedelta(hours=1), block_for=timedelta(hours=1))
_PURPOSE: Final = "change of address"


class BadAddress(Invalid):
    """email_address does not look like an email address."""


class AskedTooOften(TooMany):
    """Please wait an hour before asking again."""


class Outcome(enum.Enum):
    """What pressing the button did."""

    DONE = "done"
    TAKEN = "taken"
    EXPIRED = "expired"


class AddressChange(Struct, frozen=True):
    """What a link stands for."""

    account_id: AccountId
    contact_id: ContactId
    old_key: str
    new_address: str
    asked_at: datetime


def is_wanted(profile: Profile, typed: str) -> bool:
    """Whether the page's form names another address."""
    return bool(typed.strip()) and email_addresses.key(typed) != profile.contact.email_key


async def ask(conn: Conn, profile: Profile, typed: str) -> None:
    """Mail the link to the new address. Raises: BadAddress, AskedTooOften."""
    address = typed.strip()
    if not email_addresses.is_valid(address):
        raise BadAddress
    account_id, contact_id = profile.reference.account_id, profile.reference.contact_id
    if not await throttles.count_try(conn, throttles.subject(_PURPOSE, str(contact_id)), _LIMIT):
        raise AskedTooOften
    wanted = AddressChange(account_id, contact_id, profile.contact.email_key or "", address, clock.now())
    text = pages.fill(
        "delivery/new_address.txt",
        organization=profile.organization_name,
        address=address,
        link=f"{config.current().origin}{PATH}/{_token(wanted)}",
    )
    subject = f"Please confirm your new address: {profile.organization_name}"
    await mail.send(conn, to=address, subject=subject, text=text, account_id=account_id)


async def find(conn: Conn, token: str) -> tuple[AddressChange, str] | None:
    """What the link stands for and whom it would be told; None for a forged, used or old one."""
    wanted = _read(token)
    contact = await stored.find(conn, wanted.account_id, wanted.contact_id) if wanted else None
    if wanted is None or contact is None or contact.deleted_at is not None or contact.email_key != wanted.old_key:
        return None
    return wanted, await accounts.organization_name(conn, wanted.account_id)


async def confirm(conn: Conn, wanted: AddressChange) -> Outcome:
    """The person pressed the button."""
    row = await stored.lock(conn, wanted.account_id, wanted.contact_id)
    if row is None or row.deleted_at is not None or row.email_key != wanted.old_key:
        return Outcome.EXPIRED
    now = clock.now_seconds()
    row.email_address, row.email_key = wanted.new_address, email_addresses.key(wanted.new_address)
    row.email_updated_at = row.updated_at = now
    row.update_source = "Contact"
    is_ours = await stored.write(conn, wanted.account_id, row, is_address_new=True)
    return Outcome.DONE if is_ours else Outcome.TAKEN


def _token(wanted: AddressChange) -> str:
    return base64.urlsafe_b64encode(crypto.seal(_PURPOSE, msgspec.json.encode(wanted))).decode()


def _read(token: str) -> AddressChange | None:
    try:
        data = crypto.unseal(_PURPOSE, base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, crypto.BadSeal):
        return None
    wanted = msgspec.json.decode(data, type=AddressChange)
    return wanted if clock.now() - wanted.asked_at <= _VALID_FOR else None
