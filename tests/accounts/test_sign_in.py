"""Signing in and out, and what slows guessing down. Source: contract, auth.md §3.2, §16."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from everpost.accounts import demo, passwords, sessions, sign_ins, throttles, users
from everpost.accounts.sign_ins import Refusal
from everpost.accounts.users import LoginTaken, PasswordTooShort
from everpost.platform import config
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.support.fixtures import PASSWORD, Account

WRONG = "The email address or the password is wrong."
BLOCKED = "There were too many tries."


@pytest.fixture
async def browser(app: App) -> AsyncIterator[Browser]:
    window = Browser(app)
    yield window
    await window.client.aclose()


async def test_a_session_lives_in_the_database_and_its_token_only_in_the_cookie(
    browser: Browser, account: Account, db: Db
) -> None:
    answer = await browser.sign_in(account.email)
    assert (answer.status_code, browser.location) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    token = browser.client.cookies[sessions.COOKIE]
    async with db.reader() as conn:
        stored = await one(conn, bytes, "SELECT token_hash FROM sessions")
    assert stored is not None and token.encode() not in stored
    session = await sessions.find(db, token)
    assert session is not None
    assert (session.email, session.organization_name, session.role) == (
        account.email,
        "Harbor Lane Books",
        "account_owner",
    )
    assert await sessions.find(db, token + "x") is None


async def test_behind_https_the_cookie_is_secure(settings: config.Settings) -> None:
    config.override(public_url="https://mail.example")
    assert sessions.cookie("t").endswith("; Secure")


async def test_behind_https_cookies_belong_to_this_host_and_pages_ask_for_https(app: App, account: Account) -> None:
    config.override(public_url="https://mail.example")
    browser = Browser(app)
    browser.client.base_url = httpx.URL("https://mail.example")
    page = await browser.open("/login")
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert page.headers["set-cookie"].startswith("__Host-everpost_form=")
    await browser.submit(login=account.email, password=PASSWORD)
    assert f"__Host-{sessions.COOKIE}" in browser.client.cookies
    assert (await browser.open("/account/security")).status_code == 200
    await browser.client.aclose()


async def test_every_sign_in_begins_a_session_of_its_own(browser: Browser, account: Account, db: Db) -> None:
    await browser.sign_in(account.email)
    before = browser.client.cookies[sessions.COOKIE]
    await browser.sign_in(account.email)
    assert before != browser.client.cookies[sessions.COOKIE]
    assert await sessions.find(db, before) is None


async def test_signing_out_ends_the_session_and_needs_a_form(browser: Browser, account: Account, db: Db) -> None:
    await browser.sign_in(account.email)
    token = browser.client.cookies[sessions.COOKIE]
    await browser.open("/login/logout")
    assert await sessions.find(db, token) is not None
    await browser.submit()
    assert await sessions.find(db, token) is None
    assert sessions.COOKIE not in browser.client.cookies


async def test_wrong_credentials_look_alike(browser: Browser, account: Account) -> None:
    for login, password in ((account.email, "wrong"), ("nobody@harborlane.example", PASSWORD), ("", "")):
        answer = await browser.sign_in(login, password)
        assert answer.status_code == 401
        assert WRONG in answer.text
        assert "wrong" not in answer.text.replace(WRONG, "").lower() or password not in answer.text
        assert "set-cookie" not in answer.headers


async def test_the_login_form_needs_its_token(browser: Browser, account: Account) -> None:
    answer = await browser.client.post("/login", data={"login": account.email, "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "mailbox",
        "/a b",
        "/a\r\nX: y",
    ],
)
async def test_signing_in_leads_only_to_our_own_pages(browser: Browser, account: Account, target: str) -> None:
    await browser.open("/login")
    await browser.submit(login=account.email, password=PASSWORD, next=target)
    assert browser.location == "/"


async def test_ten_failures_of_a_login_block_it_for_a_quarter_of_an_hour(
    browser: Browser, account: Account, clock: Any
) -> None:
    for _ in range(10):
        assert (await browser.sign_in(account.email, "wrong")).status_code == 401
    blocked = await browser.sign_in(account.email.upper())
    assert (blocked.status_code, BLOCKED in blocked.text) == (429, True)
    clock.move(timedelta(minutes=15, seconds=1))
    assert (await browser.sign_in(account.email)).status_code == 303


async def test_failures_are_forgotten_after_success_and_after_a_quarter_of_an_hour(
    db: Db, account: Account, clock: Any
) -> None:
    async def tries(count: int, password: str) -> list[Any]:
        return [await sign_ins.with_password(db, account.email, password, address="192.0.2.1") for _ in range(count)]

    await tries(9, "wrong")
    assert isinstance((await tries(1, PASSWORD))[0], users.User)
    assert await tries(9, "wrong") == [Refusal.WRONG] * 9
    clock.move(timedelta(minutes=16))
    assert await tries(9, "wrong") == [Refusal.WRONG] * 9
    assert isinstance((await tries(1, PASSWORD))[0], users.User)


async def test_fifty_failures_from_one_address_block_it(db: Db, account: Account) -> None:
    for number in range(50):
        outcome = await sign_ins.with_password(db, f"n{number}@harborlane.example", "", address="192.0.2.9")
        assert outcome is Refusal.WRONG
    assert await sign_ins.with_password(db, account.email, PASSWORD, address="192.0.2.9") is Refusal.BLOCKED
    assert isinstance(await sign_ins.with_password(db, account.email, PASSWORD, address="192.0.2.10"), users.User)


def test_an_ipv6_network_is_one_guesser(settings: config.Settings) -> None:
    def subject(address: str) -> bytes:
        return throttles.subject("address", address)

    assert subject("2001:db8::1") == subject("2001:DB8:0:0:ffff::2")
    assert subject("::ffff:192.0.2.1") == subject("192.0.2.1")
    apart = ["2001:db8::1", "2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.2", "fe80::1%eth0", "ida@pier9.example", ""]
    assert len(apart) == len({subject(each) for each in apart})


async def test_guesses_at_once_are_all_counted(db: Db, account: Account) -> None:
    guesses = (
        sign_ins.with_password(db, account.email, f"guess {number}", address="192.0.2.1") for number in range(14)
    )
    outcomes = await asyncio.gather(*guesses)
    assert (outcomes.count(Refusal.WRONG), outcomes.count(Refusal.BLOCKED)) == (10, 4)


async def test_a_session_ends_two_weeks_after_its_last_use(db: Db, account: Account, clock: Any) -> None:
    async with db.transaction() as conn:
        token = await sessions.open_for(conn, await users.get(conn, account.user_id))
    for _ in range(3):
        clock.move(timedelta(days=13))
        assert await sessions.find(db, token) is not None
    clock.move(timedelta(days=15))
    assert await sessions.find(db, token) is None
    async with db.transaction() as conn:
        assert await sessions.sweep(conn) == 1


async def test_a_session_ends_with_its_persons_access(db: Db, account: Account) -> None:
    async with db.transaction() as conn:
        token = await sessions.open_for(conn, await users.get(conn, account.user_id))
        await users.deactivate(conn, account.user_id)
    assert await sessions.find(db, token) is None


async def test_an_old_hash_is_replaced_at_the_next_sign_in(db: Db, account: Account) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET password_hash = :weak", weak=weak)
    await sign_ins.with_password(db, account.email, PASSWORD, address="192.0.2.1")
    async with db.reader() as conn:
        stored = await users.password_hash(conn, account.user_id)
    assert stored != weak
    assert (await passwords.check(PASSWORD, stored)).new_hash is None


async def test_what_happens_at_the_doors_is_written_down_without_secrets(
    browser: Browser, account: Account, db: Db
) -> None:
    await browser.sign_in(account.email, "wrong-guess")
    await browser.sign_in(account.email)
    async with db.reader() as conn:
        actions = await many(conn, str, "SELECT action FROM audit_entries ORDER BY at, entry_id")
        text = await one(conn, str, "SELECT string_agg(e::text, '') FROM audit_entries e")
    assert actions == ["sign_in.failed", "sign_in.succeeded"]
    assert text is not None and "wrong-guess" not in text and PASSWORD not in text


async def test_logins_are_unique_and_passwords_not_too_short(db: Db, account: Account) -> None:
    for email, password, problem in (
        (account.email.upper(), PASSWORD, LoginTaken),
        ("new@harborlane.example", "short", PasswordTooShort),
    ):
        with pytest.raises(problem):
            async with db.transaction() as conn:
                await users.create(conn, account.account_id, email=email, password=password, role="account_manager")


async def test_the_demo_account_is_made_once_and_follows_its_password(db: Db) -> None:
    provisioned = []

    async def provision(conn: Conn, account_id: Any) -> None:
        provisioned.append(account_id)

    config.override(demo_email="demo@everpost.example", demo_password="first password")
    made = await asyncio.gather(*(demo.ensure(db, provision) for _ in range(3)))
    assert len([account for account in made if account]) == 1
    assert isinstance(
        await sign_ins.with_password(db, "demo@everpost.example", "first password", address="192.0.2.1"), users.User
    )
    config.override(demo_password="second password")
    assert await demo.ensure(db, provision) is None
    assert isinstance(
        await sign_ins.with_password(db, "Demo@everpost.example", "second password", address="192.0.2.1"), users.User
    )
