"""An upload as text: what it was written in, what is cut off, and files that are no CSV at all.

Rules: at most 4 MB and 40,000 lines, and whole rows only; the rest is dropped. A byte-order mark tells UTF-8 and
UTF-16, zeros in every other place tell UTF-16 too; what is not UTF-8 is Windows-1252. A file of another kind is refused
by its first bytes, so nothing ever unpacks it. Source: contract, bulk-activities.md §3.1.
"""

import codecs
from collections.abc import Mapping
from typing import Final

from everpost.platform.errors import Invalid

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_LINES: Final = 40_000

_SAMPLE_BYTES: Final = 4096
_MOST_LINES_OF_A_ROW: Final = 100
_BEGINNINGS: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"BZh91AY&SY": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"II*\x00": "a picture",
    b"MM\x00*": "a picture",
    b"%PDF-": "a PDF document",
    b"{\\rtf": "a text document",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"BEGIN:VCARD": "a vCard",
}


class WrongFile(Invalid):
    """Validation failed: The file is {kind}; save it as CSV first"""


def read(content: bytes) -> str:
    """The part of an upload that is imported; `content` may be longer. Raises: WrongFile."""
    is_cut = len(content) > MAX_BYTES
    text = _read(content[:MAX_BYTES], is_cut=is_cut)
    first_lines = _first_lines(text)
    return _without_half_row(first_lines) if is_cut or len(first_lines) < len(text) else text


def read_whole(content: bytes) -> str:
    """All of a file. Raises: WrongFile."""
    return _read(content, is_cut=False)


def _read(content: bytes, *, is_cut: bool) -> str:
    for beginning, kind in _BEGINNINGS.items():
        if content.startswith(beginning):
            raise WrongFile(kind=kind)
    text = _decode(content, is_cut=is_cut)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return text[: text.rfind("\n") + 1] if is_cut else text


def _decode(content: bytes, *, is_cut: bool) -> str:
    encoding = _utf_16(content)
    if encoding is not None:
        return content[: len(content) // 2 * 2].decode(encoding, errors="replace").removeprefix("\ufeff")
    if b"\0" in content[:_SAMPLE_BYTES]:
        raise WrongFile(kind="of a program that does not write text")
    if is_cut:
        content = content[: content.rfind(b"\n") + 1]
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.removeprefix(codecs.BOM_UTF8).decode("cp1252", errors="replace")


def _utf_16(content: bytes) -> str | None:
    if content.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if content.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = content[:_SAMPLE_BYTES]
    firsts, seconds = sample[::2].count(0), sample[1::2].count(0)
    # Headings are mostly of letters whose other byte is zero.
    if seconds > len(sample) // 4 and not firsts:
        return "utf-16-le"
    return "utf-16-be" if firsts > len(sample) // 4 and not seconds else None


def _first_lines(text: str) -> str:
    end = -1
    for _ in range(MAX_LINES):
        end = text.find("\n", end + 1)
        if end < 0:
            return text
    return text[: end + 1]


def _without_half_row(text: str) -> str:
    """Without a last row whose quoted cell goes on behind the cut. Where quotes are odd elsewhere, nothing is taken."""
    whole = text
    for _ in range(_MOST_LINES_OF_A_ROW):
        if whole.count('"') % 2 == 0:
            return whole
        whole = whole[: whole.rfind("\n", 0, -1) + 1]
    return text
