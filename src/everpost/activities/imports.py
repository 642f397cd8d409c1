"""Imports: a file, or a list of objects, becomes contacts on lists.

One chunk after the other: read → check → one transaction of upsert and ledger. While a chunk's transaction runs, the
next chunk is read and checked in a thread. Killed anywhere, the work goes on at the last committed position, and what
was committed is not done twice. Source: contract, bulk-activities.md §3.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import (
    csv_columns,
    csv_rows,
    file_parts,
    import_requests,
    json_rows,
    ledger,
    rejected_rows,
    row_channels,
    row_checks,
    runner,
    upsert,
)
from everpost.activities.chunks import Chunk, Position
from everpost.activities.file_parts import Parts
from everpost.activities.import_requests import Request
from everpost.activities.row_checks import Checked
from everpost.activities.row_people import Target
from everpost.activities.runner import Turn
from everpost.activities.upsert import Batch, Written
from everpost.contacts import bulk, custom_fields, lists
from everpost.contacts.custom_fields import FieldDefinition
from everpost.ids import AccountId, ActivityId
from everpost.platform import clock, storage
from everpost.platform.db import Conn, Taken
from everpost.platform.errors import NotFound

# Somebody known only since the chunk was looked up makes it fail; each new attempt sees everybody committed before.
_ATTEMPTS: Final = 5
_FIRST_CHUNK_BYTES: Final = 256 * 1024
_LARGEST_CHUNK_BYTES: Final = 2 * 1024 * 1024


class Progress(Struct, frozen=True, kw_only=True):
    """How far an import is, as the ledger keeps it."""

    next: Position | None = None  # None: nothing was read yet
    percent: int = 1
    is_done: bool = False
    unknown_fields: list[str] = []  # headings of custom fields that do not exist, each told once
    persons: int = 0
    wrong: int = 0
    correctable: int = 0
    not_listed: int = 0
    rejected: Parts = file_parts.NOTHING  # the rows that were not taken

    @property
    def counters(self) -> dict[str, int]:
        if self.next is None:
            return {}
        return {
            "person_count": self.persons,
            "error_count": self.wrong,
            "correctable_count": self.correctable,
            "cannot_add_to_list_count": self.not_listed,
        }


class Source(Protocol):
    """A stored upload."""

    label: str  # what its rows are called
    number: str  # what the numbers of its rows are called
    headings: int  # rows that are not contacts
    cells: list[str]  # what the cells of a row are called

    def read(self, position: Position | None, size_bytes: int) -> Chunk: ...


class CsvSource:
    label, number, headings = "Line", "Line", 1

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        with storage.open_file(file_name) as file:
            self._header = csv_rows.read_header(file)
        self.cells = self._header.headings

    def read(self, position: Position | None, size_bytes: int) -> Chunk:
        with storage.open_file(self._file_name) as file:
            return csv_rows.read_chunk(file, position or self._header.first, self._header, size_bytes=size_bytes)


class JsonSource:
    label, number, headings, cells = "Item", "Number", 0, json_rows.HEADINGS

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name

    def read(self, position: Position | None, size_bytes: int) -> Chunk:
        with storage.open_file(self._file_name) as file:
            return json_rows.read_chunk(file, position or json_rows.FIRST, size_bytes=size_bytes)


class Ready(Struct, frozen=True):
    """A chunk that was read and checked and waits for its transaction."""

    chunk: Chunk
    checked: Checked
    batch: Batch


_read_request = msgspec.json.Decoder(Request).decode
_read_progress = msgspec.json.Decoder(Progress | None).decode


async def rejected_rows_of(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Parts:
    """The rows that an import did not take, as a CSV file. Raises: NotFound, also while it is not over."""
    entry = await ledger.get_ended(conn, account_id, activity_id)
    is_import = entry.kind in (import_requests.FILE, import_requests.JSON)
    progress: Progress | None = _read_progress(entry.position) if is_import else None
    if progress is None or not progress.rejected.names or not progress.rejected.are_there:
        raise NotFound
    return progress.rejected


@runner.work(import_requests.FILE, import_requests.JSON)
async def run(turn: Turn) -> None:
    """Import chunk by chunk until the file ends or the turn is over."""
    entry = turn.entry
    assert entry.file_name is not None
    try:
        source: Source = (CsvSource if entry.kind == import_requests.FILE else JsonSource)(entry.file_name)
        size_bytes = storage.size_bytes(entry.file_name)
    except FileNotFoundError:
        await turn.give_up("failed", "The file could not be read")
        return
    progress = _read_progress(entry.position) or Progress()
    work = await _open(turn, source, size_bytes)
    progress = await work.go_on(progress)
    if progress.is_done:
        await turn.complete({"items_total_count": progress.persons + source.headings, **progress.counters})


class Import:
    """A turn of one import."""

    def __init__(
        self, turn: Turn, source: Source, target: Target, fields: Mapping[str, FieldDefinition], size_bytes: int
    ) -> None:
        self._turn = turn
        self._source = source
        self._target = target
        self._fields = fields
        self._size_bytes = size_bytes
        self._chunk_bytes = _FIRST_CHUNK_BYTES
        self._expects_new = True  # whether the next chunk is expected to hold new people only, as the last did

    async def go_on(self, progress: Progress) -> Progress:
        """Chunk after chunk, until the file ends or the turn is over."""
        if progress.is_done:
            return progress
        upcoming = self._prepare_beside(progress.next)
        try:
            while not (progress.is_done or self._turn.is_over):
                ready = await upcoming
                if not ready.chunk.is_last:
                    upcoming = self._prepare_beside(ready.chunk.next)
                progress = await self._write(ready, progress)
        finally:
            upcoming.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await upcoming
        return progress

    def _prepare_beside(self, position: Position | None) -> asyncio.Task[Ready]:
        return asyncio.create_task(asyncio.to_thread(self._prepare, position))

    def _prepare(self, position: Position | None) -> Ready:
        chunk = self._source.read(position, self._chunk_bytes)
        # Chunks grow, because nothing runs beside the reading of the first.
        self._chunk_bytes = min(2 * self._chunk_bytes, _LARGEST_CHUNK_BYTES)
        checked = row_checks.check(chunk, self._fields, label=self._source.label)
        return Ready(chunk, checked, upsert.prepare(checked.rows, self._target, expects_new=self._expects_new))

    async def _write(self, ready: Ready, progress: Progress) -> Progress:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Taken):
                return await self._write_once(ready, progress)
        return await self._write_once(ready, progress)

    async def _write_once(self, ready: Ready, progress: Progress) -> Progress:
        unknown = [
            column
            for column in ready.chunk.rows.columns
            if column.startswith(csv_columns.CUSTOM) and column not in (*self._fields, *progress.unknown_fields)
        ]
        batch = ready.batch
        if not self._expects_new:
            batch = await upsert.drop_unchanged(self._turn.db, batch, self._target)
        async with self._turn.step() as conn:
            await bulk.prepare(conn)
            written = await upsert.write(conn, batch, self._target)
            if ready.checked.texted is not None:
                written += await row_channels.write(conn, ready.checked.texted, self._target)
            following = replace(
                _after(progress, ready, written, unknown),
                percent=99 * ready.chunk.next.offset // max(self._size_bytes, 1),
                rejected=await self._with_rejected(ready, written, progress),
            )
            errors = [*(f"Unknown custom field: {name}" for name in unknown), *_in_order(ready, written)]
            await self._turn.note(conn, following, errors)
        self._expects_new = written.known_count == 0
        return following

    async def _with_rejected(self, ready: Ready, written: Written, progress: Progress) -> Parts:
        """The file of rejected rows with those of a chunk. Part of the transaction, as that may reject rows too."""
        reasons = ready.checked.rejected | written.rejected
        if not reasons:
            return progress.rejected
        is_first = not progress.rejected.names
        headings = [*self._source.cells, self._source.number, "Reason"] if is_first else None
        content = await asyncio.to_thread(rejected_rows.as_csv, ready.chunk, reasons, headings)
        return await file_parts.add(progress.rejected, self._turn.account_id, self._turn.entry.activity_id, content)


async def _open(turn: Turn, source: Source, size_bytes: int) -> Import:
    request = _read_request(turn.entry.request)
    async with turn.db.reader() as conn:
        list_ids = await lists.existing(conn, turn.account_id, request.list_ids)
        fields = await custom_fields.definitions(conn, turn.account_id)
    gone = ledger.not_found("List", request.list_ids, list_ids)
    if gone and _read_progress(turn.entry.position) is None:
        async with turn.step() as conn:
            await turn.note(conn, Progress(), gone)
    target = Target(
        account_id=turn.account_id,
        list_ids=list_ids,
        label=source.label,
        sms_permission=request.sms_permission_to_send or "not_set",
        now=clock.now_seconds(),
    )
    return Import(turn, source, target, _by_column(fields), size_bytes)


def _in_order(ready: Ready, written: Written) -> list[str]:
    return [text for _, text in sorted([*ready.checked.errors, *written.errors], key=lambda told: told[0])]


def _by_column(fields: Sequence[FieldDefinition]) -> dict[str, FieldDefinition]:
    """Custom fields by the headings that mean them: their names, and their labels where no name is the same."""
    by_label = {csv_columns.name(csv_columns.CUSTOM + field.label): field for field in fields}
    by_name = {csv_columns.name(csv_columns.CUSTOM + field.name): field for field in fields}
    return {column: field for column, field in {**by_label, **by_name}.items() if column is not None}


def _after(progress: Progress, ready: Ready, written: Written, unknown: list[str]) -> Progress:
    return Progress(
        next=ready.chunk.next,
        is_done=ready.chunk.is_last,
        unknown_fields=[*progress.unknown_fields, *unknown],
        persons=progress.persons + ready.checked.person_count,
        wrong=progress.wrong + ready.checked.error_count + len(written.rejected),
        correctable=progress.correctable + ready.checked.correctable_count,
        not_listed=progress.not_listed + written.cannot_add_to_list_count,
    )
