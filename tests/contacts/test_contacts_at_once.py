"""Several requests about one contact at the same moment. Source: contract, conventions.md §10."""

import asyncio
from datetime import timedelta

import pytest

from everpost.contacts import contacts
from everpost.platform.db import Db
from tests.contacts import people
from tests.support.api import Api


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
