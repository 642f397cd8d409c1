"""New people of an import, ready to be copied in: rows as CSV for `contacts` and `list_memberships`.

Needs no database and runs in a thread, beside the transaction of the chunk before. Source: contract,
bulk-activities.md §3.3.
"""

import io
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import polars as pl
from msgspec import Struct

from everpost.activities import row_parts
from everpost.activities.chunks import LINE, Told
from everpost.activities.row_checks import CUSTOM, KEY
from everpost.contacts import bulk, consent
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn

SCALARS: Final = (
    "first_name", "last_name", "job_title", "company_name", "birthday_month", "birthday_day", "anniversary",
)  # fmt: skip
_CONTACT: Final = "contact_id"


class Target(Struct, frozen=True, kw_only=True):
    """Where rows go."""

    account_id: AccountId
    list_ids: list[ListId]
    label: str  # Line or Item
    sms_permission: Literal["explicit", "not_set"]
    now: datetime


class People(Struct, frozen=True):
    """New contacts, ready to be copied in."""

    columns: list[str]
    contacts: bytes
    memberships: bytes
    contact_ids: pl.Series  # as texts, in the order of the rows
    errors: list[Told]


def make(rows: pl.DataFrame, compared: set[str], target: Target) -> People:
    """Rows as CSV for `contacts` and `list_memberships`."""
    # Ids ascend with the addresses, so every index is filled from left to right.
    rows = rows.with_columns(_new_ids(len(rows)))
    given = _always(target)
    if rows["email"].null_count():
        has_address = pl.col("email").is_not_null()
        given |= {name: pl.when(has_address).then(_expression(given[name])) for name in bulk.OF_ADDRESS}
    given |= {name: pl.col(name) for name in SCALARS if name in compared}
    if CUSTOM in compared:
        given[CUSTOM] = pl.col(CUSTOM).fill_null("{}")
    errors: list[Told] = []
    if "phone_numbers" in compared or "street_addresses" in compared:
        parts, errors = _parts(rows, target)
        given |= parts
    contacts = rows.select(_expression(value).alias(name) for name, value in given.items())
    return People(list(given), _csv(contacts), _csv(_memberships(rows, target)), rows[_CONTACT], errors)


def _always(target: Target) -> dict[str, Any]:
    """The columns that every new contact is given."""
    entered = consent.initial("Account", None, is_coi=False, now=target.now)
    now = target.now.isoformat()
    given: dict[str, Any] = {
        "account_id": str(target.account_id),
        "contact_id": pl.col(_CONTACT),
        "email_address": pl.col("email"),
        "email_key": pl.col(KEY),
        "permission_to_send": entered.permission_to_send,
        "opt_in_source": entered.opt_in_source,
        "opt_in_date": now,
        "confirm_status": entered.confirm_status,
        "email_created_at": now,
        "email_updated_at": now,
        "create_source": "Account",
        "source_name": "File import",
        "created_at": now,
        "updated_at": now,
    }
    assert tuple(given) == bulk.ALWAYS
    return given


def _expression(value: str | pl.Expr) -> pl.Expr:
    return pl.lit(value) if isinstance(value, str) else value


async def copy(conn: Conn, people: People) -> None:
    await bulk.copy_contacts(conn, people.columns, people.contacts)
    if people.memberships.strip():
        await bulk.copy_memberships(conn, people.memberships)


def ignored(row: Mapping[str, Any], columns: Sequence[str], target: Target) -> list[Told]:
    return [(row[LINE], f"{target.label} {row[LINE]}: No room for {column}") for column in columns]


def _new_ids(count: int) -> pl.Series:
    """UUIDs of version 7 as `ids.new_id` makes them, ascending; made at once, for a tenth of the time."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    digits = pl.Series([os.urandom(9 * count).hex()]).str.extract_all("[0-9a-f]{18}").explode().sort()
    head = pl.lit(f"{stamp[:8]}-{stamp[8:]}-7")
    parts = [digits.str.slice(0, 3), pl.lit("-b"), digits.str.slice(3, 3), pl.lit("-"), digits.str.slice(6)]
    return pl.select(pl.concat_str([head, *parts]).alias(_CONTACT)).to_series()


def _parts(rows: pl.DataFrame, target: Target) -> tuple[dict[str, pl.Expr], list[Told]]:
    """The wire-ready arrays of new contacts."""
    numbers: list[str] = []
    addresses: list[str] = []
    errors: list[Told] = []
    for row in rows.iter_rows(named=True):
        phones, no_room = row_parts.with_phones([], row, now=target.now)
        places, no_room_either = row_parts.with_addresses([], row, now=target.now)
        numbers.append(msgspec.json.encode(phones).decode())
        addresses.append(msgspec.json.encode(places).decode())
        errors += ignored(row, [*no_room, *no_room_either], target)
    return {"phone_numbers": pl.lit(pl.Series(numbers)), "street_addresses": pl.lit(pl.Series(addresses))}, errors


def _memberships(rows: pl.DataFrame, target: Target) -> pl.DataFrame:
    contact_ids = rows[_CONTACT]
    account_id, now = str(target.account_id), target.now.isoformat()
    frames = [
        pl.select(pl.lit(account_id).alias("a"), pl.lit(str(list_id)).alias("l"), contact_ids, pl.lit(now).alias("n"))
        for list_id in target.list_ids
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def _csv(frame: pl.DataFrame) -> bytes:
    text = io.BytesIO()
    frame.write_csv(text, include_header=False)
    return text.getvalue()
