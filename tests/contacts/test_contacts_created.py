"""POST /contacts. Source: contract, contacts.md §5.3."""

from typing import Any
from uuid import uuid4

import pytest

from tests.contacts import people
from tests.support.api import Api
from tests.support.fixtures import Account


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
            "street_addresses": [{**people.ADDRESS, "country": "US"}],
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
    made = await people.make(api, first_name="A", last_name="B", job_title="C", company_name="D")

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

    assert (400, [{"error_key": people.VALIDATION, "error_message": message}]) == (answer.status, answer.body)


@pytest.mark.parametrize("body", [b"{", b"null", b"[]", b'"text"', b""])
async def test_a_body_that_is_no_object_is_malformed(api: Api, body: bytes) -> None:
    answer = await api.post("/v3/contacts", content=body, headers={"Content-Type": "application/json"})

    expected = [{"error_key": people.VALIDATION, "error_message": "Bad request. The JSON was malformed."}]
    assert (400, expected) == (answer.status, answer.body)


@pytest.mark.parametrize("name", ["list_memberships", "taggings"])
async def test_a_reference_to_nothing_is_refused(api: Api, name: str) -> None:
    unknown = str(uuid4())

    answer = await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A", name: [unknown]})

    assert (400, f"{name} contains an invalid id: {unknown}") == (answer.status, answer.error_message)


async def test_an_address_is_taken_whatever_its_case_and_the_owner_is_the_last_word(api: Api) -> None:
    made = await people.make(api, "marisol@harborlight.example")

    answer = await api.post(
        "/v3/contacts", {"create_source": "Contact", "email_address": {"address": "MARISOL@HARBORLIGHT.EXAMPLE"}}
    )

    expected = f"Validation failed: Email already exists for contact {made['contact_id']}"
    assert (409, [{"error_key": "contacts.api.conflict", "error_message": expected}]) == (answer.status, answer.body)


async def test_an_address_stays_taken_after_deletion(api: Api) -> None:
    made = await people.make(api)
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    answer = await api.post("/v3/contacts", {"create_source": "Account", "email_address": made["email_address"]})

    assert (409, made["contact_id"]) == (answer.status, answer.error_message.split("contact ")[-1])


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
    made = await people.make(api, list_memberships=[str(account.list_id)] * 60)

    assert [str(account.list_id)] == made["list_memberships"]
