"""Reading CSV files that were stored as plain UTF-8 lines: the headings, then chunk by chunk into columns.

Rules: RFC 4180 quotes, CRLF or LF; a comma between cells, or the semicolon or tab by which more headings are known.
Blank lines are ignored but numbered, and a row has the number of the line it begins on. Source: contract,
bulk-activities.md §3.1.
"""

import contextlib
import csv
import os
import re
from collections.abc import Sequence
from typing import BinaryIO, Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import csv_columns
from everpost.activities.chunks import LINE, Chunk, Position

_LONGEST_HEADER_BYTES: Final = 64 * 1024

_SEPARATORS: Final = (",", ";", "\t")
_TOLD_SEPARATOR: Final = re.compile(r'"?sep=([,;\t])"?\r?\n')  # a line that Excel reads, and others write for it
_GOOGLES_AND: Final = b" ::: "
_CONTROL: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r") + b"\x7f"


class Header(Struct, frozen=True):
    """The first line that is not blank: its headings, what is between them, and where the rows begin."""

    headings: list[str]  # none: there is no such line
    separator: str
    first: Position

    @property
    def columns(self) -> list[str | None]:
        """What each column goes to. Raises: Invalid."""
        return csv_columns.read(self.headings)


def read_header(file: BinaryIO) -> Header:
    """The headings as they are read by the separator that makes the most of them, a comma if nothing does."""
    lines = _lines(file.read(_LONGEST_HEADER_BYTES).decode(errors="replace"))
    told = _TOLD_SEPARATOR.match(lines[0]) if lines else None
    if told:
        return _header(lines, told[1])
    return max((_header(lines, separator) for separator in _SEPARATORS), key=_known_headings)


def read_chunk(file: BinaryIO, position: Position, header: Header, *, size_bytes: int) -> Chunk:
    """The next rows, about `size_bytes` of them."""
    file.seek(position.offset)
    columns = header.columns
    content, is_last = _read_lines(file, size_bytes)
    fast = _read_fast(_Block(content, position, columns, header.separator, is_last))
    while fast is None:
        exact = _read_exactly(_Block(content, position, columns, header.separator, is_last))
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
    separator: str
    is_last: bool

    @property
    def lines_count(self) -> int:
        return self.content.count(b"\n") + (self.is_last and bool(self.content) and not self.content.endswith(b"\n"))

    @property
    def ends(self) -> Position:
        return Position(self.begins.offset + len(self.content), self.begins.line + self.lines_count)


def _header(lines: list[str], separator: str) -> Header:
    reader = csv.reader(lines, delimiter=separator)
    with contextlib.suppress(csv.Error):
        for cells in reader:
            if any(cell.strip() for cell in cells) and not (reader.line_num == 1 and _TOLD_SEPARATOR.match(lines[0])):
                offset = sum(len(line.encode()) for line in lines[: reader.line_num])
                return Header(cells, separator, Position(offset, reader.line_num + 1))
    return Header([], separator, Position(0, 1))


def _known_headings(header: Header) -> int:
    return sum(bool(csv_columns.name(heading) or csv_columns.foreign(heading)) for heading in header.headings)


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


def _lines(text: str) -> list[str]:
    """With their ends. Only a line feed ends one; Python's splitlines knows a dozen others."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _read_fast(block: _Block) -> Chunk | None:
    """The rows where each line is one row, as nearly always; None where it is not, or where the quotes are odd."""
    if block.content.count(b'"') % 2:
        return None
    headings = block.separator.join(map(str, range(len(block.columns))))
    source = headings.encode() + b"\n" + block.content
    try:
        frame = pl.read_csv(source, separator=block.separator, infer_schema=False, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError:
        return None
    if len(frame) != block.lines_count:
        return None
    numbers = pl.int_range(block.begins.line, block.ends.line)
    return _chunk(frame.with_columns(numbers.alias(LINE)), block, [])


def _read_exactly(block: _Block) -> Chunk | None:
    """Row by row, for quotes around line ends and quotes where none belong. None: a row is longer than the block."""
    lines = _lines(block.content.decode())
    starts, rows, broken = _parse(lines, block.separator, is_last=block.is_last)
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


def _parse(lines: list[str], separator: str, *, is_last: bool) -> tuple[list[int], list[list[str]], list[int]]:
    """For each row the index of its first line and its cells, and the indexes of lines that cannot be read."""
    starts: list[int] = []
    rows: list[list[str]] = []
    broken: list[int] = []
    first = 0
    while first < len(lines):
        reader = csv.reader(lines[first:], delimiter=separator)
        start = first
        try:
            for row in reader:
                starts.append(start)
                rows.append(row)
                start = first + reader.line_num
            if not is_last or not _is_open(lines[starts[-1] :]):
                break
            rows.pop()
            broken.append(starts.pop())
        except csv.Error:
            broken.append(start)
        # A quote that is never closed swallows what follows, to the end or up to csv's limit: its line is given up, and
        # those after it are read again.
        first = broken[-1] + 1
    return starts, rows, broken


def _is_open(last_row: list[str]) -> bool:
    return len(last_row) > 1 and "".join(last_row).count('"') % 2 == 1


def _chunk(frame: pl.DataFrame, block: _Block, unreadable: list[tuple[int, str]]) -> Chunk:
    """The rows that are not blank, with the columns that go somewhere."""
    cells = pl.col([str(index) for index in range(len(block.columns))])
    as_written = frame
    frame = frame.with_columns(cells.str.strip_chars().replace("", None))
    frame = frame.filter(~pl.all_horizontal(cells.is_null()))
    if _GOOGLES_AND in block.content:
        frame = frame.with_columns(_first_of_several(block.columns))
    wanted = [pl.col(str(index)).alias(column) for index, column in enumerate(block.columns) if column is not None]
    return Chunk(
        rows=frame.select(pl.col(LINE), *wanted),
        cells=as_written,
        rows_count=len(frame) + len(unreadable),
        unreadable=unreadable,
        next=block.ends,
        is_last=block.is_last,
        has_control_characters=len(block.content.translate(None, _CONTROL)) < len(block.content),
    )


def _first_of_several(columns: Sequence[str | None]) -> pl.Expr:
    """Google Contacts joins several addresses or numbers of one kind; no cell of ours holds more than one."""
    own = [str(index) for index, column in enumerate(columns) if column and not column.startswith(csv_columns.CUSTOM)]
    return pl.col(own).str.split(_GOOGLES_AND.decode()).list.first()
