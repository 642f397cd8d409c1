"""The account's own contact fields: what they are called, what they hold, and how they were set up.

Rules: at most 100; labels unique without regard to case; the type never changes; `name` follows from the label.
Values are in `custom_values`, changes in `custom_field_changes`. Creating takes the account's lock, so count, key and
name are settled one request at a time. Source: contract, contacts.md §6.1-6.3.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from everpost.contacts import accounts_lock
from everpost.contacts.errors import LimitReached, too_many
from everpost.ids import AccountId, CustomFieldId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Conflict, Invalid, NotFound
from everpost.platform.paging import Links, PageQuery

MAXIMUM: Final = 100
SELECT_TYPES: Final = ("single_select", "multi_select")

FieldType: TypeAlias = Literal[
    "string", "date", "datetime", "number", "currency", "boolean", "text_area", "single_select", "multi_select"
]
DisplayType: TypeAlias = Literal["dropdown", "radio", "checkbox"]


class Metadata(Struct, omit_defaults=True, kw_only=True):
    """How a field is shown and checked; only what its type knows is kept."""

    display_type: DisplayType | None = None
    allow_negative: bool | None = None
    integer: bool | None = None
    decimal_places: int | None = None
    currency_code: str | None = None
    display_format: str | None = None


class Choice(Struct, omit_defaults=True, kw_only=True):
    """One choice of a select field. As stored, without its field's id, and as it goes out, with it."""

    custom_field_id: CustomFieldId | None = None
    choice_id: int
    choice_label: str
    display_order: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None  # stored so that its number stays taken; never shown


class CustomField(Struct, omit_defaults=True, kw_only=True):
    """A custom field."""

    custom_field_id: CustomFieldId
    label: str
    name: str
    type: FieldType
    version: int
    metadata: Metadata | None = None
    choices: list[Choice] | None = None
    created_at: datetime
    updated_at: datetime


class CustomFieldPage(Struct, omit_defaults=True):
    custom_fields: list[CustomField]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class FieldDefinition(Struct, kw_only=True):
    """What reading and writing values needs of a field."""

    custom_field_id: CustomFieldId
    field_key: int
    label: str
    name: str
    type: FieldType
    version: int
    metadata: Metadata | None = None
    choices: list[Choice] | None = None


class StoredField(FieldDefinition, kw_only=True):
    """A field as it is changed, with the choices that were deleted."""


class ChoiceIn(Struct):
    choice_label: Annotated[str, Meta(min_length=1, max_length=255)]
    display_order: int | None = None


class CustomFieldIn(Struct, kw_only=True):
    """A new custom field. `metadata` and `choices` only where the type has them."""

    label: Annotated[str, Meta(min_length=1, max_length=50)]
    type: FieldType
    version: int | None = None
    metadata: Metadata | None = None
    choices: list[ChoiceIn] | None = None


class CustomFieldsQuery(PageQuery):
    limit: Annotated[int, Meta(ge=1, le=100, description="How many to return.")] = 50


class LabelTaken(Conflict):
    """Validation failed: Label already exists for custom field {custom_field_id}"""


async def get(conn: Conn, account_id: AccountId, custom_field_id: CustomFieldId) -> CustomField:
    """Raises: NotFound."""
    found = await one(
        conn,
        CustomField,
        """SELECT custom_field_id, label, name, type, version, metadata, choices, created_at, updated_at
             FROM custom_fields
            WHERE account_id = :account_id AND custom_field_id = :custom_field_id AND deleted_at IS NULL""",
        account_id=account_id,
        custom_field_id=custom_field_id,
    )
    if found is None:
        raise NotFound
    return _wire(found)


