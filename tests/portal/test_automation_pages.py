"""Automations as their marketer writes, tries, switches and counts them. Source: contract, campaigns §8."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from everpost.campaigns import automation_runs
from everpost.delivery import interruptions, mailings
from everpost.platform import clock as platform_clock
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
    (ann,) = (await api.get("/v3/contacts", {"email": "ann@example.com"})).body["contacts"]
    await owner.open(f"/contacts/{ann['contact_id']}/activity")
    assert "Sent Welcome mail: Welcome, [[FirstName]]" in owner.text
    assert owner.attributes_of("a.subject")["href"] == page
    await owner.open(f"{page}/edit")
    stale = Window.beside(owner, owner.page)
    for window in (owner, Window.beside(owner, owner.page)):
        await window.press("Save", subject="Hello")
        assert "Your changes are saved." in window.text, "the same twice is no harm"
    await stale.press("Save", from_name="Another window")
    assert (409, True) == (stale.page.status_code, "changed in another window meanwhile" in stale.text)
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
    assert "That was not done. The postal address of the organization is missing" in owner.text
    assert "Switch on" in owner.buttons, "what was not done is not half done"
    await owner.open("/automations")
    assert "3 days before Off" in owner.text


async def test_tests_use_up_what_the_account_may_test_in_a_day(owner: Window, db: Any, account: Any) -> None:
    await owner.open("/automations/new?kind=anniversary")
    await owner.press("Save")
    async with db.transaction() as conn:
        await run(
            conn,
            "INSERT INTO test_send_days (account_id, sent_on, sent_addresses) VALUES (:id, :today, 49)",
            id=account.account_id,
            today=platform_clock.now().date(),
        )
    await owner.press("Send the test", email_addresses="ida@pier9.example jan@pier9.example")
    assert (429, True) == (owner.page.status_code, "daily limit" in (owner.problem_of("email_addresses") or ""))
    await owner.press("Send the test", email_addresses="ida@pier9.example")
    assert "The test is on its way." in owner.text, "what was refused used up nothing"


async def test_what_rests_goes_on_or_ends_as_a_person_decides(
    owner: Window, api: Any, db: Any, account: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    clock.stop(datetime(2026, 5, 1, 15, tzinfo=UTC))
    await owner.sign_in(account.email)
    await owner.open("/automations/new?kind=birthday")
    await owner.press("Save", subject="Your day")
    automation_id = UUID(owner.page.url.path.rpartition("/")[2])
    await owner.press("Switch on")
    for day, button, expected in ((1, "Resume", 1), (2, "Cancel the rest", 1)):
        clock.move(datetime(2026, 5, day, 15, tzinfo=UTC) - clock.now())
        address = {"address": f"may{day}@example.com"}
        birthday = {"birthday_month": 5, "birthday_day": day}
        await api.post("/v3/contacts", {"email_address": address, "create_source": "Account", **birthday})
        await automation_runs.celebrate(db, account.account_id, automation_id, date(2026, 5, day))
        async with db.transaction() as conn:
            (newest,) = await mailings.newest(conn, account.account_id, limit=1)
            await interruptions.pause(conn, account.account_id, newest.mailing_id)
        await work()
        await owner.open(f"/automations/{automation_id}")
        assert "Paused by a person." in owner.text
        if day == 2:
            await owner.open(f"/automations/{automation_id}/cancel")
        await owner.press(button)
        assert "Paused by a person." not in owner.text
        await work()
        assert expected == len(await mailbox())


async def test_somebody_who_only_writes_campaigns_sees_no_automations(owner: Window, db: Any, account: Any) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'campaign_creator' WHERE account_id = :id", id=account.account_id)
    for path in ("/automations", "/automations/new?kind=birthday"):
        await owner.open(path)
        assert 403 == owner.page.status_code
