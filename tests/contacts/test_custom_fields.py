"""Custom fields and their values on contacts, through the door. Source: contract, contacts.md §6."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import custom_fields
from tests.support.api import Api
from tests.support.fixtures import Account

VALIDATION = "contacts.api.validation.error"


async def make(api: Api, label: str, kind: str = "string", **members: Any) -> dict[str, Any]:
    answer = await api.post("/v3/contact_custom_fields", {"label": label, "type": kind, **members})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def test_a_new_number_field_shows_its_metadata(api: Api, clock: Any) -> None:
    made = await make(api, "Boat length (m)", "number", metadata={"integer": False, "decimal_places": 1})

    stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        "custom_field_id": made["custom_field_id"],
        "label": "Boat length (m)",
        "name": "boat_length_m",
        "type": "number",
        "version": 1,
        "metadata": {"allow_negative": False, "integer": False, "decimal_places": 1},
        "created_at": stamp,
        "updated_at": stamp,
    } == made
    assert made == (await api.get(f"/v3/contact_custom_fields/{made['custom_field_id']}")).body


@pytest.mark.parametrize(
    ("kind", "metadata", "expected"),
    [
        ("string", {"integer": True}, None),
        ("number", None, {"allow_negative": False, "integer": True}),
        ("number", {"allow_negative": True}, {"allow_negative": True, "integer": True}),
        ("number", {"integer": True, "decimal_places": 9}, {"allow_negative": False, "integer": True}),
        ("currency", None, {"integer": False, "decimal_places": 2, "currency_code": "USD"}),
        (
            "currency",
            {"currency_code": "eur"},
            {"integer": False, "decimal_places": 2, "currency_code": "EUR"},
        ),
        ("currency", {"integer": True}, {"integer": True, "currency_code": "USD"}),
        ("single_select", {"display_type": "radio"}, {"display_type": "radio"}),
        ("boolean", {}, None),
    ],
)
async def test_metadata_is_reduced_to_what_the_type_knows(
    api: Api, kind: str, metadata: dict[str, Any] | None, expected: dict[str, Any] | None
) -> None:
    made = await make(api, "Field", kind, metadata=metadata, choices=[{"choice_label": "One"}])

    assert expected == made.get("metadata")


async def test_choices_are_numbered_and_ordered(api: Api) -> None:
    made = await make(
        api,
        "Colour",
        "multi_select",
        metadata={"display_type": "checkbox"},
        choices=[{"choice_label": "Red", "display_order": 2}, {"choice_label": "Blue", "display_order": 1}],
    )

    assert [(2, "Blue", 1), (1, "Red", 2)] == [
        (choice["choice_id"], choice["choice_label"], choice["display_order"]) for choice in made["choices"]
    ]
    assert {made["custom_field_id"]} == {choice["custom_field_id"] for choice in made["choices"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "label is missing, type is missing, type does not have a valid value"),
        ({"label": "", "type": "string"}, "label is empty"),
        ({"label": "  ", "type": "string"}, "label is empty"),
        ({"label": "l" * 51, "type": "string"}, "label is too long (maximum is 50 characters)"),
        ({"label": "L", "type": "text"}, "type does not have a valid value"),
        ({"label": "L", "type": "date", "version": 3}, "version does not have a valid value"),
        (
            {"label": "L", "type": "single_select", "choices": [{"choice_label": "A"}]},
            "metadata[display_type] is missing, metadata[display_type] does not have a valid value",
        ),
        (
            {"label": "L", "type": "single_select", "metadata": {"display_type": "radio"}},
            "choices is missing",
        ),
        (
            {"label": "L", "type": "single_select", "metadata": {"display_type": "radio"}, "choices": []},
            "choices is empty",
        ),
        (
            {
                "label": "L",
                "type": "single_select",
                "metadata": {"display_type": "radio"},
                "choices": [{"choice_label": str(number)} for number in range(21)],
            },
            "choices has too many items (maximum is 20)",
        ),
        (
            {
                "label": "L",
                "type": "single_select",
                "metadata": {"display_type": "radio"},
                "choices": [{"choice_label": "a"}, {"choice_label": "A"}],
            },
            "Validation failed: Choice labels must be unique",
        ),
        (
            {"label": "L", "type": "number", "metadata": {"integer": False}},
            "metadata[decimal_places] is missing",
        ),
        (
            {"label": "L", "type": "number", "metadata": {"integer": False, "decimal_places": 5}},
            "metadata[decimal_places] does not have a valid value",
        ),
        (
            {"label": "L", "type": "currency", "metadata": {"currency_code": "dollars"}},
            "metadata[currency_code] does not have a valid value",
        ),
    ],
)
async def test_a_bad_field_is_refused(api: Api, body: dict[str, Any], message: str) -> None:
    answer = await api.post("/v3/contact_custom_fields", body)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_labels_are_unique_and_names_are_made_so(api: Api) -> None:
    first = await make(api, "Customer ID")

    answer = await api.post("/v3/contact_custom_fields", {"label": "customer id", "type": "number"})
    second = await make(api, "Customer-ID")
    third = await make(api, "Customer.ID")

    expected = f"Validation failed: Label already exists for custom field {first['custom_field_id']}"
    assert (409, "contacts.api.conflict", expected) == (answer.status, answer.error_key, answer.error_message)
    assert ["customer_id", "customer_id_2", "customer_id_3"] == [one["name"] for one in (first, second, third)]


async def test_simultaneous_fields_of_one_label_make_one(api: Api) -> None:
    answers = await asyncio.gather(
        *(api.post("/v3/contact_custom_fields", {"label": "Race", "type": "string"}) for _ in range(4))
    )

    assert [201, 409, 409, 409] == sorted(answer.status for answer in answers)


async def test_there_are_at_most_a_hundred_fields(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_fields, "MAXIMUM", 1)
    await make(api, "One")

    answer = await api.post("/v3/contact_custom_fields", {"label": "Two", "type": "string"})

    expected = "Validation failed: The maximum number of custom fields (1) has been reached"
    assert (400, expected) == (answer.status, answer.error_message)


async def test_the_collection_is_paged_newest_first_and_ties_in_order_of_creation(api: Api, clock: Any) -> None:
    labels = ["a", "b", "c", "d", "e"]
    for label in labels:
        await make(api, label)
        clock.move(timedelta(seconds=1))

    first = (await api.get("/v3/contact_custom_fields", params={"limit": 3})).body
    second = (await api.get(first["_links"]["next"]["href"])).body

    assert labels[::-1] == [one["label"] for one in first["custom_fields"] + second["custom_fields"]]
    assert "_links" not in second
    answer = await api.get("/v3/contact_custom_fields", params={"limit": 101})
    assert (400, "limit does not have a valid value") == (answer.status, answer.error_message)


async def test_an_unknown_or_malformed_field_is_not_there(api: Api) -> None:
    unknown = await api.get(f"/v3/contact_custom_fields/{uuid4()}")
    malformed = await api.get("/v3/contact_custom_fields/colour")

    assert (404, "contacts.api.not_found") == (unknown.status, unknown.error_key)
    assert (400, "custom_field_id is in an invalid format.") == (malformed.status, malformed.error_message)


@pytest.fixture
async def fields(api: Api) -> dict[str, str]:
    """One field of every type: id by type."""
    choices = [{"choice_label": label} for label in ("Red", "Green", "Sky; blue")]
    made = {
        kind: (await make(api, kind, kind))["custom_field_id"]
        for kind in ("string", "text_area", "date", "datetime", "currency", "boolean")
    }
    made["number"] = (await make(api, "number", "number", metadata={"integer": False, "decimal_places": 2}))[
        "custom_field_id"
    ]
    made["dated"] = (await make(api, "dated", "date", version=2))["custom_field_id"]
    for kind in ("single_select", "multi_select"):
        made[kind] = (await make(api, kind, kind, metadata={"display_type": "dropdown"}, choices=choices))[
            "custom_field_id"
        ]
    return made


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", " as it is ", " as it is "),
        ("string", 7, "7"),
        ("text_area", "t" * 2000, "t" * 2000),
        ("date", "7/4/2026", "7/4/2026"),
        ("dated", "7/4/2026", "2026-07-04"),
        ("datetime", "2026-07-04T10:00:00+0200", "2026-07-04T08:00:00Z"),
        ("datetime", "2026-07-04", "2026-07-04T00:00:00Z"),
        ("number", 9.5, "9.5"),
        ("number", "09.50", "9.5"),
        ("number", "1,234.25", "1234.25"),
        ("number", 0, "0"),
        ("currency", "-12.30", "-12.3"),
        ("boolean", "Yes", "true"),
        ("boolean", False, "false"),
        ("boolean", 1, "true"),
    ],
)
async def test_a_value_is_kept_in_its_canonical_form(
    api: Api, fields: dict[str, str], kind: str, value: object, expected: str
) -> None:
    answer = await api.post(
        "/v3/contacts",
        {
            "create_source": "Account",
            "first_name": "A",
            "custom_fields": [{"custom_field_id": fields[kind], "value": value}],
        },
    )

    assert 201 == answer.status, answer
    assert [{"custom_field_id": fields[kind], "value": expected}] == answer.body["custom_fields"]


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("single_select", {"choice_ids": ["2"]}, ["2"]),
        ("single_select", {"value": "green"}, ["2"]),
        ("single_select", {"value": "Sky; blue"}, ["3"]),
        ("multi_select", {"choice_ids": [3, "1", "1"]}, ["1", "3"]),
        ("multi_select", {"value": "Green; RED"}, ["1", "2"]),
        ("multi_select", {"value": "Green,Red"}, ["1", "2"]),
    ],
)
async def test_choices_are_taken_by_id_or_label(
    api: Api, fields: dict[str, str], kind: str, members: dict[str, Any], expected: list[str]
) -> None:
    answer = await api.post(
        "/v3/contacts",
        {
            "create_source": "Account",
            "first_name": "A",
            "custom_fields": [{"custom_field_id": fields[kind], **members}],
        },
    )

    assert [{"custom_field_id": fields[kind], "choice_ids": expected}] == answer.body["custom_fields"]


@pytest.mark.parametrize(
    ("kind", "members", "problem"),
    [
        ("string", {"value": "s" * 256}, "[value] is too long (maximum is 255 characters)"),
        ("text_area", {"value": "s" * 2001}, "[value] is too long (maximum is 2000 characters)"),
        ("string", {"value": {}}, "[value] is invalid"),
        ("date", {"value": "31/12/2026"}, "[value] is invalid"),
        ("datetime", {"value": "noon"}, "[value] is invalid"),
        ("number", {"value": "ten"}, "[value] is invalid"),
        ("number", {"value": "1.234"}, "[value] is invalid"),
        ("number", {"value": -1}, "[value] is invalid"),
        ("number", {"value": "."}, "[value] is invalid"),
        ("boolean", {"value": "maybe"}, "[value] is invalid"),
        ("single_select", {"choice_ids": ["1", "2"]}, "[choice_ids] is invalid"),
        ("single_select", {"value": "Red,Green"}, "[value] is invalid"),
        ("multi_select", {"choice_ids": ["9"]}, "[choice_ids] is invalid"),
        ("multi_select", {"value": "Red;Pink"}, "[value] is invalid"),
    ],
)
async def test_a_value_that_its_type_does_not_take_is_refused(
    api: Api, fields: dict[str, str], kind: str, members: dict[str, Any], problem: str
) -> None:
    answer = await api.post(
        "/v3/contacts",
        {
            "create_source": "Account",
            "first_name": "A",
            "custom_fields": [{"custom_field_id": fields[kind], **members}],
        },
    )

    assert (400, f"custom_fields[0]{problem}") == (answer.status, answer.error_message)


async def test_values_of_unknown_fields_and_too_many_values_are_refused(api: Api) -> None:
    unknown = str(uuid4())
    one = await api.post(
        "/v3/contacts",
        {"create_source": "Account", "first_name": "A", "custom_fields": [{"custom_field_id": unknown}]},
    )
    many = await api.post(
        "/v3/contacts",
        {
            "create_source": "Account",
            "first_name": "A",
            "custom_fields": [{"custom_field_id": str(uuid4())} for _ in range(26)],
        },
    )

    assert (400, f"custom_fields contains an invalid id: {unknown}") == (one.status, one.error_message)
    assert (400, "custom_fields has too many items (maximum is 25)") == (many.status, many.error_message)


async def test_put_replaces_all_values_and_blank_ones_vanish(api: Api, fields: dict[str, str]) -> None:
    def value(kind: str, text: object) -> dict[str, object]:
        return {"custom_field_id": fields[kind], "value": text}

    body = {"first_name": "A", "custom_fields": [value("string", "x"), value("boolean", "no")]}
    made = (await api.post("/v3/contacts", {**body, "create_source": "Account"})).body
    path = f"/v3/contacts/{made['contact_id']}"

    kept = await api.put(path, {"update_source": "Account", "first_name": "A"})
    shown = (await api.get(path, params={"include": "custom_fields"})).body["custom_fields"]
    replaced = await api.put(
        path,
        {
            "update_source": "Account",
            "first_name": "A",
            "custom_fields": [value("string", "first"), value("string", "last"), value("boolean", "")],
        },
    )

    assert "custom_fields" not in kept.body
    assert made["custom_fields"] == shown == [value("string", "x"), value("boolean", "false")]
    assert [value("string", "last")] == replaced.body["custom_fields"]


async def test_a_sign_up_form_adds_values_and_keeps_the_others(
    api: Api, account: Account, fields: dict[str, str]
) -> None:
    form: dict[str, Any] = {"email_address": "a@example.com", "list_memberships": [str(account.list_id)]}

    async def fill(**values: object) -> list[str]:
        given = [{"custom_field_id": fields[kind], "value": text} for kind, text in values.items()]
        answer = await api.post("/v3/contacts/sign_up_form", {**form, "custom_fields": given})
        path = f"/v3/contacts/{answer.body['contact_id']}"
        found = (await api.get(path, params={"include": "custom_fields"})).body["custom_fields"]
        return [one["value"] for one in found]

    assert ["x", "true"] == await fill(string="x", boolean=True)
    assert ["y", "true"] == await fill(string="y")
    assert ["true"] == await fill(string=None)
