"""Deleting lists in the background. Source: contract, bulk-activities.md §4.2, contacts.md §7.6."""

from typing import Any
from uuid import uuid4


async def test_one_list_is_deleted_with_an_activity_and_its_contacts_stay(
    api, account, finished, contacts, import_file
):
    await finished(await import_file("email\nada@x.example\n"))
    answer = await api.delete(f"/v3/contact_lists/{account.list_id}")
    assert answer.status == 202
    assert answer.headers["location"] == f"/v3/activities/{answer.body['activity_id']}"
    assert list(answer.body) == [
        "activity_id", "state", "created_at", "updated_at", "percent_done", "activity_errors", "_links",
    ]  # fmt: skip
    done = await finished(answer)
    assert (done["state"], done["percent_done"], done["status"]) == ("completed", 100, {"list_count": 1})
    assert "deleted_at" in (await api.get(f"/v3/contact_lists/{account.list_id}")).body
    everybody = await contacts()
    assert set(everybody) == {"ada@x.example", account.email}
    assert all(contact["list_memberships"] == [] for contact in everybody.values())
    assert (await api.delete(f"/v3/contact_lists/{account.list_id}")).status == 404


async def test_an_unknown_or_malformed_list_is_404(api):
    for list_id in (str(uuid4()), "171234"):
        answer = await api.delete(f"/v3/contact_lists/{list_id}")
        assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
        assert isinstance(answer.body, list)


async def test_several_lists_are_deleted_and_the_unknown_ones_told(api, account, finished):
    lists = [(await api.post("/v3/contact_lists", {"name": f"List {number}"})).body["list_id"] for number in range(3)]
    unknown = str(uuid4())
    answer = await api.post("/v3/activities/list_delete", {"list_ids": [*lists, unknown, lists[0]]})
    assert (answer.status, answer.body["status"]) == (201, {"list_count": 4})
    done = await finished(answer)
    assert done["status"] == {"list_count": 3}
    assert done["activity_errors"] == [f"List {unknown} was not found"]
    left = (await api.get("/v3/contact_lists")).body["lists"]
    assert [one["list_id"] for one in left] == [str(account.list_id)]


async def test_the_request_is_checked(api):
    for body, message in (
        ({}, "list_ids is missing"),
        ({"list_ids": []}, "list_ids is empty"),
        ({"list_ids": [str(uuid4()) for _ in range(101)]}, "list_ids has too many items (maximum is 100)"),
    ):
        answer: Any = await api.post("/v3/activities/list_delete", body)
        assert (400, message) == (answer.status, answer.error_message)
