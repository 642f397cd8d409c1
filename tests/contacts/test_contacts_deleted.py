"""DELETE /contacts/{contact_id}, and the way back. Source: contract, contacts.md §5.5."""

from datetime import timedelta
from typing import Any

from tests.contacts import people
from tests.support.api import Api
from tests.support.fixtures import Account


async def test_a_deleted_contact_vanishes_but_stays_readable(api: Api, account: Account, clock: Any) -> None:
    made = await people.make(api, list_memberships=[str(account.list_id)], phone_numbers=[{"phone_number": "1"}])
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
    made = await people.make(api, list_memberships=[str(account.list_id)], phone_numbers=[{"phone_number": "1"}])
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    refused = await people.put(api, made, update_source="Contact", first_name="A")
    revived = await people.put(api, made, first_name="A", phone_numbers=None)

    assert (400, "update_source does not have a valid value") == (refused.status, refused.error_message)
    assert (200, made["email_address"]) == (revived.status, revived.body["email_address"])
    assert "deleted_at" not in revived.body
    found = (
        await api.get(f"/v3/contacts/{made['contact_id']}", params={"include": "phone_numbers,list_memberships"})
    ).body
    assert (made["phone_numbers"], []) == (found["phone_numbers"], found["list_memberships"])


async def test_who_was_unsubscribed_comes_back_unsubscribed(api: Api, clock: Any) -> None:
    made = await people.make(api)
    unsubscribed = (
        await people.put(
            api,
            made,
            update_source="Contact",
            email_address={**made["email_address"], "permission_to_send": "unsubscribed"},
        )
    ).body["email_address"]
    clock.move(timedelta(hours=1))
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    revived = await people.put(api, made, first_name="A")

    assert unsubscribed == revived.body["email_address"]
