"""Putting a chunk of checked rows into the contacts: new people copied in, known ones compared and changed.

Rules: blank cells never erase; the permission of a known contact never changes; a deleted one is revived; an
unsubscribed one is updated but joins no list; nobody is on more than 50 lists; a row that changes nothing writes
nothing. `prepare` needs no database and runs in a thread, beside the transaction of the chunk before. Source: contract,
bulk-activities.md §3.3.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import polars as pl
from msgspec import Raw, Struct

from everpost.activities import row_parts, row_people
from everpost.activities.chunks import LINE, Told
from everpost.activities.row_checks import CUSTOM, KEY, TIMES
from everpost.activities.row_people import People, Target
from everpost.contacts import bulk, consent, custom_values, memberships
from everpost.contacts.bulk import Joining, Known
from everpost.contacts.parts import read_phone_numbers, read_street_addresses
from everpost.contacts.stored import StoredContact
from everpost.ids import ContactId, ListId
from everpost.platform.db import Conn, Db

_PLACE: Final = "place"  # of a known contact among those found
_read_values = msgspec.json.Decoder(dict[str, custom_values.Stored]).decode


class Batch(Struct, frozen=True):
    """Rows, and what their being new or known asks for, as far as it was foreseen."""

    rows: pl.DataFrame
    compared: set[str]
    people: People | None = None
    faces: list[str] | None = None
    unchanged_count: int = 0  # rows that were dropped, as they say nothing new


class Written(Struct, frozen=True, kw_only=True):
    """What there is to tell about a chunk after it was written."""

    errors: list[Told] = []
    rejected: dict[int, list[str]] = {}  # why, by line; they are among the errors too
    cannot_add_to_list_count: int = 0
    known_count: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            errors=self.errors + other.errors,
            rejected=self.rejected | other.rejected,
            cannot_add_to_list_count=self.cannot_add_to_list_count + other.cannot_add_to_list_count,
            known_count=self.known_count + other.known_count,
        )


def prepare(rows: pl.DataFrame, target: Target, *, expects_new: bool) -> Batch:
    """`expects_new` is a guess, that all of the rows are new people: it saves time as far as it is right."""
    compared = compared_columns(rows)
    # In the order of the address, so that its index is walked from left to right.
    rows = rows.sort(KEY)
    if rows.is_empty():
        return Batch(rows, compared)
    if expects_new:
        return Batch(rows, compared, people=row_people.make(rows, compared, target))
    return Batch(rows, compared, faces=_faces(rows, compared))


def compared_columns(rows: pl.DataFrame) -> set[str]:
    """The columns of contacts that rows say something about."""
    compared: set[str] = {name for name in (*row_people.SCALARS, CUSTOM) if name in rows.columns and rows[name].count()}
    if not row_parts.PHONE_COLUMNS.isdisjoint(rows.columns):
        compared.add("phone_numbers")
    if not row_parts.ADDRESS_COLUMNS.isdisjoint(rows.columns):
        compared.add("street_addresses")
    return compared


async def drop_unchanged(db: Db, batch: Batch, target: Target) -> Batch:
    """The batch without the rows that say nothing new about contacts who are on all of the lists.

    Whoever changes such a contact from here on comes after the import, so this needs no place in its transaction; and
    as the look-up is most of the work of a file that was imported before, it is done in two halves, side by side.
    """
    if batch.rows.is_empty() or not batch.compared <= set(bulk.FACE):
        return batch
    keys, faces = batch.rows[KEY].to_list(), batch.faces or _faces(batch.rows, batch.compared)
    middle = len(keys) // 2
    halves = await asyncio.gather(
        _tell_news(db, keys[:middle], faces[:middle], batch.compared, target),
        _tell_news(db, keys[middle:], faces[middle:], batch.compared, target),
    )
    rows = batch.rows.filter(pl.Series([*halves[0], *halves[1]], dtype=pl.Boolean))
    if len(rows) == len(batch.rows):
        return batch
    return Batch(rows, batch.compared, unchanged_count=len(batch.rows) - len(rows))


async def write(conn: Conn, batch: Batch, target: Target) -> Written:
    """Raises: Taken, when somebody became known meanwhile: then begin the transaction again."""
    rows = batch.rows
    if rows.is_empty():
        return Written(known_count=batch.unchanged_count)
    known = await bulk.find(conn, target.account_id, rows[KEY].to_list(), batch.compared)
    if known.email_key is None:
        people = batch.people or row_people.make(rows, batch.compared, target)
        await row_people.copy(conn, people)
        return Written(errors=people.errors, known_count=batch.unchanged_count)
    new, old = _split(rows, known)
    errors: list[Told] = []
    if not new.is_empty():
        people = row_people.make(new, batch.compared, target)
        await row_people.copy(conn, people)
        errors += people.errors
    errors += await _change_known(conn, old, known, batch.compared, target)
    unsubscribed = old.filter(pl.col("is_unsubscribed"))
    return Written(
        errors=errors,
        cannot_add_to_list_count=int(unsubscribed[TIMES].sum()),
        known_count=batch.unchanged_count + len(old),
    )


async def _tell_news(
    db: Db, keys: Sequence[str], faces: Sequence[str], compared: set[str], target: Target
) -> list[bool]:
    """For each row whether it says anything new, or a list is missing."""
    async with db.transaction() as conn:
        await bulk.prepare(conn)
        found = await bulk.find_faces(conn, target.account_id, keys, compared)
        held = dict(zip(found.face or (), found.contact_id or (), strict=True))
        alike = [held.get(face) for face in faces]
        contact_ids = [contact_id for contact_id in alike if contact_id is not None]
        missing = set(await bulk.missing_on(conn, target.account_id, target.list_ids, contact_ids))
    return [each is None or each in missing for each in alike]


def _faces(rows: pl.DataFrame, compared: set[str]) -> list[str]:
    """Each row as `bulk.find_faces` shows a contact who holds exactly its cells; telephones and addresses apart."""
    blank = {CUSTOM: "{}"}
    cells = [
        pl.col(name).cast(pl.String).fill_null(blank.get(name, "")) if name in compared else pl.lit("")
        for name in bulk.FACE
    ]
    faces = rows.select(pl.concat_str([pl.col(KEY), *cells], separator=bulk.SEPARATOR)).to_series()
    return faces.fill_null("").to_list()


def _split(rows: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of new people, and those of known ones with what is held beside each cell."""
    assert known.email_key is not None
    columns: dict[str, Any] = {
        KEY: known.email_key,
        _PLACE: range(len(known.email_key)),
        "is_deleted": known.is_deleted,
        "is_unsubscribed": known.is_unsubscribed,
    }
    columns |= {_held(name): getattr(known, name) for name in bulk.COMPARED if getattr(known, name) is not None}
    schema = {_held(name): rows.schema[name] for name in bulk.COMPARED if name in rows.columns}
    held = pl.DataFrame(columns, schema_overrides=schema)
    joined = rows.join(held, on=KEY, how="left", maintain_order="left")
    is_known = pl.col(_PLACE).is_not_null()
    return rows.filter(joined[_PLACE].is_null()), joined.filter(is_known)


