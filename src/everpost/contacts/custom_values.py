"""Values of custom fields on contacts: read from a request, kept under the field's short key, shown again.

Stored in `contacts.custom_values` as text, or as choice ids for select types: {"1": "9.5", "4": [3, 7]}. Text is
canonical, so that equal values are equal texts. Source: contract, contacts.md §6.6.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from everpost.contacts import anniversaries
from everpost.contacts.custom_fields import SELECT_TYPES, FieldDefinition
from everpost.contacts.errors import too_many, unknown_ids
from everpost.contacts.shapes import CustomValue, CustomValueIn
from everpost.platform.errors import Invalid
from everpost.platform.validation import read_datetime

Stored: TypeAlias = str | list[int]

MAX_LENGTH: Final = 255
MAX_TEXT_AREA_LENGTH: Final = 2000

_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?", re.ASCII)
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0"})
_decode = msgspec.json.Decoder(dict[str, Stored]).decode


class NotAValue(Exception):
    """The text is none that the field's type takes."""


def read(
    given: Sequence[CustomValueIn], fields: Sequence[FieldDefinition], *, maximum: int
) -> dict[str, Stored | None]:
    """Values by field key; None removes one. Of a field named twice the last counts. Raises: Invalid."""
    if len({value.custom_field_id for value in given}) > maximum:
        raise Invalid(too_many("custom_fields", maximum))
    known = {field.custom_field_id: field for field in fields}
    unknown = [value.custom_field_id for value in given if value.custom_field_id not in known]
    if unknown:
        raise unknown_ids("custom_fields", list(dict.fromkeys(unknown)))
    found: dict[str, Stored | None] = {}
    problems: list[str] = []
    for index, value in enumerate(given):
        field = known[value.custom_field_id]
        try:
            found[str(field.field_key)] = _stored(value, field)
        except NotAValue as error:
            problems.append(f"custom_fields[{index}]{error}")
    if problems:
        raise Invalid(*problems)
    return found


def merged(held: msgspec.Raw, changes: Mapping[str, Stored | None]) -> dict[str, Stored]:
    """What is stored after single values changed: the others stay."""
    values: dict[str, Stored | None] = {**_decode(held), **changes}
    return {key: value for key, value in values.items() if value is not None}


def shown(stored: msgspec.Raw, fields: Sequence[FieldDefinition]) -> list[CustomValue]:
    """A contact's values as they go out, in the order the fields were made, without deleted fields and choices."""
    values = _decode(stored)
    if not values:
        return []
    found = (_wire(field, values[str(field.field_key)]) for field in fields if str(field.field_key) in values)
    return [value for value in found if value is not None]


def parse(text: str, field: FieldDefinition) -> Stored | None:
    """One text as an import cell or a `value` member holds it; blank is None. Raises: NotAValue."""
    if not text.strip():
        return None
    limit = MAX_TEXT_AREA_LENGTH if field.type == "text_area" else MAX_LENGTH
    if len(text) > limit:
        raise NotAValue(f"[value] is too long (maximum is {limit} characters)")
    match field.type:
        case "string" | "text_area":
            value: Stored = text
        case "date":
            value = _date(text.strip(), field.version)
        case "datetime":
            value = _moment(text)
        case "number" | "currency":
            value = _number(text.strip(), field)
        case "boolean":
            value = _boolean(text.strip().lower())
        case "single_select" | "multi_select":
            value = _labels(text, field)
    return value


def _stored(given: CustomValueIn, field: FieldDefinition) -> Stored | None:
    if field.type in SELECT_TYPES and given.choice_ids is not None:
        return _choice_ids(given.choice_ids, field)
    value = given.value
    if value is None:
        return None
    if isinstance(value, bool):
        return parse("true" if value else "false", field)
    return parse(value if isinstance(value, str) else _plain(Decimal(str(value))), field)


def _date(text: str, version: int) -> str:
    found = anniversaries.read_date(text)
    if found is None:
        raise NotAValue("[value] is invalid")
    return text if version == 1 else found.isoformat()


def _moment(text: str) -> str:
    try:
        moment = read_datetime(text)
    except (ValueError, OverflowError) as error:
        raise NotAValue("[value] is invalid") from error
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(text: str, field: FieldDefinition) -> str:
    if not any(sign.isdigit() for sign in text) or not _DECIMAL.fullmatch(text):
        raise NotAValue("[value] is invalid")
    plain = _plain(Decimal(text.replace(",", "")))
    metadata = field.metadata
    decimals = len(plain.partition(".")[2])
    allowed = metadata.decimal_places or 0 if metadata else 0
    may_be_negative = field.type == "currency" or bool(metadata and metadata.allow_negative)
    if decimals > allowed or (plain.startswith("-") and not may_be_negative):
        raise NotAValue("[value] is invalid")
    return plain


def _plain(number: Decimal) -> str:
    """Canonical: no exponent, no zeros at the end, no minus before zero."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _boolean(text: str) -> str:
    if text not in _TRUE | _FALSE:
        raise NotAValue("[value] is invalid")
    return "true" if text in _TRUE else "false"


def _labels(text: str, field: FieldDefinition) -> list[int]:
    """Choice labels: one, or for several choices joined by `;` or `,`."""
    by_label = {choice.choice_label.lower(): choice.choice_id for choice in field.choices or []}
    whole = by_label.get(text.strip().lower())
    if whole is not None:
        return [whole]
    parts = re.split("[;,]", text) if field.type == "multi_select" else []
    chosen = [by_label.get(part.strip().lower()) for part in parts if part.strip()]
    if not chosen or None in chosen:
        raise NotAValue("[value] is invalid")
    return [choice for choice in _in_order(field) if choice in chosen]


def _choice_ids(given: Sequence[str | int], field: FieldDefinition) -> list[int] | None:
    if not given:
        return None
    wanted = {str(choice).strip() for choice in given}
    chosen = [choice for choice in _in_order(field) if str(choice) in wanted]
    if len(chosen) < len(wanted) or (field.type == "single_select" and len(chosen) > 1):
        raise NotAValue("[choice_ids] is invalid")
    return chosen


def _in_order(field: FieldDefinition) -> list[int]:
    """Choice ids in display order: choices are stored that way."""
    return [choice.choice_id for choice in field.choices or []]


def _wire(field: FieldDefinition, value: Stored) -> CustomValue | None:
    if isinstance(value, str):
        return CustomValue(field.custom_field_id, value=value)
    chosen = [str(choice) for choice in _in_order(field) if choice in value]
    return CustomValue(field.custom_field_id, choice_ids=chosen) if chosen else None
