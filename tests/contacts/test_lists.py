"""Contact lists, through the door. Source: contract, contacts.md §7, conventions.md §5.2."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import lists, membership_changes
from everpost.contacts.shapes import ContactListIn
from everpost.platform.db import Db
from everpost.platform.errors import ApiError
from tests.support.api import Api
from tests.support.fixtures import Account

VALIDATION = "contacts.api.validation.error"


async def make(api: Api, name: str, **members: Any) -> dict[str, Any]:
    answer = await api.post("/v3/contact_lists", {"name": name, **members})
    assert answer.status == 201, answer
    body: dict[str, Any] = answer.body
    return body


async def join(api: Api, email: str, list_id: str, **address: Any) -> str:
    answer = await api.post(
        "/v3/contacts",
        {
            "create_source": "Account",
            "email_address": {"address": email, **address},
            "list_memberships": [list_id],
        },
    )
    assert answer.status == 201, answer
    contact_id: str = answer.body["contact_id"]
    return contact_id


async def test_a_fresh_account_has_my_contacts_with_its_owner(api: Api, account: Account) -> None:
    answer = await api.get("/v3/contact_lists", params={"include_membership_count": "active"})

    assert [("My Contacts", 1)] == [(one["name"], one["membership_count"]) for one in answer.body["lists"]]
    contacts = (await api.get("/v3/contacts", params={"lists": str(account.list_id)})).body["contacts"]
    assert [account.email] == [contact["email_address"]["address"] for contact in contacts]
    assert ("Account", "implicit") == (
        contacts[0]["create_source"],
        contacts[0]["email_address"]["permission_to_send"],
    )


async def test_a_new_list_shows_what_was_set_and_nothing_else(api: Api, clock: Any) -> None:
    made = await make(api, "  Spring fair ", favorite=True)

    stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        "list_id": made["list_id"],
        "name": "Spring fair",
        "favorite": True,
        "created_at": stamp,
        "updated_at": stamp,
    } == made


async def test_a_plugin_may_send_members_of_the_previous_api(api: Api) -> None:
    body = {"id": None, "name": "Form", "status": "HIDDEN", "contact_count": None, "favorite": None}

    answer = await api.post("/v3/contact_lists", body)

    assert (201, False) == (answer.status, answer.body["favorite"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name is missing"),
        ({"name": None}, "name is missing"),
        ({"name": ""}, "name is empty"),
        ({"name": "   "}, "name is empty"),
        ({"name": "n" * 256}, "name is too long (maximum is 255 characters)"),
        ({"name": 5}, "name is invalid"),
        ({"name": "A", "favorite": "yes"}, "favorite is invalid"),
        ({"name": 5, "description": 5}, "name is invalid, description is invalid"),
    ],
)
async def test_a_list_with_a_bad_member_is_refused(api: Api, body: dict[str, Any], message: str) -> None:
    answer = await api.post("/v3/contact_lists", body)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_a_name_is_unique_whatever_its_case(api: Api) -> None:
    first = await make(api, "Boat owners")

    answer = await api.post("/v3/contact_lists", {"name": "BOAT OWNERS"})

    assert (409, "contacts.api.conflict") == (answer.status, answer.error_key)
    assert f"Validation failed: Name already exists for list {first['list_id']}" == answer.error_message


async def test_two_simultaneous_lists_of_one_name_make_one(api: Api) -> None:
    answers = await asyncio.gather(*(api.post("/v3/contact_lists", {"name": "Race"}) for _ in range(4)))

    assert [201, 409, 409, 409] == sorted(answer.status for answer in answers)


async def test_there_are_at_most_a_thousand_lists(db: Db, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAXIMUM", 1)

    with pytest.raises(ApiError) as refusal:
        async with db.transaction() as conn:
            await lists.create(conn, account.account_id, ContactListIn("One more"))

    assert ("Validation failed: The maximum number of contact lists (1) has been reached",) == refusal.value.messages


async def test_a_put_replaces_and_clears_what_is_left_out(api: Api, clock: Any) -> None:
    made = await make(api, "Autumn", favorite=True, description="Old")
    clock.move(timedelta(minutes=1))

    answer = await api.put(f"/v3/contact_lists/{made['list_id']}", {"name": "Autumn 2"})

    assert (200, "Autumn 2", False) == (answer.status, answer.body["name"], answer.body["favorite"])
    assert "description" not in answer.body
    assert made["created_at"] == answer.body["created_at"] != answer.body["updated_at"]


async def test_a_put_that_changes_nothing_leaves_updated_at(api: Api, clock: Any) -> None:
    made = await make(api, "Same", description="As it was")
    clock.move(timedelta(minutes=1))

    answer = await api.put(f"/v3/contact_lists/{made['list_id']}", made)

    assert made == answer.body


async def test_a_put_may_change_the_case_of_a_name_but_not_take_anothers(api: Api) -> None:
    first, second = await make(api, "One"), await make(api, "Two")

    assert 200 == (await api.put(f"/v3/contact_lists/{second['list_id']}", {"name": "TWO"})).status
    answer = await api.put(f"/v3/contact_lists/{second['list_id']}", {"name": "one"})

    assert 409 == answer.status
    assert f"Validation failed: Name already exists for list {first['list_id']}" == answer.error_message


async def test_a_put_of_an_unknown_list_is_not_found_before_its_body_is_judged(api: Api) -> None:
    answer = await api.put(f"/v3/contact_lists/{uuid4()}", {"name": ""})

    assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
    assert "The requested resource was not found." == answer.error_message


@pytest.mark.parametrize("list_id", ["171234", "not-a-list"])
async def test_a_malformed_id_is_404_on_get_and_400_on_put(api: Api, list_id: str) -> None:
    got = await api.get(f"/v3/contact_lists/{list_id}")
    put = await api.put(f"/v3/contact_lists/{list_id}", {"name": "A"})

    expected = [{"error_key": "contacts.api.not_found", "error_message": "list_id is in an invalid format."}]
    assert (404, expected, 400, expected) == (got.status, got.body, put.status, put.body)


async def test_an_id_is_read_in_any_case(api: Api) -> None:
    made = await make(api, "Case")

    answer = await api.get(f"/v3/contact_lists/{made['list_id'].upper()}")

    assert made == answer.body


async def test_counts_are_of_all_or_of_active_members(api: Api) -> None:
    made = await make(api, "Counted")
    await join(api, "yes@example.com", made["list_id"])
    await join(api, "held@example.com", made["list_id"], permission_to_send="temp_hold")
    gone = await join(api, "gone@example.com", made["list_id"])
    await api.delete(f"/v3/contacts/{gone}")

    path = f"/v3/contact_lists/{made['list_id']}"
    counts = [
        (await api.get(path, params={"include_membership_count": which})).body["membership_count"]
        for which in ("all", "ACTIVE")
    ]

    assert [2, 1] == counts
    assert "membership_count" not in (await api.get(path)).body


async def test_the_collection_is_paged_in_order_of_creation(api: Api, clock: Any) -> None:
    names = ["My Contacts"]
    for number in range(5):
        clock.move(timedelta(seconds=1))
        names.append((await make(api, f"List {number}"))["name"])

    seen: list[str] = []
    answer = await api.get("/v3/contact_lists", params={"limit": 2, "include_count": "TRUE"})
    pages = 1
    while True:
        seen += [one["name"] for one in answer.body["lists"]]
        assert 6 == answer.body["lists_count"]
        if "_links" not in answer.body:
            break
        href = answer.body["_links"]["next"]["href"]
        assert href.startswith("/v3/contact_lists?cursor=")
        answer = await api.get(href)
        pages += 1

    assert (names, 3) == (seen, pages)


async def test_filters_of_the_collection(api: Api, db: Db, account: Account, clock: Any) -> None:
    clock.move(timedelta(seconds=1))
    gone = await make(api, "Gone")
    clock.move(timedelta(seconds=1))
    await make(api, "Kept")
    async with db.transaction() as conn:
        await lists.mark_deleted(conn, account.account_id, [gone["list_id"]], now=clock.now())

    async def names(**params: Any) -> list[str]:
        return [one["name"] for one in (await api.get("/v3/contact_lists", params=params)).body["lists"]]

    assert ["My Contacts", "Kept"] == await names()
    assert ["My Contacts", "Kept"] == await names(status="active")
    assert ["Gone"] == await names(status="deleted")
    assert ["My Contacts", "Gone", "Kept"] == await names(status="all")
    assert ["My Contacts", "Gone", "Kept"] == await names(status="active,deleted")
    assert ["Kept"] == await names(name="kept")
    assert [] == await names(name="kep")
    assert [] == await names(name="Gone")


async def test_the_alias_of_the_collection_answers_alike(api: Api) -> None:
    assert (await api.get("/v3/contact_lists")).body == (await api.get("/v3/contacts_lists")).body


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": "0"}, "limit does not have a valid value"),
        ({"limit": "1001"}, "limit does not have a valid value"),
        ({"include_membership_count": "some"}, "include_membership_count does not have a valid value"),
        ({"status": "gone"}, "status does not have a valid value"),
        ({"channel_type": "fax"}, "channel_type does not have a valid value"),
        ({"include_count": "maybe"}, "include_count does not have a valid value"),
        ({"cursor": "bGltaXQ9MQ=="}, "cursor is invalid"),
    ],
)
async def test_a_bad_parameter_of_the_collection_is_refused(api: Api, params: dict[str, str], message: str) -> None:
    answer = await api.get("/v3/contact_lists", params=params)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_a_limit_of_1000_is_fine(api: Api) -> None:
    assert 200 == (await api.get("/v3/contact_lists", params={"limit": 1000})).status


async def test_sms_counts_are_none_while_nobody_has_a_number(api: Api) -> None:
    params = {"channel_type": "sms", "include_membership_count": "all", "include_sms_membership_count": "true"}

    found = (await api.get("/v3/contact_lists", params=params)).body["lists"][0]

    assert (0, 0) == (found["membership_count"], found["sms_membership_count"])


async def test_a_deleted_list_stays_readable_and_frees_its_name(api: Api, db: Db, account: Account, clock: Any) -> None:
    made = await make(api, "Once")
    contact_id = await join(api, "member@example.com", made["list_id"])
    clock.move(timedelta(minutes=1))
    async with db.transaction() as conn:
        marked = await lists.mark_deleted(conn, account.account_id, [made["list_id"]], now=clock.now())
    async with db.transaction() as conn:
        gone = await membership_changes.empty(conn, account.account_id, marked, at_most=100, now=clock.now())

    assert (1, 1) == (len(marked), gone)
    found = await api.get(f"/v3/contact_lists/{made['list_id']}")
    assert (200, found.body["updated_at"]) == (found.status, found.body["deleted_at"])
    assert 404 == (await api.put(f"/v3/contact_lists/{made['list_id']}", {"name": "Again"})).status
    assert 201 == (await api.post("/v3/contact_lists", {"name": "once"})).status
    contact = (await api.get(f"/v3/contacts/{contact_id}", params={"include": "list_memberships"})).body
    assert ([], found.body["deleted_at"]) == (contact["list_memberships"], contact["updated_at"])


async def test_memberships_of_a_large_list_go_in_batches(api: Api, db: Db, account: Account, clock: Any) -> None:
    made = await make(api, "Large")
    for number in range(5):
        await join(api, f"member{number}@example.com", made["list_id"])

    async def batch() -> int:
        async with db.transaction() as conn:
            return await membership_changes.empty(
                conn, account.account_id, [made["list_id"]], at_most=2, now=clock.now()
            )

    assert [2, 2, 1, 0] == [await batch() for _ in range(4)]


async def test_xrefs_number_lists_in_order_of_creation(api: Api, account: Account, clock: Any) -> None:
    clock.move(timedelta(seconds=1))
    second = await make(api, "Second")
    clock.move(timedelta(seconds=1))
    third = await make(api, "Third")

    answer = await api.get("/v3/contact_lists/list_id_xrefs", params={"sequence_ids": "3,002,99"})
    assert [("2", second["list_id"]), ("3", third["list_id"])] == [tuple(one.values()) for one in answer.body["xrefs"]]

    fourth = await make(api, "Fourth")
    answer = await api.get("/v3/contact_lists/list_id_xrefs", params={"list_sequence_numbers": "4,1"})
    assert [str(account.list_id), fourth["list_id"]] == [one["list_id"] for one in answer.body["xrefs"]]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "sequence_ids is missing"),
        ({"sequence_ids": ""}, "sequence_ids is empty"),
        ({"sequence_ids": "1,x"}, "sequence_ids is invalid"),
        ({"sequence_ids": ",".join(["1"] * 501)}, "sequence_ids has too many items (maximum is 500)"),
    ],
)
async def test_a_bad_xref_question_is_refused(api: Api, params: dict[str, str], message: str) -> None:
    answer = await api.get("/v3/contact_lists/list_id_xrefs", params=params)

    assert (400, message) == (answer.status, answer.error_message)


async def test_absurdly_long_xref_numbers_match_nothing(api: Api) -> None:
    answer = await api.get("/v3/contact_lists/list_id_xrefs", params={"sequence_ids": "9" * 5000})

    assert (200, {"xrefs": []}) == (answer.status, answer.body)
