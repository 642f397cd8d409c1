"""Telephone numbers for text messages: a dial code, a national number and the country they belong to.

Rules: 8 to 15 digits in all; blanks, +, -, . and brackets are punctuation; a number that begins with 1 is North
American and has 11 digits; of all others the longest known dial code counts. Source: contract, contacts.md §3.8.
"""

import re
from typing import Final

from msgspec import Struct
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

_PUNCTUATION: Final = re.compile(r"[+\s\-.()]")
_LONGEST_DIAL_CODE: Final = 3
_NORTH_AMERICA: Final = "1"
_NOT_A_COUNTRY: Final = "001"  # satellites and other networks that belong to no country


class Number(Struct, frozen=True):
    """A number taken apart, digits only."""

    dial_code: str
    sms_address: str
    country_code: str

    @property
    def digits(self) -> str:
        return self.dial_code + self.sms_address


def split(text: str) -> Number | None:
    """A number with its dial code, as `+1 (415) 555-0134`; None when it is none."""
    digits = _digits(text)
    if digits is None or not 8 <= len(digits) <= 15:
        return None
    if digits.startswith(_NORTH_AMERICA):
        return Number(_NORTH_AMERICA, digits[1:], "US") if len(digits) == 11 else None
    for length in range(_LONGEST_DIAL_CODE, 0, -1):
        country = _country_of(digits[:length])
        if country is not None:
            return Number(digits[:length], digits[length:], country)
    return None


def join(dial_code: str, sms_address: str, country_code: str) -> Number | None:
    """A number that was sent in parts; None when they are none."""
    code, address = _digits(dial_code), _digits(sms_address)
    country = country_code.strip().upper()
    if not code or not address or not re.fullmatch("[A-Z]{2}", country):
        return None
    return Number(code, address, country) if 8 <= len(code + address) <= 15 else None


def _country_of(dial_code: str) -> str | None:
    """The country that a dial code stands for, where several share it the largest."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(dial_code), ())
    return regions[0] if regions and regions[0] != _NOT_A_COUNTRY and not dial_code.startswith("0") else None


def _digits(text: str) -> str | None:
    plain = _PUNCTUATION.sub("", text)
    return plain if plain.isascii() and plain.isdigit() else None
