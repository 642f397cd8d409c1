"""Header values: whatever text comes in, one well-formed header comes out.

Source: RFC 5322, RFC 2047.
"""

import re
from base64 import b64encode

from everpost.delivery.positions import plain

# Bytes of one encoded word's text: with its frame and the longest header name before it, it stays below 76.
_WORD_BYTES = 39
_WIDTH = 76
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
_UNSAFE_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f<>,;:\"()\[\]\\]")


class BadAddress(Exception):
    """An address that cannot stand in a message."""


def unstructured(value: str, *, name: str) -> bytes:
    """`value` for a header `name` such as Subject: on one line where it fits, folded or encoded where it does not."""
    value = plain(value).strip()
    if value.isascii() and "=?" not in value:
        if len(name) + 2 + len(value) <= _WIDTH:
            return value.encode()
        words = value.split(" ")
        # Two blanks at a fold could leave a line of blanks, and a long word cannot be folded: both are encoded.
        if "" not in words and max(map(len, words)) < _WIDTH:
            return _folded(words, room=_WIDTH - len(name) - 2)
    return _encoded(value)


def identifier(value: str) -> bytes:
    """`value` as programs look for it: on one line however long, neither folded nor encoded; a domain in ASCII."""
    value = plain(value).strip()
    return value.encode() if value.isascii() else value.encode("idna")


def mailbox(name: str, address: str) -> bytes:
    """`Display Name <address>`. Raises: BadAddress."""
    name = plain(name).strip()
    if not name:
        return header_address(address)
    if not name.isascii() or "=?" in name:
        shown = _encoded(name)
    elif _ATOM.fullmatch(name):
        shown = name.encode()
    else:
        shown = b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return b"%b <%b>" % (shown, header_address(address))


def header_address(address: str) -> bytes:
    """`address` as it stands in headers and in SMTP commands: its domain in ASCII. Raises: BadAddress."""
    if address.isascii() and not _UNSAFE_IN_ADDRESS.search(address):
        return address.encode()
    local, at, domain = address.rpartition("@")
    try:
        return f"{_checked(local)}{at}".encode() + _checked(domain).encode("idna")
    except UnicodeError as error:
        raise BadAddress(f"The domain of the address is not valid: {error}") from error


def _checked(part: str) -> str:
    if _UNSAFE_IN_ADDRESS.search(part):
        raise BadAddress("The address holds a character that no address may hold.")
    return part


def _folded(words: list[str], *, room: int) -> bytes:
    lines, current = [], words[0]
    for word in words[1:]:
        if len(current) + 1 + len(word) > room:
            lines.append(current)
            current, room = word, _WIDTH - 1
        else:
            current = f"{current} {word}"
    return "\r\n ".join([*lines, current]).encode()


def _encoded(value: str) -> bytes:
    """RFC 2047 encoded words, none of which splits a character."""
    words, current = [], b""
    for character in value:
        encoded = character.encode("utf-8", "replace")
        if len(current) + len(encoded) > _WORD_BYTES:
            words.append(current)
            current = b""
        current += encoded
    words.append(current)
    return b"\r\n ".join([b"=?utf-8?b?" + b64encode(word) + b"?=" for word in words])