async def page(conn: Conn, account_id: AccountId, query: CustomFieldsQuery) -> CustomFieldPage:
    """Newest first; of one moment in the order they were made."""
    position = query.cursor.position
    found = await many(
        conn,
        CustomField,
        """SELECT custom_field_id, label, name, type, version, metadata, choices, created_at, updated_at
             FROM custom_fields
            WHERE account_id = :account_id AND deleted_at IS NULL
              AND (:before::timestamptz IS NULL
                   OR created_at < :before OR (created_at = :before AND custom_field_id >= :first))
            ORDER BY created_at DESC, custom_field_id
            LIMIT :rows""",
        account_id=account_id,
        before=datetime.fromisoformat(position[0]) if position else None,
        first=UUID(position[1]) if position else None,
        rows=query.limit + 1,
    )
    links: Links | UnsetType = UNSET
    if len(found) > query.limit:
        links = query.cursor.links(found[-1].created_at, found[-1].custom_field_id)
    return CustomFieldPage([_wire(one_field) for one_field in found[: query.limit]], links)


async def definitions(conn: Conn, account_id: AccountId) -> list[FieldDefinition]:
    """All fields of the account (at most 100), in the order they were made."""
    found = await many(
        conn,
        FieldDefinition,
        """SELECT custom_field_id, field_key, label, name, type, version, metadata, choices
             FROM custom_fields
            WHERE account_id = :account_id AND deleted_at IS NULL
            ORDER BY field_key""",
        account_id=account_id,
    )
    for definition in found:
        definition.choices = _present(definition.choices)
    return found


async def get_stored(conn: Conn, account_id: AccountId, custom_field_id: CustomFieldId) -> StoredField:
    """Raises: NotFound."""
    found = await one(
        conn,
        StoredField,
        """SELECT custom_field_id, field_key, label, name, type, version, metadata, choices
             FROM custom_fields
            WHERE account_id = :account_id AND custom_field_id = :custom_field_id AND deleted_at IS NULL""",
        account_id=account_id,
        custom_field_id=custom_field_id,
    )
    if found is None:
        raise NotFound
    return found


async def require(conn: Conn, account_id: AccountId, custom_field_id: CustomFieldId) -> None:
    """Raises: NotFound."""
    await get_stored(conn, account_id, custom_field_id)


async def create(conn: Conn, account_id: AccountId, new: CustomFieldIn) -> CustomField:
    """Raises: Invalid, LimitReached, LabelTaken."""
    label = new.label.strip()
    if not label:
        raise Invalid("label is empty")
    metadata = _metadata(new)
    choices = _choices(new, metadata)
    await accounts_lock.take(conn, account_id)
    held = await definitions(conn, account_id)
    for other in held:
        if other.label.lower() == label.lower():
            raise LabelTaken(custom_field_id=other.custom_field_id)
    if len(held) >= MAXIMUM:
        raise LimitReached(things="custom fields", limit=MAXIMUM)
    now = clock.now_seconds()
    made = CustomField(
        custom_field_id=CustomFieldId(new_id()),
        label=label,
        name=free_name(label, {other.name for other in held}),
        type=new.type,
        version=new.version or 1 if new.type == "date" else 1,
        metadata=metadata,
        choices=choices,
        created_at=now,
        updated_at=now,
    )
    await _insert(conn, account_id, made)
    return _wire(made)


def slug(label: str) -> str:
    """`Customer ID` → `customer_id`: the name that imports and exports use."""
    return re.sub(r"[\W_]+", "_", label.lower()).strip("_")


def free_name(label: str, taken: set[str]) -> str:
    """The label's name, numbered when other fields have it."""
    # A label of signs only leaves nothing to name it by.
    base = slug(label)[:50] or "field"
    names = (base if number == 1 else f"{base[:46]}_{number}" for number in range(1, MAXIMUM + 2))
    return next(name for name in names if name not in taken)


def check_choices(labels: Sequence[str], metadata: Metadata | None) -> None:
    """Not none, not too many, none blank, none twice. Raises: Invalid."""
    if not labels:
        raise Invalid("choices is empty")
    maximum = 100 if metadata and metadata.display_type == "dropdown" else 20
    if len(labels) > maximum:
        raise Invalid(too_many("choices", maximum))
    blank = [index for index, label in enumerate(labels) if not label.strip()]
    if blank:
        raise Invalid(*(f"choices[{index}][choice_label] is empty" for index in blank))
    if len({label.strip().lower() for label in labels}) < len(labels):
        raise Invalid("Validation failed: Choice labels must be unique")


