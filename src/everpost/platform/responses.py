"""From an answer to the bytes that go out: JSON or a page, compressed when asked for, with the headers of its kind.

Everything that can fail here fails before the first byte is sent, so that it can still become a proper error.
"""

import gzip
import re
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from everpost.platform import gate
from everpost.platform.doors import Answer, Stream
from everpost.platform.exchange import Exchange
from everpost.platform.pages import Html

_COMPRESS_FROM_BYTES: Final = 1024
_CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET,POST,PUT,DELETE,PATCH,OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type,X-Amz-Date,Authorization,X-Api-Key"),
)
_NO_GZIP: Final = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)
_NOT_IN_HEADERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Wire(NamedTuple):
    """What is sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | Stream


class BadHeader(Exception):
    """A header's value would end its line: somebody's text got into it unchecked."""


def encode(exchange: Exchange, answer: Answer) -> Wire:
    """Raises: BadHeader, and whatever a template or a value that is no JSON raises."""
    named, body = _encoded(exchange, answer)
    headers = [_header(name, value) for name, value in named]
    if exchange.is_api:
        headers.extend(_CORS)
    headers.append((b"x-request-id", exchange.request_id.encode()))
    size_bytes = body.size_bytes if isinstance(body, Stream) else len(body)
    if answer.status != 204 and size_bytes is not None:
        headers.append((b"content-length", b"%d" % size_bytes))
    return Wire(answer.status, headers, b"" if exchange.method == "HEAD" else body)


@lru_cache(maxsize=256)
def _header(name: str, value: str) -> tuple[bytes, bytes]:
    if _NOT_IN_HEADERS.search(value):
        raise BadHeader(name)
    return name.lower().encode("latin-1"), value.encode("latin-1")


def _encoded(exchange: Exchange, answer: Answer) -> tuple[list[tuple[str, str]], bytes | Stream]:
    headers = list(answer.headers)
    match answer.body:
        case Html():
            rendered = gate.render_page(exchange, answer.body)
            return [*headers, *rendered.headers.items(), *gate.form_cookie(exchange)], rendered.body
        case None:
            return headers, b""
        case Stream():
            return [*headers, ("Content-Type", answer.media_type)], answer.body
        case bytes():
            body = answer.body
        case _:
            body = msgspec.json.encode(answer.body)
    if answer.media_type:
        headers.append(("Content-Type", answer.media_type))
    if exchange.is_api and len(body) >= _COMPRESS_FROM_BYTES and _takes_gzip(exchange.header("accept-encoding")):
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        body = gzip.compress(body, compresslevel=4, mtime=0)
    return headers, body


def _takes_gzip(accept_encoding: str) -> bool:
    return "gzip" in accept_encoding.lower() and not _NO_GZIP.search(accept_encoding)
