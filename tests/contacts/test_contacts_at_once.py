"""Several requests about one contact at the same moment. Source: contract, conventions.md §10."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from everpost.contacts import contacts, opt_outs
from everpost.ids import ContactId
from everpost.platform.db import Db
from tests.contacts import people
from tests.support.api import Api
from tests.support.fixtures import Account


async def test_simultaneous_posts_of_one_address_make_one_contact(api: Api) -> None:
    body = {"create_source": "Account", "email_address": {"address": "race@example.com"}}

    answers = await asyncio.gather(*(api.post("/v3/contacts", body) for _ in range(6)))

    assert [201] + [409] * 5 == sorted(answer.status for answer in answers)
    made = next(answer.body["contact_id"] for answer in answers if answer.status == 201)
    assert all(answer.error_message.endswith(made) for answer in answers if answer.status == 409)


async def test_a_contact_that_another_request_holds_is_a_conflict(
    api: Api, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "LOCK_WAIT", timedelta(milliseconds=100))
    made = await people.make(api)

    async with db.transaction() as conn:
        await conn.execute("SELECT 1 FROM contacts FOR UPDATE")
        answer = await people.put(api, made, first_name="A")

    expected = [{"error_key": "contacts.api.conflict", "error_message": "Another request is modifying this contact."}]
    assert (409, expected) == (answer.status, answer.body)
    assert 200 == (await people.put(api, made, first_name="A")).status


async def test_simultaneous_puts_lose_nothing(api: Api) -> None:
    made = await people.make(api)

    answers = await asyncio.gather(
        *(
            people.put(api, made, first_name=f"N{number}", phone_numbers=[{"phone_number": f"{number}"}])
            for number in range(5)
        )
    )

    assert [200] * 5 == [answer.status for answer in answers]
    found = (await api.get(f"/v3/contacts/{made['contact_id']}", params={"include": "phone_numbers"})).body
    assert found["first_name"] == f"N{found['phone_numbers'][0]['phone_number']}"


async def test_a_put_and_an_opt_out_at_once_leave_both(api: Api, db: Db, account: Account) -> None:
    for number in range(5):
        made = await people.make(api, f"n{number}@example.com", list_memberships=[str(account.list_id)])

        async def leave(contact_id: ContactId) -> None:
            async with db.transaction() as conn:
                await opt_outs.opt_out(conn, account.account_id, contact_id, source="Contact")

        await asyncio.gather(
            people.put(api, made, first_name="Kept", phone_numbers=[{"phone_number": "1"}]),
            leave(ContactId(UUID(made["contact_id"]))),
            people.put(api, made, first_name="Kept", job_title="Baker", notes=[{"content": "x"}]),
        )

        found = await people.get(api, made, "list_memberships", "phone_numbers", "notes")
        assert ("Kept", "unsubscribed", [], 1, 1) == (
            found["first_name"], found["email_address"]["permission_to_send"], found["list_memberships"],
            len(found["phone_numbers"]), len(found["notes"]),
        )  # fmt: skip


async def test_an_address_goes_to_one_of_those_who_want_it(api: Api) -> None:
    rivals = [await people.make(api, f"n{number}@example.com") for number in range(4)]
    form = {"create_source": "Contact", "email_address": {"address": "prize@example.com"}}

    answers = await asyncio.gather(
        *(people.put(api, rival, email_address={"address": "Prize@example.com"}) for rival in rivals),
        api.post("/v3/contacts", form),
    )

    winners = [answer.body["contact_id"] for answer in answers if answer.status in (200, 201)]
    assert 1 == len(winners), answers
    assert {f"Validation failed: Email already exists for contact {winners[0]}"} == {
        answer.error_message for answer in answers if answer.status == 409
    }


async def test_a_post_and_forms_at_once_make_one_contact(api: Api, account: Account) -> None:
    form = {"email_address": "race@example.com", "list_memberships": [str(account.list_id)]}
    post = {"create_source": "Account", "email_address": {"address": "race@example.com"}}

    answers = await asyncio.gather(
        api.post("/v3/contacts", post), *(api.post("/v3/contacts/sign_up_form", form) for _ in range(4))
    )

    assert answers[0].status in (201, 409)
    assert {200, 201} >= {answer.status for answer in answers[1:]}
    found = (await api.get("/v3/contacts", {"email": "race@example.com", "include": "list_memberships"})).body[
        "contacts"
    ]
    assert [("explicit", [str(account.list_id)])] == [
        (each["email_address"]["permission_to_send"], each["list_memberships"]) for each in found
    ]


async def test_a_deletion_and_puts_at_once_end_in_one_of_the_two_orders(api: Api, account: Account) -> None:
    for number in range(4):
        made = await people.make(api, f"n{number}@example.com", list_memberships=[str(account.list_id)])

        deleted, changed = await asyncio.gather(
            api.delete(f"/v3/contacts/{made['contact_id']}"),
            people.put(api, made, first_name="A", list_memberships=[str(account.list_id)]),
        )

        found = await people.get(api, made, "list_memberships")
        assert (204, 200) == (deleted.status, changed.status)
        assert ("deleted_at" in found) == (found["list_memberships"] == [])
