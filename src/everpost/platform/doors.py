"""How a door is declared: path, scope, privilege and what its parameters mean. `http.py` opens them.

A door's parameters are bound by name: `conn` (a transaction that commits before the answer goes out; on GET a
connection without one), `db`, `caller`, `session`, `request`, `data` (the JSON body), `query`, `form`, `upload`
(multipart, read before any transaction opens); every other name is a path parameter.
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_type_hints
from uuid import UUID

import msgspec

from everpost.platform.errors import PLATFORM_AREA, Area
from everpost.platform.paging import PageQuery
from everpost.platform.validation import is_uuid

Handler = Callable[..., Awaitable[Any]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)
Exists = Callable[..., Awaitable[Any]]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_LARGEST_FORM_BYTES = 256 * 1024
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_NOT_IN_PATHS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_BOUND = frozenset({"conn", "db", "caller", "session", "request", "data", "query", "form", "upload"})


class Stream:
    """A body too large for memory: sent piece by piece as it is read. A size is said first, and must be right.

    None is for a size that nobody knows before the end.
    """

    __slots__ = ("pieces", "size_bytes")

    def __init__(self, pieces: AsyncIterator[bytes], size_bytes: int | None) -> None:
        self.pieces = pieces
        self.size_bytes = size_bytes


class Answer:
    """An answer with a status, headers or media type of its own.

    Bytes and streams go as they are, anything else as JSON.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: Any = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        media_type: str = "application/json",
    ) -> None:
        self.body = body
        self.status = status
        self.headers = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
        self.media_type = media_type


def redirect(url: str, *, status: int = 303, headers: list[tuple[str, str]] | None = None) -> Answer:
    """Send the browser elsewhere."""
    return Answer(status=status, headers=[("Location", url), *(headers or [])])


@dataclass(frozen=True)
class Door:
    """One operation: a method of a path, who may use it, and the action behind it."""

    method: Method
    path: str
    handler: Handler
    kind: Literal["api", "open", "page", "session"]
    area: Area
    tag: str = ""
    scopes: frozenset[str] = frozenset()
    privilege: str | None = None
    status: int | None = None
    also: tuple[int, ...] = ()  # other statuses of success, for OpenAPI
    may_be_missing: bool = False  # what it answers, without any id in the path; for OpenAPI
    exists: Exists | None = None
    bad_id_status: int = 400
    checks_accept: bool = False
    checks_csrf: bool = True
    is_shape_first: bool = False  # the body's shape, its texts trimmed, before the existence of what the path names
    consumes: Literal["json", "multipart"] = "json"
    max_body_bytes: int = 10 * 1024 * 1024
    answers: Any = None  # the success body's type, where the signature does not say it
    produces: str = "application/json"  # the media type of that body
    upload_schema: Mapping[str, Any] = field(default_factory=dict)  # JSON schema of a multipart body, for OpenAPI
    hidden: bool = False

    @cached_property
    def hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler, include_extras=True)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.handler).parameters)

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name not in _BOUND)

    @cached_property
    def data_kind(self) -> Any | None:
        """The body's Struct, or None when the door takes no body."""
        hint = self.hints.get("data")
        options = [option for option in get_args(hint) if option is not type(None)]
        return options[0] if options and type(None) in get_args(hint) else hint

    @cached_property
    def is_data_optional(self) -> bool:
        return type(None) in get_args(self.hints.get("data"))

    @cached_property
    def is_session_required(self) -> bool:
        return "session" in self.names and type(None) not in get_args(self.hints["session"])

    @cached_property
    def decoder(self) -> "msgspec.json.Decoder[Any] | None":
        return None if self.data_kind is None else msgspec.json.Decoder(self.data_kind)

    @cached_property
    def query_kind(self) -> type[msgspec.Struct] | None:
        return self.hints.get("query")

    @cached_property
    def is_paged(self) -> bool:
        return self.query_kind is not None and issubclass(self.query_kind, PageQuery)

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        return getattr(self.query_kind, "aliases", {}) or {}

    def path_type(self, name: str) -> type:
        """UUID, int or str: what a path parameter's NewType stands for."""
        hint = self.hints[name]
        plain: type = getattr(hint, "__supertype__", hint)
        return plain

    @property
    def success(self) -> int:
        if self.status is not None:
            return self.status
        return 204 if self.hints.get("return") is type(None) else 200

    @property
    def source(self) -> str:
        """Where the door stands, as file:line."""
        code = inspect.unwrap(self.handler).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"


