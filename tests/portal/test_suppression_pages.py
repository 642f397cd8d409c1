"""What keeps an address from getting mail, and who may lift it. Source: contract, campaigns §5.6, §5.7."""

from datetime import timedelta
from typing import Any

import pytest

from everpost.contacts import contacts
from everpost.delivery import holds
from everpost.platform import clock as platform_clock
from everpost.platform.db import many, run
from tests.portal.window import Window
from tests.support.smtp import parse

ADDRESS = "ann@example.com"


async def look_up(window: Window, address: str = ADDRESS) -> str:
    await window.open(f"/account/suppressions?address={address}")
    return window.text


async def new_contact(api: Any, **email: Any) -> str:
    address = {"address": ADDRESS, **email}
    made = await api.post("/v3/contacts", {"email_address": address, "create_source": "Account"})
    return str(made.body["contact_id"])


async def test_an_owner_ends_a_hold_once_and_it_is_remembered(owner: Window, api: Any, db: Any, clock: Any) -> None:
    async with db.transaction() as conn:
        await holds.note_unknown(conn, [ADDRESS], now=platform_clock.now())
    # Holds are the whole server's: about somebody else's addresses an account hears nothing.
    assert "None of your contacts has this address." in await look_up(owner)
    assert "On hold" not in owner.text
    await new_contact(api)
    assert "On hold" in await look_up(owner, "Ann@Example.com")
    assert "Until it is ended" not in owner.text
    await owner.press("End the hold")
    assert "tried again with the next mail" in owner.text and "Nothing keeps mail" in owner.text
    platform_clock.move(timedelta(seconds=1))
    async with db.transaction() as conn:
        assert ["hold.ended"] == await many(conn, str, "SELECT action FROM audit_entries WHERE action LIKE 'hold%'")
        await holds.note_unknown(conn, [ADDRESS], now=platform_clock.now())
    assert "Until it is ended" in await look_up(owner)


async def test_only_the_owner_ends_holds_and_only_of_own_contacts(
    owner: Window, api: Any, db: Any, account: Any
) -> None:
    async with db.transaction() as conn:
        await holds.note_unknown(conn, [ADDRESS], now=platform_clock.now())
    await owner.open("/account/suppressions")
    token = owner.attributes_of("[name=csrf_token]")["value"]
    form = {"csrf_token": token, "address": ADDRESS}
    assert 404 == (await owner.client.post("/account/suppressions/end-hold", data=form)).status_code
    await new_contact(api)
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'account_manager' WHERE account_id = :id", id=account.account_id)
    assert "Only the account owner can end a hold" in await look_up(owner)
    assert 403 == (await owner.client.post("/account/suppressions/end-hold", data=form)).status_code
    async with db.reader() as conn:
        assert {ADDRESS} == await holds.held(conn, [ADDRESS], now=platform_clock.now())


async def test_a_complaint_is_for_good_and_who_left_is_asked_to_come_back(
    owner: Window, api: Any, db: Any, account: Any, work: Any, mailbox: Any
) -> None:
    contact_id = await new_contact(api)
    assert "Nothing keeps mail from this address." in await look_up(owner)
    unsubscribed = {"address": ADDRESS, "permission_to_send": "unsubscribed", "opt_out_reason": "Too many"}
    await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Contact", "email_address": unsubscribed})
    assert "By themselves" in await look_up(owner) and "“Too many”" in owner.text
    await owner.press("Invite them back", list_id=str(account.list_id))
    assert "A mail with a link is on its way." in owner.text
    assert "They were invited to come back" in owner.text
    await work()
    assert [ADDRESS] == [parse(mail.content)["To"] for mail in await mailbox()]
    async with db.transaction() as conn:
        await holds.note_complaint(conn, account.account_id, ADDRESS, now=platform_clock.now())
    assert "Reported your mail as spam" in await look_up(owner)
    await api.delete(f"/v3/contacts/{contact_id}")
    assert "The contact was deleted" in await look_up(owner)


async def test_what_is_no_address_and_what_nobody_permitted_is_told(owner: Window, api: Any) -> None:
    await look_up(owner, "no address")
    assert (400, "Does not look like an email address.") == (owner.page.status_code, owner.problem_of("address"))
    await new_contact(api, permission_to_send="not_set")
    assert "Nobody has recorded that this contact may be mailed." in await look_up(owner)


async def test_a_contact_that_somebody_else_is_changing_is_invited_later(
    owner: Window, api: Any, db: Any, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "LOCK_WAIT", timedelta(milliseconds=50))
    contact_id = await new_contact(api)
    unsubscribed = {"address": ADDRESS, "permission_to_send": "unsubscribed"}
    await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Contact", "email_address": unsubscribed})
    await look_up(owner)
    async with db.transaction() as conn:
        await run(conn, "SELECT 1 FROM contacts WHERE contact_id = :id FOR UPDATE", id=contact_id)
        await owner.press("Invite them back", list_id=str(account.list_id))
    assert "Invite them back" in owner.buttons, owner.text
    await owner.press("Invite them back", list_id=str(account.list_id))
    assert "A mail with a link is on its way." in owner.text
