"""Account settings, people, connected applications, and what is left to do. Source: contract, account.md, portal.md §5.5."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.accounts import people, sessions
from everpost.ids import AppId
from everpost.oauth import apps, grants
from everpost.oauth.apps import NewApp
from everpost.platform.db import Db, many
from tests.portal.window import STRONG, Window, link_in_mail
from tests.support.fixtures import Account, AccountApi

Work = Callable[[], Awaitable[int]]
Mailbox = Callable[[], Awaitable[list[Any]]]
NewAccount = Callable[[str], Awaitable[Account]]

MANAGER = "manager@harborlane.example"
CREATOR = "creator@harborlane.example"


@pytest.fixture
async def join(
    owner: Window, open_window: Callable[[], Window], work: Work, mailbox: Mailbox
) -> Callable[[str, str], Awaitable[Window]]:
    """Invites somebody and lets them accept; returns their browser."""

    async def invite(email: str, role: str) -> Window:
        await owner.open("/account/people")
        await owner.press("Send the invitation", email_address=email, role=role)
        assert "An invitation is on its way." in owner.text, owner.text
        window = open_window()
        await window.open(await link_in_mail(work, mailbox, "Harbor Lane Books invites you to everpost"))
        await window.press("Accept the invitation", password=STRONG)
        assert "/" == window.page.url.path
        return window

    return invite


async def test_settings_change_what_the_api_tells(owner: Window, api: AccountApi) -> None:
    await owner.open("/account")
    await owner.press(
        "Save", organization_name="Harbor Lane", website="harborlane.example", country_code="CA", state_code="qc",
        contact_phone="555-010", time_zone_id="Europe/Lisbon",
    )  # fmt: skip
    assert "Your changes are saved." in owner.text
    told = (await api.get("/v3/account/summary")).body
    assert {
        "organization_name": "Harbor Lane", "website": "http://harborlane.example", "country_code": "CA",
        "state_code": "QC", "contact_phone": "555-010", "time_zone_id": "Europe/Lisbon",
    }.items() <= told.items()  # fmt: skip
    await owner.press("Save", website="", contact_phone="")
    assert not {"website", "contact_phone"} & set((await api.get("/v3/account/summary")).body)


async def test_a_setting_that_is_wrong_is_named(owner: Window) -> None:
    for field, value, says in (
        ("organization_name", " ", "Must not be empty."),
        ("first_name", "x" * 81, "Must not be longer than 80 characters."),
        ("website", "ftp://x", "Does not have a valid value."),
        ("state_code", "", "Is required when the country is US."),
        ("time_zone_id", "Mars/Base", "Does not have a valid value."),
        ("contact_email", "other@x.example", "Is not a confirmed email address of this account."),
    ):
        await owner.open("/account")
        await owner.press("Save", **{field: value})
        assert (400, says) == (owner.page.status_code, owner.problem_of(field))


async def test_the_postal_address_is_added_changed_and_checked(owner: Window, api: AccountApi) -> None:
    await owner.open("/account/address")
    await owner.press("Save", address_line1="", city="", postal_code="", state_code="XX")
    assert ["Is required.", "Is required."] == [owner.problem_of(name) for name in ("address_line1", "city")]
    await owner.press("Save", address_line1="1 Pier", city="Bath", postal_code="")
    assert "Is required when the country is US or CA." == owner.problem_of("postal_code")
    await owner.press("Save", country_code="GB", state_code="", postal_code="BA1 1AA", state_name="Somerset")
    assert "Your postal address is saved." in owner.text
    assert {
        "address_line1": "1 Pier", "city": "Bath", "country_code": "GB", "postal_code": "BA1 1AA",
        "state_name": "Somerset",
    } == (await api.get("/v3/account/summary/physical_address")).body  # fmt: skip


async def test_a_sender_address_is_added_and_its_link_sent_again(
    owner: Window, visitor: Window, api: AccountApi, work: Work, mailbox: Mailbox, clock: Any
) -> None:
    await owner.open("/account/senders")
    await owner.press("Add and send the link", email_address="nonsense")
    assert "Does not have a valid value." == owner.problem_of("email_address")
    await owner.press("Add and send the link", email_address="news@harborlane.example")
    assert "Waits for confirmation" in owner.text
    await owner.press("Add and send the link", email_address="NEWS@harborlane.example")
    assert (409, "Already exists in this account.") == (owner.page.status_code, owner.problem_of("email_address"))
    await owner.press("Send the link again")
    assert "No mail was sent" in owner.text, "one was sent a moment ago"
    clock.move(timedelta(minutes=2))
    await owner.press("Send the link again")
    assert "A mail with a link is on its way." in owner.text
    await visitor.open(await link_in_mail(work, mailbox, "Confirm your sender address"))
    await visitor.press("Confirm")
    listed = (await api.get("/v3/account/emails", {"confirm_status": "C"})).body
    assert "news@harborlane.example" in [each["email_address"] for each in listed]
    await owner.open("/account/senders")
    assert "Waits for confirmation" not in owner.text


async def test_managers_look_and_creators_do_not(join: Any, owner: Window) -> None:
    manager, creator = await join(MANAGER, "account_manager"), await join(CREATOR, "campaign_creator")
    pages = ("/account", "/account/address", "/account/senders")
    for path in pages:
        assert 200 == (await manager.open(path)).status_code
        assert not set(manager.buttons) & {"Save", "Add and send the link"}
        assert 403 == (await creator.open(path)).status_code
    token = manager.document.css_first("input[name=csrf_token]").attributes["value"]  # type: ignore[union-attr]
    for path in pages:
        assert 403 == (await manager.client.post(path, data={"csrf_token": token, "city": "X"})).status_code
    assert 403 == (await manager.open("/account/people")).status_code
    assert (200, 403) == (
        (await manager.open("/portal/apps")).status_code,
        (await creator.open("/portal/apps")).status_code,
    )
    for path in ("/", "/account/security", "/account/applications", "/mailbox"):
        assert 200 == (await creator.open(path)).status_code
    links = {node.attributes.get("href") for node in creator.document.css(".side a")}
    assert not links & {"/account", "/account/people", "/portal/apps", "/activities"}


async def test_a_role_changes_with_the_next_request(join: Any, owner: Window, account: Account, db: Db) -> None:
    person = await join(CREATOR, "campaign_creator")
    await owner.open("/account/people")
    await owner.open(_link(owner, CREATOR))
    await owner.press("Change the role", role="account_manager")
    assert "The role is changed." in owner.text
    assert 200 == (await person.open("/account")).status_code
    await owner.open(_link(owner, CREATOR))
    assert 400 == (await owner.press("Change the role", role="account_owner")).status_code
    async with db.reader() as conn:
        actions = await many(conn, str, "SELECT action FROM audit_entries ORDER BY at, entry_id")
    assert {"user.invited", "user.invitation_accepted", "user.role_changed"} <= set(actions)


async def test_without_access_a_person_is_signed_out_until_it_is_given_back(
    join: Any, owner: Window, open_window: Callable[[], Window]
) -> None:
    person = await join(MANAGER, "account_manager")
    await owner.open("/account/people")
    here = _link(owner, MANAGER)
    await owner.open(here)
    await owner.press("Switch access off")
    assert "No access" in owner.text
    assert 303 == (await person.open("/account/security")).status_code
    assert 403 == (await person.sign_in(MANAGER, STRONG)).status_code
    await owner.open(here)
    await owner.press("Switch access on")
    assert 303 == (await person.sign_in(MANAGER, STRONG)).status_code


async def test_an_invitation_works_once_can_be_sent_again_and_taken_back(
    owner: Window, visitor: Window, work: Work, mailbox: Mailbox
) -> None:
    subject = "Harbor Lane Books invites you to everpost"
    await owner.open("/account/people")
    await owner.press("Send the invitation", email_address=MANAGER)
    first = await link_in_mail(work, mailbox, subject)
    assert 401 == (await visitor.sign_in(MANAGER, "")).status_code, "no password yet"
    await owner.open(_link(owner, MANAGER))
    await owner.press("Send the invitation again")
    second = await link_in_mail(work, mailbox, subject)
    await visitor.open(first)
    await visitor.press("Accept the invitation", password="manager@pier")
    assert "Must not contain the first part of the email address." == visitor.problem_of("password")
    await visitor.press("Accept the invitation", password=STRONG)
    assert MANAGER in visitor.document.css_first(".whoami").text()  # type: ignore[union-attr]
    for link in (first, second):
        assert 410 == (await visitor.open(link)).status_code
    await owner.open("/account/people")
    await owner.press("Send the invitation", email_address=CREATOR, role="campaign_creator")
    third = await link_in_mail(work, mailbox, subject)
    await owner.open(_link(owner, CREATOR))
    await owner.press("Switch access off")
    assert 410 == (await visitor.open(third)).status_code
    await owner.open(_link(owner, CREATOR))
    await owner.press("Switch access on")
    await visitor.open(await link_in_mail(work, mailbox, subject))
    assert "Join Harbor Lane Books" == visitor.heading


async def test_nobody_is_invited_twice_nor_without_an_address_and_a_role(owner: Window, account: Account) -> None:
    await owner.open("/account/people")
    await owner.press("Send the invitation", email_address="nonsense")
    assert "Does not have a valid value." == owner.problem_of("email_address")
    typed = account.email[0] + account.email[1:].upper()
    await owner.press("Send the invitation", email_address=typed)
    assert (409, f"{typed} already signs in to an account.") == (
        owner.page.status_code,
        owner.problem_of("email_address"),
    )
    await owner.press("Send the invitation", email_address=MANAGER, role="account_owner")
    assert "Does not have a valid value." == owner.problem_of("role")


async def test_people_of_other_accounts_are_404_and_the_owner_stays(
    owner: Window, account: Account, new_account: NewAccount, db: Db
) -> None:
    other = await new_account("owner@pier9.example")
    await owner.open("/account/people")
    token = owner.document.css_first("main input[name=csrf_token]").attributes["value"]  # type: ignore[union-attr]
    expected = {other.user_id: 404, account.user_id: 409}
    for user_id, status in expected.items():
        for action in ("role", "deactivate", "activate", "invite"):
            answer = await owner.client.post(
                f"/account/people/{user_id}/{action}", data={"csrf_token": token, "role": "campaign_creator"}
            )
            assert status == answer.status_code, (action, answer.text)
    assert 404 == (await owner.open(f"/account/people/{other.user_id}")).status_code
    async with db.reader() as conn:
        assert ["account_owner"] == [person.role for person in await people.all_of(conn, other.account_id)]


async def test_access_of_an_application_is_listed_and_removed(
    join: Any, owner: Window, account: Account, new_account: NewAccount, open_window: Callable[[], Window], db: Db
) -> None:
    creator = await join(CREATOR, "campaign_creator")
    async with db.transaction() as conn:
        app = await apps.create(conn, NewApp(name="Sheet sync"))
    for window in (owner, creator):
        await _allow(db, window, app.client_id)
    await creator.open("/account/applications")
    assert "See and change your contacts" in creator.text and account.email not in creator.text
    await owner.open("/account/applications")
    assert account.email in owner.text and CREATOR in owner.text, "the owner sees everybody's"

    stranger = open_window()
    await stranger.sign_in((await new_account("owner@pier9.example")).email)
    await stranger.open("/account/security")
    token = stranger.document.css_first("input[name=csrf_token]").attributes["value"]  # type: ignore[union-attr]
    answer = await stranger.client.post(
        f"/account/applications/{app.client_id}/remove", data={"csrf_token": token, "user_id": str(account.user_id)}
    )
    assert 404 == answer.status_code

    await creator.press("Remove access")
    assert "No application has access" in creator.text
    await owner.open("/account/applications")
    await owner.press("Remove access")
    assert "No application has access" in owner.text


async def test_pages_tell_times_in_the_time_zone_of_the_account(owner: Window, api: AccountApi) -> None:
    await owner.open("/lists")
    assert re.search(r"2026, \d\d:\d\d E[SD]T", owner.text), owner.text
    assert 200 == (await api.put("/v3/account/summary", {"time_zone_id": "Asia/Kolkata"})).status
    await owner.open("/lists")
    assert re.search(r"2026, \d\d:\d\d IST", owner.text), owner.text


async def test_the_start_page_tells_what_is_left_to_do(
    visitor: Window, owner: Window, api: AccountApi, account: Account
) -> None:
    await owner.open("/")
    assert "2 of 4 done" in owner.text
    contact = {"email_address": {"address": "zoe@reader.example"}, "create_source": "Account"}
    assert 201 == (await api.post("/v3/contacts", contact)).status
    sender = {"from_name": "Harbor", "from_email": account.email, "reply_to_email": account.email}
    content = {"format_type": 5, **sender, "subject": "Hello", "html_content": "<p>Hello</p>"}
    campaign = {"name": "First", "email_campaign_activities": [content]}
    assert 200 == (await api.post("/v3/emails", campaign)).status
    await owner.open("/")
    assert "Latest campaigns" in owner.text
    await visitor.open("/")
    assert "Sign up" in visitor.text


async def test_signing_up_begins_with_nothing_done(visitor: Window) -> None:
    fields = {"email": "ida@pier9.example", "password": STRONG, "first_name": "I", "last_name": "R"}
    await visitor.open("/portal/signup")
    await visitor.press("Sign up", **fields, organization_name="Pier 9", phone="555-0100")
    await visitor.open("/")
    assert "0 of 4 done" in visitor.text and "Confirm your email address." in visitor.text
    await visitor.open("/account")
    assert "Trial until" in visitor.text


async def _allow(db: Db, window: Window, client_id: AppId) -> None:
    session = await sessions.find(db, window.client.cookies[sessions.COOKIE])
    assert session is not None
    async with db.transaction() as conn:
        await grants.remember_consent(conn, client_id, session, ["contact_data"])


def _link(window: Window, email: str) -> str:
    found = [node.attributes["href"] for node in window.document.css("a.subject") if node.text() == email]
    assert found, window.text
    return found[0] or ""
