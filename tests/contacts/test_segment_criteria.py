"""Criteria documents: what is taken, what is refused and where, word for word."""

import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from everpost.contacts.criteria import documents
from everpost.platform.errors import Invalid
from tests.support.fixtures import AccountApi

ID = "2c1f7b3a-9a44-11ef-8d2f-0a58a9feac02"
OPENED = {"source": "tracking", "field": "opened", "op": "contains-any", "const_value": "campaigns"}
NAMED = {"source": "contact", "field": "first_name", "op": "eq", "value": "Al"}
ON_LIST = {"source": "list_membership", "field": "list_id", "op": "contains-any", "value": [ID]}
TAGGED = {"source": "tags", "field": "tag_id", "op": "contains-any", "value": [ID]}


def document(*nodes: Any) -> dict[str, Any]:
    return {"version": "1.0.0", "criteria": {"type": "and", "group": list(nodes)}}


def group(type_: str, *nodes: Any) -> dict[str, Any]:
    return {"type": type_, "group": list(nodes)}


def problem(of: Any) -> str:
    """What is wrong, or nothing."""
    try:
        documents.read(of if isinstance(of, str) else json.dumps(of))
    except Invalid as error:
        return ", ".join(error.messages)
    return ""


def bad(path: str) -> str:
    return f"Validation failed: {path} does not have a valid value"


# The contract's examples, in its order. Source: segments.md §7.
EXAMPLES = [
    [{**OPENED, "field": "sent", "const_date_value": "last-n-days", "date_param": "180"}],
    [{**OPENED, "field": "not_opened", "const_value": "last-n-campaigns", "param": "8"}],
    [
        group("or", {**OPENED, "const_date_value": "last-n-days", "date_param": "60"},
              {**OPENED, "field": "clicked", "const_date_value": "last-n-days", "date_param": "60"}),
        group("or", {**ON_LIST, "value": [ID, "77aa10de-9a44-11ef-8d2f-0a58a9feac02"]}),
    ],
    [
        {"source": "contact", "field": "birthday", "op": "month-eq", "value": "4"},
        {"source": "contact", "field": "state", "op": "not-eq", "value": "Maryland"},
    ],
    [
        {"source": "contact", "field": "birthday", "op": "in-period", "const_value": "next-n-days", "param": "14"},
        {"source": "contact", "field": "permission_to_send", "op": "contains-any", "value": ["explicit", "implicit"]},
    ],
    [
        {"source": "contact", "field": "custom_field", "custom_field_id": ID, "op": "contains-any",
         "value": ["Gold", "Platinum"]},
        group("or", TAGGED),
    ],
    [
        {"source": "contact", "field": "created_at", "op": "in-period", "const_value": "last-n-days", "param": "30"},
        {"source": "contact", "field": "email_domain", "op": "contains-none", "value": ["gmail.com", "outlook.com"]},
        {"source": "contact", "field": "phone_number", "op": "empty"},
    ],
    [
        {"source": "tracking", "field": "clicked", "op": "contains-all", "value": [ID, str(uuid4())]},
        group("or", {"source": "list_membership", "op": "contains-none", "value": [ID]}),
    ],
    [
        {"source": "contact", "field": "cf:boat_length_m", "op": "between", "value": ["8", "12"]},
        {"source": "contact", "field": "anniversary", "op": "month-eq", "value": ["12", "1", "2"]},
    ],
    [
        group("not", {**OPENED, "field": "bounced", "const_value": "last-n-campaigns", "param": "10"},
              {"source": "contact", "field": "country", "op": "eq", "value": "US"}),
    ],
]  # fmt: skip


async def test_the_contracts_examples_are_taken_and_evaluated(api: AccountApi) -> None:
    for number, nodes in enumerate(EXAMPLES, start=1):
        body = {"name": f"Example {number}", "segment_criteria": json.dumps(document(*nodes))}
        made = await api.post("/v3/segments", body)
        assert (201, number) == (made.status, made.body.get("segment_id")), made


