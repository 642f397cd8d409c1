"""What the headings of an import mean.

Rules: headings are compared without case, with blanks, `-` and `_` alike; the contract's names come first, and naming
one of them twice is refused; unknown headings are ignored. Beyond the contract, the words of other programs are
understood where no column of the contract's own name claims the same place: such an alias never makes a file invalid.
Source: contract, bulk-activities.md §3.1.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from everpost.activities import csv_aliases
from everpost.platform.errors import Invalid

CUSTOM: Final = "cf:"
PHONES: Final[Mapping[str, str]] = {
    "phone": "other",
    "home_phone": "home",
    "work_phone": "work",
    "mobile_phone": "mobile",
    "other_phone": "other",
}
# Column prefixes of street addresses, with the kind they mean; a later one wins over an earlier of the same kind.
ADDRESSES: Final[Mapping[str, str]] = {"": "home", "home_": "home", "work_": "work", "other_": "other"}
ADDRESS_PARTS: Final = ("street", "street2", "city", "state", "zip", "country")
TEXTS: Final = ("first_name", "last_name", "job_title", "company_name")

BIRTHDAY: Final = "birthday"  # month and day in one cell, as other programs write it
_BIRTHDAY_PARTS: Final = frozenset({"birthday_month", "birthday_day"})
_ADDRESS_COLUMNS: Final = [f"{prefix}{part}" for prefix in ADDRESSES for part in ADDRESS_PARTS]
KNOWN: Final = frozenset(
    ("email", *TEXTS, "birthday_day", "birthday_month", "anniversary", *PHONES, *_ADDRESS_COLUMNS,
     "sms_number", "sms_consent_date")
)  # fmt: skip

_ALIASES: Final = {"email_address": "email"}


def normal(heading: str) -> str:
    """`First-Name ` → `first_name`."""
    return re.sub(r"[\s_-]+", "_", heading.strip().lower())


def name(heading: str) -> str | None:
    """The column of the contract that a heading names, `cf:<name>` for a custom field, or None."""
    text = normal(heading)
    if text.startswith(CUSTOM):
        return CUSTOM + text.removeprefix(CUSTOM).strip("_") if text.strip("_") != CUSTOM else None
    text = _ALIASES.get(text, text)
    return text if text in KNOWN else None


def foreign(heading: str) -> str | None:
    """The column of the contract that another program means by its heading."""
    return csv_aliases.FOREIGN.get(normal(heading))


def read(headings: Sequence[str]) -> list[str | None]:
    """What each column of a file goes to, None where it is ignored. Raises: Invalid."""
    columns = [name(heading) for heading in headings]
    taken: set[str] = set()
    for column in columns:
        if column in taken:
            raise Invalid(f"Validation failed: The file contains the {column} column twice")
        taken.update([column] if column else [])
    for index, heading in enumerate(headings):
        meant = None if columns[index] else foreign(heading)
        if meant is not None and meant not in taken and not (meant == BIRTHDAY and taken & _BIRTHDAY_PARTS):
            columns[index] = meant
            taken.add(meant)
    return columns


def check(columns: Sequence[str | None], sms_permission_to_send: str | None) -> None:
    """Raises: Invalid, when the columns are not enough for an import."""
    if "email" not in columns and "sms_number" not in columns:
        raise Invalid("Validation failed: The file must contain an email or sms_number column")
    if "sms_number" not in columns:
        return
    if sms_permission_to_send is None:
        raise Invalid("sms_permission_to_send is missing, sms_permission_to_send does not have a valid value")
    if sms_permission_to_send == "explicit" and "sms_consent_date" not in columns:
        raise Invalid("Validation failed: The file must contain an sms_consent_date column")
