"""Signing up, as a form and as JSON. Source: contract, portal.md §2-§4, §9."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.accounts import accounts, sessions, users
from everpost.oauth import tokens
from everpost.platform import config
from everpost.platform.db import Db, many, one
from everpost.platform.http import App
from tests.portal.window import STRONG, Window, link_in_mail
from tests.support.api import Api
from tests.support.fixtures import ALL_SCOPES, Account

Work = Callable[[], Awaitable[int]]
Mailbox = Callable[[], Awaitable[list[Any]]]

FIELDS = {
    "email": "Ida.Reed@pier9.example",
    "password": STRONG,
    "first_name": "Ida",
    "last_name": "Reed",
    "organization_name": "Pier 9 Books",
    "phone": "+1 555 010 2030",
}


async def sign_up(window: Window, **changes: str) -> Any:
    await window.open("/portal/signup")
    return await window.press("Sign up", **FIELDS | changes)


async def api_of(app: App, db: Db, email: str) -> Api:
    return Api(app, await tokens.mint_for_command_line(db, email, ALL_SCOPES.split()))


async def test_whoever_signs_up_has_a_trial_account_with_one_list_and_one_contact(
    visitor: Window, app: App, db: Db
) -> None:
    page = await sign_up(visitor)
    assert page.url.path == "/" and "Welcome!" in visitor.text
    api = await api_of(app, db, FIELDS["email"])
    (the_list,) = (await api.get("/v3/contact_lists")).body["lists"]
    assert ("My Contacts", False) == (the_list["name"], the_list["favorite"])
    (contact,) = (await api.get("/v3/contacts", {"include": "list_memberships,phone_numbers"})).body["contacts"]
    expected = {"first_name": "Ida", "last_name": "Reed", "company_name": "Pier 9 Books", "create_source": "Account"}
    assert expected.items() <= contact.items()
    assert (FIELDS["email"].lower(), "implicit") == (
        contact["email_address"]["address"].lower(),
        contact["email_address"]["permission_to_send"],
    )
    assert [the_list["list_id"]] == contact["list_memberships"]
    assert [("+1 555 010 2030", "work")] == [(each["phone_number"], each["kind"]) for each in contact["phone_numbers"]]
    summary = (await api.get("/v3/account/summary", {"extra_fields": "physical_address"})).body
    assert {"country_code": "US", "time_zone_id": "US/Eastern", "organization_phone": "+1 555 010 2030"}.items() <= (
        summary.items()
    )
    assert "physical_address" not in summary
    for nothing in ("/v3/contact_custom_fields", "/v3/emails"):
        assert [] == next(iter((await api.get(nothing)).body.values()))


async def test_a_trial_has_an_end_and_its_status_says_so(
    visitor: Window, db: Db, clock: Any, work: Work, settings: config.Settings
) -> None:
    config.override(trial_days=60)
    await sign_up(visitor)
    async with db.transaction() as conn:
        ends = await one(conn, Any, "SELECT trial_ends_at FROM accounts")
        assert clock.now() + timedelta(days=60) == ends
        clock.move(timedelta(days=61))
        assert 1 == await accounts.end_trials(conn)
        assert "Trial End" == await one(conn, str, "SELECT billing_status FROM accounts")
        assert 0 == await accounts.end_trials(conn)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("email", "", "Is required."),
        ("email", "nonsense", "Does not have a valid value."),
        ("email", "a" * 70 + "@shop.example", "Must not be longer than 80 characters."),
        ("password", "", "Is required."),
        ("password", "7 chars", "Must have 8 to 80 characters."),
        ("password", "x" * 81, "Must have 8 to 80 characters."),
        ("password", "my IDA.reed words", "Must not contain the first part of the email address."),
        ("password", "Football", "Is one of those that are guessed first."),
        ("first_name", " ", "Is required."),
        ("first_name", "x" * 81, "Must not be longer than 80 characters."),
        ("last_name", "", "Is required."),
        ("organization_name", "", "Is required."),
        ("organization_name", "x" * 51, "Must not be longer than 50 characters."),
        ("phone", "", "Is required."),
        ("phone", "1234", "Must have 5 to 25 characters."),
        ("phone", "1" * 26, "Must have 5 to 25 characters."),
    ],
)
async def test_a_field_that_is_wrong_is_named(visitor: Window, db: Db, field: str, value: str, says: str) -> None:
    assert 400 == (await sign_up(visitor, **{field: value})).status_code
    assert says == visitor.problem_of(field)
    kept = visitor.document.css_first("#last_name" if field == "first_name" else "#first_name")
    assert kept is not None and kept.attributes["value"] in ("Ida", "Reed"), "what was typed is still there"
    assert FIELDS["password"] not in visitor.page.text
    async with db.reader() as conn:
        assert [] == await many(conn, Any, "SELECT account_id FROM accounts")


async def test_the_json_names_every_field_that_is_missing(visitor: Window) -> None:
    answer = await visitor.call("POST", "/portal/api/signup", {}, token="")
    assert 400 == answer.status
    assert [f"{name} is required." for name in FIELDS] == [error["error_message"] for error in answer.errors]
    assert {"portal.api.validation.error"} == {error["error_key"] for error in answer.errors}
    blank = await visitor.call("POST", "/portal/api/signup", dict.fromkeys(FIELDS, ""), token="")
    assert [f"{name} is required." for name in FIELDS] == [error["error_message"] for error in blank.errors]


async def test_signing_up_by_json_signs_in_and_tells_who_one_is(visitor: Window) -> None:
    answer = await visitor.call("POST", "/portal/api/signup", FIELDS, token="")
    assert (201, {"developer_id", "encoded_account_id"}) == (answer.status, set(answer.body))
    me = (await visitor.call("GET", "/portal/api/me")).body
    assert answer.body.items() <= me.items()
    assert (FIELDS["email"], False, "account_owner") == (me["email"], me["is_email_confirmed"], me["role"])
    assert answer.headers["x-csrf-token"] == me["csrf_token"]
    again = await visitor.call("POST", "/portal/api/signup", FIELDS | {"email": FIELDS["email"].upper()}, token="")
    assert (409, "portal.api.conflict") == (again.status, again.error_key)


async def test_a_known_address_is_told_to_sign_in_and_nothing_is_made(
    visitor: Window, db: Db, account: Account
) -> None:
    assert 409 == (await sign_up(visitor, email=account.email.upper())).status_code
    assert "Already registered? Sign in" in visitor.text
    async with db.reader() as conn:
        assert 1 == await one(conn, int, "SELECT count(*) FROM accounts")


async def test_two_sign_ups_at_once_make_one_account(open_window: Callable[[], Window], db: Db) -> None:
    windows = [open_window() for _ in range(3)]
    answers = await asyncio.gather(*(each.call("POST", "/portal/api/signup", FIELDS, token="") for each in windows))
    assert [201, 409, 409] == sorted(answer.status for answer in answers)
    async with db.reader() as conn:
        assert (1, 1) == (
            await one(conn, int, "SELECT count(*) FROM accounts"),
            await one(conn, int, "SELECT count(*) FROM contact_lists"),
        )


async def test_until_the_link_is_opened_one_looks_around_but_registers_nothing(
    visitor: Window, app: App, db: Db, work: Work, mailbox: Mailbox
) -> None:
    await sign_up(visitor)
    assert "Confirm your email address." in visitor.text
    refused = await visitor.call("POST", "/portal/api/apps", {"name": "Too early"})
    assert (403, "portal.api.email_not_confirmed") == (refused.status, refused.error_key)
    api = await api_of(app, db, FIELDS["email"])
    waiting = (await api.get("/v3/account/emails")).body
    assert [(1, "UNCONFIRMED", [], ["CONTACT", "BILLING", "REPLY_TO"])] == [
        (each["email_id"], each["confirm_status"], each["roles"], each["pending_roles"]) for each in waiting
    ]

    link = await link_in_mail(work, mailbox, "Confirm your email address")
    await visitor.open(link)
    assert waiting == (await api.get("/v3/account/emails")).body, "opening the link changes nothing"
    await visitor.press("Confirm")
    assert "Your email address is confirmed." in visitor.text
    (confirmed,) = (await api.get("/v3/account/emails")).body
    assert ("CONFIRMED", "SITE_OWNER", ["CONTACT", "BILLING", "REPLY_TO"]) == (
        confirmed["confirm_status"],
        confirmed["confirm_source_type"],
        confirmed["roles"],
    )
    assert 201 == (await visitor.call("POST", "/portal/api/apps", {"name": "In time"})).status
    assert 410 == (await visitor.open(link)).status_code, "a link works once"
    assert "there is nothing left to do" in visitor.text


async def test_a_link_ends_after_a_day_and_a_new_one_is_sent_five_times_a_day(
    visitor: Window, db: Db, work: Work, mailbox: Mailbox, clock: Any
) -> None:
    await sign_up(visitor)
    old = await link_in_mail(work, mailbox, "Confirm your email address")
    clock.move(timedelta(hours=24, seconds=1))
    assert 410 == (await visitor.open(old)).status_code
    assert "works once and for 24 hours" in visitor.text
    sent = []
    for _ in range(6):
        await visitor.open(old)
        await visitor.press("Send a new link")
        sent.append("A new link is on its way" in visitor.text)
    assert [True] * 5 + [False] == sent
    await visitor.open(await link_in_mail(work, mailbox, "Confirm your email address"))
    await visitor.press("Confirm")
    async with db.reader() as conn:
        person = await users.find_by_email(conn, FIELDS["email"])
        assert person is not None and await users.is_confirmed(conn, person.user_id)


async def test_the_operator_may_ask_for_no_proof_and_may_close_the_door(
    visitor: Window, app: App, db: Db, settings: config.Settings, mailbox: Mailbox, work: Work
) -> None:
    config.override(portal_require_email_confirmation=False)
    await sign_up(visitor)
    api = await api_of(app, db, FIELDS["email"])
    (address,) = (await api.get("/v3/account/emails")).body
    assert ("CONFIRMED", "SITE_OWNER") == (address["confirm_status"], address["confirm_source_type"])
    await work()
    assert [] == await mailbox()
    assert 201 == (await visitor.call("POST", "/portal/api/apps", {"name": "At once"})).status

    config.override(portal_open_signup=False)
    assert 403 == (await visitor.open("/portal/signup")).status_code
    closed = await visitor.call("POST", "/portal/api/signup", FIELDS | {"email": "x@pier9.example"})
    assert (403, "portal.api.sign_up_closed") == (closed.status, closed.error_key)


async def test_sign_ups_from_one_address_are_limited(visitor: Window, db: Db) -> None:
    statuses = [
        (await visitor.call("POST", "/portal/api/signup", {**FIELDS, "phone": ""}, token="")).status for _ in range(21)
    ]
    assert [400] * 20 + [429] == statuses


async def test_a_page_of_somebody_else_signs_nobody_up_or_in(visitor: Window, account: Account) -> None:
    for path, body in (("signup", FIELDS), ("login", {"email": account.email, "password": "x"})):
        answer = await visitor.client.post(
            f"/portal/api/{path}", json=body, headers={"Origin": "https://elsewhere.example"}
        )
        assert (403, "access_denied") == (answer.status_code, answer.json()["error_key"])
        plain = await visitor.client.post(f"/portal/api/{path}", content=b"{}", headers={"Content-Type": "text/plain"})
        assert 415 == plain.status_code
    assert 403 == (await visitor.client.post("/portal/signup", data=FIELDS)).status_code


async def test_a_sign_up_begins_a_session_of_its_own(visitor: Window, account: Account, db: Db) -> None:
    await visitor.sign_in(account.email)
    before = visitor.client.cookies[sessions.COOKIE]
    await sign_up(visitor)
    assert before != visitor.client.cookies[sessions.COOKIE]
    assert await sessions.find(db, before) is None
