"""POST /contacts/sign_up_form: a person came by themselves; make the contact or add to it.

Rules: identified by the e-mail address, else by the number for text messages; what is not given stays; lists are added;
the permission becomes explicit whatever it was; a deleted contact comes back. One request at a time per contact, others
wait up to five seconds.
Source: contract, contacts.md §5.6.
"""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw

from everpost.contacts import (
    consent,
    consent_settings,
    consequences,
    contacts,
    custom_fields,
    custom_values,
    email_addresses,
    memberships,
    particulars,
    parts,
    phone_numbers,
    sms_channels,
    stored,
    street_addresses,
)
from everpost.contacts.errors import BeingChanged, EmailTaken, SmsTaken, too_many
from everpost.contacts.shapes import SignedUp, SignUp
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, ListId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, LockTimeout, savepoint, wait_for_locks
from everpost.platform.errors import Invalid

MAX_CUSTOM_FIELDS: Final = 50
SOURCE_NAME: Final = "Website sign-up form"


class NoIdentity(Invalid):
    """email_address, sms_channel are missing, at least one parameter must be provided"""


async def sign_up(conn: Conn, account_id: AccountId, form: SignUp) -> SignedUp:
    """Raises: Invalid, SmsTaken, BeingChanged."""
    visitor = _read(form)
    list_ids = await memberships.require_lists(conn, account_id, form.list_memberships)
    await wait_for_locks(conn, contacts.LOCK_WAIT)
    try:
        return await _create_or_update(conn, account_id, form, visitor, list_ids)
    except LockTimeout as error:
        raise BeingChanged from error


class _Visitor(msgspec.Struct, frozen=True):
    """Who filled the form in: an address, a number, or both."""

    address: str | None
    wish: sms_channels.Wish | None

    @property
    def email_key(self) -> str | None:
        return email_addresses.key(self.address) if self.address else None


async def _create_or_update(
    conn: Conn, account_id: AccountId, form: SignUp, visitor: _Visitor, list_ids: list[ListId]
) -> SignedUp:
    # Somebody may sign up the same person between our look and our insert; the index makes us wait for them, and the
    # second look finds whom they made.
    for _ in range(2):
        row = await _lock(conn, account_id, visitor)
        try:
            async with savepoint(conn):
                if row is None:
                    return SignedUp(await _create(conn, account_id, form, visitor, list_ids), "created")
                await _update(conn, account_id, row, form, visitor=visitor, list_ids=list_ids)
                return SignedUp(row.contact_id, "updated")
        except EmailTaken:
            continue
        except SmsTaken:
            if row is not None:
                raise
    raise BeingChanged


async def _lock(conn: Conn, account_id: AccountId, visitor: _Visitor) -> StoredContact | None:
    """The contact whom the visitor is, held until the transaction ends. Raises: SmsTaken, LockTimeout."""
    key = visitor.email_key
    row = await stored.lock_by_email(conn, account_id, key) if key else None
    if row is not None or visitor.wish is None:
        return row
    owner = await sms_channels.owner_of(conn, account_id, visitor.wish.number)
    row = await stored.lock(conn, account_id, owner) if owner else None
    if row is not None and key and row.email_key:
        # The number belongs to somebody with another address.
        raise SmsTaken(contact_id=owner)
    return row


async def _create(
    conn: Conn, account_id: AccountId, form: SignUp, visitor: _Visitor, list_ids: list[ListId]
) -> ContactId:
    now = clock.now_seconds()
    row = StoredContact(
        contact_id=ContactId(new_id()),
        create_source="Contact",
        source_name=SOURCE_NAME,
        created_at=now,
        updated_at=now,
    )
    if visitor.address:
        await _give_address(conn, account_id, row, visitor.address, now=now)
    await _take(conn, account_id, row, form, now=now)
    if not await stored.insert(conn, account_id, row):
        raise EmailTaken(contact_id=None)
    await _finish(conn, account_id, row, visitor, list_ids, before=None, is_address_new=True, now=now)
    return row.contact_id


async def _update(
    conn: Conn, account_id: AccountId, row: StoredContact, form: SignUp, *, visitor: _Visitor, list_ids: list[ListId]
) -> None:
    count = await memberships.count_after_adding(conn, account_id, row.contact_id, list_ids)
    if count > memberships.MAXIMUM:
        raise Invalid(too_many("list_memberships", memberships.MAXIMUM))
    now = clock.now_seconds()
    before = row.consent
    contacts.revive(row)
    is_address_new = before is None and visitor.address is not None
    if visitor.address and is_address_new:
        await _give_address(conn, account_id, row, visitor.address, now=now)
    elif visitor.address:
        await _sign_up_address(conn, account_id, row, now=now)
    row.update_source, row.updated_at = "Contact", now
    await _take(conn, account_id, row, form, now=now)
    if not await stored.write(conn, account_id, row, is_address_new=is_address_new):
        raise EmailTaken(contact_id=None)
    await _finish(conn, account_id, row, visitor, list_ids, before=before, is_address_new=is_address_new, now=now)


async def _finish(
    conn: Conn,
    account_id: AccountId,
    row: StoredContact,
    visitor: _Visitor,
    list_ids: list[ListId],
    *,
    before: consent.Consent | None,
    is_address_new: bool,
    now: datetime,
) -> None:
    """What lies beside the contact's row: lists, number, and the mails that all of it makes due."""
    joined = await memberships.add(conn, account_id, row.contact_id, list_ids, now=now)
    if visitor.wish is not None:
        await sms_channels.take(conn, account_id, row.contact_id, visitor.wish, source="Contact", now=now)
    await consequences.follow(
        conn, account_id, row, joined, before=before, is_address_new=is_address_new, actor="Contact"
    )


async def _give_address(conn: Conn, account_id: AccountId, row: StoredContact, address: str, *, now: datetime) -> None:
    row.email_address, row.email_key = address, email_addresses.key(address)
    row.email_created_at = row.email_updated_at = now
    is_coi = await consent_settings.is_opt_in_confirmed(conn, account_id)
    row.take_consent(consent.initial("Contact", None, is_coi=is_coi, now=now))


async def _sign_up_address(conn: Conn, account_id: AccountId, row: StoredContact, *, now: datetime) -> None:
    held = row.consent
    assert held is not None
    is_coi = await consent_settings.is_opt_in_confirmed(conn, account_id)
    row.take_consent(consent.sign_up(held, is_coi=is_coi, now=now))
    if row.permission_to_send != held.permission_to_send:
        row.email_updated_at = now


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


def _read(form: SignUp) -> _Visitor:
    """Who fills the form in, once all of it is as it must be. Raises: NoIdentity, Invalid."""
    address = particulars.text(form.email_address)
    if address is None and form.sms_channel is None:
        raise NoIdentity
    problems = []
    if address is not None and not email_addresses.is_valid(address):
        # Word for word what sign-up plugins compare with.
        problems.append("Email address is invalid")
    problems += particulars.problems(form)
    street = form.street_address
    if street is not None and not street.kind and not street_addresses.is_blank(street):
        problems.append("street_address[kind] is missing, street_address[kind] does not have a valid value")
    problems += sms_channels.problems(form.sms_channel)
    if problems:
        raise Invalid(*problems)
    return _Visitor(address, sms_channels.read(form.sms_channel) if form.sms_channel else None)


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))