class _Registry:
    """Doors in the order they are written."""

    kind: ClassVar[Literal["api", "open", "page", "session"]]

    def __init__(self, area: Area, tag: str, **defaults: Any) -> None:
        self.area = area
        self.tag = tag
        self.doors: list[Door] = []
        self._defaults = defaults

    def __iter__(self) -> Any:
        return iter(self.doors)

    def _add(self, method: Method, paths: tuple[str, ...], **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        def register(handler: AnyHandler) -> AnyHandler:
            for number, path in enumerate(paths):
                settings = {**self._defaults, **options, "hidden": options.get("hidden", False) or number > 0}
                self.doors.append(Door(method, path, handler, self.kind, self.area, self.tag, **settings))
            return handler

        return register


class Doors(_Registry):
    """API doors: a bearer token is needed, scope and privilege are checked. Further paths are aliases of the first."""

    kind = "api"

    def __init__(self, area: Area, tag: str, *, is_shape_first: bool = False) -> None:
        super().__init__(area, tag, is_shape_first=is_shape_first)

    def get(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("GET", paths, **_scoped(options))

    def post(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("POST", paths, **_scoped(options))

    def put(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("PUT", paths, **_scoped(options))

    def patch(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("PATCH", paths, **_scoped(options))

    def delete(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("DELETE", paths, **_scoped(options))


class OpenDoors(_Registry):
    """Doors without a token that answer programs: they take the raw request and word their own errors."""

    kind: ClassVar[Literal["api", "open", "page", "session"]] = "open"

    def __init__(self, area: Area = PLATFORM_AREA, tag: str = "") -> None:
        super().__init__(area, tag)

    def get(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("GET", paths, **options)

    def post(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("POST", paths, **options)

    def put(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("PUT", paths, **options)

    def patch(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("PATCH", paths, **options)

    def delete(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("DELETE", paths, **options)

    def options(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("OPTIONS", paths, **options)


class SessionDoors(OpenDoors):
    """JSON for our own pages and scripts: the session's cookie says who calls, and writes carry its form token.

    A `session` parameter that may not be None answers 401 without one. `csrf=False` is for those that open a session.
    """

    kind = "session"

    def post(self, *paths: str, csrf: bool = True, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return super().post(*paths, checks_csrf=csrf, **options)


class Pages(_Registry):
    """Pages for people. A `session` parameter that may not be None sends visitors to the sign-in page first.

    With a `privilege`, whoever lacks it gets 403.
    """

    kind = "page"

    def __init__(self, area: Area = PLATFORM_AREA, tag: str = "") -> None:
        super().__init__(area, tag)

    def get(self, *paths: str, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        return self._add("GET", paths, **options)

    def post(self, *paths: str, csrf: bool = True, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        # What people type is short; a password of megabytes would only keep its hash function busy.
        return self._add("POST", paths, checks_csrf=csrf, **{"max_body_bytes": _LARGEST_FORM_BYTES, **options})


def _scoped(options: dict[str, Any]) -> dict[str, Any]:
    """`scope` is one name, several of which any will do, or None when every valid token may."""
    scope = options.pop("scope", None)
    scopes = frozenset([scope]) if isinstance(scope, str) else frozenset(scope or ())
    return {**options, "scopes": scopes}


def read_path_value(kind: type, text: str) -> Any:
    """Raises: ValueError."""
    if kind is UUID:
        if not is_uuid(text):
            raise ValueError(text)
        return UUID(text)
    if kind is int:
        if not _NUMBER.fullmatch(text):
            raise ValueError(text)
        return int(text)
    # No column takes NUL, and bytes that were no UTF-8 may have become halves of characters.
    if _NOT_IN_PATHS.search(text):
        raise ValueError(text)
    return text
