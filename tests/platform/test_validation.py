"""Reading parameters and telling every problem of a body at once."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from everpost.platform import validation
from everpost.platform.errors import Problem

A_UUID = "01890000-0000-7000-8000-000000000000"


class Query(msgspec.Struct):
    number: Annotated[int, Meta(ge=1, le=10)] | None = None
    flag: bool | None = None
    kind: Literal["Left", "right"] | None = None
    ids: Annotated[list[UUID], Meta(max_length=2)] = []
    at: datetime | None = None
    day: date | None = None
    text: Annotated[str, Meta(max_length=3, min_length=1)] | None = None
    created_before: str | None = None


def _read(**values: str) -> tuple[dict[str, Any], list[tuple[str | int, str]]]:
    texts = {name: [value] for name, value in values.items()}
    read, problems = validation.read_parameters(Query, texts, {"created-before": "created_before"})
    return read, [(problem.path[0], problem.kind) for problem in problems]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("number", " 7 ", 7), ("number", "+7", 7), ("flag", "TRUE", True), ("flag", "0", False), ("kind", "LEFT", "Left"),
        ("ids", f"{A_UUID}, {A_UUID.upper()},", [UUID(A_UUID)] * 2), ("ids", "", []), ("text", "äöü", "äöü"),
        ("at", "2031-04-05", datetime(2031, 4, 5, tzinfo=UTC)),
        ("at", "2031-04-05T06:07:08 02:00", datetime(2031, 4, 5, 4, 7, 8, tzinfo=UTC)),
        ("at", "2031-04-05T06:07:08.5+0200", datetime(2031, 4, 5, 4, 7, 8, 500_000, tzinfo=UTC)),
        ("day", "2031-04-05", date(2031, 4, 5)),
    ],
)  # fmt: skip
def test_a_parameter_is_read_by_its_type(name: str, text: str, expected: object) -> None:
    assert ({name: expected}, []) == _read(**{name: text})


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("number", "", "range"), ("number", "0", "range"), ("number", "11", "range"), ("number", "1e1", "range"),
        ("number", "٣", "range"), ("number", "²", "range"), ("number", "9" * 5000, "range"), ("number", "1_0", "range"),
        ("number", "NaN", "range"), ("flag", "yes", "enum"), ("flag", "", "enum"), ("kind", "up", "enum"),
        ("ids", "x", "type"), ("ids", "{" + A_UUID + "}", "type"), ("ids", A_UUID.replace("-", ""), "type"),
        ("ids", ",".join([A_UUID] * 3), "items"), ("text", "long", "long"), ("text", "", "short"), ("text", "a\x00", "type"),
        ("text", "\x1b", "type"), ("at", "yesterday", "type"), ("at", "0001-01-01T00:00:00+01:00", "type"),
        ("at", "9999-12-31T23:59:59-01:00", "type"), ("at", "2031-02-29", "type"), ("at", "", "type"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_of_its_type_is_a_problem(name: str, text: str, kind: str) -> None:
    assert [(name, kind)] == _read(**{name: text})[1]


def test_unknown_parameters_are_ignored_and_aliases_known() -> None:
    assert ({"created_before": "x"}, []) == _read(**{"created-before": "x", "page": "0"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=1&a=2&b", {"a": ["1", "2"], "b": [""]}),
        (b"a=%C3%A9+%2B", {"a": ["é +"]}),
        ("a=é".encode(), {"a": ["é"]}),
        (b"a=%ff", {"a": ["\ufffd"]}),
        (b"a=\xff", {"a": ["\ufffd"]}),
        (b"&&=&%zz=%", {"": [""], "%zz": ["%"]}),
    ],
)
def test_a_query_string_is_read_as_utf_8_whatever_it_holds(query: bytes, expected: dict[str, list[str]]) -> None:
    assert expected == validation.parse_query(query)


@given(st.binary(max_size=100))
def test_no_query_string_makes_text_that_cannot_be_stored(query: bytes) -> None:
    for name, texts in validation.parse_query(query).items():
        for text in (name, *texts):
            text.encode()


class Part(msgspec.Struct):
    kind: Literal["mast", "keel"]
    weight: Annotated[int, Meta(ge=1)] | None = None


class Boat(msgspec.Struct):
    name: Annotated[str, Meta(max_length=3)]
    parts: list[Part] = []
    length: float | None = None
    crew: int | None = None
    engine: bool = False


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [Problem(("name",), "missing")]),
        ({"name": None}, [Problem(("name",), "missing")]),
        ({"name": "boat", "crew": True}, [Problem(("name",), "long", 3), Problem(("crew",), "type")]),
        ({"name": "a", "crew": 1.5, "engine": 1}, [Problem(("crew",), "type"), Problem(("engine",), "type")]),
        ({"name": "a", "crew": "1", "length": "1"}, [Problem(("length",), "type"), Problem(("crew",), "type")]),
        ({"name": "a", "parts": [{"kind": "mast"}, 7, {}]},
         [Problem(("parts", 1), "type"), Problem(("parts", 2, "kind"), "missing", is_enumerated=True)]),
        ({"name": "a", "parts": [{"kind": "oar", "weight": 0}]},
         [Problem(("parts", 0, "kind"), "enum", is_enumerated=True), Problem(("parts", 0, "weight"), "range")]),
        ({"name": "a", "parts": {}}, [Problem(("parts",), "type")]),
        ({"name": "a", "extra": [[[]]], "length": 3}, []),
    ],
)  # fmt: skip
def test_every_problem_is_told_with_its_place(body: Any, expected: list[Problem]) -> None:
    assert expected == validation.explain(body, Boat)


class Fleet(msgspec.Struct):
    flags: Annotated[list[str], Meta(max_length=3)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "parts", "kind", "weight", "crew"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["name", "parts", "length", "crew", "engine", "other"]), _JSON))
def test_problems_are_told_exactly_when_the_body_is_refused(body: dict[str, Any]) -> None:
    try:
        msgspec.json.decode(msgspec.json.encode(body), type=Boat)
    except msgspec.ValidationError:
        assert validation.explain(body, Boat)
    else:
        assert [] == validation.explain(body, Boat)


def test_of_very_many_problems_a_hundred_are_told() -> None:
    assert 100 == len(validation.explain({"name": "a", "parts": [7] * 100_000}, Boat))
    assert 100 == len(validation.control_characters({"name": ["\0"] * 100_000}))


def test_what_a_list_holds_is_not_looked_at_when_it_is_too_long() -> None:
    assert [Problem(("flags",), "items", 3)] == validation.explain({"flags": [7] * 4}, Fleet)


def test_control_characters_are_found_in_names_and_values_at_any_depth() -> None:
    value = {"a": ["x", {"b\x00": "c"}], "d": "tab\tand\nline", "e": "\x7f"}
    assert [("a", 1), ("e",)] == [problem.path for problem in validation.control_characters(value)]