async def _change_known(conn: Conn, old: pl.DataFrame, known: Known, compared: set[str], target: Target) -> list[Told]:
    """Lock and write those of the known contacts who differ from their rows or are not on all of the lists."""
    assert known.contact_id is not None
    contact_ids = known.contact_id
    differing = {contact_ids[place] for place in _differing(old, compared, target)}
    mailable = old.filter(~pl.col("is_deleted") & ~pl.col("is_unsubscribed"))
    candidates = [contact_ids[place] for place in mailable[_PLACE]]
    differing.update(await bulk.missing_on(conn, target.account_id, target.list_ids, candidates))
    if not differing:
        return []
    rows = {
        ContactId(UUID(contact_ids[row[_PLACE]])): row
        for row in old.iter_rows(named=True)
        if contact_ids[row[_PLACE]] in differing
    }
    return await change(conn, rows, target)


def _differing(old: pl.DataFrame, compared: set[str], target: Target) -> list[int]:
    """The places of those whose rows would change something."""
    scalars = [pl.col(name).ne_missing(pl.col(_held(name))) & pl.col(name).is_not_null()
               for name in row_people.SCALARS if name in compared]  # fmt: skip
    differs = pl.any_horizontal(pl.col("is_deleted"), *scalars)
    found = set(old.filter(differs)[_PLACE])
    if CUSTOM in compared:
        # Equal texts are the rule; where a row is silent about some fields, what it says must be looked up.
        unlike = old.filter(pl.col(CUSTOM).is_not_null() & (pl.col(CUSTOM) != pl.col(_held(CUSTOM))))
        for place, text, held in unlike.select(_PLACE, CUSTOM, _held(CUSTOM)).iter_rows():
            if not _read_values(text).items() <= _read_values(held).items():
                found.add(place)
    if "phone_numbers" in compared or "street_addresses" in compared:
        found.update(row[_PLACE] for row in old.iter_rows(named=True) if _differs_in_parts(row, target))
    return list(found)


