"""What a request says about a person: names, birthday, anniversary and e-mail address, checked and tidied.

POST, PUT and the sign-up form share these. Texts are trimmed, "" is nothing. Source: contract, contacts.md §3.2, §3.3.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

from everpost.contacts import anniversaries, birthdays, email_addresses
from everpost.contacts.shapes import ContactChange, ContactIn, SignUp


class Particulars(Struct, frozen=True, kw_only=True):
    first_name: str | None
    last_name: str | None
    job_title: str | None
    company_name: str | None
    birthday_month: int | None
    birthday_day: int | None
    anniversary: date | None


def read(given: ContactIn | ContactChange | SignUp) -> Particulars:
    """The part of a request that stands in columns of its own; ask `problems` first."""
    return Particulars(
        first_name=text(given.first_name),
        last_name=text(given.last_name),
        job_title=text(given.job_title),
        company_name=text(given.company_name),
        birthday_month=_number(given.birthday_month),
        birthday_day=_number(given.birthday_day),
        anniversary=anniversaries.parse(given.anniversary.strip()) if given.anniversary else None,
    )


def problems(given: ContactIn | ContactChange | SignUp) -> list[str]:
    """What is wrong with birthday and anniversary, in the order of the contract's table."""
    found = birthdays.problems(_number(given.birthday_month), _number(given.birthday_day))
    anniversary = text(given.anniversary)
    if anniversary and anniversaries.parse(anniversary) is None:
        found.append("anniversary is invalid")
    return found


def email_problems(address: str) -> list[str]:
    """What is wrong with the address of a contact's e-mail object."""
    trimmed = address.strip()
    if not trimmed:
        return ["email_address[address] is empty"]
    return [] if email_addresses.is_valid(trimmed) else ["email_address[address] is invalid"]


def text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _number(value: int | Literal[""] | None) -> int | None:
    return None if value == "" else value
