"""Rows of people with a number for text messages: few, so they are looked at one by one, and written together.

Rules: a row means whoever has its address, else whoever has its number and no other address, who is then given it; an
address and a number of two people reject the row; what two rows say of one person is put together, the later winning
cell by cell. Source: contract, bulk-activities.md §3.3.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import polars as pl
from msgspec import Struct

from everpost.activities import row_people, upsert
from everpost.activities.chunks import LINE
from everpost.activities.row_checks import KEY, SMS, SMS_DATE, SMS_DATE_AS_SENT, TIMES
from everpost.activities.row_people import Target
from everpost.activities.upsert import Written
from everpost.contacts import bulk, bulk_channels
from everpost.contacts.bulk_channels import Reachable, Wish
from everpost.ids import ContactId
from everpost.platform.db import Conn

Row: TypeAlias = dict[str, Any]
CLASH: Final = "The SMS number belongs to another contact"


class Meant(Struct, frozen=True):
    """Rows by whom they mean, and the lines that mean two people."""

    known: dict[ContactId, Row]
    new: list[Row]
    clashing: list[int]


async def write(conn: Conn, rows: pl.DataFrame, target: Target) -> Written:
    """Raises: Taken, when somebody became known meanwhile: then begin the transaction again."""
    numbers, keys = rows[SMS].drop_nulls().to_list(), rows.filter(pl.col("email").is_not_null())[KEY].to_list()
    people = await bulk_channels.find(conn, target.account_id, keys, numbers)
    meant = _meant(rows, people)
    errors = [(line, f"{target.label} {line}: {CLASH}") for line in meant.clashing]
    wishes: list[Wish] = []
    if meant.known:
        errors += await upsert.change(conn, meant.known, target)
        await _give_addresses(conn, meant, people, target)
        wishes += [_wish(contact_id, row, target) for contact_id, row in meant.known.items() if row[SMS]]
    if meant.new:
        made = row_people.make(pl.DataFrame(meant.new, schema=rows.schema), upsert.compared_columns(rows), target)
        await row_people.copy(conn, made)
        errors += made.errors
        made_ids = [ContactId(UUID(text)) for text in made.contact_ids]
        wishes += [
            _wish(contact_id, row, target) for contact_id, row in zip(made_ids, meant.new, strict=True) if row[SMS]
        ]
    changed = await bulk_channels.take(conn, target.account_id, wishes, now=target.now)
    await bulk.touch(conn, target.account_id, [each for each in changed if each in meant.known], now=target.now)
    unsubscribed = {person.contact_id for person in people if person.is_unsubscribed}
    return Written(
        errors=errors,
        rejected={line: [CLASH] for line in meant.clashing},
        cannot_add_to_list_count=sum(row[TIMES] for each, row in meant.known.items() if each in unsubscribed),
        known_count=len(meant.known),
    )


async def _give_addresses(conn: Conn, meant: Meant, people: Sequence[Reachable], target: Target) -> None:
    without_address = {person.contact_id for person in people if not person.email_key}
    new = {each: row["email"] for each, row in meant.known.items() if row["email"] and each in without_address}
    if new:
        await bulk.give_addresses(conn, target.account_id, new, now=target.now)


def _meant(rows: pl.DataFrame, people: Sequence[Reachable]) -> Meant:
    by_key: dict[str, object] = {person.email_key: person.contact_id for person in people if person.email_key}
    by_number: dict[str, object] = {person.number: person.contact_id for person in people if person.number}
    known_ids = {person.contact_id for person in people}
    without_address: set[object] = {person.contact_id for person in people if not person.email_key}
    merged: dict[object, Row] = {}
    clashing: list[int] = []
    for row in rows.sort(LINE).iter_rows(named=True):
        key, number = row[KEY] if row["email"] else None, row[SMS]
        holder = by_number.get(number) if number else None
        whose = by_key.get(key) if key else holder
        if whose is None:
            whose = holder if holder in without_address else f"new {row[LINE]}"
        if holder not in (None, whose):
            clashing.append(row[LINE])
            continue
        if key:
            by_key[key] = whose
            without_address.discard(whose)
        elif whose not in known_ids and whose not in merged:
            without_address.add(whose)
        if number:
            by_number[number] = whose
        merged[whose] = _merged(merged.get(whose), row)
    return Meant(
        known={whose: row for whose, row in merged.items() if whose in known_ids},  # type: ignore[misc]
        new=[row for whose, row in merged.items() if whose not in known_ids],
        clashing=clashing,
    )


def _merged(before: Mapping[str, Any] | None, row: Row) -> Row:
    if before is None:
        return row
    told = {name: value for name, value in row.items() if value is not None}
    # A number is the identity only as long as no address is known.
    identity = {} if row["email"] else {KEY: before[KEY]}
    return {**before, **told, **identity, TIMES: before[TIMES] + row[TIMES]}


def _wish(contact_id: ContactId, row: Row, target: Target) -> Wish:
    is_explicit = target.sms_permission == "explicit"
    return Wish(contact_id, row[SMS], row.get(SMS_DATE) if is_explicit else None, row.get(SMS_DATE_AS_SENT))
