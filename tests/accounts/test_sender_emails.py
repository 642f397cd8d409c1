"""Sender addresses: added, confirmed by the link in a mail, listed. Source: contract, account.md §6-§8."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.accounts import sender_emails
from everpost.platform import mailbox as platform_mailbox
from everpost.platform.db import Db
from everpost.platform.mailbox import Mail
from tests.oauth.browser import Browser
from tests.support.fixtures import Account, AccountApi

EMAILS = "/v3/account/emails"
INVALID = "account.api.validation.error"
NEWS = "News@harborlane.example"

Work = Callable[[], Awaitable[int]]
Mailbox = Callable[[], Awaitable[list[Mail]]]


@pytest.fixture
async def browser(app: Any) -> Browser:
    """Somebody who is not signed in."""
    return Browser(app)


@pytest.fixture
def mailbox(db: Db, account: Account) -> Mailbox:
    """The mails of the account, newest first."""

    async def read() -> list[Mail]:
        async with db.reader() as conn:
            listed = (await platform_mailbox.page(conn, account.account_id)).mails
            found = [await platform_mailbox.find(conn, account.account_id, mail.mail_id) for mail in listed]
        return [mail for mail in found if mail is not None]

    return read


@pytest.fixture
def link(work: Work, mailbox: Mailbox) -> Callable[[], Awaitable[str]]:
    """The path in the newest confirmation mail."""

    async def read() -> str:
        await work()
        newest = (await mailbox())[0]
        found = re.search(rb"http://everpost\.test(/confirm-sender/\S+)", newest.content.replace(b"=\r\n", b""))
        assert found is not None, newest.content
        return found[1].decode()

    return read


async def test_a_fresh_account_sends_from_its_owners_address(api: AccountApi, account: Account) -> None:
    listed = (await api.get(EMAILS)).body
    confirmed_at = listed[0].pop("confirm_time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", confirmed_at)
    assert listed == [
        {
            "email_id": 1,
            "email_address": account.email,
            "confirm_status": "CONFIRMED",
            "confirm_source_type": "FORCEVERIFY",
            "roles": ["CONTACT", "BILLING", "REPLY_TO"],
            "pending_roles": [],
        }
    ]


async def test_an_address_is_confirmed_by_the_button_behind_the_link(
    api: AccountApi, browser: Browser, link: Callable[[], Awaitable[str]], mailbox: Mailbox, db: Db, account: Account
) -> None:
    added = await api.post(EMAILS, {"email_address": NEWS})
    assert (added.status, added.body) == (
        201,
        {"email_address": NEWS, "email_id": 2, "confirm_status": "UNCONFIRMED"},
    )
    path = await link()
    mail = (await mailbox())[0]
    assert b"Auto-Submitted: auto-generated" in mail.content
    assert b"List-Unsubscribe" not in mail.content

    await browser.open(path)
    assert (browser.page.status_code, browser.heading) == (200, "Confirm your address")
    assert "Harbor Lane Books" in browser.page.text and NEWS in browser.page.text
    waiting = (await api.get(EMAILS)).body[1]
    assert waiting == {
        "email_id": 2,
        "email_address": NEWS,
        "confirm_status": "UNCONFIRMED",
        "roles": [],
        "pending_roles": ["OTHER"],
    }
    async with db.reader() as conn:
        assert await sender_emails.find_confirmed(conn, account.account_id, NEWS) is None

    await browser.submit()

    assert browser.heading == "Your address is confirmed"
    confirmed = (await api.get(EMAILS)).body[1]
    assert (confirmed["confirm_status"], confirmed["confirm_source_type"]) == ("CONFIRMED", "SITE_OWNER")
    assert (confirmed["roles"], confirmed["pending_roles"]) == (["OTHER"], [])
    async with db.reader() as conn:
        assert await sender_emails.find_confirmed(conn, account.account_id, NEWS.upper()) == 2
    await browser.open(path)
    assert browser.heading == "Your address is confirmed"


async def test_a_link_without_its_form_token_confirms_nothing(
    api: AccountApi, browser: Browser, link: Callable[[], Awaitable[str]]
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    assert (await browser.client.post(await link())).status_code == 403
    assert (await api.get(EMAILS)).body[1]["confirm_status"] == "UNCONFIRMED"


async def test_a_link_expires_after_seven_days_and_another_can_be_had(
    api: AccountApi, browser: Browser, link: Callable[[], Awaitable[str]], clock: Any
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    old = await link()
    await browser.open(old)
    open_page = browser.page
    clock.move(timedelta(days=7, seconds=1))
    await browser.submit()
    assert browser.heading == "This link has expired"
    assert open_page is not browser.page
    await browser.submit()
    assert browser.heading == "A new link is on its way"
    new = await link()
    assert new != old
    await browser.open(old)
    await browser.submit()
    assert browser.heading == "No new link was sent"
    await browser.open(new)
    await browser.submit()
    assert browser.heading == "Your address is confirmed"


async def test_links_are_sent_five_times_a_day_at_most(
    api: AccountApi, browser: Browser, link: Callable[[], Awaitable[str]], clock: Any, work: Work, mailbox: Mailbox
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    path = await link()
    clock.move(timedelta(days=8))
    for _ in range(7):
        clock.move(timedelta(minutes=2))
        await browser.open(path)
        await browser.submit()
    assert browser.heading == "No new link was sent"
    await work()
    assert len(await mailbox()) == 6


@pytest.mark.parametrize("token", ["x", "A" * 64, "ü"])
async def test_a_forged_link_leads_nowhere(browser: Browser, token: str) -> None:
    assert (await browser.open(f"/confirm-sender/{token}")).status_code == 404


async def test_an_altered_link_leads_nowhere(
    api: AccountApi, browser: Browser, link: Callable[[], Awaitable[str]]
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    path = await link()
    altered = path[:-5] + ("B" if path[-5] == "A" else "A") + path[-4:]
    assert (await browser.open(altered)).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "email_address is required."),
        ({"email_address": None}, "email_address is required."),
        ({"email_address": ""}, "email_address does not have a valid value"),
        ({"email_address": "news"}, "email_address does not have a valid value"),
        ({"email_address": "news@harborlane"}, "email_address does not have a valid value"),
        ({"email_address": "a b@harborlane.example"}, "email_address does not have a valid value"),
        ({"email_address": "x\r\nBcc: y@z.example"}, "email_address does not have a valid value"),
        ({"email_address": 7}, "email_address does not have a valid value"),
        ({"email_address": "x" * 70 + "@news.example"}, "email_address must not be longer than 80 characters."),
    ],
)
async def test_what_is_no_address_is_refused(api: AccountApi, body: dict[str, Any], message: str) -> None:
    answer = await api.post(EMAILS, body)
    assert (answer.status, answer.body) == (400, [{"error_key": INVALID, "error_message": message}])


async def test_an_address_is_there_once_whatever_its_case_and_status(
    api: AccountApi, account: Account, new_account: Callable[[str], Awaitable[Account]], db: Db
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    for address in (NEWS.upper(), account.email):
        answer = await api.post(EMAILS, {"email_address": address})
        assert (answer.status, answer.error_key) == (409, "account.api.conflict")
    assert [email["email_id"] for email in (await api.get(EMAILS)).body] == [1, 2]
    other = await new_account("other@harborlane.example")
    async with db.transaction() as conn:
        added = await sender_emails.add(conn, other.account_id, sender_emails.EmailIn(NEWS))
    assert added.email_id == 2


async def test_two_hundred_additions_a_day_are_enough(
    api: AccountApi, account: Account, db: Db, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    monkeypatch.setattr(sender_emails, "PER_DAY", 3)
    statuses = [(await api.post(EMAILS, {"email_address": f"n{number}@h.example"})).status for number in range(3)]
    refused = await api.post(EMAILS, {"email_address": "n9@h.example"})
    assert (statuses, refused.status, refused.error_key) == ([201, 201, 429], 429, "account.api.too_many_emails")
    clock.move(timedelta(days=1, seconds=1))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, [1, 2, 3]),
        ({"confirm_status": "CONFIRMED"}, [1, 3]),
        ({"confirm_status": "c"}, [1, 3]),
        ({"confirm_status": "U"}, [2]),
        ({"role_code": "CONTACT"}, [1]),
        ({"role_code": "r"}, [1]),
        ({"role_code": "O"}, [2, 3]),
        ({"role_code": "JOURNALING"}, []),
        ({"email_address": "NEWS@harborlane.example"}, [2]),
        ({"email_address": "plus+tag@harborlane.example"}, [3]),
        ({"email_address": "plus tag@harborlane.example"}, [3]),
        ({"email_address": "nobody@harborlane.example"}, []),
    ],
)
async def test_one_filter_chooses(
    api: AccountApi, account: Account, db: Db, query: dict[str, str], ids: list[int]
) -> None:
    await api.post(EMAILS, {"email_address": NEWS})
    async with db.transaction() as conn:
        await sender_emails.add_confirmed(
            conn, account.account_id, "plus+tag@harborlane.example", source="PARTNER", roles=["OTHER"]
        )
    answer = await api.get(EMAILS, query)
    assert (answer.status, [email["email_id"] for email in answer.body]) == (200, ids)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"confirm_status": "maybe"}, "confirm_status does not have a valid value"),
        ({"role_code": "X"}, "role_code does not have a valid value"),
        (
            {"role_code": "C", "confirm_status": "C"},
            "Only one of confirm_status, role_code and email_address can be used.",
        ),
    ],
)
async def test_other_filters_are_refused(api: AccountApi, query: dict[str, str], message: str) -> None:
    answer = await api.get(EMAILS, query)
    assert (answer.status, answer.body) == (400, [{"error_key": INVALID, "error_message": message}])


async def test_roles_that_are_unique_move(api: AccountApi, account: Account, db: Db) -> None:
    async with db.transaction() as conn:
        second = await sender_emails.add_confirmed(
            conn, account.account_id, NEWS, source="SUPPORT", roles=["JOURNALING", "REPLY_TO"]
        )
        await sender_emails.give_role(conn, account.account_id, second, "REPLY_TO")
        assert await sender_emails.with_role(conn, account.account_id, "REPLY_TO") == NEWS
        assert await sender_emails.with_role(conn, account.account_id, "CONTACT") == account.email
    first, other = (await api.get(EMAILS)).body
    assert (first["roles"], other["roles"]) == (["CONTACT", "BILLING"], ["JOURNALING", "REPLY_TO"])
