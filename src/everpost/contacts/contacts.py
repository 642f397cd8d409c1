"""Contacts: made, read, replaced, deleted and brought back, one at a time.

Rules: an address belongs to one contact of the account for good, deleted ones included; PUT clears the plain members
that are left out and keeps the arrays; deletion is soft and PUT revives. Whoever changes a contact holds its row; who
cannot have it within five seconds gets a conflict. Source: contract, contacts.md §5.2-5.5.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from everpost.contacts import consent, email_addresses, memberships, particulars, parts, stored
from everpost.contacts.errors import BeingChanged, EmailTaken
from everpost.contacts.shapes import Contact, ContactChange, ContactIn, EmailAddressChange, EmailAddressIn, Include
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, LockTimeout, one, run, wait_for_locks
from everpost.platform.errors import Invalid, NotFound

LOCK_WAIT: Final = timedelta(seconds=5)
# Confirmed opt-in is off for every account until accounts can switch it on and its mails exist.
IS_COI: Final = False


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
    """Raises: Invalid, EmailTaken."""
    _check(new)
    list_ids = await memberships.require_lists(conn, account_id, new.list_memberships or ())
    now = clock.now_seconds()
    row = StoredContact(contact_id=ContactId(new_id()), create_source=new.create_source, created_at=now, updated_at=now)
    _take_particulars(row, new)
    if new.email_address is not None:
        _take_new_address(row, new.email_address, new.create_source, now=now)
    await parts.take(conn, account_id, row, new, update_source=None, now=now)
    if row.permission_to_send == "unsubscribed":
        list_ids = []
    if not await stored.insert(conn, account_id, row):
        raise EmailTaken(contact_id=await stored.owner_of(conn, account_id, row.email_key))
    await memberships.add(conn, account_id, row.contact_id, list_ids, now=now)
    return await parts.show_one(conn, account_id, row, parts.sent(new), list_ids)


async def replace(conn: Conn, account_id: AccountId, contact_id: ContactId, new: ContactChange) -> Contact:
    """Everything about a contact anew. Raises: NotFound, Invalid, EmailTaken, BeingChanged."""
    await wait_for_locks(conn, LOCK_WAIT)
    try:
        return await _replace(conn, account_id, contact_id, new)
    except LockTimeout as error:
        raise BeingChanged from error


async def delete(conn: Conn, account_id: AccountId, contact_id: ContactId) -> None:
    """Off all lists and out of every view; the address stays taken. Raises: NotFound, also when deleted before."""
    now = clock.now_seconds()
    deleted = await run(
        conn,
        """UPDATE contacts
              SET deleted_at = :now, updated_at = :now,
                  opt_out_source = CASE WHEN email_key IS NULL THEN NULL ELSE coalesce(opt_out_source, 'Account') END,
                  opt_out_date = CASE WHEN email_key IS NULL THEN NULL ELSE coalesce(opt_out_date, :now) END
            WHERE account_id = :account_id AND contact_id = :contact_id AND deleted_at IS NULL""",
        account_id=account_id,
        contact_id=contact_id,
        now=now,
    )
    if not deleted:
        raise NotFound
    await memberships.replace(conn, account_id, contact_id, [], now=now)


def revive(row: StoredContact) -> None:
    """Take back what the deletion wrote; someone who was unsubscribed comes back unsubscribed."""
    held = row.consent
    if row.deleted_at is not None and held is not None:
        row.take_consent(consent.revive(held))
    row.deleted_at = None


async def _replace(conn: Conn, account_id: AccountId, contact_id: ContactId, new: ContactChange) -> Contact:
    row = await stored.lock(conn, account_id, contact_id)
    if row is None:
        raise NotFound
    if row.deleted_at is not None and new.update_source == "Contact":
        raise CannotRevive
    _check(new, has_address=row.email_key is not None)
    given_lists = new.list_memberships
    list_ids = None if given_lists is None else await memberships.require_lists(conn, account_id, given_lists)
    now = clock.now_seconds()
    old_key = row.email_key
    revive(row)
    _take_particulars(row, new)
    if new.email_address is not None:
        _take_address(row, new.email_address, new.update_source, now=now)
        list_ids = [] if new.email_address.permission_to_send == "unsubscribed" else list_ids
    row.update_source, row.updated_at = new.update_source, now
    await parts.take(conn, account_id, row, new, update_source=new.update_source, now=now)
    if not await stored.write(conn, account_id, row, is_address_new=row.email_key != old_key):
        raise EmailTaken(contact_id=await stored.owner_of(conn, account_id, row.email_key))
    if list_ids is not None:
        await memberships.replace(conn, account_id, contact_id, list_ids, now=now)
    return await parts.show_one(conn, account_id, row, parts.sent(new), list_ids)


def _check(given: ContactIn | ContactChange, *, has_address: bool = False) -> None:
    """What the shape cannot say, all of it at once, in the order of the contract's table. Raises: Invalid."""
    problems = particulars.email_problems(given.email_address.address) if given.email_address else []
    problems += particulars.problems(given)
    problems += parts.problems(given)
    if problems:
        raise Invalid(*problems)
    is_named = particulars.text(given.first_name) or particulars.text(given.last_name)
    if not (is_named or given.email_address or has_address):
        raise NobodyNamed


def _take_particulars(row: StoredContact, given: ContactIn | ContactChange) -> None:
    found = particulars.read(given)
    for name in found.__struct_fields__:
        setattr(row, name, getattr(found, name))


def _take_new_address(row: StoredContact, given: EmailAddressIn, source: consent.Source, *, now: datetime) -> None:
    row.email_address = given.address.strip()
    row.email_key = email_addresses.key(given.address)
    row.email_created_at = row.email_updated_at = now
    row.take_consent(consent.initial(source, given.permission_to_send, is_coi=IS_COI, now=now))


def _take_address(row: StoredContact, given: EmailAddressChange, source: consent.Source, *, now: datetime) -> None:
    """Another spelling, another address or another permission; updated_at of the address moves with any of them."""
    held = row.consent
    if held is None:
        _take_new_address(row, given, source, now=now)
        return
    changed = consent.change(
        held, given.permission_to_send, source, reason=given.opt_out_reason, is_coi=IS_COI, now=now
    )
    address = given.address.strip()
    if address != row.email_address or changed.permission_to_send != held.permission_to_send:
        row.email_updated_at = now
    row.email_address, row.email_key = address, email_addresses.key(address)
    row.take_consent(changed)