TOP = [
    ("", bad("segment_criteria").replace("does not have a valid value", "is not valid JSON")),
    ("{", "Validation failed: segment_criteria is not valid JSON"),
    ('"\ud800"', "Validation failed: segment_criteria is not valid JSON"),
    ("[" * 9_999, "Validation failed: segment_criteria is not valid JSON"),
    ('{"version":NaN}', "Validation failed: segment_criteria is not valid JSON"),
    ([], bad("segment_criteria")),
    ("7", bad("segment_criteria")),
    ({"criteria": {}}, "Validation failed: version must be 1.0.0"),
    ({**document(NAMED), "version": "3.0.0"}, "Validation failed: version must be 1.0.0"),
    ({**document(NAMED), "version": 1}, "Validation failed: version must be 1.0.0"),
    ({"version": "1.0.0"}, bad("criteria")),
    ({"version": "1.0.0", "criteria": []}, bad("criteria")),
    ({**document(NAMED), "note": "x"}, bad("note")),
    ({"version": "1.0.0", "criteria": group("or", NAMED)}, "Validation failed: The top-level group type must be and"),
    ({"version": "1.0.0", "criteria": group("add", NAMED)}, "Validation failed: The top-level group type must be and"),
    ({"version": "1.0.0", "criteria": {"group": [NAMED]}}, "Validation failed: The top-level group type must be and"),
    ({"version": "1.0.0", "criteria": {"type": "and"}}, "Validation failed: group must not be empty"),
    (document(), "Validation failed: group must not be empty"),
    ({"version": "1.0.0", "criteria": {"type": "and", "group": NAMED}}, bad("criteria.group")),
    ({"version": "1.0.0", "criteria": {**group("and", NAMED), "op": "and"}}, bad("criteria.op")),
    (document(7), bad("criteria.group[0]")),
    (document(NAMED, {}), bad("criteria.group[1].source")),
    (document(group("xor", NAMED)), bad("criteria.group[0].type")),
    (document({"group": [NAMED]}), bad("criteria.group[0].type")),
    (document(group("or")), "Validation failed: group must not be empty"),
    (document(group("or", group("and", NAMED))), ""),
    (document(group("or", group("and", group("or", NAMED)))), bad("criteria.group[0].group[0].group[0]")),
    (document(*[NAMED] * 100), ""),
    (document(*[NAMED] * 101), bad("criteria")),
    (document(ON_LIST, TAGGED, group("or", ON_LIST, TAGGED), group("not", ON_LIST)), ""),
    (document(group("and", ON_LIST)), "Validation failed: list_membership is only supported in or groups"),
    (document(group("or", group("and", TAGGED))), "Validation failed: tags is only supported in or groups"),
    (document(group("and", {**NAMED, "field": "list_membership", "op": "empty"})), ""),
    (document({**NAMED, "value": "a\0b"}), bad("criteria.group[0].value")),
    (document({**NAMED, "op": 7}, {**OPENED, "field": "seen"}),
     f"{bad('criteria.group[0].op')}, {bad('criteria.group[1].field')}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TOP)
def test_documents_are_taken_or_refused(text: Any, expected: str) -> None:
    assert expected == problem(text)


TOO_MANY = "Validation failed: No more than 500 campaigns can be evaluated"
TOO_WIDE = "Validation failed: The date range cannot exceed 1825 days"
LAST = {**OPENED, "const_value": "last-n-campaigns"}
BY_ID = {"source": "tracking", "field": "clicked", "op": "contains-any", "value": [ID]}
BIRTHDAY = {"source": "contact", "field": "birthday"}
ADDED = {"source": "contact", "field": "date_added"}
CUSTOM = {"source": "contact", "field": "custom_field", "custom_field_id": ID, "op": "eq", "value": "x"}

# What is changed in a rule (... takes a member out), and the member that is then wrong, a whole message, or nothing.
RULES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (NAMED, {"source": " Contact ", "field": "FIRST_NAME", "op": "EQ "}, ""),
    (NAMED, {"source": "sales"}, "source"),
    (NAMED, {"source": None}, "source"),
    (NAMED, {"field": "shoe_size"}, "field"),
    (NAMED, {"field": ...}, "field"),
    (NAMED, {"op": "like"}, "op"),
    (NAMED, {"op": ...}, "op"),
    (NAMED, {"op": "gt"}, "op"),
    (NAMED, {"valeu": "x"}, "valeu"),
    (NAMED, {"const_date_value": "last-n-days"}, "const_date_value"),
    (NAMED, {"custom_field_id": ID}, "custom_field_id"),
    (NAMED, {"value": ...}, "value"),
    (NAMED, {"value": ..., "vars": "Al"}, ""),
    (NAMED, {"vars": "Al"}, "vars"),
    (NAMED, {"value": "  "}, "value"),
    (NAMED, {"value": []}, "value"),
    (NAMED, {"value": ["a", "b"]}, "value"),
    (NAMED, {"value": ["a"]}, ""),
    (NAMED, {"value": {"a": 1}}, "value"),
    (NAMED, {"value": 10**30}, "value"),
    (NAMED, {"op": "contains-any", "value": ["a", " "]}, "value"),
    (NAMED, {"op": "is-empty", "value": ""}, ""),
    (NAMED, {"field": "zip", "value": 97301}, ""),
    (NAMED, {"field": "work_postal_code"}, ""),
    (NAMED, {"field": "boat_city"}, "field"),
    (NAMED, {"field": "permission_to_send", "value": "IMPLICIT"}, ""),
    (NAMED, {"field": "permission_to_send", "value": "maybe"}, "value"),
    (NAMED, {"field": "permission_to_send", "op": "contains-all", "value": ["explicit"]}, "op"),
    (NAMED, {"field": "engagement_level", "value": "huge"}, "value"),
    (NAMED, {"field": "birthday_month", "op": "between", "value": [1, "3"]}, ""),
    (NAMED, {"field": "birthday_month", "op": "between", "value": [1]}, "value"),
    (NAMED, {"field": "birthday_month", "value": "May"}, "value"),
    (BIRTHDAY, {"op": "eq", "value": "02-29"}, ""),
    (BIRTHDAY, {"op": "eq", "value": "2/30"}, "value"),
    (BIRTHDAY, {"op": "eq", "value": "1990-02-03"}, ""),
    (BIRTHDAY, {"op": "not-eq", "value": "02-29"}, "op"),
    (BIRTHDAY, {"op": "month-eq", "value": ["1", 13]}, "value"),
    (BIRTHDAY, {"op": "in-period", "const_value": "between", "param": ["2026-01-01", "2026-01-02"]}, "const_value"),
    (BIRTHDAY, {"op": "before", "value": "2026-01-01"}, "op"),
    ({**BIRTHDAY, "field": "anniversary"}, {"op": "before", "value": "2026-01-01"}, ""),
    ({**BIRTHDAY, "field": "anniversary"}, {"op": "in-period", "const_value": "on", "param": "2026-01-01"}, ""),
    (ADDED, {"op": "eq", "value": "2026-02-30"}, "value"),
    (ADDED, {"op": "eq", "value": "2026-02-03T10:00:00Z"}, ""),
    (ADDED, {"op": "after", "value": "9999-12-31"}, "value"),
    (ADDED, {"op": "between", "value": "2000-01-01,2026-01-01"}, ""),
    (ADDED, {"op": "between", "value": ["2026-01-02", "2026-01-01"]}, "value"),
    (ADDED, {"op": "in-period", "const_value": "next-n-days", "param": 5}, ""),
    (ADDED, {"op": "in-period", "const_value": "some-day", "param": 5}, "const_value"),
    (ADDED, {"op": "in-period", "const_value": "last-n-days"}, "param"),
    (ADDED, {"op": "in-period", "const_value": "last-n-days", "param": "0"}, "param"),
    (ADDED, {"op": "in-period", "const_value": "last-n-days", "param": 2.5}, "param"),
    (ADDED, {"op": "in-period", "const_value": "last-n-days", "param": True}, "param"),
    (ADDED, {"op": "in-period", "const_value": "last-n-days", "param": "1826"}, TOO_WIDE),
    (CUSTOM, {"custom_field_id": ...}, "custom_field_id"),
    (CUSTOM, {"custom_field_id": "7"}, "custom_field_id"),
    (CUSTOM, {"custom_field_id": ..., "field": ID}, ""),
    (CUSTOM, {"custom_field_id": ..., "field": "cf:Boat"}, ""),
    (CUSTOM, {"custom_field_id": ..., "field": "cf:"}, "field"),
    (CUSTOM, {"op": "like"}, "op"),
    (CUSTOM, {"op": "gt", "value": "x"}, "value"),
    (OPENED, {"field": "opted-out"}, ""),
    (OPENED, {"field": "read"}, "field"),
    (OPENED, {"op": "eq"}, "op"),
    (OPENED, {"const_value": ...}, "const_value"),
    (OPENED, {"const_value": "some-campaigns"}, "const_value"),
    (OPENED, {"const_value": "Any-Campaign"}, ""),
    (OPENED, {"value": [ID]}, "const_value"),
    (OPENED, {"param": "5"}, "param"),
    (OPENED, {"date_param": "5"}, "const_date_value"),
    (OPENED, {"const_date_value": "last-n-days"}, "date_param"),
    (OPENED, {"const_date_value": "last-n-days", "date_param": "1825"}, ""),
    (OPENED, {"const_date_value": "last-n-days", "date_param": "1826"}, TOO_WIDE),
    (OPENED, {"const_date_value": "over-n-days-ago", "date_param": 1826}, TOO_WIDE),
    (OPENED, {"const_date_value": "next-n-days", "date_param": "5"}, "const_date_value"),
    (OPENED, {"const_date_value": "between", "date_param": ["2020-01-01", "2024-12-30"]}, ""),
    (OPENED, {"const_date_value": "between", "date_param": "2020-01-01,2024-12-31"}, TOO_WIDE),
    (OPENED, {"const_date_value": "between", "date_param": ["2020-01-01"]}, "date_param"),
    (OPENED, {"const_date_value": "on", "date_param": "yesterday"}, "date_param"),
    (OPENED, {"const_date_value": "any-time"}, ""),
    (OPENED, {"custom_field_id": ID}, "custom_field_id"),
    (OPENED, {"op": "count-at-least", "param": 2}, ""),
    (OPENED, {"op": "count-at-least"}, "param"),
    (OPENED, {"op": "count-at-least", "param": 2, "field": "not_sent"}, "op"),
    (LAST, {"param": 500}, ""),
    (LAST, {"param": "501"}, TOO_MANY),
    (LAST, {"param": "-5"}, "param"),
    (LAST, {"param": "five"}, "param"),
    (LAST, {}, "param"),
    (LAST, {"op": "count-at-least", "param": 2}, "const_value"),
    (BY_ID, {}, ""),
    (BY_ID, {"value": ID.upper()}, ""),
    (BY_ID, {"value": ["7"]}, "value"),
    (BY_ID, {"value": [str(uuid4()) for _ in range(501)]}, TOO_MANY),
    (ON_LIST, {"field": "lists"}, ""),
    (ON_LIST, {"field": "tag_id"}, "field"),
    (ON_LIST, {"op": "starts-with"}, "op"),
    (ON_LIST, {"op": "not-empty", "value": ...}, ""),
    (ON_LIST, {"value": "My list"}, "value"),
    (ON_LIST, {"value": [str(uuid4()) for _ in range(51)]}, "value"),
    (ON_LIST, {"const_value": "x"}, "const_value"),
    (TAGGED, {"field": "tags", "op": "contains-all"}, ""),
    (TAGGED, {"value": [str(uuid4()) for _ in range(50)]}, ""),
]


def test_rules_are_taken_or_refused_at_the_member_that_is_wrong() -> None:
    for rule, changes, wrong in RULES:
        changed = {name: value for name, value in {**rule, **changes}.items() if value is not ...}
        expected = wrong if wrong.startswith("Validation") or not wrong else bad(f"criteria.group[0].{wrong}")
        assert expected == problem(document(changed)), changed


async def test_what_is_asked_of_a_custom_field_must_suit_its_type(api: AccountApi) -> None:
    field = (await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "string"})).body
    length = (await api.post("/v3/contact_custom_fields", {"label": "Length", "type": "number"})).body
    insured = {"label": "Insured", "type": "boolean"}
    assert 201 == (await api.post("/v3/contact_custom_fields", insured)).status
    criteria = document(
        {**CUSTOM, "custom_field_id": field["custom_field_id"], "op": "gt", "value": 5},
        {**CUSTOM, "custom_field_id": length["custom_field_id"], "value": 5},
        {"source": "contact", "field": "cf:length", "op": "contains", "value": "5"},
        {"source": "contact", "field": "cf:insured", "op": "eq", "value": "perhaps"},
        {"source": "contact", "field": "cf:insured", "op": "eq", "value": True},
    )
    refused = await api.post("/v3/segments", {"name": "A", "segment_criteria": json.dumps(criteria)})
    expected = [bad("criteria.group[0].op"), bad("criteria.group[2].op"), bad("criteria.group[3].value")]
    assert (400, ", ".join(expected)) == (refused.status, refused.error_message)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE contacts; --", ":account_id", "$1", "%_\\", "\\'", "a\u2028b", "𝔘", "İ"]
)
async def test_hostile_values_are_values(api: AccountApi, text: str) -> None:
    """They are stored, compared and found again, and nothing else happens."""
    body = {"first_name": text, "create_source": "Account", "notes": [{"content": text}]}
    contact_id = (await api.post("/v3/contacts", body)).body["contact_id"]
    for number, (field, op) in enumerate(
        (f, o) for f in ("first_name", "notes") for o in ("eq", "contains", "starts-with", "ends-with")
    ):
        rule = {"source": "contact", "field": field, "op": op, "value": text}
        criteria = msgspec.json.encode(document(rule)).decode()
        assert 201 == (await api.post("/v3/segments", {"name": f"S{number}", "segment_criteria": criteria})).status
        found = await api.get("/v3/contacts", {"segment_id": str(number + 1)})
        assert [contact_id] == [each["contact_id"] for each in found.body["contacts"]], (field, op)
