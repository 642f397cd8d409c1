"""The rows that an import did not take, as they were sent, with the line and the reason: to be mended and sent again.

The two columns are none that an import knows, so they need not be taken out first.
"""

import csv
import io
from collections.abc import Mapping, Sequence

import polars as pl

from everpost.activities.chunks import LINE, Chunk

_REASON = "reason"


def as_csv(chunk: Chunk, reasons: Mapping[int, Sequence[str]], headings: Sequence[str] | None) -> bytes:
    """The rejected rows of a chunk; with `headings` where the file begins."""
    rejected = pl.DataFrame(
        {LINE: list(reasons), _REASON: ["; ".join(dict.fromkeys(texts)) for texts in reasons.values()]},
        schema={LINE: pl.Int64, _REASON: pl.String},
    )
    # A line that could not be read has no cells.
    rows = rejected.sort(LINE).join(chunk.cells.cast({LINE: pl.Int64}), on=LINE, how="left", maintain_order="left")
    text = io.StringIO()
    if headings is not None:
        csv.writer(text).writerow(headings)
    cells = [column for column in chunk.cells.columns if column != LINE]
    return text.getvalue().encode() + _csv(rows.select(*cells, LINE, _REASON))


def _csv(rows: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    rows.write_csv(content, include_header=False, line_terminator="\r\n")
    return content.getvalue()
