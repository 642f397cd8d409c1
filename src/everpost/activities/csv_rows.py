"""Reading CSV files: as bytes off the wire into plain UTF-8 lines once, then chunk by chunk into columns.

Rules: at most 4 MB and 40,000 lines, the rest is dropped; comma, RFC 4180 quotes, CRLF or LF; a byte-order mark is
allowed, and what is not UTF-8 is read as Windows-1252. Blank lines are ignored but numbered, and a row has the number
of the line it begins on. Source: contract, bulk-activities.md §3.1.
"""

import codecs
import contextlib
import csv
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities.chunks import LINE, Chunk, Position

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_LINES: Final = 40_000
_LONGEST_HEADER_BYTES: Final = 64 * 1024

_CONTROL: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r") + b"\x7f"


def clean(content: bytes) -> bytes:
    """The part of an upload that is imported, as UTF-8 without byte-order mark. `content` may be longer."""
    if len(content) > MAX_BYTES:
        content = content[:MAX_BYTES]
        content = content[: content.rfind(b"\n") + 1]
    text = _decode(content)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return _first_lines(text).encode()


def read_header(file: BinaryIO) -> tuple[list[str], Position]:
    """The headings in the first line that is not blank (none: there is no such line), and where the rows begin."""
    lines = _lines(file.read(_LONGEST_HEADER_BYTES).decode(errors="replace"))
    reader = csv.reader(lines)
    with contextlib.suppress(csv.Error):
        for cells in reader:
            if any(cell.strip() for cell in cells):
                offset = sum(len(line.encode()) for line in lines[: reader.line_num])
                return cells, Position(offset, reader.line_num + 1)
    return [], Position(0, 1)


def read_chunk(file: BinaryIO, position: Position, columns: Sequence[str | None], *, size_bytes: int) -> Chunk:
    """The next rows, about `size_bytes` of them; `columns` says which column of the file goes where."""
    file.seek(position.offset)
    content, is_last = _read_lines(file, size_bytes)
    fast = _read_fast(_Block(content, position, columns, is_last))
    while fast is None:
        exact = _read_exactly(_Block(content, position, columns, is_last))
        if exact is not None:
            return exact
        # The only row goes on in what was not read yet.
        more, is_last = _read_lines(file, size_bytes)
        content += more
    return fast


class _Block(Struct, frozen=True):
    """Some whole lines of a file."""

    content: bytes
    begins: Position
    columns: Sequence[str | None]
    is_last: bool

    @property
    def lines_count(self) -> int:
        return self.content.count(b"\n") + (self.is_last and bool(self.content) and not self.content.endswith(b"\n"))

    @property
    def ends(self) -> Position:
        return Position(self.begins.offset + len(self.content), self.begins.line + self.lines_count)


def _read_lines(file: BinaryIO, size_bytes: int) -> tuple[bytes, bool]:
    """Whole lines of about that size, and whether they are the last."""
    content = file.read(size_bytes)
    if len(content) < size_bytes:
        return content, True
    end = content.rfind(b"\n") + 1
    if not end:
        return content + file.readline(), False
    file.seek(end - len(content), os.SEEK_CUR)
    return content[:end], False


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.removeprefix(codecs.BOM_UTF8).decode("cp1252", errors="replace")


def _first_lines(text: str) -> str:
    end = -1
    for _ in range(MAX_LINES):
        end = text.find("\n", end + 1)
        if end < 0:
            return text
    return text[: end + 1]


def _lines(text: str) -> list[str]:
    """With their ends. Only a line feed ends one; Python's splitlines knows a dozen others."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _read_fast(block: _Block) -> Chunk | None:
    """The rows where each line is one row, as nearly always; None where it is not, or where the quotes are odd."""
    if block.content.count(b'"') % 2:
        return None
    headings = ",".join(map(str, range(len(block.columns))))
    source = headings.encode() + b"\n" + block.content
    try:
        frame = pl.read_csv(source, infer_schema=False, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError:
        return None
    if len(frame) != block.lines_count:
        return None
    numbers = pl.int_range(block.begins.line, block.ends.line)
    return _chunk(frame.with_columns(numbers.alias(LINE)), block, [])


def _read_exactly(block: _Block) -> Chunk | None:
    """Row by row, for quotes around line ends and quotes where none belong. None: a row is longer than the block."""
    lines = _lines(block.content.decode())
    starts, rows, broken = _parse(lines)
    if not block.is_last:
        # The last row may go on in what was not read yet, so it is left to the next chunk.
        if len(starts) < 2:
            return None
        end = starts.pop()
        rows.pop()
        broken = [start for start in broken if start < end]
        block = replace(block, content="".join(lines[:end]).encode())
    width = len(block.columns)
    columns = list(zip(*((*row[:width], *[None] * (width - len(row))) for row in rows), strict=True)) or [()] * width
    frame = pl.DataFrame(
        {str(index): pl.Series(cells, dtype=pl.String) for index, cells in enumerate(columns)}
        | {LINE: pl.Series([block.begins.line + start for start in starts], dtype=pl.Int64)}
    )
    return _chunk(frame, block, [(block.begins.line + start, "Unreadable line") for start in broken])


def _parse(lines: list[str]) -> tuple[list[int], list[list[str]], list[int]]:
    """For each row the index of its first line and its cells, and the indexes of lines that cannot be read."""
    starts: list[int] = []
    rows: list[list[str]] = []
    broken: list[int] = []
    first = 0
    while first < len(lines):
        reader = csv.reader(lines[first:])
        start = first
        try:
            for row in reader:
                starts.append(start)
                rows.append(row)
                start = first + reader.line_num
            break
        except csv.Error:
            # A quote that is never closed swallows what follows up to csv's limit: give up its line, not the file.
            broken.append(start)
            first = start + 1
    return starts, rows, broken


def _chunk(frame: pl.DataFrame, block: _Block, unreadable: list[tuple[int, str]]) -> Chunk:
    """The rows that are not blank, with the columns that go somewhere."""
    cells = pl.col([str(index) for index in range(len(block.columns))])
    frame = frame.with_columns(cells.str.strip_chars().replace("", None))
    frame = frame.filter(~pl.all_horizontal(cells.is_null()))
    wanted = [pl.col(str(index)).alias(column) for index, column in enumerate(block.columns) if column is not None]
    return Chunk(
        rows=frame.select(pl.col(LINE), *wanted),
        rows_count=len(frame) + len(unreadable),
        unreadable=unreadable,
        next=block.ends,
        is_last=block.is_last,
        has_control_characters=len(block.content.translate(None, _CONTROL)) < len(block.content),
    )
