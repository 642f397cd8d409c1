"""Telephone numbers and postal addresses of an import's rows, put into those a contact has.

Rules: upserted by kind, other kinds stay; blank cells change nothing; where there is no room for a fourth the cell is
ignored, with a line. Source: contract, bulk-activities.md §3.1, §3.3.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias, cast

from msgspec.structs import replace

from everpost.activities.csv_columns import ADDRESS_PARTS, ADDRESSES, PHONES
from everpost.contacts import phone_numbers, street_addresses
from everpost.contacts.phone_numbers import PhoneKind, PhoneNumber
from everpost.contacts.street_addresses import AddressKind, StreetAddress
from everpost.ids import new_id

Row: TypeAlias = Mapping[str, object]

PHONE_COLUMNS: Final = frozenset(PHONES)
ADDRESS_COLUMNS: Final = frozenset(f"{prefix}{part}" for prefix in ADDRESSES for part in ADDRESS_PARTS)


def with_phones(held: Sequence[PhoneNumber], row: Row, *, now: datetime) -> tuple[list[PhoneNumber], list[str]]:
    """The numbers after a row, and the columns there was no room for."""
    numbers, ignored = list(held), []
    for column, kind in PHONES.items():
        text = _text(row, column)
        if not text or any((number.kind, number.phone_number) == (kind, text) for number in numbers):
            continue
        place = next((index for index, number in enumerate(numbers) if number.kind == kind), None)
        if place is not None:
            numbers[place] = replace(numbers[place], phone_number=text, updated_at=now, update_source="Account")
        elif len(numbers) < phone_numbers.MAXIMUM:
            numbers.append(_new_phone(text, cast("PhoneKind", kind), now))
        else:
            ignored.append(column)
    return numbers, ignored


def with_addresses(held: Sequence[StreetAddress], row: Row, *, now: datetime) -> tuple[list[StreetAddress], list[str]]:
    """The addresses after a row, and the columns there was no room for."""
    addresses, ignored = list(held), []
    for prefix, kind in ADDRESSES.items():
        if not any(_text(row, f"{prefix}{part}") for part in ADDRESS_PARTS):
            continue
        place = next((index for index, address in enumerate(addresses) if address.kind == kind), None)
        old = addresses[place] if place is not None else _new_address(cast("AddressKind", kind), now)
        new = _with_parts(old, row, prefix)
        if place is not None:
            addresses[place] = new if new == old else replace(new, updated_at=now)
        elif len(addresses) < street_addresses.MAXIMUM:
            addresses.append(new)
        else:
            ignored.append(f"{prefix}street")
    return addresses, ignored


def _with_parts(old: StreetAddress, row: Row, prefix: str) -> StreetAddress:
    lines = [_text(row, f"{prefix}{part}") for part in ("street", "street2")]
    country = street_addresses.country_name(_text(row, f"{prefix}country")) or old.country
    state = street_addresses.state_name(_text(row, f"{prefix}state"), country or "")
    return replace(
        old,
        street=", ".join(filter(None, lines)) or old.street,
        city=_text(row, f"{prefix}city") or old.city,
        state=state or old.state,
        postal_code=_text(row, f"{prefix}zip") or old.postal_code,
        country=country,
    )


def _new_phone(text: str, kind: PhoneKind, now: datetime) -> PhoneNumber:
    return PhoneNumber(phone_number_id=new_id(), phone_number=text, kind=kind, created_at=now, updated_at=now)


def _new_address(kind: AddressKind, now: datetime) -> StreetAddress:
    return StreetAddress(street_address_id=new_id(), kind=kind, created_at=now, updated_at=now)


def _text(row: Row, column: str) -> str:
    return str(row.get(column) or "")
