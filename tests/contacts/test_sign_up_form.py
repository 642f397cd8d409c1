"""POST /contacts/sign_up_form, through the door. Source: contract, contacts.md §5.6, clients.md."""

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
INCLUDE = "phone_numbers,street_addresses,list_memberships,custom_fields"


async def sign_up(api: Api, account: Account, **members: Any) -> Reply:
    body = {"email_address": "jody@example.com", "list_memberships": [str(account.list_id)], **members}
    return await api.post("/v3/contacts/sign_up_form", body)


async def read(api: Api, contact_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(f"/v3/contacts/{contact_id}", params={"include": INCLUDE})).body
    return body


async def test_a_new_person_is_created_explicit(api: Api, account: Account, clock: Any) -> None:
    answer = await sign_up(api, account, first_name="Jody", create_source="Account", permission_to_send="implicit")

    assert (201, {"contact_id", "action"}, "created") == (answer.status, set(answer.body), answer.body["action"])
    found = await read(api, answer.body["contact_id"])
    stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        "address": "jody@example.com",
        "permission_to_send": "explicit",
        "created_at": stamp,
        "updated_at": stamp,
        "opt_in_source": "Contact",
        "opt_in_date": stamp,
        "confirm_status": "off",
    } == found["email_address"]
    assert ("Contact", "Jody", [str(account.list_id)]) == (
        found["create_source"],
        found["first_name"],
        found["list_memberships"],
    )
    assert "update_source" not in found


async def test_a_known_person_is_updated_where_something_was_given(api: Api, account: Account, clock: Any) -> None:
    other = (await api.post("/v3/contact_lists", {"name": "Other"})).body["list_id"]
    contact_id = (
        await sign_up(api, account, first_name="Jody", job_title="Baker", birthday_month=3, birthday_day=9)
    ).body["contact_id"]
    clock.move(timedelta(hours=20))

    answer = await sign_up(api, account, email_address="JODY@example.com", first_name="Jo", list_memberships=[other])

    assert (200, {"contact_id": contact_id, "action": "updated"}) == (answer.status, answer.body)
    found = await read(api, contact_id)
    assert ("Jo", "Baker", 3, "Contact") == (
        found["first_name"],
        found["job_title"],
        found["birthday_month"],
        found["update_source"],
    )
    assert [str(account.list_id), other] == found["list_memberships"]
    assert found["created_at"] == found["email_address"]["opt_in_date"] != found["updated_at"]


async def test_an_unsubscribed_and_deleted_person_comes_back(api: Api, account: Account, clock: Any) -> None:
    contact_id = (await sign_up(api, account)).body["contact_id"]
    await api.put(
        f"/v3/contacts/{contact_id}",
        {
            "update_source": "Contact",
            "email_address": {"address": "jody@example.com", "permission_to_send": "unsubscribed"},
        },
    )
    await api.delete(f"/v3/contacts/{contact_id}")
    clock.move(timedelta(hours=20))

    answer = await sign_up(api, account)

    found = await read(api, contact_id)
    assert (200, "updated") == (answer.status, answer.body["action"])
    assert ("explicit", clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")) == (
        found["email_address"]["permission_to_send"],
        found["email_address"]["opt_in_date"],
    )
    assert not {"opt_out_source", "opt_out_date"} & set(found["email_address"])
    assert "deleted_at" not in found
    assert [str(account.list_id)] == found["list_memberships"]


async def test_a_phone_number_takes_the_place_of_kind_other(api: Api, account: Account, clock: Any) -> None:
    contact_id = (await sign_up(api, account, phone_number="555-0100")).body["contact_id"]

    async def numbers() -> list[tuple[str, str]]:
        return [(one["kind"], one["phone_number"]) for one in (await read(api, contact_id))["phone_numbers"]]

    assert [("other", "555-0100")] == await numbers()
    await sign_up(api, account, phone_number="555-0101")
    assert [("other", "555-0101")] == await numbers()
    full = [{"kind": kind, "phone_number": f"1-{kind}"} for kind in ("home", "work", "mobile")]
    await api.put(
        f"/v3/contacts/{contact_id}", {"update_source": "Account", "first_name": "J", "phone_numbers": full[:1]}
    )
    clock.move(timedelta(minutes=1))
    await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Account", "first_name": "J", "phone_numbers": full})
    await sign_up(api, account, phone_number="1-work")
    assert [(one["kind"], one["phone_number"]) for one in full] == await numbers()
    await sign_up(api, account, phone_number="9")
    assert [("other", "9"), ("work", "1-work"), ("mobile", "1-mobile")] == await numbers()