def _differs_in_parts(row: Mapping[str, Any], target: Target) -> bool:
    numbers = read_phone_numbers(row.get(_held("phone_numbers")) or b"[]")
    addresses = read_street_addresses(row.get(_held("street_addresses")) or b"[]")
    return (
        row_parts.with_phones(numbers, row, now=target.now)[0] != numbers
        or row_parts.with_addresses(addresses, row, now=target.now)[0] != addresses
    )


async def change(conn: Conn, rows: Mapping[ContactId, Mapping[str, Any]], target: Target) -> list[Told]:
    held = await bulk.lock(conn, target.account_id, list(rows))
    lists = await memberships.of_contacts(conn, target.account_id, list(rows))
    changed: list[StoredContact] = []
    joining: list[Joining] = []
    errors: list[Told] = []
    for contact in held:
        row = rows[contact.contact_id]
        is_changed, no_room = _apply(contact, row, target)
        joins, problems = _joins(contact, lists.get(contact.contact_id, []), target)
        errors += [*row_people.ignored(row, no_room, target), *((row[LINE], text) for text in problems)]
        joining += [Joining(contact.contact_id, list_id) for list_id in joins]
        if is_changed or joins:
            contact.update_source, contact.updated_at = "Account", target.now
            changed.append(contact)
    if changed:
        await bulk.write(conn, target.account_id, changed)
    if joining:
        await bulk.join(conn, target.account_id, joining, now=target.now)
    return errors


def _apply(contact: StoredContact, row: Mapping[str, Any], target: Target) -> tuple[bool, list[str]]:
    """Put a row's cells into a locked contact; whether that changed it, and the columns there was no room for."""
    before = msgspec.structs.asdict(contact)
    if contact.deleted_at is not None:
        contact.deleted_at = None
        if contact.consent is not None:
            contact.take_consent(consent.revive(contact.consent))
    for name in row_people.SCALARS:
        if row.get(name) is not None:
            setattr(contact, name, row[name])
    if row.get(CUSTOM) is not None:
        given = _read_values(row[CUSTOM])
        held_values = _read_values(contact.custom_values)
        if not given.items() <= held_values.items():
            contact.custom_values = Raw(msgspec.json.encode({**held_values, **given}))
    no_room = _apply_parts(contact, row, target)
    return msgspec.structs.asdict(contact) != before, no_room


def _apply_parts(contact: StoredContact, row: Mapping[str, Any], target: Target) -> list[str]:
    held_numbers = read_phone_numbers(contact.phone_numbers)
    numbers, no_room = row_parts.with_phones(held_numbers, row, now=target.now)
    if numbers != held_numbers:
        contact.phone_numbers = Raw(msgspec.json.encode(numbers))
    held_addresses = read_street_addresses(contact.street_addresses)
    addresses, no_room_either = row_parts.with_addresses(held_addresses, row, now=target.now)
    if addresses != held_addresses:
        contact.street_addresses = Raw(msgspec.json.encode(addresses))
    return [*no_room, *no_room_either]


def _joins(contact: StoredContact, held: Sequence[ListId], target: Target) -> tuple[list[ListId], list[str]]:
    """The lists that a contact joins, in the order they were asked for as far as there is room."""
    if contact.permission_to_send == "unsubscribed":
        return [], []
    missing = [list_id for list_id in target.list_ids if list_id not in held]
    room = max(memberships.MAXIMUM - len(held), 0)
    problems = [f"Contact {contact.contact_id} already belongs to {memberships.MAXIMUM} lists"]
    return missing[:room], problems if len(missing) > room else []


def _held(column: str) -> str:
    return f"{column} held"
