"""Forms of pages and the Structs of the API: one set of rules, worded for people.

Rules name the member first (`city is required.`); a page shows the rest of the sentence beside the field.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from everpost.platform import validation
from everpost.platform.errors import ApiError, Invalid, dotted

Shape = TypeVar("Shape", bound=msgspec.Struct)

OTHER: Final = ""  # the key of a problem that belongs to no field

_PLAIN: Final = {"country_code": "country", "email_address": "email address", "time_zone_id": "time zone"}
_MEMBER: Final = re.compile(r"\b(?:" + "|".join(_PLAIN) + r")\b")


class Problems(dict[str, str]):
    """What is wrong, by field; None for a field with which nothing is."""

    def __missing__(self, name: str) -> None:
        return None


def read(kind: type[Shape], form: Mapping[str, str], *, keeps_empty: bool = False) -> Shape:
    """The form as the API's Struct; an empty field is one that was left out, unless it is to be kept.

    Raises: Invalid, naming every field that is wrong.
    """
    given = {field.name: form[field.name].strip() for field in msgspec.structs.fields(kind) if field.name in form}
    return checked(kind, {name: text for name, text in given.items() if text or keeps_empty})


def checked(kind: type[Shape], values: Mapping[str, object]) -> Shape:
    """Values that a page has made of its form. Raises: Invalid, naming every one that is wrong."""
    problems = validation.control_characters(values) + validation.explain(values, kind)
    if problems:
        raise Invalid(*dict.fromkeys(dotted(problem) for problem in problems))
    return msgspec.convert(values, kind)


def problems(error: ApiError, fields: Mapping[str, object]) -> Problems:
    """What is wrong, by field: `city is required.` becomes `{"city": "Is required."}`."""
    found = Problems()
    for message in error.messages:
        name, _, rest = message.partition(" ")
        if name.partition("[")[0] in fields:
            found.setdefault(name, _sentence(rest))
        else:
            found.setdefault(OTHER, message)
    return found


def _sentence(rest: str) -> str:
    """Begins with a capital, unless with an address; another member is named as people name it."""
    first = rest.partition(" ")[0]
    capital = rest[:1] if "@" in first else rest[:1].upper()
    return f"{capital}{_MEMBER.sub(lambda found: 'the ' + _PLAIN[found[0]], rest[1:]).rstrip('.')}."
