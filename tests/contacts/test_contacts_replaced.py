"""PUT /contacts/{contact_id}. Source: contract, contacts.md §5.4."""

from datetime import timedelta
from typing import Any

from tests.contacts import people
from tests.support.api import Api
from tests.support.fixtures import Account


async def test_put_clears_plain_members_and_keeps_arrays_and_address(api: Api, account: Account, clock: Any) -> None:
    made = await people.make(
        api,
        first_name="Tobin",
        job_title="Cooper",
        anniversary="2021-09-03",
        birthday_month=2,
        birthday_day=29,
        phone_numbers=[{"phone_number": "555-0100", "kind": "work"}],
        street_addresses=[people.ADDRESS],
        notes=[{"content": "Likes oak"}],
        list_memberships=[str(account.list_id)],
    )
    clock.move(timedelta(minutes=5))

    answer = await people.put(api, made, last_name="Quade")

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
    made = await people.make(
        api,
        phone_numbers=[{"phone_number": "1", "kind": "work"}, {"phone_number": "2"}],
        street_addresses=[people.ADDRESS, {**people.ADDRESS, "kind": "work"}],
        notes=[{"content": "One"}, {"content": "Two"}],
        list_memberships=[str(account.list_id)],
    )
    clock.move(timedelta(minutes=5))
    one, two = made["notes"]

    body = (
        await people.put(
            api,
            made,
            email_address=None,
            phone_numbers=[{"phone_number": "3", "kind": "work"}, {"phone_number": "2", "kind": "other"}],
            street_addresses=[{**people.ADDRESS, "kind": "work", "state": "Oregon", "country": ""}],
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
    emptied = (await people.put(api, made, phone_numbers=[], street_addresses=[], notes=[])).body
    assert ([], [], []) == (emptied["phone_numbers"], emptied["street_addresses"], emptied["notes"])


async def test_a_note_of_the_same_second_stands_before_those_that_were_there(api: Api) -> None:
    made = await people.make(api, notes=[{"content": "One"}, {"content": "Two"}])
    body = (await people.put(api, made, notes=[*made["notes"], {"content": "Three"}])).body
    assert ["Three", "One", "Two"] == [note["content"] for note in body["notes"]]


async def test_put_takes_the_answer_of_get(api: Api, account: Account, clock: Any) -> None:
    made = await people.make(
        api,
        first_name="Ada",
        birthday_month=1,
        birthday_day=31,
        anniversary="1/31/2001",
        phone_numbers=[{"phone_number": "1"}],
        street_addresses=[{**people.ADDRESS, "country": "GB"}],
        notes=[{"content": "Note"}],
        list_memberships=[str(account.list_id)],
    )
    path = f"/v3/contacts/{made['contact_id']}?include=phone_numbers,street_addresses,notes,list_memberships,taggings"
    got = (await api.get(path)).body

    answer = await api.put(f"/v3/contacts/{made['contact_id']}", {**got, "update_source": "Account"})

    assert 200 == answer.status
    assert {**got, "update_source": "Account"} == answer.body


async def test_put_needs_an_update_source(api: Api) -> None:
    made = await people.make(api)

    answer = await api.put(f"/v3/contacts/{made['contact_id']}", {"first_name": "A", "create_source": "Contact"})

    expected = "update_source is missing, update_source does not have a valid value"
    assert (400, expected) == (answer.status, answer.error_message)


async def test_put_may_not_leave_a_contact_without_any_identity(api: Api) -> None:
    nameless = (await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A"})).body

    answer = await people.put(api, nameless, company_name="X")

    assert (
        400,
        "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided",
    ) == (answer.status, answer.error_message)
    assert 200 == (await people.put(api, await people.make(api))).status


async def test_put_changes_the_address_and_keeps_its_permission(api: Api, clock: Any) -> None:
    made = await people.make(api, "old@example.com")
    clock.move(timedelta(minutes=5))

    changed = (await people.put(api, made, email_address={"address": "new@example.com"})).body["email_address"]

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
    made = await people.make(api)
    clock.move(timedelta(minutes=5))

    changed = (await people.put(api, made, first_name="New", email_address=made["email_address"])).body

    assert made["email_address"] == changed["email_address"]


async def test_put_may_not_take_anothers_address(api: Api) -> None:
    first, second = await people.make(api, "first@example.com"), await people.make(api, "second@example.com")

    answer = await people.put(api, second, first_name="New", email_address={"address": "First@example.com"})

    assert 409 == answer.status
    expected = f"Validation failed: Email already exists for contact {first['contact_id']}"
    assert expected == answer.error_message
    unchanged = (await api.get(f"/v3/contacts/{second['contact_id']}")).body
    assert second == unchanged


async def test_put_gives_a_contact_its_first_address(api: Api) -> None:
    nameless = (await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A"})).body

    changed = (await people.put(api, nameless, email_address={"address": "a@example.com"})).body

    assert ("implicit", "Account") == (
        changed["email_address"]["permission_to_send"],
        changed["email_address"]["opt_in_source"],
    )
    assert "first_name" not in changed


async def test_unsubscribing_drops_memberships_and_ignores_those_in_the_request(
    api: Api, account: Account, clock: Any
) -> None:
    made = await people.make(api, list_memberships=[str(account.list_id)])
    clock.move(timedelta(hours=5))

    answer = await people.put(
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
    made = await people.make(api)
    address = made["email_address"]
    await people.put(
        api, made, update_source="Contact", email_address={**address, "permission_to_send": "unsubscribed"}
    )

    refused = await people.put(api, made, email_address={**address, "permission_to_send": "implicit"})
    kept = await people.put(api, made, first_name="A", email_address={"address": address["address"]})
    back = await people.put(
        api, made, update_source="Contact", email_address={**address, "permission_to_send": "explicit"}
    )

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
    made = await people.make(api, email_address={"address": "a@example.com", "permission_to_send": "explicit"})

    answer = await people.put(api, made, email_address={"address": "a@example.com", "permission_to_send": "implicit"})

    expected = "Validation failed: permission_to_send cannot be changed from explicit to implicit"
    assert (400, people.VALIDATION, expected) == (answer.status, answer.error_key, answer.error_message)
