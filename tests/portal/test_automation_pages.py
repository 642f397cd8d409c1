"""Automations as their marketer writes, tries, switches and counts them. Source: contract, campaigns §8."""

from typing import Any

from everpost.platform.db import run
from tests.portal.window import Window
from tests.support.smtp import parse

HTML = "<html><body>[[trackingImage]]<p>Dear [[FirstName]]</p></body></html>"


async def test_a_welcome_mail_is_written_tried_switched_on_and_counted(
    owner: Window, visitor: Window, api: Any, work: Any, mailbox: Any, account: Any
) -> None:
    await api.post("/v3/contact_lists", {"name": "Readers"})
    list_id = next(
        each["list_id"] for each in (await api.get("/v3/contact_lists")).body["lists"] if each["name"] == "Readers"
    )
    await owner.open("/automations")
    assert "once in their life" in owner.text
    await owner.open("/automations/new?kind=welcome")
    assert "Readers" in owner.text
    written = {"list_id": list_id, "subject": "Welcome, [[FirstName]]", "html_content": HTML}
    await owner.press("Preview", **written)
    assert "Unsubscribe owner@harborlane.example" in owner.page.text
    assert "sandbox" in owner.page.headers["content-security-policy"]
    await owner.open("/automations/new?kind=welcome")
    await owner.press("Save", **written, from_name="")
    assert (400, "Must not be empty.") == (owner.page.status_code, owner.problem_of("from_name"))
    await owner.press("Save", from_name="Harbor", html_content="${x}")
    assert 'Must not contain "${".' == owner.problem_of("html_content")
    await owner.press("Save", html_content=HTML)
    assert "switched off" in owner.text and "Who joins “Readers”" in owner.text
    page = owner.page.url.path
    await owner.press("Send the test", email_addresses="nobody")
    assert "nobody is not an email address." == owner.problem_of("email_addresses")
    await owner.press("Send the test", email_addresses="ida@pier9.example", personal_message="Look")
    await owner.press("Switch on")
    assert "It is on." in owner.text
    await api.post(
        "/v3/contacts/sign_up_form",
        {"email_address": "ann@example.com", "first_name": "Ann", "list_memberships": [list_id]},
    )
    await work()
    sent = {str(mail["To"]): mail for mail in (parse(each.content) for each in await mailbox())}
    assert ("Welcome, Ann", "Welcome, [[FirstName]]") == (
        sent["ann@example.com"]["Subject"],
        sent["ida@pier9.example"]["Subject"],
    )
    await owner.open("/automations")
    assert "Who joins “Readers” On 1" in owner.text
    await owner.open(f"{page}/edit")
    await owner.press("Save", subject="Hello")
    assert "Your changes are saved." in owner.text
    await owner.press("Switch off")
    assert "It is off" in owner.text
    await owner.open("/automations/new?kind=welcome")
    assert "Readers" not in [node.text() for node in owner.document.css("option")]
    await owner.open(f"{page}/delete")
    await owner.press("Delete")
    assert "It is deleted" in owner.text
    for path in (page, f"{page}/mail", "/automations/x"):
        await owner.open(path)
        assert 404 == owner.page.status_code


async def test_a_birthday_mail_says_when_it_goes_and_what_keeps_it_back(owner: Window, db: Any, account: Any) -> None:
    await owner.open("/automations/new?kind=birthday")
    await owner.press("Save", days_before="15")
    assert "Does not have a valid value." == owner.problem_of("days_before")
    await owner.press("Save", days_before="3")
    assert "3 days before, at 9:00 (US/Eastern), at most once a year" in owner.text
    async with db.transaction() as conn:
        await conn.execute("DELETE FROM physical_addresses")
    await owner.press("Switch on")
    assert 400 == owner.page.status_code
    assert "It was not switched on. The postal address of the organization is missing" in owner.text


async def test_somebody_who_only_writes_campaigns_sees_no_automations(owner: Window, db: Any, account: Any) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'campaign_creator' WHERE account_id = :id", id=account.account_id)
    for path in ("/automations", "/automations/new?kind=birthday"):
        await owner.open(path)
        assert 403 == owner.page.status_code
