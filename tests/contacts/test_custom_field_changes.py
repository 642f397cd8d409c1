"""Custom fields renamed, given other choices, deleted. Source: contract, contacts.md §6.4, §6.5, clients.md."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.platform.db import Db, one
from tests.support.api import Api

VALIDATION = "contacts.api.validation.error"
Work = Callable[[], Awaitable[int]]


async def make(api: Api, label: str, kind: str = "string", **members: Any) -> dict[str, Any]:
    answer = await api.post("/v3/contact_custom_fields", {"label": label, "type": kind, **members})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def colours(api: Api, kind: str = "multi_select") -> dict[str, Any]:
    choices = [{"choice_label": label} for label in ("Red", "Green", "Blue")]
    return await make(api, "Colour", kind, metadata={"display_type": "dropdown"}, choices=choices)


async def contact_with(api: Api, *values: dict[str, Any]) -> str:
    body = {"create_source": "Account", "first_name": "A", "custom_fields": list(values)}
    contact_id: str = (await api.post("/v3/contacts", body)).body["contact_id"]
    return contact_id


async def values_of(api: Api, contact_id: str) -> list[dict[str, Any]]:
    answer = await api.get(f"/v3/contacts/{contact_id}", params={"include": "custom_fields"})
    found: list[dict[str, Any]] = answer.body["custom_fields"]
    return found


async def stored_values(db: Db) -> list[bytes]:
    async with db.reader() as conn:
        rows = await conn.fetch("SELECT custom_values FROM contacts WHERE custom_values <> '{}'")
    return [bytes(row[0]) for row in rows]


async def test_a_rename_makes_a_new_name_and_keeps_the_rest(api: Api, clock: Any) -> None:
    made = await make(api, "Customer ID", "number")
    contact_id = await contact_with(api, {"custom_field_id": made["custom_field_id"], "value": 7})
    clock.move(timedelta(minutes=1))

    answer = await api.put(
        f"/v3/contact_custom_fields/{made['custom_field_id']}",
        {"label": "Client no.", "type": "string", "version": 2, "metadata": {"integer": False}},
    )

    assert 200 == answer.status
    changed = {**made, "label": "Client no.", "name": "client_no", "updated_at": answer.body["updated_at"]}
    assert changed == answer.body
    assert made["updated_at"] != changed["updated_at"]
    assert [{"custom_field_id": made["custom_field_id"], "value": "7"}] == await values_of(api, contact_id)


async def test_a_label_may_change_its_case_but_not_be_anothers(api: Api) -> None:
    first, second = await make(api, "One"), await make(api, "Two")
    path = f"/v3/contact_custom_fields/{second['custom_field_id']}"

    assert ("TWO", "two") == ((renamed := (await api.put(path, {"label": "TWO"})).body)["label"], renamed["name"])
    answer = await api.put(path, {"label": "one"})

    expected = f"Validation failed: Label already exists for custom field {first['custom_field_id']}"
    assert (409, expected) == (answer.status, answer.error_message)


async def test_choices_are_kept_changed_added_and_deleted(api: Api, db: Db, work: Work, clock: Any) -> None:
    made = await colours(api)
    field_id = made["custom_field_id"]
    both = await contact_with(api, {"custom_field_id": field_id, "choice_ids": ["1", "2"]})
    only = await contact_with(api, {"custom_field_id": field_id, "choice_ids": ["2"]})
    clock.move(timedelta(minutes=1))

    answer = await api.put(
        f"/v3/contact_custom_fields/{field_id}",
        {
            "choices": [
                {"choice_label": "Yellow"},
                {"choice_id": 1, "choice_label": "Crimson"},
                {"choice_id": 3, "choice_label": "Blue"},
            ]
        },
    )

    assert [(4, "Yellow"), (1, "Crimson"), (3, "Blue")] == [
        (choice["choice_id"], choice["choice_label"]) for choice in answer.body["choices"]
    ]
    assert not any("deleted_at" in choice for choice in answer.body["choices"])
    assert answer.body["choices"][2] == made["choices"][2]
    expected = [[{"custom_field_id": field_id, "choice_ids": ["1"]}], []]
    assert expected == [await values_of(api, both), await values_of(api, only)]
    await work()
    assert [b'{"1": [1]}'] == await stored_values(db)
    assert expected == [await values_of(api, both), await values_of(api, only)]


async def test_the_number_of_a_deleted_choice_is_never_given_again(api: Api) -> None:
    made = await colours(api)
    path = f"/v3/contact_custom_fields/{made['custom_field_id']}"
    await api.put(path, {"choices": made["choices"][:2]})

    answer = await api.put(path, {"choices": [*made["choices"][:2], {"choice_label": "Blue"}]})

    assert [1, 2, 4] == [choice["choice_id"] for choice in answer.body["choices"]]
    refused = await api.put(path, {"choices": made["choices"]})
    assert (400, "choices contains an invalid id: 3") == (refused.status, refused.error_message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "label, choices are missing, at least one parameter must be provided"),
        ({"label": None}, "label, choices are missing, at least one parameter must be provided"),
        ({"label": " "}, "label is empty"),
        ({"label": "l" * 51}, "label is too long (maximum is 50 characters)"),
        ({"choices": []}, "choices is empty"),
        ({"choices": [{"choice_id": 1}]}, "choices[0][choice_label] is missing"),
        ({"choices": [{"choice_label": " "}]}, "choices[0][choice_label] is empty"),
        ({"choices": [{"choice_id": 9, "choice_label": "Nine"}]}, "choices contains an invalid id: 9"),
    ],
)
async def test_a_bad_change_is_refused(api: Api, body: dict[str, Any], message: str) -> None:
    made = await colours(api)

    answer = await api.put(f"/v3/contact_custom_fields/{made['custom_field_id']}", body)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_a_deleted_field_vanishes_from_every_contact_at_once(api: Api, db: Db, work: Work, clock: Any) -> None:
    gone, kept = await make(api, "Gone"), await make(api, "Kept")
    contact_id = await contact_with(
        api,
        {"custom_field_id": gone["custom_field_id"], "value": "x"},
        {"custom_field_id": kept["custom_field_id"], "value": "y"},
    )
    path = f"/v3/contact_custom_fields/{gone['custom_field_id']}"
    before = (await api.get(f"/v3/contacts/{contact_id}")).body
    clock.move(timedelta(minutes=1))

    answer = await api.delete(path)

    assert (204, b"") == (answer.status, answer.content)
    assert [404, 404, 404] == [
        (await api.get(path)).status,
        (await api.delete(path)).status,
        (await api.put(path, {"label": "Back"})).status,
    ]
    expected = [{"custom_field_id": kept["custom_field_id"], "value": "y"}]
    assert expected == await values_of(api, contact_id)
    await work()
    assert [b'{"2": "y"}'] == await stored_values(db)
    assert before == (await api.get(f"/v3/contacts/{contact_id}")).body


async def test_a_new_field_of_the_same_label_starts_empty(api: Api, db: Db) -> None:
    first = await make(api, "Again")
    contact_id = await contact_with(api, {"custom_field_id": first["custom_field_id"], "value": "x"})
    await api.delete(f"/v3/contact_custom_fields/{first['custom_field_id']}")

    second = await make(api, "Again")

    assert (first["name"], []) == (second["name"], await values_of(api, contact_id))
    async with db.reader() as conn:
        assert 2 == await one(conn, int, "SELECT max(field_key) FROM custom_fields")


async def test_a_malformed_id_is_404_on_delete_and_400_on_put(api: Api) -> None:
    deleted = await api.delete("/v3/contact_custom_fields/colour")
    put = await api.put("/v3/contact_custom_fields/colour", {"label": "A"})

    expected = [{"error_key": "contacts.api.not_found", "error_message": "custom_field_id is in an invalid format."}]
    assert (404, expected, 400, expected) == (deleted.status, deleted.body, put.status, put.body)
    unknown = await api.put(f"/v3/contact_custom_fields/{uuid4()}", {})
    assert (404, "contacts.api.not_found") == (unknown.status, unknown.error_key)