def in_display_order(choices: list[Choice]) -> list[Choice]:
    return sorted(choices, key=lambda choice: (choice.display_order, choice.choice_id))


async def _insert(conn: Conn, account_id: AccountId, made: CustomField) -> None:
    # Deleted fields keep their row, so the highest key only grows.
    await run(
        conn,
        """INSERT INTO custom_fields (account_id, custom_field_id, field_key, label, name, type, version, metadata,
                                      choices, created_at, updated_at)
           SELECT :account_id, :custom_field_id, coalesce(max(field_key), 0) + 1, :label, :name, :type, :version,
                  :metadata::jsonb, :choices::jsonb, :now, :now
             FROM custom_fields WHERE account_id = :account_id""",
        account_id=account_id,
        custom_field_id=made.custom_field_id,
        label=made.label,
        name=made.name,
        type=made.type,
        version=made.version,
        metadata=made.metadata,
        choices=made.choices,
        now=made.created_at,
    )


def _metadata(new: CustomFieldIn) -> Metadata | None:
    """What a field of this type keeps of the metadata, with its defaults. Raises: Invalid."""
    given = new.metadata or Metadata()
    if new.version not in (None, 1, 2):
        raise Invalid("version does not have a valid value")
    match new.type:
        case "single_select" | "multi_select":
            if given.display_type is None:
                raise Invalid("metadata[display_type] is missing, metadata[display_type] does not have a valid value")
            return Metadata(display_type=given.display_type)
        case "number":
            places = _decimal_places(given, is_integer=given.integer is not False and given.decimal_places is None)
            return Metadata(allow_negative=bool(given.allow_negative), integer=places is None, decimal_places=places)
        case "currency":
            is_bare = given.integer is None and given.decimal_places is None
            places = 2 if is_bare else _decimal_places(given, is_integer=given.integer is True)
            return Metadata(integer=places is None, decimal_places=places, currency_code=_currency(given))
        case "date" if new.version == 2:
            return Metadata(display_format=given.display_format or "YYYY-MM-DD")
        case _:
            return None


def _decimal_places(given: Metadata, *, is_integer: bool) -> int | None:
    if is_integer or given.integer is True:
        return None
    if given.decimal_places is None:
        raise Invalid("metadata[decimal_places] is missing")
    if not 1 <= given.decimal_places <= 4:
        raise Invalid("metadata[decimal_places] does not have a valid value")
    return given.decimal_places


def _currency(given: Metadata) -> str:
    code = (given.currency_code or "USD").strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise Invalid("metadata[currency_code] does not have a valid value")
    return code


def _choices(new: CustomFieldIn, metadata: Metadata | None) -> list[Choice] | None:
    """The choices of a select field, numbered from 1. Raises: Invalid."""
    if new.type not in SELECT_TYPES:
        return None
    if new.choices is None:
        raise Invalid("choices is missing")
    check_choices([choice.choice_label for choice in new.choices], metadata)
    now = clock.now_seconds()
    choices = [
        Choice(
            choice_id=number,
            choice_label=given.choice_label.strip(),
            display_order=given.display_order if given.display_order is not None else number,
            created_at=now,
            updated_at=now,
        )
        for number, given in enumerate(new.choices, start=1)
    ]
    return in_display_order(choices)


def _wire(stored: CustomField) -> CustomField:
    """With its id inside every choice, as the contract shows it."""
    stored.choices = _present(stored.choices)
    for choice in stored.choices or []:
        choice.custom_field_id = stored.custom_field_id
    return stored


def _present(choices: list[Choice] | None) -> list[Choice] | None:
    return None if choices is None else [choice for choice in choices if choice.deleted_at is None]
