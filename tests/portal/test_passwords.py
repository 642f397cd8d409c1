"""Forgotten, changed and second-factor passwords, and the sessions that end with them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pyotp

from everpost.accounts import sessions
from everpost.platform import clock
from everpost.platform.db import Db, many, one
from tests.portal.window import STRONG, Window, link_in_mail
from tests.support.fixtures import PASSWORD, Account

Work = Callable[[], Awaitable[int]]
Mailbox = Callable[[], Awaitable[list[Any]]]
SUBJECT = "Choose a new password"


async def ask(window: Window, email: str) -> str:
    await window.open("/portal/reset")
    await window.press("Send the link", email=email)
    return window.text


async def turn_on(window: Window) -> tuple[pyotp.TOTP, list[str]]:
    """Set the second factor up; returns what the phone knows, and the recovery codes."""
    await window.open("/account/security/second-factor")
    key = next(node.text().replace(" ", "") for node in window.document.css("main code"))
    totp = pyotp.TOTP(key)
    await window.press("Switch it on", code=_now(totp))
    return totp, [node.text() for node in window.document.css(".codes li")]


def _now(totp: pyotp.TOTP) -> str:
    return totp.at(int(clock.now().timestamp()))


async def test_whoever_asks_is_told_the_same_and_only_a_known_address_gets_mail(
    visitor: Window, account: Account, work: Work, mailbox: Mailbox
) -> None:
    said = [await ask(visitor, email) for email in (account.email.upper(), "nobody@pier9.example", "")]
    assert 1 == len(set(said))
    await work()
    assert [(SUBJECT, account.email)] == [(mail.subject, mail.recipient) for mail in await mailbox()]


async def test_a_colleague_does_not_find_the_link_in_the_mailbox(
    visitor: Window, owner: Window, account: Account, work: Work
) -> None:
    await ask(visitor, account.email)
    await work()
    transport = httpx.ASGITransport(app=owner.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://everpost.test", cookies=owner.client.cookies
    ) as far:
        page = await far.get("/mailbox")
    assert 200 == page.status_code and SUBJECT not in page.text


async def test_a_link_lets_choose_a_password_once_and_ends_every_session(
    visitor: Window, owner: Window, account: Account, work: Work, mailbox: Mailbox, db: Db
) -> None:
    await ask(visitor, account.email)
    link = await link_in_mail(work, mailbox, SUBJECT)
    await visitor.open(link)
    await visitor.press("Change the password", password="short")
    assert "Must have 8 to 80 characters." == visitor.problem_of("password")
    await visitor.press("Change the password", password=STRONG)
    assert "Your password is changed" in visitor.text
    assert 410 == (await visitor.open(link)).status_code
    assert (await owner.open("/account/security")).status_code == 303, "signed out"
    assert 401 == (await visitor.sign_in(account.email, PASSWORD)).status_code
    assert 303 == (await visitor.sign_in(account.email, STRONG)).status_code
    async with db.reader() as conn:
        assert "password.reset" in await many(conn, str, "SELECT action FROM audit_entries")


async def test_a_link_ends_after_an_hour_and_two_clicks_at_once_change_it_once(
    open_window: Callable[[], Window], account: Account, work: Work, mailbox: Mailbox, clock: Any
) -> None:
    first, second = open_window(), open_window()
    await ask(first, account.email)
    link = await link_in_mail(work, mailbox, SUBJECT)
    await asyncio.gather(first.open(link), second.open(link))
    await asyncio.gather(
        first.press("Change the password", password=STRONG),
        second.press("Change the password", password=STRONG + "!"),
    )
    assert [False, True] == sorted("Your password is changed" in each.text for each in (first, second))
    await ask(first, account.email)
    link = await link_in_mail(work, mailbox, SUBJECT)
    clock.move(timedelta(hours=1, seconds=1))
    assert 410 == (await first.open(link)).status_code


async def test_nobodys_inbox_can_be_filled(visitor: Window, account: Account, work: Work, mailbox: Mailbox) -> None:
    for _ in range(8):
        await ask(visitor, account.email)
    await work()
    assert 5 == len(await mailbox())
    for number in range(23):
        await ask(visitor, f"n{number}@pier9.example")
    assert 429 == visitor.page.status_code


async def test_changing_the_password_needs_the_current_one_and_signs_out_everywhere_else(
    owner: Window, open_window: Callable[[], Window], account: Account
) -> None:
    elsewhere = open_window()
    await elsewhere.sign_in(account.email)
    await owner.open("/account/security")
    assert "Firefox on Linux" in owner.text and "This one" in owner.text
    await owner.press("Change the password", current_password="wrong", password=STRONG)
    assert "Is wrong." == owner.problem_of("current_password")
    await owner.press("Change the password", current_password=PASSWORD, password="password1")
    assert "Is one of those that are guessed first." == owner.problem_of("password")
    await owner.press("Change the password", current_password=PASSWORD, password=STRONG)
    assert "Your password is changed" in owner.text
    assert 303 == (await elsewhere.open("/account/security")).status_code
    assert 200 == (await owner.open("/account/security")).status_code


async def test_guesses_of_the_current_password_are_limited(owner: Window) -> None:
    await owner.open("/account/security")
    for _ in range(11):
        await owner.press("Change the password", current_password="wrong", password=STRONG)
    assert 429 == owner.page.status_code
    assert "There were too many tries." in owner.text


async def test_one_signs_out_everywhere_else(
    owner: Window, open_window: Callable[[], Window], account: Account, db: Db
) -> None:
    elsewhere = open_window()
    await elsewhere.sign_in(account.email)
    await owner.open("/account/security")
    await owner.press("Sign out everywhere else")
    async with db.reader() as conn:
        assert 1 == len(await sessions.all_of(conn, account.user_id))
    assert 303 == (await elsewhere.open("/account/security")).status_code


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    owner: Window, visitor: Window, account: Account, clock: Any, db: Db
) -> None:
    totp, recovery = await turn_on(owner)
    assert 10 == len(recovery)
    clock.move(timedelta(seconds=30))
    page = await visitor.sign_in(account.email)
    assert (200, "Enter your code") == (page.status_code, visitor.heading)
    assert sessions.COOKIE not in visitor.client.cookies
    await visitor.press("Sign in", code="000000")
    assert (401, True) == (visitor.page.status_code, "not the code of this moment" in visitor.text)
    await visitor.press("Sign in", code=_now(totp))
    assert "/" == visitor.page.url.path and sessions.COOKIE in visitor.client.cookies
    async with db.reader() as conn:
        actions = await many(conn, str, "SELECT action FROM audit_entries ORDER BY at, entry_id")
        sealed = await one(conn, bytes, "SELECT sealed_secret FROM second_factors")
    assert ["sign_in.failed", "sign_in.succeeded"] == actions[-2:]
    assert sealed is not None and totp.secret.encode() not in sealed


async def test_a_code_and_a_recovery_code_work_once(
    owner: Window, open_window: Callable[[], Window], account: Account, clock: Any
) -> None:
    totp, recovery = await turn_on(owner)
    codes = [_now(totp), recovery[0], recovery[0].replace("-", " ").upper(), recovery[1].upper()]
    statuses = []
    for code in codes:
        window = open_window()
        await window.sign_in(account.email)
        await window.press("Sign in", code=code)
        statuses.append(window.page.url.path == "/")
    assert [False, True, False, True] == statuses, "the first was used to turn it on"
    await owner.open("/account/security")
    assert "8 recovery codes left" in owner.text


async def test_the_json_sign_in_takes_the_code_too(
    owner: Window, visitor: Window, account: Account, clock: Any
) -> None:
    totp, _ = await turn_on(owner)
    clock.move(timedelta(minutes=1))
    given = {"email": account.email, "password": PASSWORD}
    answers = [
        await visitor.call("POST", "/portal/api/login", given | more, token="")
        for more in ({}, {"code": "123"}, {"code": _now(totp)})
    ]
    assert [(401, "portal.api.code_required"), (401, "portal.api.wrong_code")] == [
        (each.status, each.error_key) for each in answers[:2]
    ]
    assert (200, account.email) == (answers[2].status, answers[2].body["email"])


async def test_codes_are_guessed_ten_times_and_a_ticket_ends(
    owner: Window, visitor: Window, account: Account, clock: Any
) -> None:
    await turn_on(owner)
    await visitor.sign_in(account.email)
    for _ in range(10):
        await visitor.press("Sign in", code="000000")
    await visitor.press("Sign in", code="000000")
    assert (429, True) == (visitor.page.status_code, "too many tries" in visitor.text)
    clock.move(timedelta(minutes=16))
    await visitor.sign_in(account.email)
    clock.move(timedelta(minutes=11))
    await visitor.press("Sign in", code="000000")
    assert "That took too long." in visitor.text
    forged = await visitor.client.post("/login/code", data={"ticket": "AAAA", "code": "1"})
    assert 403 == forged.status_code, "no form token"


async def test_the_second_factor_is_switched_off_with_the_password(
    owner: Window, open_window: Callable[[], Window], account: Account
) -> None:
    await turn_on(owner)
    assert 303 == (await owner.open("/account/security/second-factor")).status_code, "there is only one"
    await owner.open("/account/security")
    await owner.press("Switch it off", current_password="wrong")
    assert "Is wrong." in owner.text
    await owner.press("Switch it off", current_password=PASSWORD)
    assert "The second factor is off." in owner.text
    assert 303 == (await open_window().sign_in(account.email)).status_code


async def test_a_second_factor_that_no_phone_knows_is_not_turned_on(owner: Window) -> None:
    await owner.open("/account/security/second-factor")
    for code in ("", "abc", "0" * 6):
        await owner.press("Switch it on", code=code)
        assert "Is not the one that the app shows now." == owner.problem_of("code")
