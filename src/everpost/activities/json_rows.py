"""Reading the items of a JSON import: checked for being objects once, then chunk by chunk into columns.

Rules: members are named like the columns of a CSV file, numbers and booleans count as their text, null and "" are
blank. Items that begin after the first 4 MB are dropped; of the others at most 40,000 are taken. Source: contract,
bulk-activities.md §3.2.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO, Final

import msgspec
import polars as pl
from msgspec import Raw

from everpost.activities import csv_columns
from everpost.activities.chunks import LINE, Chunk, Position
from everpost.activities.csv_text import MAX_BYTES
from everpost.activities.shapes import MAX_IMPORTED
from everpost.contacts.errors import too_many
from everpost.platform.errors import Invalid

# Numbers stay as they were written: 10.50 is not 10.5, and 1e400 is more than a float holds.
_decode = msgspec.json.Decoder(float_hook=str).decode

FIRST: Final = Position(0, 1)
HEADINGS: Final = ["Item"]  # of the only cell of an item: its text


def clean(items: Sequence[Raw]) -> bytes:
    """The items that are imported, one a line. Raises: Invalid."""
    lines: list[bytes] = []
    begins = 0
    for item in items:
        if begins >= MAX_BYTES:
            break
        if len(lines) == MAX_IMPORTED:
            raise Invalid(too_many("import_data", MAX_IMPORTED))
        lines.append(msgspec.json.format(item, indent=-1))
        begins += len(bytes(item)) + 1
    return b"\n".join(lines) + b"\n"


def read_chunk(file: BinaryIO, position: Position, *, size_bytes: int) -> Chunk:
    """The next items, about `size_bytes` of them; `line` is the item's number."""
    file.seek(position.offset)
    items: list[dict[str, Any]] = []
    unreadable: list[tuple[int, str]] = []
    lines: list[str] = []
    offset, number = position.offset, position.line
    line = file.readline()
    while line:
        lines.append(line.decode(errors="replace").strip())
        members = _members(_item(line))
        problem = _problem(members)
        if problem:
            unreadable.append((number, problem))
        else:
            items.append({LINE: number, **members})
        offset, number = offset + len(line), number + 1
        line = file.readline() if offset - position.offset < size_bytes else b""
    return Chunk(
        rows=_frame(items),
        cells=pl.DataFrame({LINE: range(position.line, number), "0": pl.Series(lines, dtype=pl.String)}),
        rows_count=number - position.line,
        unreadable=unreadable,
        next=Position(offset, number),
        is_last=not file.read(1),
        has_control_characters=True,
    )


def _item(line: bytes) -> object:
    try:
        return _decode(line)
    except (msgspec.DecodeError, RecursionError):  # an integer of thousands of digits, or arrays as deep
        return None


def _members(item: object) -> dict[str, Any]:
    """By column of the contract; of a column named twice the last counts. What is no object has a member to say so."""
    if not isinstance(item, dict):
        return {"": item}
    own = {csv_columns.name(heading): value for heading, value in item.items()}
    meant = {csv_columns.foreign(heading): value for heading, value in item.items()}
    return {column: value for column, value in {**meant, **own}.items() if column is not None}


def _problem(members: dict[str, Any]) -> str | None:
    if "" in members:
        return "Not an object"
    nested = next((column for column, value in members.items() if isinstance(value, dict | list)), None)
    return f"Invalid value for {nested}" if nested else None


def _frame(items: list[dict[str, Any]]) -> pl.DataFrame:
    columns = list(dict.fromkeys(column for item in items for column in item if column != LINE))
    cells = {column: pl.Series([_text(item.get(column)) for item in items], dtype=pl.String) for column in columns}
    frame = pl.DataFrame({LINE: pl.Series([item[LINE] for item in items], dtype=pl.Int64), **cells})
    return frame.with_columns(pl.col(columns).str.strip_chars().replace("", None)) if columns else frame


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
