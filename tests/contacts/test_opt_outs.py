"""Unsubscribing from outside the API. Source: contract, contacts.md §4.4."""

from datetime import timedelta
from typing import Any

from everpost.contacts import opt_outs
from everpost.contacts.consent import OptOutSource
from everpost.ids import ContactId, new_id
from everpost.platform.db import Db
from tests.support.api import Api
from tests.support.fixtures import Account


async def opt_out(db: Db, account: Account, contact_id: Any, source: OptOutSource = "Contact") -> bool:
    async with db.transaction() as conn:
        return await opt_outs.opt_out(conn, account.account_id, contact_id, source=source, reason="Enough")


async def make(api: Api, account: Account, **members: Any) -> str:
    body = {"create_source": "Account", "list_memberships": [str(account.list_id)], **members}
    contact_id: str = (await api.post("/v3/contacts", body)).body["contact_id"]
    return contact_id


async def test_an_opt_out_happens_once_and_takes_the_contact_off_all_lists(
    api: Api, db: Db, account: Account, clock: Any
) -> None:
    contact_id = await make(api, account, email_address={"address": "a@example.com"})
    clock.move(timedelta(hours=1))

    first = await opt_out(db, account, contact_id)
    clock.move(timedelta(hours=1))
    second = await opt_out(db, account, contact_id, "System")

    found = (await api.get(f"/v3/contacts/{contact_id}", params={"include": "list_memberships"})).body
    an_hour_ago = (clock.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = found["email_address"]
    assert (True, False) == (first, second)
    assert ("unsubscribed", "Contact", an_hour_ago, "Enough") == (
        address["permission_to_send"],
        address["opt_out_source"],
        address["opt_out_date"],
        address["opt_out_reason"],
    )
    assert ("Contact", an_hour_ago, []) == (found["update_source"], found["updated_at"], found["list_memberships"])


async def test_a_system_opt_out_names_no_update_source(api: Api, db: Db, account: Account) -> None:
    contact_id = await make(api, account, email_address={"address": "a@example.com"})

    await opt_out(db, account, contact_id, "System")

    found = (await api.get(f"/v3/contacts/{contact_id}")).body
    assert "System" == found["email_address"]["opt_out_source"]
    assert "update_source" not in found


async def test_there_is_nobody_to_unsubscribe(api: Api, db: Db, account: Account) -> None:
    nameless = await make(api, account, first_name="A")

    assert not await opt_out(db, account, nameless)
    assert not await opt_out(db, account, ContactId(new_id()))


async def test_a_deleted_contact_who_opts_out_comes_back_unsubscribed(api: Api, db: Db, account: Account) -> None:
    contact_id = await make(api, account, email_address={"address": "a@example.com"})
    await api.delete(f"/v3/contacts/{contact_id}")

    assert await opt_out(db, account, contact_id)

    revived = (await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Account"})).body
    assert ("unsubscribed", "Contact") == (
        revived["email_address"]["permission_to_send"],
        revived["email_address"]["opt_out_source"],
    )
