"""What published clients send to contact lists and custom fields. Source: contract, clients.md; the numbers are its rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.api import Api
from tests.support.fixtures import Account

# 36: a list as the vendor's WordPress plugin creates it.
OF_THE_PLUGIN = {
    "id": None,
    "name": "Readers",
    "favorite": None,
    "description": None,
    "status": "HIDDEN",
    "contact_count": None,
    "created_date": None,
    "modified_date": None,
}


@pytest.mark.parametrize("made_up", ["171234", "0", "1", "9" * 40])
async def test_asking_for_a_list_by_a_number_is_an_array_of_an_error(api: Api, made_up: str) -> None:  # 35
    answer = await api.get(f"/v3/contact_lists/{made_up}")
    assert 404 == answer.status
    assert "contacts.api.not_found" == answer.body[0]["error_key"]


async def test_the_plugin_asks_for_a_number_and_then_makes_its_list(api: Api) -> None:  # 15, 35, 36
    asked = await api.get("/v3/contact_lists/171234")
    made = await api.post("/v3/contact_lists", OF_THE_PLUGIN)
    assert "error_key" in asked.body[0]
    assert (201, "Readers", False) == (made.status, made.body["name"], made.body["favorite"])
    assert made.body["list_id"] == (await api.get(f"/v3/contact_lists/{made.body['list_id']}")).body["list_id"]


async def test_a_list_that_was_read_can_be_sent_back(api: Api, account: Account) -> None:  # 15
    path = f"/v3/contact_lists/{account.list_id}"
    read = (await api.get(path, {"include_membership_count": "all"})).body
    answer = await api.put(path, read | {"name": "Everybody", "status": "VISIBLE"})
    assert (200, "Everybody") == (answer.status, answer.body["name"])


async def test_a_deleted_list_answers_an_activity_as_json(api: Api, account: Account) -> None:  # 17
    made = await api.post("/v3/contact_lists", {"name": "Readers"})
    answer = await api.delete(f"/v3/contact_lists/{made.body['list_id']}")
    activity = answer.body
    assert (202, "initialized", []) == (answer.status, activity["state"], activity["activity_errors"])
    assert f"/v3/activities/{activity['activity_id']}" == activity["_links"]["self"]["href"]


@pytest.mark.parametrize("yes", ["true", "TRUE", "True", "1"])
async def test_counts_are_asked_for_in_the_booleans_of_every_language(api: Api, yes: str) -> None:  # 10
    lists = (await api.get("/v3/contact_lists", {"include_count": yes})).body
    contacts = (await api.get("/v3/contacts", {"include_count": yes})).body
    assert (1, 1) == (lists["lists_count"], contacts["contacts_count"])


@pytest.mark.parametrize("no", ["false", "FALSE", "0", None])
async def test_counts_are_absent_unless_they_are_asked_for(api: Api, no: str | None) -> None:  # 10
    lists = (await api.get("/v3/contact_lists", {"include_count": no} if no else {})).body
    assert {"lists"} == set(lists)


@pytest.mark.parametrize("which", ["all", "active"])
async def test_every_list_has_its_membership_count_when_asked_for(api: Api, which: str) -> None:  # 29
    await api.post("/v3/contact_lists", {"name": "Readers"})
    lists = (await api.get("/v3/contact_lists", {"include_membership_count": which})).body["lists"]
    assert [1, 0] == [each["membership_count"] for each in lists]


async def test_lists_and_custom_fields_carry_their_dates(api: Api, account: Account) -> None:  # 12, 13
    field = await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "string"})
    found = (await api.get("/v3/contact_custom_fields")).body["custom_fields"]
    lists = (await api.get("/v3/contact_lists")).body["lists"]
    assert 201 == field.status
    for each in (*found, *lists, field.body):
        assert datetime.strptime(each["created_at"], "%Y-%m-%dT%H:%M:%SZ")
        assert datetime.strptime(each["updated_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert [UUID(field.body["custom_field_id"])] == [UUID(each["custom_field_id"]) for each in found]


async def test_a_value_of_a_custom_field_comes_back_as_it_was_sent(api: Api, account: Account) -> None:  # 15
    """A form of the vendor's plugin sends what it knows of a field beside its value."""
    field = (await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "string"})).body
    value = {"custom_field_id": field["custom_field_id"], "value": "Gull", "label": "Boat", "type": None}
    body: dict[str, Any] = {"email_address": "jody@example.com", "list_memberships": [str(account.list_id)]}
    signed_up = await api.post("/v3/contacts/sign_up_form", body | {"custom_fields": [value]})
    assert 201 == signed_up.status, signed_up
    contact = await api.get(f"/v3/contacts/{signed_up.body['contact_id']}", {"include": "custom_fields"})
    assert [{"custom_field_id": field["custom_field_id"], "value": "Gull"}] == contact.body["custom_fields"]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"", "text/plain"),
        (b"null", "application/json"),
        (b"[]", "application/json; charset=utf-8"),
        (b"{}", None),
    ],
)
async def test_a_deletion_may_bring_a_type_without_a_body_and_a_body_of_nothing(
    api: Api, content: bytes, media_type: str | None
) -> None:  # 34
    made = await api.post("/v3/contact_lists", {"name": "Readers"})
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await api.delete(f"/v3/contact_lists/{made.body['list_id']}", content=content, headers=headers)
    assert 202 == answer.status
