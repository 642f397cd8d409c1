"""Errors that a client can see, and how each area of the API words them.

    ApiError
    ├── Invalid 400       ├── NotAllowed 405     ├── UnsupportedMedia 415
    ├── Unauthorized 401  ├── NotAcceptable 406  ├── TooMany 429
    ├── Forbidden 403     ├── Conflict 409       ├── InternalError 500
    └── NotFound 404      └── TooLarge 413       └── Unavailable 503

A slice subclasses one beside the code that raises it: the docstring is what the caller reads (`{name}` is filled from
the keyword arguments), the key is what programs match. Source: contract, conventions.md §5.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a request: where (member names and indexes), what kind, and the limit that was passed."""

    path: tuple[str | int, ...]
    kind: Literal["missing", "enum", "range", "type", "blank", "long", "short", "items", "fewer"]
    limit: int | float | None = None
    is_enumerated: bool = False


Grammar: TypeAlias = Callable[[Problem], str]


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """How one area of the API words its errors: its key prefix and its grammar."""

    prefix: str
    word: Grammar
    invalid_key: str
    malformed_key: str
    malformed: str = "The request body is not valid JSON."
    not_found_key: str
    is_joined: bool = False  # several problems in one element, joined by ", "
    bad_cursor: str = "cursor does not have a valid value"
    platform_keys: Mapping[str, str] = msgspec.field(default_factory=dict)  # kind → key, where not the bare kind
    platform_texts: Mapping[str, str] = msgspec.field(default_factory=dict)


class ApiError(Exception):
    """An answer other than success. Without a key of its own it takes the area's."""

    status: ClassVar[int] = 500
    key: ClassVar[str | None] = None
    kind: ClassVar[str] = "internal_error"
    is_gateway: ClassVar[bool] = False  # gateway errors are one object, all others an array

    def __init__(self, *messages: str, **fields: object) -> None:
        # The values are filled in once and never read again as a template: they come from outside.
        self.messages = messages or ((type(self).__doc__ or "").strip().format(**fields),)
        self.headers: dict[str, str] = {}
        super().__init__(*self.messages)


class Invalid(ApiError):
    """The request is not valid."""

    status = 400
    kind = "validation"


class Malformed(ApiError):
    """The request body is not valid JSON."""

    status = 400
    kind = "malformed"


class Unauthorized(ApiError):
    """Unauthorized"""

    status = 401
    key = "unauthorized"
    is_gateway = True


class Forbidden(ApiError):
    """Request forbidden."""

    status = 403
    key = "access_denied"
    is_gateway = True


class ScopeMissing(Forbidden):
    """Request forbidden due to insufficient scope."""


class PrivilegeMissing(Forbidden):
    """Request forbidden due to insufficient user privileges."""


class NotFound(ApiError):
    """The requested resource was not found."""

    status = 404
    kind = "not_found"


class NotAllowed(ApiError):
    """The requested resource does not support the method used."""

    status = 405
    kind = "method_not_allowed"


class NotAcceptable(ApiError):
    """Only application/json can be returned."""

    status = 406
    kind = "not_acceptable"


class Conflict(ApiError):
    """The request conflicts with what is stored."""

    status = 409
    kind = "conflict"


class TooLarge(ApiError):
    """The request body is too large."""

    status = 413
    kind = "payload_too_large"


class UnsupportedMedia(ApiError):
    """The payload must be JSON and Content-Type must be application/json."""

    status = 415
    kind = "unsupported_media_type"


class TooMany(ApiError):
    """Too many requests."""

    status = 429
    kind = "too_many"


class Throttled(TooMany):
    """Too Many Requests"""

    key = "throttled"
    is_gateway = True


class QuotaExceeded(TooMany):
    """Limit Exceeded"""

    key = "quota_exceeded"
    is_gateway = True


class InternalError(ApiError):
    """An unexpected error occurred."""

    status = 500
    kind = "internal_error"


class Unavailable(ApiError):
    """The service is temporarily unavailable."""

    status = 503
    kind = "service_unavailable"


_PLATFORM = frozenset(
    {"method_not_allowed", "not_acceptable", "unsupported_media_type", "internal_error", "service_unavailable"}
)


def render(error: ApiError, area: Area) -> bytes:
    """The JSON body of an error: one object from the gateway, an array from everywhere else."""
    key = error.key or _key(error, area)
    texts = [_text(error, text, area) for text in error.messages]
    if error.is_gateway:
        return msgspec.json.encode({"error_key": key, "error_message": texts[0]})
    if area.is_joined:
        texts = [", ".join(texts)]
    return msgspec.json.encode([{"error_key": key, "error_message": text} for text in texts])


def _key(error: ApiError, area: Area) -> str:
    if error.kind in _PLATFORM:
        return area.platform_keys.get(error.kind, error.kind)
    match error.kind:
        case "validation":
            return area.invalid_key
        case "malformed":
            return area.malformed_key
        case "not_found":
            return area.not_found_key
        case _:
            return f"{area.prefix}.{error.kind}"


def _text(error: ApiError, text: str, area: Area) -> str:
    if error.kind == "malformed":
        return area.malformed
    if error.is_gateway:
        return text
    default = (type(error).__doc__ or "").strip()
    return area.platform_texts.get(error.kind, text) if text == default else text


def bracketed(problem: Problem) -> str:  # noqa: PLR0911 -- one line per row of the contract's table
    """`phone_numbers[1][kind] is missing`. Source: contract, contacts.md §2.3."""
    name = _bracketed_name(problem.path)
    match problem.kind:
        case "missing" if problem.is_enumerated:
            return f"{name} is missing, {name} does not have a valid value"
        case "missing":
            return f"{name} is missing"
        case "enum" | "range":
            return f"{name} does not have a valid value"
        case "blank" | "short" | "fewer":
            return f"{name} is empty"
        case "long":
            return f"{name} is too long (maximum is {problem.limit} characters)"
        case "items":
            return f"{name} has too many items (maximum is {problem.limit})"
        case _:
            return f"{name} is invalid"


def dotted(problem: Problem) -> str:
    """`email_campaign_activities[0].subject is required.` Source: contract, campaigns.md §1.3, conventions.md §5.2."""
    name = _dotted_name(problem.path)
    match problem.kind:
        case "missing":
            return f"{name} is required."
        case "blank" | "short" | "fewer":
            return f"{name} must not be empty."
        case "long":
            return f"{name} must not be longer than {problem.limit} characters."
        case "items":
            return f"{name} must not have more than {problem.limit} items."
        case _:
            return f"{name} does not have a valid value"


def _bracketed_name(path: tuple[str | int, ...]) -> str:
    first, *rest = path or ("body",)
    return str(first) + "".join(f"[{part}]" for part in rest)


def _dotted_name(path: tuple[str | int, ...]) -> str:
    first, *rest = path or ("body",)
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)


PLATFORM_AREA = Area(
    prefix="everpost.api",
    word=dotted,
    invalid_key="everpost.api.validation.error",
    malformed_key="everpost.api.json.malformed",
    not_found_key="not_found",
)
