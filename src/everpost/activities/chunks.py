"""What readers of import files hand to the checks: some rows as columns of text, and where the next ones begin."""

from typing import TypeAlias

import polars as pl
from msgspec import Struct

Told: TypeAlias = tuple[int, str]  # what is told about a row: where it stands in its file, and the text
LINE = "line"  # the column that says where in its file a row stands; no heading can mean it


class Position(Struct, frozen=True):
    """The place between two rows of a file: its byte, and the number of the line (or item) that begins there."""

    offset: int
    line: int


class Chunk(Struct, frozen=True, kw_only=True):
    """Rows in the order of their file: `line`, then one column of text per column of the contract; null is blank."""

    rows: pl.DataFrame
    cells: pl.DataFrame  # `line`, then the cells of the file as they are, called 0, 1, 2 ...
    rows_count: int  # the unreadable ones included
    unreadable: list[tuple[int, str]]  # the rows that are none, by their line, and why
    next: Position
    is_last: bool
    has_control_characters: bool
