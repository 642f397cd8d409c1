"""Contacts made, read, replaced, deleted and revived, through the door. Source: contract, contacts.md §5.2-5.5."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import contacts
from everpost.platform.db import Db
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

VALIDATION = "contacts.api.validation.error"
ADDRESS = {"kind": "home", "street": "77 Quarry Row", "city": "Salem", "state": "OR", "postal_code": "97301"}


async def make(api: Api, email: str = "tobin@fernwick.example", **members: Any) -> dict[str, Any]:
    body = {"create_source": "Account", "email_address": {"address": email}, **members}
    answer = await api.post("/v3/contacts", body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def put(api: Api, contact: dict[str, Any], **members: Any) -> Reply:
    return await api.put(f"/v3/contacts/{contact['contact_id']}", {"update_source": "Account", **members})


async def test_a_new_contact_shows_its_core_and_the_parts_that_were_sent(
    api: Api, account: Account, clock: Any
) -> None:
    answer = await api.post(
        "/v3/contacts",
        {
            "create_source": "Contact",
            "email_address": {"address": " Tobin@Fernwick.example "},
            "first_name": " Tobin ",
            "birthday_month": 6,
            "birthday_day": 9,
            "anniversary": "9/3/2021",
            "street_addresses": [{**ADDRESS, "country": "US"}],
            "list_memberships": [str(account.list_id)],
        },
    )

    stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    made = answer.body
    assert 201 == answer.status
    assert {
        "contact_id": made["contact_id"],
        "email_address": {
            "address": "Tobin@Fernwick.example",
            "permission_to_send": "explicit",
            "created_at": stamp,
            "updated_at": stamp,
            "opt_in_source": "Contact",
            "opt_in_date": stamp,
            "confirm_status": "off",
        },
        "first_name": "Tobin",
        "birthday_month": 6,
        "birthday_day": 9,
        "anniversary": "2021-09-03",
        "create_source": "Contact",
        "created_at": stamp,
        "updated_at": stamp,
        "street_addresses": [
            {
                "street_address_id": made["street_addresses"][0]["street_address_id"],
                "kind": "home",
                "street": "77 Quarry Row",
                "city": "Salem",
                "state": "Oregon",
                "postal_code": "97301",
                "country": "United States",
                "created_at": stamp,
                "updated_at": stamp,
            }
        ],
        "list_memberships": [str(account.list_id)],
    } == made


async def test_members_come_in_the_order_of_the_contract(api: Api) -> None:
    made = await make(api, first_name="A", last_name="B", job_title="C", company_name="D")

    assert [
        "contact_id",
        "email_address",
        "first_name",
        "last_name",
        "job_title",
        "company_name",
        "create_source",
        "created_at",
        "updated_at",
    ] == list(made)


async def test_a_name_alone_makes_a_contact_without_an_address(api: Api) -> None:
    answer = await api.post("/v3/contacts", {"create_source": "Account", "last_name": "Quade"})

    assert 201 == answer.status
    assert "email_address" not in answer.body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"first_name": "A"}, "create_source is missing, create_source does not have a valid value"),
        (
            {"first_name": "A", "create_source": None},
            "create_source is missing, create_source does not have a valid value",
        ),
        ({"first_name": "A", "create_source": "account"}, "create_source does not have a valid value"),
        ({"first_name": "A", "create_source": "Landing Page"}, "create_source does not have a valid value"),
        (
            {"create_source": "Account"},
            "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided",
        ),
        (
            {"create_source": "Account", "first_name": "  ", "company_name": "X"},
            "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided",
        ),
        ({"create_source": "Account", "email_address": {}}, "email_address[address] is missing"),
        ({"create_source": "Account", "email_address": {"address": ""}}, "email_address[address] is empty"),
        ({"create_source": "Account", "email_address": {"address": " "}}, "email_address[address] is empty"),
        ({"create_source": "Account", "email_address": {"address": "x@y"}}, "email_address[address] is invalid"),
        ({"create_source": "Account", "email_address": "x@y.example"}, "email_address is invalid"),
        (
            {"create_source": "Account", "email_address": {"address": "x" * 70 + "@fern.example"}},
            "email_address[address] is too long (maximum is 80 characters)",
        ),
        (
            {"create_source": "Account", "email_address": {"address": "x@y.example", "permission_to_send": "yes"}},
            "email_address[permission_to_send] does not have a valid value",
        ),
        ({"create_source": "Account", "first_name": "n" * 51}, "first_name is too long (maximum is 50 characters)"),
        ({"create_source": "Account", "first_name": 7}, "first_name is invalid"),
        ({"create_source": "Account", "first_name": "A", "birthday_month": 2}, "birthday_day is missing"),
        ({"create_source": "Account", "first_name": "A", "birthday_day": 2}, "birthday_month is missing"),
        (
            {"create_source": "Account", "first_name": "A", "birthday_month": 13, "birthday_day": 1},
            "birthday_month does not have a valid value",
        ),
        (
            {"create_source": "Account", "first_name": "A", "birthday_month": 2, "birthday_day": 30},
            "birthday_day does not have a valid value",
        ),
        (
            {"create_source": "Account", "first_name": "A", "birthday_month": "two", "birthday_day": 1},
            "birthday_month is invalid",
        ),
        ({"create_source": "Account", "first_name": "A", "anniversary": "31/12/2001"}, "anniversary is invalid"),
        ({"create_source": "Account", "first_name": "A", "anniversary": "1/1/1900"}, "anniversary is invalid"),
        (
            {"create_source": "Account", "first_name": "A", "anniversary": "2001-01-011"},
            "anniversary is too long (maximum is 10 characters)",
        ),
        (
            {"create_source": "Account", "first_name": "A", "phone_numbers": [{"kind": "fax"}]},
            "phone_numbers[0][phone_number] is missing, phone_numbers[0][kind] does not have a valid value",
        ),
        (
            {"create_source": "Account", "first_name": "A", "phone_numbers": [{"phone_number": "1" * 26}]},
            "phone_numbers[0][phone_number] is too long (maximum is 25 characters)",
        ),
        (
            {"create_source": "Account", "first_name": "A", "phone_numbers": [{"phone_number": "1"}] * 4},
            "phone_numbers has too many items (maximum is 3)",
        ),
        (
            {"create_source": "Account", "first_name": "A", "street_addresses": [{"city": "Salem"}]},
            "street_addresses[0][kind] is missing, street_addresses[0][kind] does not have a valid value",
        ),
        (
            {"create_source": "Account", "first_name": "A", "notes": [{"content": " "}, {"content": "n" * 2001}]},
            "notes[1][content] is too long (maximum is 2000 characters)",
        ),
        ({"create_source": "Account", "first_name": "A", "notes": [{"content": " "}]}, "notes[0][content] is empty"),
        (
            {"create_source": "Account", "first_name": "A", "notes": [{"content": "n"}] * 151},
            "notes has too many items (maximum is 150)",
        ),
        (
            {"create_source": "Account", "first_name": "A", "list_memberships": ["x"]},
            "list_memberships[0] is invalid",
        ),
        (
            {"create_source": "Account", "first_name": "A", "list_memberships": [str(uuid4()) for _ in range(51)]},
            "list_memberships has too many items (maximum is 50)",
        ),
        (
            {"create_source": "Account", "email_address": {"address": "x"}, "anniversary": "soon"},
            "email_address[address] is invalid, anniversary is invalid",
        ),
    ],
)
async def test_a_contact_with_a_bad_member_is_refused(api: Api, body: dict[str, Any], message: str) -> None:
    answer = await api.post("/v3/contacts", body)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


@pytest.mark.parametrize("body", [b"{", b"null", b"[]", b'"text"', b""])
async def test_a_body_that_is_no_object_is_malformed(api: Api, body: bytes) -> None:
    answer = await api.post("/v3/contacts", content=body, headers={"Content-Type": "application/json"})

    expected = [{"error_key": VALIDATION, "error_message": "Bad request. The JSON was malformed."}]
    assert (400, expected) == (answer.status, answer.body)


@pytest.mark.parametrize("name", ["list_memberships", "taggings"])
async def test_a_reference_to_nothing_is_refused(api: Api, name: str) -> None:
    unknown = str(uuid4())

    answer = await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A", name: [unknown]})

    assert (400, f"{name} contains an invalid id: {unknown}") == (answer.status, answer.error_message)


async def test_an_address_is_taken_whatever_its_case_and_the_owner_is_the_last_word(api: Api) -> None:
    made = await make(api, "marisol@harborlight.example")

    answer = await api.post(
        "/v3/contacts", {"create_source": "Contact", "email_address": {"address": "MARISOL@HARBORLIGHT.EXAMPLE"}}
    )

    expected = f"Validation failed: Email already exists for contact {made['contact_id']}"
    assert (409, [{"error_key": "contacts.api.conflict", "error_message": expected}]) == (answer.status, answer.body)


async def test_an_address_stays_taken_after_deletion(api: Api) -> None:
    made = await make(api)
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    answer = await api.post("/v3/contacts", {"create_source": "Account", "email_address": made["email_address"]})

    assert (409, made["contact_id"]) == (answer.status, answer.error_message.split("contact ")[-1])


async def test_simultaneous_posts_of_one_address_make_one_contact(api: Api) -> None:
    body = {"create_source": "Account", "email_address": {"address": "race@example.com"}}

    answers = await asyncio.gather(*(api.post("/v3/contacts", body) for _ in range(6)))

    assert [201] + [409] * 5 == sorted(answer.status for answer in answers)
    made = next(answer.body["contact_id"] for answer in answers if answer.status == 201)
    assert all(answer.error_message.endswith(made) for answer in answers if answer.status == 409)


async def test_unknown_null_and_blank_members_are_tolerated(api: Api) -> None:
    answer = await api.post(
        "/v3/contacts",
        {
            "id": None,
            "status": "ACTIVE",
            "email": "other@example.com",
            "contact_id": "mine",
            "created_at": "yesterday",
            "create_source": "Account",
            "first_name": "Ada",
            "last_name": "",
            "job_title": None,
            "birthday_month": "",
            "birthday_day": None,
            "anniversary": "",
            "email_address": None,
            "phone_numbers": [{"phone_number": ""}],
            "list_memberships": [],
            "taggings": [],
            "sms_channel": None,
        },
    )

    assert 201 == answer.status
    assert ([], [], []) == tuple(answer.body[name] for name in ("phone_numbers", "list_memberships", "taggings"))
    assert {"first_name"} == {"first_name", "last_name", "job_title", "anniversary"} & set(answer.body)


async def test_a_list_named_twice_counts_once(api: Api, account: Account) -> None:
    made = await make(api, list_memberships=[str(account.list_id)] * 60)

    assert [str(account.list_id)] == made["list_memberships"]


async def test_get_shows_only_the_parts_that_were_asked_for(api: Api) -> None:
    made = await make(api, phone_numbers=[{"phone_number": "555-0100"}], notes=[{"content": "Met at the fair"}])
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
    made = await make(api, list_memberships=[str(account.list_id)])
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
    made = await make(api)
    async with db.transaction() as conn:
        await conn.execute("UPDATE contacts SET account_id = $1", uuid4())

    assert 404 == (await api.get(f"/v3/contacts/{made['contact_id']}")).status


async def test_put_clears_plain_members_and_keeps_arrays_and_address(api: Api, account: Account, clock: Any) -> None:
    made = await make(
        api,
        first_name="Tobin",
        job_title="Cooper",
        anniversary="2021-09-03",
        birthday_month=2,
        birthday_day=29,
        phone_numbers=[{"phone_number": "555-0100", "kind": "work"}],
        street_addresses=[ADDRESS],
        notes=[{"content": "Likes oak"}],
        list_memberships=[str(account.list_id)],
    )
    clock.move(timedelta(minutes=5))

    answer = await put(api, made, last_name="Quade")

    later = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert 200 == answer.status
    assert {
        "contact_id": made["contact_id"],
        "email_address": made["email_address"],
        "last_name": "Quade",
        "update_source": "Account",
        "create_source": "Account",
        "created_at": made["created_at"],
        "updated_at": later,
    } == answer.body
    kept = (
        await api.get(
            f"/v3/contacts/{made['contact_id']}",
            params={"include": "phone_numbers,street_addresses,notes,list_memberships"},
        )
    ).body
    for name in ("phone_numbers", "street_addresses", "notes", "list_memberships"):
        assert made[name] == kept[name]


async def test_put_replaces_arrays_that_are_given_and_keeps_identity(api: Api, account: Account, clock: Any) -> None:
    made = await make(
        api,
        phone_numbers=[{"phone_number": "1", "kind": "work"}, {"phone_number": "2"}],
        street_addresses=[ADDRESS, {**ADDRESS, "kind": "work"}],
        notes=[{"content": "One"}, {"content": "Two"}],
        list_memberships=[str(account.list_id)],
    )
    clock.move(timedelta(minutes=5))
    one, two = made["notes"]

    body = (
        await put(
            api,
            made,
            email_address=None,
            phone_numbers=[{"phone_number": "3", "kind": "work"}, {"phone_number": "2", "kind": "other"}],
            street_addresses=[{**ADDRESS, "kind": "work", "state": "Oregon", "country": ""}],
            notes=[{"content": "New"}, {**two, "content": "Two, changed", "created_at": "2020-01-01T00:00:00+00:00"}],
            list_memberships=[],
        )
    ).body

    later = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    new, kept = body["phone_numbers"]
    assert ("Account", later, "3") == (new["update_source"], new["created_at"], new["phone_number"])
    assert made["phone_numbers"][1] == kept
    assert [made["street_addresses"][1]] == body["street_addresses"]
    assert ["New", "Two, changed"] == [note["content"] for note in body["notes"]]
    assert (two["note_id"], two["created_at"]) == (body["notes"][1]["note_id"], body["notes"][1]["created_at"])
    assert one["note_id"] not in {note["note_id"] for note in body["notes"]}
    assert [] == body["list_memberships"]
    emptied = (await put(api, made, phone_numbers=[], street_addresses=[], notes=[])).body
    assert ([], [], []) == (emptied["phone_numbers"], emptied["street_addresses"], emptied["notes"])


async def test_put_takes_the_answer_of_get(api: Api, account: Account, clock: Any) -> None:
    made = await make(
        api,
        first_name="Ada",
        birthday_month=1,
        birthday_day=31,
        anniversary="1/31/2001",
        phone_numbers=[{"phone_number": "1"}],
        street_addresses=[{**ADDRESS, "country": "GB"}],
        notes=[{"content": "Note"}],
        list_memberships=[str(account.list_id)],
    )
    path = f"/v3/contacts/{made['contact_id']}?include=phone_numbers,street_addresses,notes,list_memberships,taggings"
    got = (await api.get(path)).body

    answer = await api.put(f"/v3/contacts/{made['contact_id']}", {**got, "update_source": "Account"})

    assert 200 == answer.status
    assert {**got, "update_source": "Account"} == answer.body


async def test_put_needs_an_update_source(api: Api) -> None:
    made = await make(api)

    answer = await api.put(f"/v3/contacts/{made['contact_id']}", {"first_name": "A", "create_source": "Contact"})

    expected = "update_source is missing, update_source does not have a valid value"
    assert (400, expected) == (answer.status, answer.error_message)


async def test_put_may_not_leave_a_contact_without_any_identity(api: Api) -> None:
    nameless = (await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A"})).body

    answer = await put(api, nameless, company_name="X")

    assert (
        400,
        "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided",
    ) == (answer.status, answer.error_message)
    assert 200 == (await put(api, await make(api))).status


async def test_put_changes_the_address_and_keeps_its_permission(api: Api, clock: Any) -> None:
    made = await make(api, "old@example.com")
    clock.move(timedelta(minutes=5))

    changed = (await put(api, made, email_address={"address": "new@example.com"})).body["email_address"]

    before = made["email_address"]
    assert {**before, "address": "new@example.com", "updated_at": changed["updated_at"]} == changed
    assert before["updated_at"] != changed["updated_at"]
    assert (
        201
        == (
            await api.post(
                "/v3/contacts", {"create_source": "Account", "email_address": {"address": "old@example.com"}}
            )
        ).status
    )


async def test_put_leaves_the_address_dates_when_only_other_members_change(api: Api, clock: Any) -> None:
    made = await make(api)
    clock.move(timedelta(minutes=5))

    changed = (await put(api, made, first_name="New", email_address=made["email_address"])).body

    assert made["email_address"] == changed["email_address"]


async def test_put_may_not_take_anothers_address(api: Api) -> None:
    first, second = await make(api, "first@example.com"), await make(api, "second@example.com")

    answer = await put(api, second, first_name="New", email_address={"address": "First@example.com"})

    assert 409 == answer.status
    expected = f"Validation failed: Email already exists for contact {first['contact_id']}"
    assert expected == answer.error_message
    unchanged = (await api.get(f"/v3/contacts/{second['contact_id']}")).body
    assert second == unchanged


async def test_put_gives_a_contact_its_first_address(api: Api) -> None:
    nameless = (await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A"})).body

    changed = (await put(api, nameless, email_address={"address": "a@example.com"})).body

    assert ("implicit", "Account") == (
        changed["email_address"]["permission_to_send"],
        changed["email_address"]["opt_in_source"],
    )
    assert "first_name" not in changed


async def test_unsubscribing_drops_memberships_and_ignores_those_in_the_request(
    api: Api, account: Account, clock: Any
) -> None:
    made = await make(api, list_memberships=[str(account.list_id)])
    clock.move(timedelta(hours=5))

    answer = await put(
        api,
        made,
        update_source="Contact",
        email_address={
            "address": "tobin@fernwick.example",
            "permission_to_send": "unsubscribed",
            "opt_out_reason": "Too many mails",
        },
        list_memberships=[str(account.list_id)],
    )

    later = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        **made["email_address"],
        "permission_to_send": "unsubscribed",
        "updated_at": later,
        "opt_out_source": "Contact",
        "opt_out_date": later,
        "opt_out_reason": "Too many mails",
    } == answer.body["email_address"]
    assert [] == answer.body["list_memberships"]


async def test_unsubscribed_contacts_come_back_only_the_way_they_left(api: Api) -> None:
    made = await make(api)
    address = made["email_address"]
    await put(api, made, update_source="Contact", email_address={**address, "permission_to_send": "unsubscribed"})

    refused = await put(api, made, email_address={**address, "permission_to_send": "implicit"})
    kept = await put(api, made, first_name="A", email_address={"address": address["address"]})
    back = await put(api, made, update_source="Contact", email_address={**address, "permission_to_send": "explicit"})

    assert (400, "Validation failed: The contact has unsubscribed and must opt back in") == (
        refused.status,
        refused.error_message,
    )
    assert (200, "unsubscribed") == (kept.status, kept.body["email_address"]["permission_to_send"])
    assert (200, "explicit", "Contact") == (
        back.status,
        back.body["email_address"]["permission_to_send"],
        back.body["email_address"]["opt_in_source"],
    )
    assert not {"opt_out_source", "opt_out_date", "opt_out_reason"} & set(back.body["email_address"])


async def test_explicit_never_becomes_implicit(api: Api) -> None:
    made = await make(api, email_address={"address": "a@example.com", "permission_to_send": "explicit"})

    answer = await put(api, made, email_address={"address": "a@example.com", "permission_to_send": "implicit"})

    expected = "Validation failed: permission_to_send cannot be changed from explicit to implicit"
    assert (400, VALIDATION, expected) == (answer.status, answer.error_key, answer.error_message)


async def test_a_deleted_contact_vanishes_but_stays_readable(api: Api, account: Account, clock: Any) -> None:
    made = await make(api, list_memberships=[str(account.list_id)], phone_numbers=[{"phone_number": "1"}])
    path = f"/v3/contacts/{made['contact_id']}"
    clock.move(timedelta(hours=20))

    answer = await api.delete(path)

    assert (204, b"") == (answer.status, answer.content)
    assert 404 == (await api.delete(path)).status
    found = (await api.get(path, params={"include": "phone_numbers,list_memberships"})).body
    assert (clock.now().strftime("%Y-%m-%d"), [], made["phone_numbers"]) == (
        found["deleted_at"],
        found["list_memberships"],
        found["phone_numbers"],
    )
    address = found["email_address"]
    assert ("implicit", "Account", clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")) == (
        address["permission_to_send"],
        address["opt_out_source"],
        address["opt_out_date"],
    )


async def test_the_account_revives_a_deleted_contact(api: Api, account: Account) -> None:
    made = await make(api, list_memberships=[str(account.list_id)], phone_numbers=[{"phone_number": "1"}])
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    refused = await put(api, made, update_source="Contact", first_name="A")
    revived = await put(api, made, first_name="A", phone_numbers=None)

    assert (400, "update_source does not have a valid value") == (refused.status, refused.error_message)
    assert (200, made["email_address"]) == (revived.status, revived.body["email_address"])
    assert "deleted_at" not in revived.body
    found = (
        await api.get(f"/v3/contacts/{made['contact_id']}", params={"include": "phone_numbers,list_memberships"})
    ).body
    assert (made["phone_numbers"], []) == (found["phone_numbers"], found["list_memberships"])


async def test_who_was_unsubscribed_comes_back_unsubscribed(api: Api, clock: Any) -> None:
    made = await make(api)
    unsubscribed = (
        await put(
            api,
            made,
            update_source="Contact",
            email_address={**made["email_address"], "permission_to_send": "unsubscribed"},
        )
    ).body["email_address"]
    clock.move(timedelta(hours=1))
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    revived = await put(api, made, first_name="A")

    assert unsubscribed == revived.body["email_address"]


async def test_a_contact_that_another_request_holds_is_a_conflict(
    api: Api, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "LOCK_WAIT", timedelta(milliseconds=100))
    made = await make(api)

    async with db.transaction() as conn:
        await conn.execute("SELECT 1 FROM contacts FOR UPDATE")
        answer = await put(api, made, first_name="A")

    expected = [{"error_key": "contacts.api.conflict", "error_message": "Another request is modifying this contact."}]
    assert (409, expected) == (answer.status, answer.body)
    assert 200 == (await put(api, made, first_name="A")).status


async def test_simultaneous_puts_lose_nothing(api: Api) -> None:
    made = await make(api)

    answers = await asyncio.gather(
        *(put(api, made, first_name=f"N{number}", phone_numbers=[{"phone_number": f"{number}"}]) for number in range(5))
    )

    assert [200] * 5 == [answer.status for answer in answers]
    found = (await api.get(f"/v3/contacts/{made['contact_id']}", params={"include": "phone_numbers"})).body
    assert found["first_name"] == f"N{found['phone_numbers'][0]['phone_number']}"
