"""Contacts: made, read, replaced, deleted and brought back, one at a time.

Rules: an address belongs to one contact of the account for good, deleted ones included; PUT clears the plain members
that are left out and keeps the arrays; deletion is soft and PUT revives. Whoever changes a contact holds its row; who
cannot have it within five seconds gets a conflict. Source: contract, contacts.md §5.2-5.5.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from everpost.contacts import (
    consent,
    consent_settings,
    consequences,
    deletions,
    email_addresses,
    memberships,
    particulars,
    parts,
    sms_channels,
    stored,
    taggings,
)
from everpost.contacts.errors import BeingChanged, EmailTaken
from everpost.contacts.shapes import Contact, ContactChange, ContactIn, EmailAddressChange, EmailAddressIn, Include
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, ListId, TagId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, LockTimeout, one, wait_for_locks
from everpost.platform.errors import Invalid, NotFound

LOCK_WAIT: Final = timedelta(seconds=5)


class ContactQuery(msgspec.Struct):
    include: list[Include] = []


class NobodyNamed(Invalid):
    """first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided"""


class CannotRevive(Invalid):
    """update_source does not have a valid value"""

    # Only the account brings a deleted contact back; the person uses a sign-up form.


async def require(conn: Conn, account_id: AccountId, contact_id: ContactId) -> None:
    """Raises: NotFound. A deleted contact is found: PUT revives it."""
    known = await one(
        conn,
        UUID,
        "SELECT contact_id FROM contacts WHERE account_id = :account_id AND contact_id = :contact_id",
        account_id=account_id,
        contact_id=contact_id,
    )
    if known is None:
        raise NotFound


async def get(conn: Conn, account_id: AccountId, contact_id: ContactId, query: ContactQuery) -> Contact:
    """One contact, also a deleted one. Raises: NotFound."""
    is_whole = parts.are_in_row(query.include)
    row = await (stored.find if is_whole else stored.find_core)(conn, account_id, contact_id)
    if row is None:
        raise NotFound
    return await parts.show_one(conn, account_id, row, query.include)


async def create(conn: Conn, account_id: AccountId, new: ContactIn) -> Contact:
    """Raises: Invalid, EmailTaken, SmsTaken."""
    _check(new)
    if not (_is_named(new) or new.email_address or new.sms_channel):
        raise NobodyNamed
    list_ids, tag_ids = await _references(conn, account_id, new)
    now = clock.now_seconds()
    row = StoredContact(contact_id=ContactId(new_id()), create_source=new.create_source, created_at=now, updated_at=now)
    _take_particulars(row, new)
    if new.email_address is not None:
        is_coi = new.create_source == "Contact" and await consent_settings.is_opt_in_confirmed(conn, account_id)
        _take_new_address(row, new.email_address, new.create_source, is_coi=is_coi, now=now)
    await parts.take(conn, account_id, row, new, update_source=None, now=now)
    if row.permission_to_send == "unsubscribed":
        list_ids = []
    if not await stored.insert(conn, account_id, row):
        raise EmailTaken(contact_id=await stored.owner_of(conn, account_id, row.email_key))
    joined = await memberships.add(conn, account_id, row.contact_id, list_ids or [], now=now)
    await taggings.add(conn, account_id, row.contact_id, tag_ids or [], now=now)
    await _take_channel(conn, account_id, row, new, new.create_source, now=now)
    await consequences.follow(conn, account_id, row, joined, before=None, is_address_new=True, actor=new.create_source)
    return await parts.show_one(conn, account_id, row, parts.sent(new), list_ids)


async def replace(conn: Conn, account_id: AccountId, contact_id: ContactId, new: ContactChange) -> Contact:
    """Everything about a contact anew. Raises: NotFound, Invalid, EmailTaken, SmsTaken, BeingChanged."""
    await wait_for_locks(conn, LOCK_WAIT)
    try:
        return await _replace(conn, account_id, contact_id, new)
    except LockTimeout as error:
        raise BeingChanged from error


async def delete(conn: Conn, account_id: AccountId, contact_id: ContactId) -> None:
    """Off all lists and out of every view; the address stays taken. Raises: NotFound, also when deleted before."""
    if not await deletions.delete(conn, account_id, [contact_id], now=clock.now_seconds()):
        raise NotFound


def revive(row: StoredContact) -> None:
    """Take back what the deletion wrote; someone who was unsubscribed comes back unsubscribed."""
    held = row.consent
    if row.deleted_at is not None and held is not None:
        row.take_consent(consent.revive(held))
    row.deleted_at = None


async def _replace(conn: Conn, account_id: AccountId, contact_id: ContactId, new: ContactChange) -> Contact:
    _check(new)
    list_ids, tag_ids = await _references(conn, account_id, new)
    row = await stored.lock(conn, account_id, contact_id)
    if row is None:
        raise NotFound
    if row.deleted_at is not None and new.update_source == "Contact":
        raise CannotRevive
    await _require_identity(conn, account_id, row, new)
    now = clock.now_seconds()
    old_key, before = row.email_key, row.consent
    revive(row)
    _take_particulars(row, new)
    if new.email_address is not None:
        await _take_address(conn, account_id, row, new.email_address, new.update_source, now=now)
        list_ids = [] if new.email_address.permission_to_send == "unsubscribed" else list_ids
    row.update_source, row.updated_at = new.update_source, now
    await parts.take(conn, account_id, row, new, update_source=new.update_source, now=now)
    is_address_new = row.email_key != old_key
    if not await stored.write(conn, account_id, row, is_address_new=is_address_new):
        raise EmailTaken(contact_id=await stored.owner_of(conn, account_id, row.email_key))
    joined = await _replace_sets(conn, account_id, contact_id, list_ids, tag_ids, now=now)
    await _take_channel(conn, account_id, row, new, new.update_source, now=now)
    await consequences.follow(
        conn, account_id, row, joined, before=before, is_address_new=is_address_new, actor=new.update_source
    )
    return await parts.show_one(conn, account_id, row, parts.sent(new), list_ids)


def _check(given: ContactIn | ContactChange) -> None:
    """What the shape cannot say, all of it at once, in the order of the contract's table. Raises: Invalid."""
    problems = particulars.email_problems(given.email_address.address) if given.email_address else []
    problems += particulars.problems(given)
    problems += parts.problems(given)
    if problems:
        raise Invalid(*problems)


