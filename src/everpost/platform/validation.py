"""What is wrong with a request: every problem at once, each with its place, to be worded by the door's area.

A body is decoded straight into its Struct, which is fast and says only the first problem. When that fails, `explain`
walks the plain JSON beside the Struct's type and collects all of them, in the order of the Struct's fields.
Query strings have no JSON types, so `read_parameters` reads them by the field's type.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, reduce
from itertools import islice
from operator import getitem
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import inspect

from everpost.platform.errors import Problem

Shape = TypeVar("Shape", bound=msgspec.Struct)
Path = tuple[str | int, ...]

_MOST_PROBLEMS = 100
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED_CONTROL = (b"\\u00", b"\\b", b"\\f", b"\x7f")
_ZONE_AFTER_SPACE = re.compile(r" (\d{2}:?\d{2})$")
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


class NotReadable(Exception):
    """A parameter's text is not of its type; the kind says how to word it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


def explain(value: Any, kind: type[msgspec.Struct]) -> list[Problem]:
    """Every problem of a decoded JSON value beside the Struct it should have been, up to as many as anybody reads."""
    return list(islice(_walk(value, _type_info(kind), ()), _MOST_PROBLEMS))


def known(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The members that the Struct has; whatever else somebody sent, and however much, is nobody's work."""
    return {
        field.encode_name: value[field.encode_name]
        for field in msgspec.structs.fields(kind)
        if field.encode_name in value
    }


def trimmed(value: Any) -> Any:
    """The JSON value without the white space around its texts, which no length counts."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return {name: trimmed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trimmed(item) if isinstance(item, str | dict | list) else item for item in value]
    return value


def trim_long(value: Any, problems: Sequence[Problem]) -> bool:
    """Take the white space from around the texts that are too long with it; whether there were such texts."""
    paths = [problem.path for problem in problems if problem.kind == "long"]
    for *way, last in paths:
        holder = reduce(getitem, way, value)
        holder[last] = holder[last].strip()
    return bool(paths)


def may_hold_control_characters(body: bytes) -> bool:
    """Whether a look at a JSON text's values is worth it: bare control characters are no JSON, so they are escaped."""
    return any(escape in body for escape in _ESCAPED_CONTROL)


def control_characters(value: Any) -> list[Problem]:
    """Strings that hold control characters: no text column takes NUL, and no header should take the others."""
    return [Problem(path, "type") for path in islice(_unstorable(value, ()), _MOST_PROBLEMS)]


def parse_query(query_string: bytes) -> dict[str, list[str]]:
    """All values by name. Bytes that are not UTF-8 become replacement characters, which no enumeration accepts."""
    values: dict[str, list[str]] = {}
    if not query_string:
        return values
    for name, value in parse_qsl(query_string.decode("utf-8", "replace"), keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return values


def read_parameters(
    kind: type[Shape], values: Mapping[str, Sequence[str]], aliases: Mapping[str, str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The members of a query Struct by name, and what is wrong with them. Unknown parameters are ignored."""
    if not values and not _has_required(kind):
        return {}, []
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, name, info in _parameters(kind):
        texts = values.get(name) or next(
            (values[alias] for alias, own in aliases.items() if own == name and alias in values), None
        )
        if texts is None:
            if field.required:
                problems.append(Problem((name,), "missing"))
            continue
        try:
            read[field.name] = _parameter(texts, info)
        except NotReadable as error:
            problems.append(Problem((name,), error.kind))  # type: ignore[arg-type]
            continue
        problems.extend(Problem((name,), found.kind, found.limit) for found in _limits(read[field.name], info, ()))
    return read, problems


def read_datetime(text: str) -> datetime:
    """ISO-8601: a date, or a date-time with `Z`, an offset (colon or not) or none (UTC). Raises: ValueError.

    A space before a trailing `hh:mm` is the `+` that a query string lost. Source: contract, conventions.md §9.
    """
    text = _ZONE_AFTER_SPACE.sub(r"+\1", text.strip()) if text.count(" ") else text.strip()
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


@cache
def _type_info(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


@cache
def _parameters(kind: type[msgspec.Struct]) -> list[tuple[Any, str, inspect.Type]]:
    info = _type_info(kind)
    assert isinstance(info, inspect.StructType)
    return [
        (field, field.encode_name, _without_none(field.type))
        for field in info.fields
        if not isinstance(field.type, inspect.CustomType) and not field.name.startswith("_")
    ]


@cache
def _has_required(kind: type[msgspec.Struct]) -> bool:
    return any(field.required for field, _, _ in _parameters(kind))


def _parameter(texts: Sequence[str], info: inspect.Type) -> Any:
    if isinstance(info, inspect.ListType | inspect.CollectionType):
        parts = [part.strip() for text in texts for part in text.split(",")]
        return [_scalar(part, _bare(info.item_type)) for part in parts if part]
    return _scalar(texts[0], info)


def _scalar(text: str, info: inspect.Type) -> Any:
    reader = next((read for kind, read in _READERS if isinstance(info, kind)), None)
    if reader is None or _CONTROL.search(text):
        raise NotReadable("type")
    return reader(text, info)


def _read_int(text: str, info: inspect.Type) -> int:
    # The largest ids have 19 digits; longer numbers are not even looked at.
    if not re.fullmatch(r"\s*[+-]?\d{1,19}\s*", text, re.ASCII) or not -(2**63) <= int(text) < 2**63:
        raise NotReadable("range")
    return int(text)


def _read_bool(text: str, info: inspect.Type) -> bool:
    lowered = text.strip().lower()
    if lowered not in _TRUE | _FALSE:
        raise NotReadable("enum")
    return lowered in _TRUE


def _read_literal(text: str, info: Any) -> Any:
    for value in info.values:
        if str(value).lower() == text.strip().lower():
            return value
    raise NotReadable("enum")


def _read_uuid(text: str, info: inspect.Type) -> UUID:
    if not is_uuid(text.strip()):
        raise NotReadable("type")
    return UUID(text.strip())


def _read_moment(text: str, info: inspect.Type) -> datetime:
    try:
        return read_datetime(text)
    except (ValueError, OverflowError) as error:
        raise NotReadable("type") from error


def _read_date(text: str, info: inspect.Type) -> date:
    return _read_moment(text, info).date()


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID as 8-4-4-4-12 hexadecimal digits; Python's own parser takes far more."""
    return bool(_UUID.fullmatch(text))


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_READERS: list[tuple[Any, Callable[[str, Any], Any]]] = [
    (inspect.StrType, lambda text, info: text),
    (inspect.IntType, _read_int),
    (inspect.BoolType, _read_bool),
    (inspect.LiteralType, _read_literal),
    (inspect.UUIDType, _read_uuid),
    (inspect.DateTimeType, _read_moment),
    (inspect.DateType, _read_date),
]


def _walk(value: Any, info: inspect.Type, path: Path) -> Iterator[Problem]:
    info = _bare(info)
    match info:
        case inspect.UnionType():
            yield from _walk_union(value, info, path)
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType():
            yield from _walk_struct(value, info, path)
        case inspect.ListType() | inspect.CollectionType() | inspect.VarTupleType():
            yield from _walk_list(value, info, path)
        case inspect.DictType():
            if not isinstance(value, dict):
                yield Problem(path, "type")
        case inspect.AnyType() | inspect.RawType():
            return
        case _:
            yield from _walk_scalar(value, info, path)


def _walk_union(value: Any, info: inspect.UnionType, path: Path) -> Iterator[Problem]:
    if value is None and info.includes_none:
        return
    options = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    outcomes = [list(_walk(value, kind, path)) for kind in options]
    if outcomes and all(outcomes):
        # The alternative that got furthest says what the sender most likely meant.
        yield from max(outcomes, key=lambda problems: len(problems[0].path))


def _walk_struct(value: Any, info: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "type")
        return
    for field in info.fields:
        inside = (*path, field.encode_name)
        if field.encode_name in value and (value[field.encode_name] is not None or not field.required):
            yield from _walk(value[field.encode_name], field.type, inside)
        elif field.required:
            yield Problem(inside, "missing", is_enumerated=_is_enumerated(field.type))


def _walk_list(value: Any, info: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "type")
        return
    limits = list(_limits(value, info, path))
    yield from limits
    # Nobody needs to hear of each of a million, when so many are wrong in themselves.
    if any(problem.kind == "items" for problem in limits):
        return
    for index, item in enumerate(value):
        yield from _walk(item, info.item_type, (*path, index))


def _walk_scalar(value: Any, info: inspect.Type, path: Path) -> Iterator[Problem]:
    if isinstance(info, inspect.LiteralType | inspect.EnumType):
        if not _is_of(value, info):
            yield Problem(path, "enum", is_enumerated=True)
    elif not _is_of(value, info):
        yield Problem(path, "type")
    else:
        yield from _limits(value, info, path)


def _is_of(value: Any, info: inspect.Type) -> bool:
    try:
        msgspec.convert(value, _python_type(info))
    except msgspec.ValidationError:
        return False
    return True


def _python_type(info: Any) -> Any:
    simple: dict[type, Any] = {
        inspect.StrType: str,
        inspect.IntType: int,
        inspect.FloatType: float,
        inspect.BoolType: bool,
        inspect.UUIDType: UUID,
        inspect.DateTimeType: datetime,
        inspect.DateType: date,
    }
    if isinstance(info, inspect.LiteralType):
        return _literal(tuple(info.values))
    if isinstance(info, inspect.EnumType):
        return info.cls
    return simple.get(type(info), Any)


@cache
def _literal(values: tuple[Any, ...]) -> Any:
    return Literal[values]


def _limits(value: Any, info: Any, path: Path) -> Iterator[Problem]:
    length = len(value) if isinstance(value, str | list) else None
    if length is not None and getattr(info, "max_length", None) is not None and length > info.max_length:
        yield Problem(path, "items" if isinstance(value, list) else "long", info.max_length)
    if length is not None and getattr(info, "min_length", None) is not None and length < info.min_length:
        yield Problem(path, "fewer" if isinstance(value, list) else "short", info.min_length)
    if isinstance(value, str) and getattr(info, "pattern", None) and not re.search(info.pattern, value):
        yield Problem(path, "type")
    if isinstance(value, int | float) and not isinstance(value, bool) and not _is_in_range(value, info):
        yield Problem(path, "range")


def _is_in_range(value: float, info: Any) -> bool:
    low, high = getattr(info, "ge", None), getattr(info, "le", None)
    above, below = getattr(info, "gt", None), getattr(info, "lt", None)
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _is_enumerated(info: inspect.Type) -> bool:
    bare = _without_none(info)
    return isinstance(bare, inspect.LiteralType | inspect.EnumType)


def _bare(info: Any) -> Any:
    return info.type if isinstance(info, inspect.Metadata) else info


def _without_none(info: Any) -> Any:
    bare = _bare(info)
    if isinstance(bare, inspect.UnionType):
        options = [kind for kind in bare.types if not isinstance(kind, inspect.NoneType)]
        return _bare(options[0]) if len(options) == 1 else bare
    return bare


def _unstorable(value: Any, path: Path) -> Iterator[Path]:
    """The places of texts with control characters."""
    if isinstance(value, str):
        if _CONTROL.search(value):
            yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _unstorable(name, path)
            yield from _unstorable(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str | dict | list):
                yield from _unstorable(item, (*path, index))
