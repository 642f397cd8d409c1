"""The parts of a contact that a request may carry and `include` may ask for: arrays beside the plain columns.

Rules: a request replaces an array as a whole or leaves it alone; an answer to POST and PUT shows exactly the parts that
the request carried; `include` costs one statement per kind for a whole page. Source: contract, contacts.md §5.1-5.4.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from everpost.contacts import (
    custom_fields,
    custom_values,
    memberships,
    notes,
    phone_numbers,
    sms_channels,
    street_addresses,
    taggings,
)
from everpost.contacts.consent import Source
from everpost.contacts.notes import Note
from everpost.contacts.phone_numbers import PhoneNumber
from everpost.contacts.shapes import Contact, ContactChange, ContactIn, Include
from everpost.contacts.stored import CoreContact, StoredContact, shown
from everpost.contacts.street_addresses import StreetAddress
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn

MAX_CUSTOM_FIELDS: Final = 25

Part: TypeAlias = Include

_NAMES: Final[tuple[Part, ...]] = (
    "custom_fields",
    "phone_numbers",
    "street_addresses",
    "list_memberships",
    "taggings",
    "notes",
    "sms_channel",
)

_IN_ROW: Final = frozenset({"custom_fields", "phone_numbers", "street_addresses", "notes"})

read_phone_numbers = msgspec.json.Decoder(list[PhoneNumber]).decode
read_street_addresses = msgspec.json.Decoder(list[StreetAddress]).decode
read_notes = msgspec.json.Decoder(list[Note]).decode


def sent(given: ContactIn | ContactChange) -> set[Part]:
    """Which parts a request carried: null is none, an empty array is one."""
    return {name for name in _NAMES if getattr(given, name) is not None}


def problems(given: ContactIn | ContactChange) -> list[str]:
    """What is wrong with the parts beyond their shape."""
    return notes.problems(given.notes or []) + sms_channels.problems(given.sms_channel)


async def take(
    conn: Conn,
    account_id: AccountId,
    row: StoredContact,
    given: ContactIn | ContactChange,
    *,
    update_source: Source | None,
    now: datetime,
) -> None:
    """Put the parts that a request carried into a row, as far as they are in it. Raises: Invalid."""
    if given.custom_fields is not None:
        fields = await custom_fields.definitions(conn, account_id)
        values = custom_values.read(given.custom_fields, fields, maximum=MAX_CUSTOM_FIELDS)
        row.custom_values = _raw({key: value for key, value in values.items() if value is not None})
    if given.phone_numbers is not None:
        held_numbers = read_phone_numbers(row.phone_numbers)
        row.phone_numbers = _raw(
            phone_numbers.replaced(held_numbers, given.phone_numbers, update_source=update_source, now=now)
        )
    if given.street_addresses is not None:
        held_addresses = read_street_addresses(row.street_addresses)
        row.street_addresses = _raw(street_addresses.replaced(held_addresses, given.street_addresses, now=now))
    if given.notes is not None:
        row.notes = _raw(notes.replaced(read_notes(row.notes), given.notes, now=now))


def are_in_row(parts: Collection[Part]) -> bool:
    """Whether the parts asked for lie in the contact's row, so that the core of it is not enough."""
    return not _IN_ROW.isdisjoint(parts)


async def show(
    conn: Conn, account_id: AccountId, rows: Sequence[CoreContact], parts: Collection[Part]
) -> list[Contact]:
    """Contacts as they go out, with the parts asked for; who has no SMS channel shows none."""
    contacts = [shown(row) for row in rows]
    if are_in_row(parts):
        whole = [row for row in rows if isinstance(row, StoredContact)]
        await _show_arrays(conn, account_id, contacts, whole, parts)
    if "taggings" in parts:
        await _show_tags(conn, account_id, contacts)
    if "list_memberships" in parts or "list_membership" in parts:
        await _show_lists(conn, account_id, contacts)
    if "sms_channel" in parts:
        await _show_channels(conn, account_id, contacts)
    return contacts


async def show_one(
    conn: Conn, account_id: AccountId, row: CoreContact, parts: Collection[Part], lists: list[ListId] | None = None
) -> Contact:
    """One contact; `lists` spares the look-up where the caller knows them."""
    if lists is None or "list_memberships" not in parts:
        return (await show(conn, account_id, [row], parts))[0]
    contact = (await show(conn, account_id, [row], [part for part in parts if part != "list_memberships"]))[0]
    contact.list_memberships = lists
    return contact


async def _show_lists(conn: Conn, account_id: AccountId, contacts: Sequence[Contact]) -> None:
    lists = await memberships.of_contacts(conn, account_id, [contact.contact_id for contact in contacts])
    for contact in contacts:
        contact.list_memberships = lists.get(contact.contact_id, [])


async def _show_tags(conn: Conn, account_id: AccountId, contacts: Sequence[Contact]) -> None:
    tags = await taggings.of_contacts(conn, account_id, [contact.contact_id for contact in contacts])
    for contact in contacts:
        contact.taggings = tags.get(contact.contact_id, [])


async def _show_channels(conn: Conn, account_id: AccountId, contacts: Sequence[Contact]) -> None:
    channels = await sms_channels.shown(conn, account_id, [contact.contact_id for contact in contacts])
    for contact in contacts:
        contact.sms_channel = channels.get(contact.contact_id, UNSET)


async def _show_arrays(
    conn: Conn,
    account_id: AccountId,
    contacts: Sequence[Contact],
    rows: Sequence[StoredContact],
    parts: Collection[Part],
) -> None:
    fields = await custom_fields.definitions(conn, account_id) if "custom_fields" in parts else None
    for contact, row in zip(contacts, rows, strict=True):
        if "phone_numbers" in parts:
            contact.phone_numbers = row.phone_numbers
        if "street_addresses" in parts:
            contact.street_addresses = row.street_addresses
        if "notes" in parts:
            contact.notes = row.notes
        if fields is not None:
            contact.custom_fields = custom_values.shown(row.custom_values, fields)


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))
