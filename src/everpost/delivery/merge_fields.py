"""A contact's values for personalisation tags: `firstname`, `city`, `custom.shoe_size` ...

Source: contract, campaigns §4.3 and §4.4.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct

from everpost.contacts import custom_fields
from everpost.contacts.custom_fields import FieldDefinition
from everpost.contacts.phone_numbers import PhoneNumber
from everpost.contacts.street_addresses import StreetAddress
from everpost.ids import AccountId, ContactId
from everpost.platform.db import Conn, many, one

RECIPIENT: Final = "$recipient"
_CUSTOM: Final = "custom."

Get = Callable[["Person"], str | None]


class Person(Struct, kw_only=True):
    """A contact as a mail needs it; what the tags do not ask for may be missing."""

    contact_id: ContactId
    email_address: str
    is_mailable: bool = True
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    birthday_month: int | None = None
    birthday_day: int | None = None
    anniversary: date | None = None
    custom_values: Raw = Raw(b"{}")
    phone_numbers: Raw = Raw(b"[]")
    street_addresses: Raw = Raw(b"[]")


class Fields:
    """Reads the values of certain tags from contacts of one account."""

    def __init__(self, names: Iterable[str], definitions: Sequence[FieldDefinition], zone: str) -> None:
        self._getters = [(name, get) for name in sorted(names) if (get := _getter(name, definitions, zone))]
        self._is_narrow = all(name in _NARROW for name, _ in self._getters)

    async def people(self, conn: Conn, account_id: AccountId, contact_ids: Collection[ContactId]) -> list[Person]:
        """These contacts, in the order of their ids, with what the tags ask for."""
        find = _find_narrow if self._is_narrow else _find
        return await find(conn, account_id, list(contact_ids))

    def values(self, person: Person) -> dict[str, str]:
        """The value of each tag; blank where the contact has none."""
        return {name: get(person) or "" for name, get in self._getters}


async def names(conn: Conn, account_id: AccountId) -> frozenset[str]:
    """Every name that a tag may have in this account: the contact tags and those of its custom fields."""
    definitions = await custom_fields.definitions(conn, account_id)
    custom = {f"{_CUSTOM}{text.lower()}" for field in definitions for text in (field.name, field.label)}
    return frozenset(_CONTACT) | custom


async def fields(conn: Conn, account_id: AccountId, wanted: Iterable[str]) -> Fields:
    """What reads `wanted` from contacts of this account, as its custom fields are now."""
    definitions = await custom_fields.definitions(conn, account_id)
    return Fields(wanted, definitions, await _zone(conn, account_id))


def _getter(name: str, definitions: Sequence[FieldDefinition], zone: str) -> Get | None:
    """None for names that are no contact's: tokens, and fields deleted since."""
    if not name.startswith(_CUSTOM):
        return _CONTACT.get(name)
    wanted = name.removeprefix(_CUSTOM)
    # The machine name goes first; somebody else's label may be the same.
    by_name = [field for field in definitions if field.name.lower() == wanted]
    by_label = [field for field in definitions if field.label.lower() == wanted]
    return next((_custom(field, zone) for field in by_name + by_label), None)


def _custom(field: FieldDefinition, zone: str) -> Get:
    key = str(field.field_key)
    labels = {choice.choice_id: choice.choice_label for choice in field.choices or []}

    def get(person: Person) -> str | None:
        value = _VALUES.decode(person.custom_values).get(key)
        if isinstance(value, list):
            return ", ".join(labels[choice] for choice in value if choice in labels)
        if value and field.type == "date":
            return _date(value)
        if value and field.type == "datetime":
            return _moment(value, zone)
        return value

    return get


def _date(value: str) -> str:
    """`YYYY-MM-DD` as `MM/DD/YYYY`; a field of the first version holds whatever was typed."""
    try:
        return date.fromisoformat(value).strftime("%m/%d/%Y")
    except ValueError:
        return value


def _moment(value: str, zone: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone)).strftime("%m/%d/%Y %I:%M %p")


def _address(person: Person) -> StreetAddress | None:
    """The first one by kind: home, work, other."""
    found = _ADDRESSES.decode(person.street_addresses)
    return min(found, key=lambda address: ("home", "work", "other").index(address.kind), default=None)


def _of_address(member: str) -> Get:
    read = attrgetter(member)
    return lambda person: read(address) if (address := _address(person)) else None


def _street_line(number: int) -> Get:
    def get(person: Person) -> str | None:
        address = _address(person)
        lines = (address.street or "").splitlines() if address else []
        return lines[number] if number < len(lines) else None

    return get


def _phone(kind: str) -> Get:
    return lambda person: next(
        (phone.phone_number for phone in _PHONES.decode(person.phone_numbers) if phone.kind == kind), None
    )


def _birthday(person: Person) -> str | None:
    if person.birthday_month is None or person.birthday_day is None:
        return None
    return f"{person.birthday_month:02}/{person.birthday_day:02}"


def _anniversary(person: Person) -> str | None:
    return person.anniversary.strftime("%m/%d/%Y") if person.anniversary else None


def _missing(person: Person) -> None:
    """Of the tags that exist but have no field: always the fallback."""


_VALUES = msgspec.json.Decoder(dict[str, str | list[int]])
_ADDRESSES = msgspec.json.Decoder(list[StreetAddress])
_PHONES = msgspec.json.Decoder(list[PhoneNumber])

_NARROW = frozenset([RECIPIENT, "emailaddress", "firstname", "lastname", "jobtitle", "companyname"])

_CONTACT: dict[str, Get] = {
    RECIPIENT: attrgetter("email_address"),
    "emailaddress": attrgetter("email_address"),
    "firstname": attrgetter("first_name"),
    "lastname": attrgetter("last_name"),
    "jobtitle": attrgetter("job_title"),
    "companyname": attrgetter("company_name"),
    "addressline1": _street_line(0),
    "addressline2": _street_line(1),
    "addressline3": _street_line(2),
    "city": _of_address("city"),
    "statename": _of_address("state"),
    "postalcode": _of_address("postal_code"),
    "countryname": _of_address("country"),
    "homephone": _phone("home"),
    "workphone": _phone("work"),
    "mobilephone": _phone("mobile"),
    "otherphone": _phone("other"),
    "fax": _missing,
    "birthday": _birthday,
    "anniversary": _anniversary,
    "middlename": _missing,
    "prefix": _missing,
    "department": _missing,
}


async def _zone(conn: Conn, account_id: AccountId) -> str:
    zone = await one(
        conn, str, "SELECT time_zone_id FROM accounts WHERE account_id = :account_id", account_id=account_id
    )
    return zone or "UTC"


async def _find(conn: Conn, account_id: AccountId, contact_ids: list[ContactId]) -> list[Person]:
    return await many(
        conn,
        Person,
        """
        SELECT contact_id, coalesce(email_address, '') AS email_address, is_mailable, first_name, last_name, job_title,
               company_name, birthday_month, birthday_day, anniversary, custom_values, phone_numbers, street_addresses
          FROM contacts
         WHERE account_id = :account_id AND contact_id = ANY (:contact_ids)
         ORDER BY contact_id""",
        account_id=account_id,
        contact_ids=contact_ids,
    )


async def _find_narrow(conn: Conn, account_id: AccountId, contact_ids: list[ContactId]) -> list[Person]:
    return await many(
        conn,
        Person,
        """
        SELECT contact_id, coalesce(email_address, '') AS email_address, is_mailable, first_name, last_name, job_title,
               company_name
          FROM contacts
         WHERE account_id = :account_id AND contact_id = ANY (:contact_ids)
         ORDER BY contact_id""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
