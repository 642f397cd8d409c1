"""Exports: contacts become a CSV file, some thousands at a time.

Each chunk is a part of the file, and the file is served once the activity is completed. Killed anywhere, the work goes
on behind the last chunk that the ledger names. Source: contract, bulk-activities.md §7.
"""

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import export_columns, export_selection, file_parts, ledger, runner
from everpost.activities.export_columns import Custom
from everpost.activities.export_selection import Selection
from everpost.activities.file_parts import Parts
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.shapes import BulkActivity, ContactsExport
from everpost.contacts import bulk, custom_fields
from everpost.ids import AccountId, ActivityId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, copy_csv_out, one
from everpost.platform.errors import NotFound

_ROWS_PER_CHUNK: Final = 10_000


class Request(Struct, frozen=True):
    """What the worker needs to know."""

    selection: Selection
    fields: list[str]
    custom: list[Custom]


class Place(Struct, frozen=True):
    """A contact's place in the order of the file."""

    created_at: datetime
    contact_id: UUID


class Progress(Struct, frozen=True, kw_only=True):
    """How far an export is, as the ledger keeps it."""

    until: datetime  # who is made later is not selected
    total: int
    written: int = 0
    after: Place | None = None
    is_done: bool = False
    file: Parts = file_parts.NOTHING

    @property
    def counters(self) -> dict[str, int]:
        # The contract leaves the second out while nothing is written.
        completed = {"items_completed_count": self.written} if self.written else {}
        return {"items_total_count": self.total, **completed}


class Query(Struct, frozen=True):
    """The statement of each chunk but its place, and the values that are named there."""

    columns: LiteralString
    joins: LiteralString
    where: LiteralString
    values: dict[str, Any]


_read_request = msgspec.json.Decoder(Request).decode
_read_progress = msgspec.json.Decoder(Progress | None).decode


async def start(conn: Conn, account_id: AccountId, asked: ContactsExport) -> BulkActivity:
    """Begin to export contacts. Raises: Invalid, NotFound (a list, a tag or a segment)."""
    selection = export_selection.read(asked)
    definitions = await custom_fields.definitions(conn, account_id)
    fields, custom = export_columns.chosen(asked.fields or (), definitions)
    await export_selection.require(conn, account_id, selection)
    request = Request(selection, fields, custom)
    new = New(activity_id=ActivityId(new_id()), kind=ledger.EXPORT, request=request, counters={})
    return await runner.start(conn, account_id, new)


