"""What an authorization request may ask, and where a refusal goes. Source: contract, auth.md §3."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from selectolax.lexbor import LexborHTMLParser

from everpost.accounts import accounts, users
from everpost.oauth import apps, grants
from everpost.platform.db import Db, run
from everpost.platform.http import App
from tests.oauth.browser import AUTHORIZE, Browser
from tests.oauth.conftest import CALLBACK, PROOF, Client
from tests.support.fixtures import Account

Change = Callable[[dict[str, str]], dict[str, str]]


def without(*names: str) -> Change:
    return lambda asked: {name: value for name, value in asked.items() if name not in names}


def with_(**more: str) -> Change:
    return lambda asked: {**asked, **more}


@pytest.mark.parametrize(
    "change",
    [
        without("client_id"),
        with_(client_id="no-uuid"),
        with_(client_id="0d7f5f1e-8a50-4c0f-b0c3-2f6a4b7e9d11"),
        with_(client_id="x\x00y"),
        without("redirect_uri"),
        with_(redirect_uri="https://evil.example/callback"),
        with_(redirect_uri=CALLBACK + "/"),
        with_(redirect_uri=CALLBACK + "?x=1"),
        with_(redirect_uri="https://app.example.evil.example/callback"),
        with_(redirect_uri="https://app.example@evil.example/callback"),
        with_(redirect_uri="https://evil.example\\.app.example/callback"),
        with_(redirect_uri="javascript:alert(1)"),
    ],
)
async def test_who_cannot_be_trusted_gets_no_redirect(owner: Browser, web_app: Client, change: Change) -> None:
    answer = await owner.ask(**change(web_app.asking()))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert owner.heading == "This request cannot be answered"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (with_(response_type="code token"), "unsupported_response_type"),
        (with_(response_type="id_token"), "unsupported_response_type"),
        (without("response_type"), "unsupported_response_type"),
        (with_(scope="contact_data openid"), "invalid_scope"),
        (with_(scope="CONTACT_DATA"), "invalid_scope"),
        (with_(scope="v3api/general.partner"), "invalid_scope"),
        (without("scope"), "invalid_scope"),
        (with_(scope=" + "), "invalid_scope"),
        (with_(resource="https://api.example/mcp"), "invalid_target"),
        (with_(code_challenge="short", code_challenge_method="S256"), "invalid_request"),
        (with_(code_challenge=PROOF["code_challenge"]), "invalid_request"),
        (with_(code_challenge=PROOF["code_challenge"], code_challenge_method="plain"), "invalid_request"),
        (with_(code_challenge_method="S256"), "invalid_request"),
        (with_(prompt="select_account"), "invalid_request"),
        (with_(prompt="none login"), "invalid_request"),
        (with_(response_mode="web_message"), "invalid_request"),
        (with_(response_type="token", response_mode="query"), "invalid_request"),
        (with_(response_type="token", response_mode="form_post"), "invalid_request"),
        (with_(response_type="token", scope="openid"), "invalid_scope"),
    ],
)
async def test_what_is_wrong_goes_back_to_the_app(owner: Browser, web_app: Client, change: Change, error: str) -> None:
    asked = change(web_app.asking())
    answer = await owner.ask(**asked)
    assert answer.status_code == 302, answer.text
    assert owner.location.startswith(CALLBACK + ("#" if asked.get("response_type") == "token" else "?"))
    assert f"error={error}&" in owner.location
    assert "state=k3-91" in owner.location


@pytest.mark.parametrize("change", [without("state"), with_(state=""), with_(state="x" * 2049)])
async def test_a_state_is_required_and_not_returned_when_it_is_wrong(
    owner: Browser, web_app: Client, change: Change
) -> None:
    await owner.ask(**change(web_app.asking()))
    assert owner.received == {
        "error": "invalid_request",
        "error_description": "The authentication request has an invalid 'state' parameter.",
    }


async def test_an_app_without_a_secret_needs_a_challenge(owner: Browser, public_app: Client) -> None:
    await owner.ask(**public_app.asking())
    assert owner.received["error"] == "invalid_request"


@pytest.mark.parametrize("state", ["a b+c&d=e", "ü✓", "%41", "x" * 2048])
async def test_the_state_comes_back_as_it_was(owner: Browser, web_app: Client, state: str) -> None:
    assert (await owner.allow(**web_app.asking(state=state)))["state"] == state


async def test_a_state_that_is_no_text_comes_back_byte_for_byte(owner: Browser, web_app: Client) -> None:
    asked = web_app.asking()
    del asked["state"]
    await owner.open(f"{AUTHORIZE}?{urlencode(asked)}&state=%ff%fe")
    await owner.submit(decision="allow")
    assert owner.location.lower().endswith("state=%ff%fe")


@pytest.mark.parametrize(
    "scope", ["contact_data+offline_access", "contact_data%20offline_access", "++contact_data%2Boffline_access+"]
)
async def test_scopes_are_separated_by_spaces_and_pluses_of_any_kind(
    owner: Browser, web_app: Client, scope: str
) -> None:
    asked = urlencode(without("scope")(web_app.asking()))
    await owner.open(f"{AUTHORIZE}?{asked}&scope={scope}")
    assert owner.heading == "Allow Sheet sync?"
    for name in ("contact_data", "offline_access"):
        assert f"<code>{name}</code>" in owner.page.text


async def test_unknown_parameters_and_a_secret_are_ignored(owner: Browser, web_app: Client) -> None:
    asked = web_app.asking(
        access_type="offline", include_granted_scopes="true", client_secret=web_app.secret, nonce="7"
    )
    await owner.ask(**asked)
    assert owner.heading == "Allow Sheet sync?"
    assert web_app.secret not in owner.page.text


async def test_a_refusal_is_told_to_the_app(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking())
    await owner.submit(decision="deny")
    assert (owner.received["error"], owner.received["state"]) == ("access_denied", "k3-91")


async def test_a_consent_is_remembered_for_the_same_and_for_fewer_scopes(owner: Browser, web_app: Client) -> None:
    await owner.allow(**web_app.asking("contact_data offline_access"))
    await owner.ask(**web_app.asking("offline_access contact_data"))
    assert "code" in owner.received
    await owner.ask(**web_app.asking("contact_data"))
    assert "code" in owner.received
    await owner.ask(**web_app.asking("contact_data campaign_data"))
    assert owner.heading == "Allow Sheet sync?"


async def test_removed_access_has_to_be_asked_for_again(
    owner: Browser, web_app: Client, account: Account, db: Db
) -> None:
    await owner.allow(**web_app.asking())
    async with db.transaction() as conn:
        await grants.remove_access(conn, web_app.client_id, account.user_id)
    await owner.ask(**web_app.asking())
    assert owner.heading == "Allow Sheet sync?"


async def test_prompt_consent_asks_although_it_was_allowed(owner: Browser, web_app: Client) -> None:
    await owner.allow(**web_app.asking())
    await owner.ask(**web_app.asking(prompt="consent"))
    assert owner.heading == "Allow Sheet sync?"
    await owner.submit(decision="allow")
    assert "code" in owner.received


async def test_this_servers_own_reference_is_let_in_without_a_page_and_can_be_put_out_again(
    owner: Browser, db: Db, account: Account, public_app: Client
) -> None:
    async with db.transaction() as conn:
        reference = await apps.reference(conn)
    asked = public_app.asking(
        "contact_data", client_id=str(reference.client_id), redirect_uri=reference.redirect_uris[0], **PROOF
    )
    assert (await owner.ask(**asked, prompt="none")).status_code == 302
    assert owner.received["error"] == "consent_required"
    assert (await owner.ask(**asked, prompt="consent")).status_code == 200
    await owner.ask(**asked)
    assert owner.location.startswith(f"{reference.redirect_uris[0]}?code=")
    async with db.reader() as conn:
        allowed = await grants.accesses_of_user(conn, account.user_id)
    assert [reference.client_id] == [access.client_id for access in allowed]
    assert (await owner.ask(**public_app.asking(**PROOF))).status_code == 200, "others are asked about"


async def test_prompt_login_asks_for_the_password_once_more(owner: Browser, web_app: Client, account: Account) -> None:
    await owner.ask(**web_app.asking(prompt="login"))
    await owner.follow()
    assert owner.heading == "Sign in"
    await owner.submit(login=account.email, password="correct horse battery")
    await owner.follow()
    assert owner.heading == "Allow Sheet sync?"


async def test_prompt_none_shows_no_page(browser: Browser, account: Account, web_app: Client) -> None:
    await browser.ask(**web_app.asking(prompt="none"))
    assert browser.received["error"] == "login_required"
    await browser.sign_in(account.email)
    await browser.ask(**web_app.asking(prompt="none"))
    assert browser.received["error"] == "consent_required"
    await browser.allow(**web_app.asking())
    await browser.ask(**web_app.asking(prompt="none"))
    assert "code" in browser.received


async def test_the_answer_can_come_in_the_fragment_or_by_a_form(owner: Browser, web_app: Client) -> None:
    await owner.allow(**web_app.asking())
    await owner.ask(**web_app.asking(response_mode="fragment"))
    assert owner.location.startswith(f"{CALLBACK}#code=")
    await owner.ask(**web_app.asking(response_mode="form_post"))
    assert f'action="{CALLBACK}"' in owner.page.text
    assert 'name="code"' in owner.page.text


async def test_a_registered_query_is_kept(owner: Browser, db: Db) -> None:
    async with db.transaction() as conn:
        new = apps.NewApp(name="With query", redirect_uris=["https://app.example/?tenant=7"])
        created = await apps.create(conn, new)
    client = Client(created.client_id, "")
    await owner.allow(**client.asking(redirect_uri="https://app.example/?tenant=7"))
    assert owner.location.startswith("https://app.example/?tenant=7&code=")


async def test_the_request_may_be_a_form(owner: Browser, web_app: Client) -> None:
    owner.page = await owner.client.post(AUTHORIZE, data=web_app.asking())
    assert owner.heading == "Allow Sheet sync?"


async def test_consent_without_the_form_token_is_refused(owner: Browser, web_app: Client) -> None:
    answer = await owner.client.post(
        f"{AUTHORIZE}/consent", data={"request": urlencode(web_app.asking()), "decision": "allow"}
    )
    assert answer.status_code == 403


async def test_a_consent_form_that_was_changed_is_checked_again(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking())
    changed = web_app.asking(redirect_uri="https://evil.example/")
    await owner.submit(request=urlencode(changed), decision="allow")
    assert owner.page.status_code == 400
    assert "location" not in owner.page.headers


async def test_a_deactivated_app_is_told_so_and_a_deleted_one_is_unknown(
    owner: Browser, web_app: Client, db: Db
) -> None:
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deactivated")
    await owner.ask(**web_app.asking())
    assert owner.received["error"] == "unauthorized_client"
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deleted")
    await owner.ask(**web_app.asking())
    assert owner.page.status_code == 400


async def test_nobody_of_an_inactive_account_and_no_deactivated_person_gets_in(
    owner: Browser, account: Account, web_app: Client, db: Db
) -> None:
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "disabled")
    await owner.ask(**web_app.asking())
    await owner.follow()
    await owner.submit(login=account.email, password="correct horse battery")
    assert (owner.page.status_code, owner.heading) == (403, "You cannot sign in")
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "active")
        await users.deactivate(conn, account.user_id)
    await owner.sign_in(account.email)
    assert (owner.page.status_code, owner.heading) == (403, "You cannot sign in")


async def test_both_pages_guard_themselves(owner: Browser, web_app: Client) -> None:
    for page in (await owner.ask(**web_app.asking()), await owner.open("/login?next=/mailbox")):
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "<script>" not in page.text
        assert "access-control-allow-origin" not in page.headers


async def test_a_private_app_is_only_for_people_of_its_developers_account(
    owner: Browser, web_app: Client, account: Account, db: Db
) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE apps SET visibility = 'private' WHERE client_id = :id", id=web_app.client_id)
    await owner.ask(**web_app.asking())
    assert (owner.page.status_code, owner.heading) == (403, "This application is not open to you")
    await owner.ask(**web_app.asking(prompt="none"))
    assert owner.received["error"] == "access_denied"
    async with db.transaction() as conn:
        sql = "UPDATE apps SET account_id = :account_id WHERE client_id = :id"
        await run(conn, sql, id=web_app.client_id, account_id=account.account_id)
    assert "code" in await owner.allow(**web_app.asking())


async def test_somebody_else_can_sign_in_from_the_consent_page(
    owner: Browser, web_app: Client, account: Account
) -> None:
    await owner.ask(**web_app.asking())
    link = LexborHTMLParser(owner.page.text).css_first("main .fine a")
    await owner.open(link.attributes["href"] or "")
    assert owner.heading == "Sign in"
    await owner.submit(login=account.email, password="correct horse battery")
    await owner.follow()
    assert owner.heading == "Allow Sheet sync?"


async def test_the_sign_in_form_may_end_at_the_app(browser: Browser, account: Account, web_app: Client) -> None:
    await browser.ask(**web_app.asking())
    page: Any = await browser.follow()
    assert "form-action 'self' https://app.example;" in page.headers["content-security-policy"]


async def test_unknown_paths_of_the_authorization_server_are_empty(app: App, owner: Browser) -> None:
    for path in ("/oauth2/default/v1/userinfo", "/oauth2/other/v1/token", "/.well-known/openid-configuration"):
        answer = await owner.open(path)
        assert (answer.status_code, answer.content) == (404, b"")
