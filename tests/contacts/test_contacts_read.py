"""GET /contacts/{contact_id}. Source: contract, contacts.md §5.2."""

from typing import Any
from uuid import uuid4

import pytest

from everpost.platform.db import Db
from tests.contacts import people
from tests.support.api import Api
from tests.support.fixtures import Account


async def test_get_shows_only_the_parts_that_were_asked_for(api: Api) -> None:
    made = await people.make(api, phone_numbers=[{"phone_number": "555-0100"}], notes=[{"content": "Met at the fair"}])
    path = f"/v3/contacts/{made['contact_id']}"

    plain = (await api.get(path)).body
    whole = (
        await api.get(
            path,
            params={
                "include": "custom_fields,list_memberships,phone_numbers,street_addresses,taggings,notes,sms_channel"
            },
        )
    ).body

    assert set() == {"phone_numbers", "notes", "list_memberships"} & set(plain)
    assert (made["phone_numbers"], made["notes"]) == (whole["phone_numbers"], whole["notes"])
    assert [[], [], [], []] == [
        whole[name] for name in ("custom_fields", "list_memberships", "street_addresses", "taggings")
    ]
    assert "sms_channel" not in whole


async def test_include_is_read_in_any_case_repeated_and_in_the_singular(api: Api, account: Account) -> None:
    made = await people.make(api, list_memberships=[str(account.list_id)])
    path = f"/v3/contacts/{made['contact_id']}"

    for params in ([("include", "LIST_MEMBERSHIPS")], [("include", "notes"), ("include", "list_membership")]):
        assert made["list_memberships"] == (await api.get(path, params=params)).body["list_memberships"]
    answer = await api.get(path, params={"include": "lists"})
    assert (400, "include does not have a valid value") == (answer.status, answer.error_message)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_contact_that_is_not_there(api: Api, method: str) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    unknown = await api.request(method, f"/v3/contacts/{uuid4()}", **body)
    malformed = await api.request(method, "/v3/contacts/42", **body)

    key = "contacts.api.not_found"
    assert (404, [{"error_key": key, "error_message": "The requested resource was not found."}]) == (
        unknown.status,
        unknown.body,
    )
    assert (400, [{"error_key": key, "error_message": "contact_id is in an invalid format."}]) == (
        malformed.status,
        malformed.body,
    )


async def test_another_accounts_contact_is_not_there(api: Api, app: Any, db: Db) -> None:
    made = await people.make(api)
    async with db.transaction() as conn:
        await conn.execute("UPDATE contacts SET account_id = $1", uuid4())

    assert 404 == (await api.get(f"/v3/contacts/{made['contact_id']}")).status