async def _references(
    conn: Conn, account_id: AccountId, given: ContactIn | ContactChange
) -> tuple[list[ListId] | None, list[TagId] | None]:
    """The lists and tags that a request names, None where it names no set. Raises: Invalid.

    Before the contact is locked: who deletes a tag holds the tag and then asks for its contacts.
    """
    lists, tags = given.list_memberships, given.taggings
    return (
        None if lists is None else await memberships.require_lists(conn, account_id, lists),
        None if tags is None else await taggings.require_tags(conn, account_id, tags),
    )


async def _replace_sets(
    conn: Conn,
    account_id: AccountId,
    contact_id: ContactId,
    list_ids: list[ListId] | None,
    tag_ids: list[TagId] | None,
    *,
    now: datetime,
) -> list[ListId]:
    """Put the contact on exactly these lists and give it exactly these tags; returns the lists it joined."""
    if tag_ids is not None:
        await taggings.replace(conn, account_id, contact_id, tag_ids, now=now)
    return [] if list_ids is None else await memberships.replace(conn, account_id, contact_id, list_ids, now=now)


async def _require_identity(conn: Conn, account_id: AccountId, row: StoredContact, new: ContactChange) -> None:
    """Raises: NobodyNamed, when nothing would be left that says who this is."""
    if _is_named(new) or new.email_address or new.sms_channel or row.email_key is not None:
        return
    if await sms_channels.find(conn, account_id, row.contact_id) is None:
        raise NobodyNamed


def _is_named(given: ContactIn | ContactChange) -> bool:
    return bool(particulars.text(given.first_name) or particulars.text(given.last_name))


async def _take_channel(
    conn: Conn,
    account_id: AccountId,
    row: StoredContact,
    given: ContactIn | ContactChange,
    source: consent.Source,
    *,
    now: datetime,
) -> None:
    if given.sms_channel is not None:
        wish = sms_channels.read(given.sms_channel)
        await sms_channels.take(conn, account_id, row.contact_id, wish, source=source, now=now)


def _take_particulars(row: StoredContact, given: ContactIn | ContactChange) -> None:
    found = particulars.read(given)
    for name in found.__struct_fields__:
        setattr(row, name, getattr(found, name))


def _take_new_address(
    row: StoredContact, given: EmailAddressIn, source: consent.Source, *, is_coi: bool, now: datetime
) -> None:
    row.email_address = given.address.strip()
    row.email_key = email_addresses.key(given.address)
    row.email_created_at = row.email_updated_at = now
    row.take_consent(consent.initial(source, given.permission_to_send, is_coi=is_coi, now=now))


async def _take_address(
    conn: Conn,
    account_id: AccountId,
    row: StoredContact,
    given: EmailAddressChange,
    source: consent.Source,
    *,
    now: datetime,
) -> None:
    """Another spelling, another address or another permission; updated_at of the address moves with any of them."""
    held = row.consent
    is_asked = held is None or given.permission_to_send is not None
    is_coi = is_asked and await consent_settings.is_opt_in_confirmed(conn, account_id)
    if held is None:
        _take_new_address(row, given, source, is_coi=is_coi, now=now)
        return
    changed = consent.change(
        held, given.permission_to_send, source, reason=given.opt_out_reason, is_coi=is_coi, now=now
    )
    address = given.address.strip()
    if address != row.email_address or changed.permission_to_send != held.permission_to_send:
        row.email_updated_at = now
    row.email_address, row.email_key = address, email_addresses.key(address)
    row.take_consent(changed)
