"""POST /contacts/sign_up_form: a person came by themselves; make the contact or add to it.

Rules: identified by the e-mail address; what is not given stays; lists are added; the permission becomes explicit
whatever it was; a deleted contact comes back. One request at a time per contact, others wait up to five seconds.
Source: contract, contacts.md §5.6.
"""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw

from everpost.contacts import (
    consent,
    contacts,
    custom_fields,
    custom_values,
    email_addresses,
    memberships,
    particulars,
    parts,
    phone_numbers,
    stored,
    street_addresses,
)
from everpost.contacts.errors import BeingChanged, too_many
from everpost.contacts.shapes import SignedUp, SignUp
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, ListId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, LockTimeout, wait_for_locks
from everpost.platform.errors import Invalid

MAX_CUSTOM_FIELDS: Final = 50
SOURCE_NAME: Final = "Website sign-up form"


class NoIdentity(Invalid):
    """email_address, sms_channel are missing, at least one parameter must be provided"""


async def sign_up(conn: Conn, account_id: AccountId, form: SignUp) -> SignedUp:
    """Raises: Invalid, BeingChanged."""
    address = particulars.text(form.email_address)
    _check(form, address)
    assert address is not None
    list_ids = await memberships.require_lists(conn, account_id, form.list_memberships)
    await wait_for_locks(conn, contacts.LOCK_WAIT)
    try:
        return await _create_or_update(conn, account_id, form, address, list_ids)
    except LockTimeout as error:
        raise BeingChanged from error


async def _create_or_update(
    conn: Conn, account_id: AccountId, form: SignUp, address: str, list_ids: list[ListId]
) -> SignedUp:
    key = email_addresses.key(address)
    now = clock.now_seconds()
    row = await stored.lock_by_email(conn, account_id, key)
    if row is None:
        row = _new(address, now=now)
        await _take(conn, account_id, row, form, now=now)
        if await stored.insert(conn, account_id, row):
            await memberships.add(conn, account_id, row.contact_id, list_ids, now=now)
            return SignedUp(row.contact_id, "created")
        # Someone else signed this address up in between; the index made us wait for it.
        row = await stored.lock_by_email(conn, account_id, key)
        if row is None:
            raise BeingChanged
    await _update(conn, account_id, row, form, list_ids, now=now)
    return SignedUp(row.contact_id, "updated")


def _new(address: str, *, now: datetime) -> StoredContact:
    row = StoredContact(
        contact_id=ContactId(new_id()),
        email_address=address,
        email_key=email_addresses.key(address),
        email_created_at=now,
        email_updated_at=now,
        create_source="Contact",
        source_name=SOURCE_NAME,
        created_at=now,
        updated_at=now,
    )
    row.take_consent(consent.initial("Contact", None, is_coi=contacts.IS_COI, now=now))
    return row


async def _update(
    conn: Conn, account_id: AccountId, row: StoredContact, form: SignUp, list_ids: list[ListId], *, now: datetime
) -> None:
    count = await memberships.count_after_adding(conn, account_id, row.contact_id, list_ids)
    if count > memberships.MAXIMUM:
        raise Invalid(too_many("list_memberships", memberships.MAXIMUM))
    contacts.revive(row)
    held = row.consent
    assert held is not None
    row.take_consent(consent.sign_up(held, is_coi=contacts.IS_COI, now=now))
    if row.permission_to_send != held.permission_to_send:
        row.email_updated_at = now
    row.update_source, row.updated_at = "Contact", now
    await _take(conn, account_id, row, form, now=now)
    await stored.write(conn, account_id, row, is_address_new=False)
    await memberships.add(conn, account_id, row.contact_id, list_ids, now=now)


async def _take(conn: Conn, account_id: AccountId, row: StoredContact, form: SignUp, *, now: datetime) -> None:
    """Put what was filled in into the row; members that were not sent stay as they are. Raises: Invalid."""
    found = particulars.read(form)
    for name in found.__struct_fields__:
        if getattr(form, name) is not None:
            setattr(row, name, getattr(found, name))
    if form.custom_fields:
        fields = await custom_fields.definitions(conn, account_id)
        changes = custom_values.read(form.custom_fields, fields, maximum=MAX_CUSTOM_FIELDS)
        row.custom_values = _raw(custom_values.merged(row.custom_values, changes))
    if form.phone_number:
        held_numbers = parts.read_phone_numbers(row.phone_numbers)
        row.phone_numbers = _raw(phone_numbers.with_other(held_numbers, form.phone_number, now=now))
    address = form.street_address
    if address is not None and address.kind and not street_addresses.is_blank(address):
        held_addresses = parts.read_street_addresses(row.street_addresses)
        row.street_addresses = _raw(street_addresses.with_one(held_addresses, address.kind, address, now=now))


def _check(form: SignUp, address: str | None) -> None:
    """What the shape cannot say. Raises: NoIdentity, Invalid."""
    if address is None:
        raise NoIdentity
    problems = []
    if not email_addresses.is_valid(address):
        # Word for word what sign-up plugins compare with.
        problems.append("Email address is invalid")
    problems += particulars.problems(form)
    street = form.street_address
    if street is not None and not street.kind and not street_addresses.is_blank(street):
        problems.append("street_address[kind] is missing, street_address[kind] does not have a valid value")
    if problems:
        raise Invalid(*problems)


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))
