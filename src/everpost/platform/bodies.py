"""Reading what a request carries: JSON into its Struct, forms into text, uploads into spooled files.

Everything is read before a transaction opens, so that a slow sender holds no connection of the database.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from everpost.platform import errors, validation
from everpost.platform.doors import Door
from everpost.platform.errors import Problem
from everpost.platform.exchange import Exchange

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Received:
    """A request's body: the Struct, or what is wrong with it."""

    __slots__ = ("data", "problems")

    def __init__(self, data: Any = None, problems: list[Problem] | None = None) -> None:
        self.data = data
        self.problems = problems or []


def check_media_types(exchange: Exchange, door: Door) -> None:
    """Raises: NotAcceptable, UnsupportedMedia. Source: contract, conventions.md §2."""
    if door.checks_accept and not _accepts_json(exchange.header("accept")):
        raise errors.NotAcceptable
    if not _may_have_body(exchange):
        return
    if exchange.header("content-encoding") not in ("", "identity"):
        raise errors.UnsupportedMedia
    media_type = exchange.header("content-type").split(";")[0].strip().lower()
    if door.consumes == "multipart":
        if media_type != "multipart/form-data":
            raise errors.UnsupportedMedia
    elif door.method in _WITH_BODY and door.data_kind is not None and media_type and not _is_json(media_type):
        raise errors.UnsupportedMedia


async def read(exchange: Exchange, door: Door) -> Received:
    """Raises: TooLarge, Malformed, UnsupportedMedia (a DELETE with a body that is not JSON)."""
    if door.kind not in ("api", "session"):
        return Received()
    if door.consumes == "multipart":
        exchange.upload = await _read_upload(exchange, door.max_body_bytes)
        return Received()
    if door.method == "DELETE":
        await _refuse_foreign_body(exchange, door)
        return Received()
    if door.decoder is None:
        return Received()
    body = await _read_bytes(exchange, door.max_body_bytes)
    if not body and door.is_data_optional:
        return Received()
    return _decode(body, door)


async def _read_bytes(exchange: Exchange, at_most: int) -> bytes:
    """The whole body. Raises: TooLarge; ClientDisconnect when it ends early, for half a body must do nothing."""
    receive = _limited(exchange, at_most)
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def read_form(exchange: Exchange, door: Door) -> None:
    """A page's form as text by field; of a repeated field the last counts. Files are for doors that take them.

    Raises: TooLarge, Malformed.
    """
    media_type = exchange.header("content-type").split(";")[0].strip().lower()
    if media_type == "multipart/form-data" or door.consumes == "multipart":
        exchange.upload = await _read_upload(exchange, door.max_body_bytes)
        exchange.form = {name: value for name, value in exchange.upload.items() if isinstance(value, str)}
        return
    body = await _read_bytes(exchange, door.max_body_bytes)
    exchange.form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))


def _decode(body: bytes, door: Door) -> Received:
    try:
        return _read_json(body, door)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.Malformed from error


def _read_json(body: bytes, door: Door) -> Received:
    assert door.decoder is not None
    try:
        body.decode()  # the decoder does not look into members that nobody reads, nor into raw ones
        data = door.decoder.decode(body)
    except msgspec.ValidationError:
        # Said at the first wrong member: what follows has not been looked at, and may be no JSON at all.
        data = None
    if data is not None and not validation.may_hold_control_characters(body):
        return Received(data)
    plain = msgspec.json.decode(body)
    if not isinstance(plain, dict):
        raise errors.Malformed
    problems = validation.control_characters(plain) if validation.may_hold_control_characters(body) else []
    if data is None and door.data_kind is not None:
        found = validation.explain(plain, door.data_kind)
        if found and door.is_shape_first:
            data, found = _trimmed(plain, found, door)
        problems = found + problems
        if data is None and not problems:
            problems = [Problem((), "type")]
    return Received(data, problems)


def _trimmed(plain: dict[str, Any], problems: list[Problem], door: Door) -> tuple[Any, list[Problem]]:
    """What a body is without the white space around its texts, which no length counts and which alone is no text."""
    assert door.decoder is not None
    assert door.data_kind is not None
    plain = validation.known(plain, door.data_kind)
    if validation.trim_long(plain, problems):
        try:
            return door.decoder.decode(msgspec.json.encode(plain)), []
        except msgspec.ValidationError:
            problems = validation.explain(plain, door.data_kind)
    # White space may be all that is wrong (" 5b0f9c0e-... "), and that was found before.
    return None, validation.explain(validation.trimmed(plain), door.data_kind) or problems


async def _read_upload(exchange: Exchange, at_most: int) -> FormData:
    request = Request(exchange.scope, _limited(exchange, at_most))
    try:
        form = await request.form(max_part_size=at_most)
    except (MultiPartException, ValueError, KeyError) as error:
        raise errors.Malformed from error
    # A part may name a character set of its own, and some of those decode to what no column and no answer takes.
    if not all(_is_storable(name) and _is_storable(_text_of(part)) for name, part in form.multi_items()):
        await form.close()
        raise errors.Malformed
    return form


def _text_of(part: UploadFile | str) -> str:
    return part if isinstance(part, str) else part.filename or ""


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _limited(exchange: Exchange, at_most: int) -> Callable[[], Awaitable[Any]]:
    """The request's messages until their bodies exceed a size, however that was declared. Raises: TooLarge."""
    declared = exchange.header("content-length")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > at_most):
        raise errors.TooLarge
    size = 0

    async def receive() -> Any:
        nonlocal size
        message = await exchange.receive()
        size += len(message.get("body", b""))
        if size > at_most:
            raise errors.TooLarge
        return message

    return receive


async def _refuse_foreign_body(exchange: Exchange, door: Door) -> None:
    body = await _read_bytes(exchange, door.max_body_bytes)
    media_type = exchange.header("content-type").split(";")[0].strip().lower()
    if body.strip() and media_type and not _is_json(media_type):
        raise errors.UnsupportedMedia


def _may_have_body(exchange: Exchange) -> bool:
    """A request of HTTP/1 says so; media types count for nothing where there is no body."""
    if "content-length" in exchange.headers:
        return exchange.header("content-length").strip() != "0"
    return "transfer-encoding" in exchange.headers or not str(exchange.scope.get("http_version", "1")).startswith("1")


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _accepts_json(accept: str) -> bool:
    if not accept.strip():
        return True
    offered = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    return any(_is_json(kind) or kind in ("*/*", "application/*") for kind in offered)
