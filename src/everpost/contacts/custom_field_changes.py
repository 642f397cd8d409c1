"""Custom fields renamed, given other choices, or deleted; and their values cleared from the contacts.

Rules: a deleted field and a deleted choice are seen by nobody from the same moment on, because values are shown only
for fields and choices that are there, and their numbers are never given again. A job then clears what is stored,
without moving anyone's updated_at. Source: contract, contacts.md §6.4, §6.5.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from everpost.contacts import accounts_lock, custom_fields
from everpost.contacts.custom_fields import (
    SELECT_TYPES,
    Choice,
    CustomField,
    LabelTaken,
    StoredField,
    check_choices,
    free_name,
    in_display_order,
    slug,
)
from everpost.ids import AccountId, CustomFieldId
from everpost.platform import clock
from everpost.platform.db import Conn, Db, many, run
from everpost.platform.errors import Invalid
from everpost.platform.jobs import job

_CONTACTS_PER_STEP: Final = 5000


class ChoiceChange(Struct):
    """A choice to keep, by its id, or a new one, without."""

    choice_label: Annotated[str, Meta(min_length=1, max_length=255)]
    choice_id: int | None = None
    display_order: int | None = None


class CustomFieldChange(Struct):
    """What may change of a field; what is left out stays. Choices that are not named again are deleted."""

    label: Annotated[str, Meta(min_length=1, max_length=50)] | None = None
    choices: list[ChoiceChange] | None = None


class NothingGiven(Invalid):
    """label, choices are missing, at least one parameter must be provided"""


async def change(
    conn: Conn, account_id: AccountId, custom_field_id: CustomFieldId, given: CustomFieldChange
) -> CustomField:
    """Raises: NotFound, Invalid, LabelTaken."""
    if given.label is None and given.choices is None:
        raise NothingGiven
    await accounts_lock.take(conn, account_id)
    field = await custom_fields.get_stored(conn, account_id, custom_field_id)
    now = clock.now_seconds()
    if given.label is not None:
        await _rename(conn, account_id, field, given.label.strip())
    if given.choices is not None and field.type in SELECT_TYPES:
        gone = _take_choices(field, given.choices, now=now)
        if gone:
            await clear.later(conn, account_id=account_id, field_key=field.field_key, choice_ids=gone)
    await _write(conn, account_id, field, now=now)
    return await custom_fields.get(conn, account_id, custom_field_id)


async def delete(conn: Conn, account_id: AccountId, custom_field_id: CustomFieldId) -> None:
    """Raises: NotFound."""
    field = await custom_fields.get_stored(conn, account_id, custom_field_id)
    await run(
        conn,
        """UPDATE custom_fields SET deleted_at = :now
            WHERE account_id = :account_id AND custom_field_id = :custom_field_id AND deleted_at IS NULL""",
        account_id=account_id,
        custom_field_id=custom_field_id,
        now=clock.now_seconds(),
    )
    await clear.later(conn, account_id=account_id, field_key=field.field_key, choice_ids=[])


@job("custom_fields.clear")
async def clear(db: Db, account_id: AccountId, field_key: int, choice_ids: list[int]) -> None:
    """Clear a deleted field, or deleted choices of a field, from all contacts, some thousands at a time."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        async with db.transaction() as conn:
            after = await _clear_step(conn, account_id, str(field_key), choice_ids, after)


async def _rename(conn: Conn, account_id: AccountId, field: StoredField, label: str) -> None:
    if not label:
        raise Invalid("label is empty")
    others = [
        other
        for other in await custom_fields.definitions(conn, account_id)
        if other.custom_field_id != field.custom_field_id
    ]
    for other in others:
        if other.label.lower() == label.lower():
            raise LabelTaken(custom_field_id=other.custom_field_id)
    if slug(label) != slug(field.label):
        field.name = free_name(label, {other.name for other in others})
    field.label = label


