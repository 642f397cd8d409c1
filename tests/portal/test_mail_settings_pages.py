"""What an account settles about its mail, in the browser. Source: contract, account.md §8, §9; contacts.md §4.2."""

from typing import Any

from everpost.accounts import sender_emails
from everpost.contacts import consent_settings
from everpost.delivery import mail_settings
from everpost.platform import config
from everpost.platform.db import run
from tests.portal.window import Window


async def test_everything_is_settled_at_once_and_shown_again(owner: Window, db: Any, account: Any) -> None:
    async with db.transaction() as conn:
        await sender_emails.add_confirmed(
            conn, account.account_id, "archive@harborlane.example", source="SUPPORT", roles=["OTHER"]
        )
    await owner.open("/account/mail")
    assert "checked" in owner.attributes_of("#has_profile_link")
    ticked = {"is_opt_in_confirmed": "true", "has_forward_link": "true", "has_comment_box": "true",
              str(account.list_id): "true", "journal-2": "true"}  # fmt: skip
    await owner.press("Save", **ticked, privacy_policy_url=" https://harborlane.example/privacy ")
    assert "Your changes are saved." in owner.text
    boxes = {name: "checked" in owner.attributes_of(f'[id="{name}"]') for name in ticked}
    assert set(ticked) == {name for name, is_ticked in boxes.items() if is_ticked}
    async with db.reader() as conn:
        settings = await mail_settings.get(conn, account.account_id)
        assert (True, True, True, "https://harborlane.example/privacy", [account.list_id]) == (
            settings.has_profile_link, settings.has_forward_link, settings.has_comment_box,
            settings.privacy_policy_url, settings.visible_list_ids,
        )  # fmt: skip
        assert await consent_settings.is_opt_in_confirmed(conn, account.account_id)
        assert "archive@harborlane.example" == await sender_emails.with_role(conn, account.account_id, "JOURNALING")
    await owner.client.post("/account/mail", data={"csrf_token": owner.attributes_of("[name=csrf_token]")["value"]})
    async with db.reader() as conn:
        assert not await consent_settings.is_opt_in_confirmed(conn, account.account_id)
        assert not (await mail_settings.get(conn, account.account_id)).has_profile_link
        assert None is await sender_emails.with_role(conn, account.account_id, "JOURNALING")


async def test_mistakes_stand_beside_their_fields_and_change_nothing(owner: Window, db: Any, account: Any) -> None:
    await owner.open("/account/mail")
    unknown = "00000000-0000-4000-8000-000000000000"
    typed = {"privacy_policy_url": "javascript:x", "data_notice_url": "http://x y", unknown: "true"}
    await owner.press("Save", **typed, is_opt_in_confirmed="true")
    assert 400 == owner.page.status_code
    for field in ("privacy_policy_url", "data_notice_url"):
        assert "Must be empty or start with http:// or https://." == owner.problem_of(field)
        assert typed[field] == owner.attributes_of(f"#{field}")["value"]
    assert "Contains an unknown list id" in owner.text
    async with db.reader() as conn:
        assert not await consent_settings.is_opt_in_confirmed(conn, account.account_id)


async def test_the_page_says_what_the_server_has_set(owner: Window, settings: Any) -> None:
    await owner.open("/account/mail")
    assert "Not signed" in owner.text
    assert "No limit" in owner.text
    config.override(
        shared_sending_domain="mail.everpost.test",
        account_per_minute=600,
        domain_limits="gmail.com=60",
        warm_up="50 1000",
        pause_complaint_percent=0.1,
    )
    await owner.open("/account/mail")
    for text in (
        "owner-harborlane-example@mail.everpost.test", "600 a minute", "No limit; gmail.com: 60 a minute",
        "50, 1,000 messages on the first 2 days, then no limit (harborlane.example)", "At 25 %", "At 0.1 %",
    ):  # fmt: skip
        assert text in owner.text, text


async def test_a_manager_may_look_but_not_change(owner: Window, db: Any, account: Any) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'account_manager' WHERE account_id = :id", id=account.account_id)
    await owner.open("/account/mail")
    assert "Only the account owner can change these settings." in owner.text
    assert [] == owner.buttons
