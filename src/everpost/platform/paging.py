"""Opaque cursors: the whole query and the position in it, signed and bound to one account and one operation.

Following `_links.next.href` alone continues the identical query, so everything else in such a request is ignored. The
position is a keyset (sort key and id), never an offset. Source: contract, conventions.md §8.1, contacts.md §1.5.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import UUID

import msgspec
from msgspec import Meta

from everpost.platform import crypto

_POSITION, _SIGNATURE = "next", "s"


class BadCursor(Exception):
    """The cursor is unreadable, altered, or belongs to another account or operation."""


class Link(msgspec.Struct):
    href: str


class Links(msgspec.Struct):
    """`_links` of a collection: where the next page is."""

    next: Link


class Cursor:
    """Where a request stands in its collection, and how it says where the next page begins."""

    __slots__ = ("_account_id", "_name", "_parameters", "_path", "position")

    def __init__(
        self,
        account_id: UUID,
        path: str,
        parameters: Sequence[tuple[str, str]],
        position: tuple[str, ...] | None,
        name: str,
    ) -> None:
        self._account_id = account_id
        self._path = path
        self._parameters = parameters
        self._name = name
        self.position = position

    def links(self, *position: object) -> Links:
        """The link to the page that begins after (or at: the collection decides) this position."""
        text = urlencode([*self._parameters, *((_POSITION, str(part)) for part in position)])
        signed = f"{text}&{_SIGNATURE}={_signature(self._account_id, self._path, text)}"
        value = base64.urlsafe_b64encode(signed.encode()).decode()
        return Links(Link(f"{self._path}?{self._name}={value}"))


class PageQuery(msgspec.Struct, kw_only=True):
    """Base of every cursor-paged collection's query; `cursor` is filled in by the door."""

    cursor_name: ClassVar[str] = "cursor"
    aliases: ClassVar[Mapping[str, str]] = {}

    limit: Annotated[int, Meta(ge=1, le=500, description="How many to return.")] = 50
    cursor: Cursor = msgspec.field(default_factory=lambda: _NOWHERE)


def first(account_id: UUID, path: str, values: Mapping[str, Sequence[str]], name: str) -> Cursor:
    """The cursor of a request that came without one: it remembers the query."""
    parameters = [(key, text) for key, texts in values.items() for text in texts]
    return Cursor(account_id, path, parameters, None, name)


def read(text: str, account_id: UUID, path: str, name: str) -> tuple[Cursor, dict[str, list[str]]]:
    """The cursor in a request, and the query it remembers. Raises: BadCursor."""
    signed = _decode(text)
    query, _, signature = signed.rpartition(f"&{_SIGNATURE}=")
    if not query or not hmac.compare_digest(signature.encode(), _signature(account_id, path, query).encode()):
        raise BadCursor(text)
    pairs = parse_qsl(query, keep_blank_values=True)
    parameters = [(key, value) for key, value in pairs if key != _POSITION]
    values: dict[str, list[str]] = {}
    for key, value in parameters:
        values.setdefault(key, []).append(value)
    position = tuple(value for key, value in pairs if key == _POSITION)
    return Cursor(account_id, path, parameters, position or None, name), values


def _decode(text: str) -> str:
    # Clients decode, re-encode, strip the padding or swap the alphabet; all of that must survive.
    plain = unquote(text).strip().replace(" ", "+").replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadCursor(text) from error


def _signature(account_id: UUID, path: str, query: str) -> str:
    return crypto.mac("cursor", b"\0".join((account_id.bytes, path.encode(), query.encode())))[:16].hex()


_NOWHERE: Cursor = Cursor(UUID(int=0), "", (), None, "cursor")
