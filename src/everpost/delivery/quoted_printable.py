"""Quoted-printable, written so that three later steps have nothing left to do.

Rules: no line is longer than 76; no line starts with a full stop (no dot-stuffing on the way) or with "From " (no mbox
quoting, which would break the signature); no two blanks meet and none ends a line, so that DKIM's relaxed body
canonicalisation changes nothing. A piece always starts at column 0, so pieces that are joined by soft line breaks keep
all of it.

Source: RFC 2045 §6.7, RFC 6376 §3.4.4.
"""

import re

SOFT_BREAK = b"=\r\n"

_LINE_LENGTH = 76
_NEWLINE = re.compile(r"\r\n|\r|\n")
_ENCODED = re.compile(rb"[^ !-<>-~]")
# Words of printable ASCII without "=", one blank between them, and nothing in front that must not start a line.
_PLAIN = re.compile(r"(?![.F])[!-<>-~]+(?: [!-<>-~]+)*")
_NEVER_FIRST = {b".": b"=2E", b"F": b"=46"}


def encode(text: str) -> bytes:
    """`text` in quoted-printable with CRLF line ends, from column 0 on."""
    return b"\r\n".join(_line(line.encode("utf-8", "replace")) for line in _NEWLINE.split(text))


def encode_value(value: str) -> bytes:
    """`value`, which holds no line end, likewise; most values need nothing done, and that is found out fast."""
    if len(value) < _LINE_LENGTH and _PLAIN.fullmatch(value):
        return value.encode()
    return _line(value.encode("utf-8", "replace"))


def _line(line: bytes) -> bytes:
    encoded = _ENCODED.sub(lambda found: b"=%02X" % found[0][0], line)
    if b"  " in encoded:
        encoded = encoded.replace(b"  ", b" =20")
    if encoded.endswith(b" "):
        encoded = encoded[:-1] + b"=20"
    return SOFT_BREAK.join(_broken(encoded))


def _broken(encoded: bytes) -> list[bytes]:
    """Cut into lines with room for the soft break's sign, never within an escape."""
    lines: list[bytes] = []
    start = 0
    while True:
        begun = encoded[start : start + _LINE_LENGTH]
        piece = _NEVER_FIRST.get(begun[:1], begun[:1]) + begun[1:]
        if len(piece) < _LINE_LENGTH:
            return [*lines, piece]
        cut = _LINE_LENGTH - 1
        escape = piece.rfind(b"=", cut - 2, cut)
        cut = cut if escape < 0 else escape
        lines.append(piece[:cut])
        start += cut - (len(piece) - len(begun))
