"""The operands of one rule, as the document has them, and what is wrong with them.

Rules: null counts as left out; numbers may come as text; one value stands for an array of one; constants are compared
trimmed and without regard to case. Source: contract, segments.md §3, §3.1, §5.2.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from everpost.contacts import anniversaries
from everpost.platform.validation import is_uuid, read_datetime

Word = TypeVar("Word", bound=str)

_OPERATOR_ALIASES: Final = {
    "is": "eq",
    "equals": "eq",
    "is-not": "not-eq",
    "not-equals": "not-eq",
    "is-empty": "empty",
    "is-not-empty": "not-empty",
    "in": "contains-any",
    "not-in": "contains-none",
    "greater-than": "gt",
    "less-than": "lt",
}
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# Python refuses to write absurdly long numbers.
_LARGEST: Final = 10**18
# Intervals reach a day beyond the dates they are made of.
_LAST_YEAR: Final = 9998


class Refused(Exception):
    """What is wrong with a criteria document, as its author reads it."""


class Leaf(Struct, frozen=True):
    """The members of one rule and where in the document it stands: `criteria.group[0]`."""

    path: str
    members: Mapping[str, object]

    def refuse(self, name: str) -> Refused:
        return refusal(f"{self.path}.{name}")

    def find_word(self, name: str) -> str | None:
        """A constant, or None when it is left out. Raises: Refused."""
        given = self.members.get(name)
        if given is None:
            return None
        if not isinstance(given, str):
            raise self.refuse(name)
        return given.strip().lower()

    def operator(self) -> str:
        """Its name without aliases; whether the field knows it is for others to say. Raises: Refused."""
        name = self.find_word("op")
        if not name:
            raise self.refuse("op")
        return _OPERATOR_ALIASES.get(name, name)

    def texts(self, name: str = "value") -> tuple[str, ...]:
        """One value or an array of them, each trimmed and not blank, at least one. Raises: Refused."""
        given = self.members.get(name)
        items = given if isinstance(given, list) else [given]
        texts = [_text(item) for item in items]
        if not texts or not all(texts):
            raise self.refuse(name)
        return tuple(text for text in texts if text)

    def one_text(self, name: str = "value") -> str:
        """Raises: Refused."""
        texts = self.texts(name)
        if len(texts) != 1:
            raise self.refuse(name)
        return texts[0]

    def count(self, name: str) -> int:
        """A positive whole number. Raises: Refused."""
        text = self.one_text(name)
        if not _COUNT.fullmatch(text) or int(text) == 0:
            raise self.refuse(name)
        return int(text)

    def numbers(self) -> tuple[Decimal, ...]:
        """Raises: Refused."""
        texts = self.texts()
        if not all(_NUMBER.fullmatch(text) for text in texts):
            raise self.refuse("value")
        return tuple(map(Decimal, texts))

    def ids(self) -> tuple[UUID, ...]:
        """Raises: Refused."""
        texts = self.texts()
        if not all(map(is_uuid, texts)):
            raise self.refuse("value")
        return tuple(dict.fromkeys(map(UUID, texts)))

    def day(self, name: str) -> date:
        """Raises: Refused."""
        return self._day(self.one_text(name), name)

    def two_days(self, name: str) -> tuple[date, date]:
        """An array of two, or both in one text with a comma between. Raises: Refused."""
        given = self.members.get(name)
        parts = given.split(",") if isinstance(given, str) else given
        if not isinstance(parts, list) or len(parts) != 2:
            raise self.refuse(name)
        first, last = (self._day(_text(part) or "", name) for part in parts)
        if first > last:
            raise self.refuse(name)
        return first, last

    def _day(self, text: str, name: str) -> date:
        try:
            found = anniversaries.read_date(text) or read_datetime(text).date()
        except (ValueError, OverflowError) as error:
            raise self.refuse(name) from error
        if found.year > _LAST_YEAR:
            raise self.refuse(name)
        return found


def refusal(path: str) -> Refused:
    return Refused(f"Validation failed: {path} does not have a valid value")


def chosen(word: str | None, options: Iterable[Word]) -> Word | None:
    """The word, if it is one of the options."""
    return next((option for option in options if option == word), None)


def _text(item: object) -> str | None:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int) and abs(item) > _LARGEST:
        return None
    if isinstance(item, str | int | float):
        return str(item).strip()
    return None