async def test_a_street_address_takes_the_place_of_its_kind(api: Api, account: Account) -> None:
    contact_id = (await sign_up(api, account, street_address={"kind": "home", "city": "Salem"})).body["contact_id"]
    await sign_up(api, account, street_address={"kind": "work", "city": "Bath", "state": "me", "country": "us"})
    await sign_up(api, account, street_address={"kind": "home", "city": "Astoria"})

    found = (await read(api, contact_id))["street_addresses"]

    assert [("home", "Astoria", None), ("work", "Bath", "Maine")] == [
        (one["kind"], one["city"], one.get("state")) for one in found
    ]


async def test_a_plugin_that_sends_everything_empty_is_served(api: Api, account: Account) -> None:
    answer = await sign_up(
        api,
        account,
        id=None,
        status=None,
        confirmed=None,
        source=None,
        email_addresses=[],
        prefix_name=None,
        first_name="Jody",
        last_name="",
        phone_number=None,
        addresses=[],
        notes=[],
        lists=[],
        custom_fields=[],
        street_address={},
        anniversary="2010/05/04",
        phone_numbers=[],
        create_source="Contact",
        created_date=None,
        birthday_month=None,
        phoner_number="1",
    )

    assert 201 == answer.status
    found = await read(api, answer.body["contact_id"])
    assert ("2010-05-04", []) == (found["anniversary"], found["street_addresses"])


async def test_an_address_without_any_value_is_ignored(api: Api, account: Account) -> None:
    for street_address in ({"kind": "home", "street": "", "city": " "}, {"kind": "", "country": None}):
        answer = await sign_up(api, account, street_address=street_address)
        assert [] == (await read(api, answer.body["contact_id"]))["street_addresses"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"list_memberships": None}, "list_memberships is missing"),
        ({"list_memberships": []}, "list_memberships is empty"),
        ({"list_memberships": ["x"]}, "list_memberships[0] is invalid"),
        (
            {"list_memberships": [str(uuid4()) for _ in range(51)]},
            "list_memberships has too many items (maximum is 50)",
        ),
        (
            {"email_address": None},
            "email_address, sms_channel are missing, at least one parameter must be provided",
        ),
        ({"email_address": " "}, "email_address, sms_channel are missing, at least one parameter must be provided"),
        ({"email_address": "jody@"}, "Email address is invalid"),
        ({"email_address": {"address": "jody@example.com"}}, "email_address is invalid"),
        ({"email_address": "j" * 80 + "@example.com"}, "email_address is too long (maximum is 80 characters)"),
        ({"phone_number": "1" * 26}, "phone_number is too long (maximum is 25 characters)"),
        ({"birthday_month": 2}, "birthday_day is missing"),
        (
            {"street_address": {"city": "Salem"}},
            "street_address[kind] is missing, street_address[kind] does not have a valid value",
        ),
        ({"street_address": {"kind": "boat"}}, "street_address[kind] does not have a valid value"),
    ],
)
async def test_a_bad_form_is_refused(api: Api, account: Account, members: dict[str, Any], message: str) -> None:
    answer = await sign_up(api, account, **members)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_an_unknown_list_is_refused(api: Api, account: Account) -> None:
    unknown = str(uuid4())

    answer = await sign_up(api, account, list_memberships=[unknown])

    assert (400, f"list_memberships contains an invalid id: {unknown}") == (answer.status, answer.error_message)


async def test_more_than_fifty_lists_in_all_are_refused(api: Api, account: Account, db: Db) -> None:
    ids = [(await api.post("/v3/contact_lists", {"name": f"L{number}"})).body["list_id"] for number in range(50)]
    await sign_up(api, account, list_memberships=ids)

    again = await sign_up(api, account, list_memberships=ids[:3])
    one_more = await sign_up(api, account)

    assert (200, 400) == (again.status, one_more.status)
    assert "list_memberships has too many items (maximum is 50)" == one_more.error_message


async def test_simultaneous_forms_make_one_contact(api: Api, account: Account) -> None:
    answers = await asyncio.gather(*(sign_up(api, account, first_name=f"N{number}") for number in range(6)))

    assert [200] * 5 + [201] == sorted(answer.status for answer in answers)
    assert 1 == len({answer.body["contact_id"] for answer in answers})


async def test_a_contact_that_another_request_holds_is_a_conflict(
    api: Api, account: Account, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "LOCK_WAIT", timedelta(milliseconds=100))
    await sign_up(api, account)

    async with db.transaction() as conn:
        await conn.execute("SELECT 1 FROM contacts FOR UPDATE")
        answer = await sign_up(api, account)

    expected = [{"error_key": "contacts.api.conflict", "error_message": "Another request is modifying this contact."}]
    assert (409, expected) == (answer.status, answer.body)