def _take_choices(field: StoredField, given: Sequence[ChoiceChange], *, now: datetime) -> list[int]:
    """Replace the field's choices; returns the ids of those that are gone. Raises: Invalid."""
    check_choices([choice.choice_label for choice in given], field.metadata)
    held = {choice.choice_id: choice for choice in field.choices or []}
    present = {number for number, choice in held.items() if choice.deleted_at is None}
    unknown = [choice.choice_id for choice in given if choice.choice_id is not None and choice.choice_id not in present]
    if unknown:
        raise Invalid(*(f"choices contains an invalid id: {number}" for number in unknown))
    next_id = max(held, default=0) + 1
    kept: dict[int, Choice] = {}
    for position, choice in enumerate(given, start=1):
        number = choice.choice_id
        if number is None or number in kept:
            number, next_id = next_id, next_id + 1
        order = choice.display_order if choice.display_order is not None else position
        kept[number] = _changed(held.get(number), number, choice.choice_label.strip(), order, now=now)
    gone = sorted(present - set(kept))
    for number, old in held.items():
        if number not in kept:
            old.deleted_at = old.deleted_at or now
            kept[number] = old
    field.choices = in_display_order(list(kept.values()))
    return gone


def _changed(old: Choice | None, number: int, label: str, order: int, *, now: datetime) -> Choice:
    if old is not None and (old.choice_label, old.display_order) == (label, order):
        return old
    return Choice(
        choice_id=number,
        choice_label=label,
        display_order=order,
        created_at=old.created_at if old else now,
        updated_at=now,
    )


async def _write(conn: Conn, account_id: AccountId, field: StoredField, *, now: datetime) -> None:
    await run(
        conn,
        """UPDATE custom_fields
              SET label = :label, name = :name, choices = :choices, updated_at = :now
            WHERE account_id = :account_id AND custom_field_id = :custom_field_id AND deleted_at IS NULL""",
        account_id=account_id,
        custom_field_id=field.custom_field_id,
        label=field.label,
        name=field.name,
        choices=field.choices,
        now=now,
    )


async def _clear_step(
    conn: Conn, account_id: AccountId, field_key: str, choice_ids: Sequence[int], after: UUID
) -> UUID | None:
    """Clear the next contacts in the order of their ids; returns where the next step begins, None at the end."""
    ids = await many(
        conn,
        UUID,
        """SELECT contact_id FROM contacts
            WHERE account_id = :account_id AND contact_id > :after
            ORDER BY contact_id LIMIT :step""",
        account_id=account_id,
        after=after,
        step=_CONTACTS_PER_STEP,
    )
    if not ids:
        return None
    if choice_ids:
        await _clear_choices(conn, account_id, field_key, choice_ids, after=after, last=ids[-1])
    await run(
        conn,
        """UPDATE contacts SET custom_values = custom_values - :field_key::text
            WHERE account_id = :account_id AND contact_id > :after AND contact_id <= :last
              AND custom_values ? :field_key AND (NOT :has_choices OR custom_values -> :field_key = '[]')""",
        account_id=account_id,
        field_key=field_key,
        has_choices=bool(choice_ids),
        after=after,
        last=ids[-1],
    )
    return ids[-1]


async def _clear_choices(
    conn: Conn, account_id: AccountId, field_key: str, choice_ids: Sequence[int], *, after: UUID, last: UUID
) -> None:
    await run(
        conn,
        """UPDATE contacts
              SET custom_values = jsonb_set(custom_values, ARRAY[:field_key::text], jsonb_path_query_array(
                      custom_values -> :field_key, '$[*] ? (!(@ == $gone[*]))', :gone::jsonb))
            WHERE account_id = :account_id AND contact_id > :after AND contact_id <= :last
              AND jsonb_path_exists(custom_values -> :field_key, '$[*] ? (@ == $gone[*])', :gone::jsonb)""",
        account_id=account_id,
        field_key=field_key,
        gone={"gone": choice_ids},
        after=after,
        last=last,
    )