async def finished(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Parts:
    """The file. Raises: NotFound, also while the export is not completed, and when it is of more than ten days ago."""
    entry = await ledger.get_ended(conn, account_id, activity_id)
    progress = _read_progress(entry.position) if (entry.kind, entry.state) == (ledger.EXPORT, "completed") else None
    if progress is None or not progress.file.are_there:
        raise NotFound
    return progress.file


@runner.work(ledger.EXPORT)
async def run(turn: Turn) -> None:
    """Write chunk after chunk until all contacts are written or the turn is over."""
    request = _read_request(turn.entry.request)
    progress = _read_progress(turn.entry.position) or await _begin(turn, request)
    query = await _query(turn, request, progress)
    # However short the turn, one chunk is written.
    while not progress.is_done:
        progress = await _write_chunk(turn, request, query, progress)
        if turn.is_over:
            break
    if progress.is_done:
        await turn.complete(progress.counters)


async def _begin(turn: Turn, request: Request) -> Progress:
    """Count who is selected: that is settled now, not when the export was asked for."""
    until = clock.now()
    async with turn.step() as conn:
        where, values = await export_selection.condition(conn, turn.account_id, request.selection)
        selected = await one(
            conn,
            int,
            _COUNT + where,
            account_id=turn.account_id,
            until=until,
            **values,
        )
        missing = await export_selection.missing(conn, turn.account_id, request.selection)
        progress = Progress(until=until, total=(selected or 0) + len(missing))
        await _note(conn, turn, progress, [f"Contact {contact_id} was not found" for contact_id in missing])
    return progress


async def _query(turn: Turn, request: Request, progress: Progress) -> Query:
    async with turn.db.reader() as conn:
        definitions = await custom_fields.definitions(conn, turn.account_id)
        where, values = await export_selection.condition(conn, turn.account_id, request.selection)
        values |= {
            "list_names": await bulk.list_names(conn, turn.account_id),
            "tag_names": await bulk.tag_names(conn, turn.account_id),
        }
    columns, joins, named = export_columns.expressions(request.fields, request.custom, definitions)
    values = {**values, **named, "account_id": turn.account_id, "until": progress.until}
    return Query(columns, joins, where, values)


async def _write_chunk(turn: Turn, request: Request, query: Query, progress: Progress) -> Progress:
    async with turn.db.transaction() as conn:
        await bulk.prepare(conn)
        last = await _last_of_chunk(conn, query, progress.after)
        rows, count = await _copy(conn, query, progress.after, last)
    content = await asyncio.to_thread(_with_crlf, rows)
    if not progress.file.names:
        content = _first_line(request) + content
    progress = replace(
        progress,
        written=progress.written + count,
        after=last,
        is_done=last is None,
        file=await file_parts.add(progress.file, turn.account_id, turn.entry.activity_id, content),
    )
    async with turn.step() as conn:
        await _note(conn, turn, progress, [])
    return progress


async def _last_of_chunk(conn: Conn, query: Query, after: Place | None) -> Place | None:
    """Where the next chunk ends; None when the next is the last."""
    beyond, values = _place(after)
    return await one(
        conn,
        Place,
        _PLACES + query.where + beyond + " ORDER BY created_at, contact_id OFFSET :skipped LIMIT 1",
        skipped=_ROWS_PER_CHUNK - 1,
        **query.values,
        **values,
    )


async def _copy(conn: Conn, query: Query, after: Place | None, last: Place | None) -> tuple[bytes, int]:
    beyond, values = _place(after)
    up_to: LiteralString = ""
    if last is not None:
        up_to = " AND (created_at, contact_id) <= (:last_created_at, :last_contact_id)"
        values |= {"last_created_at": last.created_at, "last_contact_id": last.contact_id}
    return await copy_csv_out(
        conn,
        "SELECT " + query.columns + _CONTACTS + query.where + beyond + up_to + _SELECTED + query.joins + _IN_ORDER,
        **query.values,
        **values,
    )


def _place(after: Place | None) -> tuple[LiteralString, dict[str, Any]]:
    if after is None:
        return "", {}
    return (
        " AND (created_at, contact_id) > (:after_created_at, :after_contact_id)",
        {"after_created_at": after.created_at, "after_contact_id": after.contact_id},
    )


def _first_line(request: Request) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(export_columns.headings(request.fields, request.custom))
    return text.getvalue().encode()


def _with_crlf(rows: bytes) -> bytes:
    """With the line ends of RFC 4180, which the server does not write; those inside of quotes stay as they are."""
    if b'"' not in rows:
        return rows.replace(b"\n", b"\r\n")
    parts = rows.split(b'"')
    parts[::2] = [part.replace(b"\n", b"\r\n") for part in parts[::2]]
    return b'"'.join(parts)


async def _note(conn: Conn, turn: Turn, progress: Progress, errors: Sequence[str]) -> None:
    await ledger.advance(
        conn,
        turn.account_id,
        turn.entry.activity_id,
        position=progress,
        counters=progress.counters,
        errors=list(errors),
        percent=99 * progress.written // max(progress.total, 1),
    )


_COUNT: Final[LiteralString] = "SELECT count(*) FROM contacts WHERE account_id = :account_id AND created_at <= :until"
_PLACES: Final[LiteralString] = (
    "SELECT created_at, contact_id FROM contacts WHERE account_id = :account_id AND created_at <= :until"
)
_CONTACTS: Final[LiteralString] = """
  FROM (SELECT contact_id, email_address, permission_to_send, opt_in_source, opt_in_date, opt_out_source, opt_out_date,
               opt_out_reason, first_name, last_name, job_title, company_name, birthday_month, birthday_day,
               anniversary, create_source, update_source, source_name, created_at, updated_at, deleted_at,
               custom_values, phone_numbers, street_addresses, notes
          FROM contacts
         WHERE account_id = :account_id AND created_at <= :until"""
_SELECTED: Final[LiteralString] = ") AS selected "
_IN_ORDER: Final[LiteralString] = " ORDER BY created_at, contact_id"
