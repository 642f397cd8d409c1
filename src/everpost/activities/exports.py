"""Exports: contacts become a CSV file, some thousands at a time.

Who is exported is settled when the work begins, in chunks that are parts of the file; the file is served once the
activity is completed. Killed anywhere, the work goes on behind the last part that the ledger names. Source: contract,
bulk-activities.md §7.
"""

import asyncio
import csv
import io
from typing import Any, BinaryIO, Final, LiteralString

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
from everpost.contacts import bulk, custom_fields, lists, tags
from everpost.ids import AccountId, ActivityId
from everpost.platform import storage
from everpost.platform.db import Conn, copy_csv_out
from everpost.platform.errors import NotFound

_ROWS_PER_CHUNK: Final = 10_000
_BYTES_PER_WRITE: Final = 1024 * 1024


class Request(Struct, frozen=True):
    """What the worker needs to know."""

    selection: Selection
    fields: list[str]
    custom: list[Custom]


class Progress(Struct, frozen=True, kw_only=True):
    """How far an export is, as the ledger keeps it."""

    total: int  # contacts, those who were named and are not there included
    chunks: int
    chunk: int = 0  # the next
    written: int = 0
    file: Parts

    @property
    def counters(self) -> dict[str, int]:
        # The contract leaves the second out while nothing is written.
        completed = {"items_completed_count": self.written} if self.written else {}
        return {"items_total_count": self.total, **completed}

    @property
    def percent(self) -> int:
        return 99 * self.written // max(self.total, 1)


class Query(Struct, frozen=True):
    """The statement of each chunk, and the values that are named in it."""

    sql: LiteralString
    values: dict[str, Any]


class Lines:
    """CSV on its way into a file, with the line ends of RFC 4180 instead of the server's; those in quotes stay."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_quoted = False  # whether the next piece begins inside of quotes
        self._held: list[bytes] = []
        self._held_bytes = 0

    async def take(self, piece: bytes) -> None:
        parts = piece.split(b'"')
        outside = slice(int(self._is_quoted), None, 2)
        parts[outside] = [part.replace(b"\n", b"\r\n") for part in parts[outside]]
        self._is_quoted ^= len(parts) % 2 == 0
        self._held.append(b'"'.join(parts))
        self._held_bytes += len(piece)
        if self._held_bytes >= _BYTES_PER_WRITE:
            await self.flush()

    async def flush(self) -> None:
        content = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        await asyncio.to_thread(self._file.write, content)


_read_request = msgspec.json.Decoder(Request).decode
_read_progress = msgspec.json.Decoder(Progress | None).decode


async def start(conn: Conn, account_id: AccountId, asked: ContactsExport) -> BulkActivity:
    """Begin to export contacts. Raises: Invalid, NotFound (a list, a tag or a segment)."""
    selection = export_selection.read(asked)
    definitions = await custom_fields.definitions(conn, account_id)
    fields, custom = export_columns.chosen(asked.fields or (), definitions)
    await export_selection.require(conn, account_id, selection)
    request = Request(selection, fields, custom)
    return await runner.start(conn, account_id, New(kind=ledger.EXPORT, request=request))


async def finished(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Parts:
    """The file. Raises: NotFound, also while the export is not completed, and when it is of more than ten days ago."""
    entry = await ledger.get_ended(conn, account_id, activity_id)
    is_export = (entry.kind, entry.state) == (ledger.EXPORT, "completed")
    progress: Progress | None = _read_progress(entry.position) if is_export else None
    if progress is None or not progress.file.are_there:
        raise NotFound
    return progress.file


@runner.work(ledger.EXPORT)
async def run(turn: Turn) -> None:
    """Write chunk after chunk until all contacts are written or the turn is over."""
    request = _read_request(turn.entry.request)
    progress = _read_progress(turn.entry.position) or await _begin(turn, request)
    query = await _query(turn, request)
    while progress.chunk < progress.chunks and not turn.is_over:
        progress = await _write_chunk(turn, query, progress)
    if progress.chunk >= progress.chunks:
        await turn.complete(progress.counters)


async def _begin(turn: Turn, request: Request) -> Progress:
    """Settle who is exported, and write the headings."""
    activity_id = turn.entry.activity_id
    file = await file_parts.add(file_parts.NOTHING, turn.account_id, activity_id, _first_line(request))
    async with turn.long_step() as conn:
        selected = await export_selection.settle(
            conn, turn.account_id, activity_id, request.selection, chunk_size=_ROWS_PER_CHUNK
        )
        missing = await export_selection.missing(conn, turn.account_id, request.selection)
        progress = Progress(total=selected.contacts + len(missing), chunks=selected.chunks, file=file)
        await turn.note(conn, progress, [f"Contact {contact_id} was not found" for contact_id in missing])
    return progress


async def _query(turn: Turn, request: Request) -> Query:
    async with turn.db.reader() as conn:
        definitions = await custom_fields.definitions(conn, turn.account_id)
        names = {
            "list_names": await lists.names(conn, turn.account_id),
            "tag_names": await tags.names(conn, turn.account_id),
        }
    columns, joins, values = export_columns.expressions(request.fields, request.custom, definitions)
    ids = {"account_id": turn.account_id, "activity_id": turn.entry.activity_id}
    return Query("SELECT " + columns + _OF_CHUNK + joins + _IN_ORDER, {**values, **names, **ids})


async def _write_chunk(turn: Turn, query: Query, progress: Progress) -> Progress:
    name = file_parts.next_name(progress.file, turn.account_id, turn.entry.activity_id)
    async with storage.create(name) as file, turn.db.transaction() as conn:
        await bulk.prepare(conn)
        lines = Lines(file)
        count = await copy_csv_out(conn, query.sql, lines.take, chunk=progress.chunk, **query.values)
        await lines.flush()
    progress = replace(
        progress,
        chunk=progress.chunk + 1,
        written=progress.written + count,
        file=file_parts.with_part(progress.file, name),
    )
    async with turn.step() as conn:
        await turn.note(conn, progress)
    return progress


def _first_line(request: Request) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(export_columns.headings(request.fields, request.custom))
    return text.getvalue().encode()


_OF_CHUNK: Final[LiteralString] = """
  FROM (SELECT contact_id, email_address, permission_to_send, opt_in_source, opt_in_date, opt_out_source, opt_out_date,
               opt_out_reason, first_name, last_name, job_title, company_name, birthday_month, birthday_day,
               anniversary, create_source, update_source, source_name, created_at, updated_at, deleted_at,
               custom_values, phone_numbers, street_addresses, notes
          FROM contacts
         WHERE account_id = :account_id
           AND contact_id = ANY(ARRAY(SELECT unnest(contact_ids) FROM activity_contacts
                                       WHERE account_id = :account_id AND activity_id = :activity_id
                                         AND chunk = :chunk))) AS selected """
_IN_ORDER: Final[LiteralString] = " ORDER BY created_at, contact_id"
