"""Telephone numbers of a contact: stored as sent, at most three, several of one kind allowed.

Rules: a number equal in kind and digits keeps its id and dates when the set is replaced; a blank number is dropped,
because some forms always send one. Source: contract, contacts.md §3.5, §5.4, §5.6.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from everpost.contacts.consent import Source
from everpost.ids import new_id

MAXIMUM: Final = 3

PhoneKind: TypeAlias = Literal["home", "work", "mobile", "other"]


class PhoneNumber(Struct, omit_defaults=True, kw_only=True):
    """As stored in `contacts.phone_numbers` and as it goes out."""

    phone_number_id: UUID
    phone_number: str
    kind: PhoneKind
    created_at: datetime
    updated_at: datetime
    create_source: Source | None = None
    update_source: Source | None = None


class PhoneNumberIn(Struct):
    """A telephone number; a blank one is dropped."""

    phone_number: Annotated[str, Meta(max_length=25)]
    kind: PhoneKind | None = None


def replaced(
    held: Sequence[PhoneNumber], given: Sequence[PhoneNumberIn], *, update_source: Source | None, now: datetime
) -> list[PhoneNumber]:
    """The given numbers, those that were held before with their identity. Without `update_source` they are created."""
    left = list(held)
    result: list[PhoneNumber] = []
    for number in given:
        text, kind = number.phone_number.strip(), number.kind or "other"
        if not text:
            continue
        same = next((old for old in left if (old.kind, old.phone_number) == (kind, text)), None)
        if same is not None:
            left.remove(same)
        result.append(same or _new(text, kind, update_source=update_source, now=now))
    return result


def with_other(held: Sequence[PhoneNumber], text: str, *, now: datetime) -> list[PhoneNumber]:
    """The number of a sign-up form takes the place of kind `other`; a full set gives up its oldest number."""
    text = text.strip()
    if not text or any(number.phone_number == text for number in held):
        return list(held)
    new = _new(text, "other", update_source="Contact" if held else None, now=now)
    place = next((number for number in held if number.kind == "other"), None)
    if place is None and len(held) >= MAXIMUM:
        place = min(held, key=lambda number: number.created_at)
    if place is None:
        return [*held, new]
    return [new if number is place else number for number in held]


def _new(text: str, kind: PhoneKind, *, update_source: Source | None, now: datetime) -> PhoneNumber:
    return PhoneNumber(
        phone_number_id=new_id(),
        phone_number=text,
        kind=kind,
        created_at=now,
        updated_at=now,
        update_source=update_source,
    )
