"""My Applications, as pages and as JSON. Source: contract, portal.md §5, §9."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from everpost.accounts import sessions, users
from everpost.ids import AppId
from everpost.oauth import apps, grants, registrations
from everpost.oauth.registrations import Developer, RegistrationIn
from everpost.platform.db import Db
from tests.portal.window import Window
from tests.support.fixtures import PASSWORD, Account

MEMBERS = {
    "client_id", "name", "public_name", "description", "logo_url", "redirect_uris", "oauth_setting",
    "refresh_token_type", "has_secret", "secret_created_at", "state", "visibility", "is_partner_app", "created_at",
    "updated_at",
}  # fmt: skip


async def register(window: Window, name: str = "Sheet sync", **more: str) -> str:
    """Through the form; returns the API key."""
    await window.open("/portal/apps/new")
    await window.press("Register application", name=name, **more)
    key = window.document.css_first("#api-key")
    assert key is not None, window.text
    return key.attributes["value"] or ""


async def test_an_application_is_registered_with_its_name_alone(owner: Window) -> None:
    assert "No application yet" in (await owner.open("/portal/apps") and owner.text)
    key = await register(owner)
    assert owner.page.url.path == f"/portal/apps/{key}"
    answer = await owner.call("GET", f"/portal/api/apps/{key}")
    assert MEMBERS <= set(answer.body)
    assert {
        "name": "Sheet sync",
        "public_name": "Sheet sync",
        "oauth_setting": "web",
        "refresh_token_type": "rotating",
        "redirect_uris": ["https://localhost"],
        "has_secret": False,
        "secret_created_at": None,
        "state": "active",
        "visibility": "public",
        "is_partner_app": False,
    }.items() <= answer.body.items()
    await owner.open("/portal/apps")
    assert "Sheet sync" in owner.text and key in owner.text


async def test_a_name_that_cannot_be_is_refused_beside_its_field(owner: Window) -> None:
    await register(owner)
    for name, says in (
        ("", "Is required."),
        ("x" * 101, "Must not be longer than 100 characters."),
        ("My constant CONTACT tool", 'Must not contain "Constant Contact".'),
        ("sheet SYNC", "Is already used by another of your applications."),
    ):
        await owner.open("/portal/apps/new")
        await owner.press("Register application", name=name)
        assert says == owner.problem_of("name")


async def test_the_json_registers_with_and_without_the_other_inputs(owner: Window) -> None:
    full = {"name": "Phone", "oauth_setting": "pkce", "refresh_token_type": "long_lived"}
    made = await owner.call("POST", "/portal/api/apps", full)
    assert 201 == made.status and full.items() <= made.body.items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.body["created_at"])
    assert 201 == (await owner.call("POST", "/portal/api/apps", {"name": "Only a name"})).status
    assert ["Only a name", "Phone"] == [
        each["name"] for each in (await owner.call("GET", "/portal/api/apps")).body["apps"]
    ]
    refused = [
        ({}, 400, "portal.api.validation.error", "name is required."),
        ({"name": "A", "oauth_setting": "x"}, 400, "portal.api.validation.error", "oauth_setting does not"),
        ({"name": "constant contact"}, 400, "portal.api.validation.error", "name must not contain"),
        ({"name": "PHONE"}, 409, "portal.api.conflict", "name is already used"),
    ]
    for body, status, key, text in refused:
        answer = await owner.call("POST", "/portal/api/apps", body)
        assert (status, key) == (answer.status, answer.error_key)
        assert answer.error_message.startswith(text)
    malformed = await owner.client.post(
        "/portal/api/apps",
        content=b"{",
        headers={"X-CSRF-Token": await _token(owner), "Content-Type": "application/json"},
    )
    assert (400, "portal.api.json.malformed") == (malformed.status_code, malformed.json()[0]["error_key"])


async def test_the_fifty_first_is_refused_until_one_is_deleted(owner: Window, account: Account, db: Db) -> None:
    developer = Developer(account.user_id, account.account_id)
    async with db.transaction() as conn:
        made = [await registrations.create(conn, developer, RegistrationIn(name=f"App {n}")) for n in range(50)]
    answer = await owner.call("POST", "/portal/api/apps", {"name": "One more"})
    assert (409, "portal.api.application_limit") == (answer.status, answer.error_key)
    await owner.open("/portal/apps/new")
    await owner.press("Register application", name="One more")
    assert "at most 50 applications" in owner.text
    assert 204 == (await owner.call("DELETE", f"/portal/api/apps/{made[0].client_id}")).status
    assert 201 == (await owner.call("POST", "/portal/api/apps", {"name": "One more"})).status


async def test_a_secret_takes_two_clicks_is_shown_once_and_ends_the_previous_one(owner: Window, db: Db) -> None:
    key = await register(owner)
    await owner.open(f"/portal/apps/{key}/secret")
    assert ["Generate secret"] == owner.buttons
    await owner.press("Generate secret")
    first = owner.document.css_first("#secret").text()  # type: ignore[union-attr]
    assert 32 == len(first)
    await owner.open(f"/portal/apps/{key}")
    assert "Generated on" in owner.text and first not in owner.page.text
    answer = await owner.call("POST", f"/portal/api/apps/{key}/secret")
    assert (201, ["client_secret"]) == (answer.status, list(answer.body))
    second = answer.body["client_secret"]
    async with db.reader() as conn:
        assert not await apps.is_secret(conn, _id(key), first)
        assert await apps.is_secret(conn, _id(key), second)
    await owner.open(f"/portal/apps/{key}/secret/revoke")
    await owner.press("Revoke secret")
    assert "The secret is revoked." in owner.text
    async with db.reader() as conn:
        assert not await apps.is_secret(conn, _id(key), second)


@pytest.mark.parametrize("setting", ["pkce", "device"])
async def test_applications_without_a_secret_have_no_section_for_one(owner: Window, setting: str) -> None:
    key = await register(owner, oauth_setting=setting)
    assert "Secret" not in owner.text
    assert ("Redirect URIs" in owner.text) is (setting == "pkce")
    assert 400 == (await owner.call("POST", f"/portal/api/apps/{key}/secret")).status


async def test_save_stores_all_changes_and_nothing_is_stored_before(owner: Window) -> None:
    key = await register(owner)
    await owner.press("Add another redirect URL", redirect_uri_0="https://shop.example/back", public_name="Not yet")
    assert ["https://shop.example/back", ""] == _uris(owner)
    assert ["https://localhost"] == (await owner.call("GET", f"/portal/api/apps/{key}")).body["redirect_uris"]
    await owner.press(
        "Save",
        redirect_uri_1="https://*.shop.example/back",
        public_name="Shop",
        description="Sends what sells.",
        logo_url="https://shop.example/logo.png",
        website="https://shop.example",
        support_url="https://shop.example/help",
        support_email="help@shop.example",
        refresh_token_type="long_lived",
        visibility="private",
    )
    assert "Your changes are saved." in owner.text
    stored = (await owner.call("GET", f"/portal/api/apps/{key}")).body
    assert {
        "name": "Sheet sync",
        "public_name": "Shop",
        "description": "Sends what sells.",
        "logo_url": "https://shop.example/logo.png",
        "redirect_uris": ["https://shop.example/back", "https://*.shop.example/back"],
        "refresh_token_type": "long_lived",
        "visibility": "private",
    }.items() <= stored.items()
    # A field with a number that no form makes is none of ours.
    await owner.press(
        "Save", redirect_uri_0="", logo_url="", **{f"redirect_uri_{'9' * 5_000}": "https://other.example"}
    )
    stored = (await owner.call("GET", f"/portal/api/apps/{key}")).body
    assert (["https://*.shop.example/back"], None) == (stored["redirect_uris"], stored["logo_url"])


async def test_what_cannot_be_saved_is_named_and_kept_in_its_field(owner: Window) -> None:
    key = await register(owner)
    before = (await owner.call("GET", f"/portal/api/apps/{key}")).body
    for field, value in (
        ("redirect_uri_0", "https://shop.example/#part"),
        ("redirect_uri_0", "https://*.*.shop.example"),
        ("redirect_uri_0", "http://shop.example"),
        ("public_name", "constant contact"),
        ("description", "x" * 501),
        ("logo_url", "http://shop.example/logo.png"),
        ("website", "nonsense"),
        ("support_email", "nonsense"),
        ("refresh_token_type", "other"),
    ):
        await owner.open(f"/portal/apps/{key}")
        await owner.press("Save", **{field: value})
        assert 400 == owner.page.status_code
        assert owner.problem_of(field), owner.text
        if field != "refresh_token_type":
            node = owner.document.css_first(f"#{field}")
            assert node is not None and value == (node.attributes.get("value") or node.text())
    assert before == (await owner.call("GET", f"/portal/api/apps/{key}")).body


async def test_put_changes_what_is_sent_and_ignores_what_is_read_only(owner: Window) -> None:
    key = await register(owner)
    answer = await owner.call(
        "PUT", f"/portal/api/apps/{key}", {"name": "Other", "oauth_setting": "device", "description": "New"}
    )
    assert (200, "Sheet sync", "web", "New") == (
        answer.status, answer.body["name"], answer.body["oauth_setting"], answer.body["description"],
    )  # fmt: skip
    fragment = await owner.call("PUT", f"/portal/api/apps/{key}", {"redirect_uris": ["https://shop.example/#x"]})
    assert (400, "portal.api.validation.error") == (fragment.status, fragment.error_key)
    assert fragment.error_message.startswith("redirect_uris[0] ")


async def test_an_application_is_deactivated_activated_and_deleted_by_its_name(owner: Window, db: Db) -> None:
    key = await register(owner)
    await owner.press("Deactivate")
    assert "deactivated" in (await owner.call("GET", f"/portal/api/apps/{key}")).body["state"]
    await owner.press("Activate")
    assert "active" == (await owner.call("GET", f"/portal/api/apps/{key}")).body["state"]
    for action, state in (("deactivate", "deactivated"), ("activate", "active")):
        assert 204 == (await owner.call("POST", f"/portal/api/apps/{key}/{action}")).status
        assert state == (await owner.call("GET", f"/portal/api/apps/{key}")).body["state"]
    await owner.open(f"/portal/apps/{key}/delete")
    await owner.press("Delete application", name="sheet")
    assert owner.problem_of("name")
    await owner.press("Delete application", name="Sheet sync")
    assert "The application is deleted" in owner.text
    assert 404 == (await owner.call("GET", f"/portal/api/apps/{key}")).status


async def test_the_page_tells_todays_requests_and_who_allows_it(owner: Window, db: Db) -> None:
    key = await register(owner)
    usage = (await owner.call("GET", f"/portal/api/apps/{key}/usage")).body
    assert {"day", "count", "limit"} == set(usage) and 0 == usage["count"]
    session = await sessions.find(db, owner.client.cookies[sessions.COOKIE])
    assert session is not None
    async with db.transaction() as conn:
        await grants.remember_consent(conn, _id(key), session, ["contact_data"])
    await owner.open(f"/portal/apps/{key}")
    assert "1 person" in owner.text and "requests today" in owner.text


async def test_another_developers_application_is_404_everywhere(
    owner: Window,
    open_window: Callable[[], Window],
    new_account: Callable[[str], Awaitable[Account]],
    account: Account,
    db: Db,
) -> None:
    key = await register(owner)
    stranger = open_window()
    await stranger.sign_in((await new_account("owner@pier9.example")).email)
    async with db.transaction() as conn:
        await users.create(
            conn, account.account_id, email="manager@harborlane.example", password=PASSWORD, role="account_manager"
        )
    colleague = open_window()
    await colleague.sign_in("manager@harborlane.example")
    for window in (stranger, colleague):
        for client_id in (key, str(uuid4()), "nonsense"):
            base = f"/portal/api/apps/{client_id}"
            calls: list[tuple[str, str, Any]] = [
                ("GET", base, None), ("PUT", base, {"description": "mine"}), ("POST", base + "/secret", None),
                ("DELETE", base + "/secret", None), ("POST", base + "/deactivate", None),
                ("POST", base + "/activate", None), ("GET", base + "/usage", None), ("DELETE", base, None),
            ]  # fmt: skip
            for method, path, body in calls:
                answer = await window.call(method, path, body)
                assert (404, "portal.api.not_found") == (answer.status, answer.error_key), (method, path)
            for path in ("", "/secret", "/secret/revoke", "/delete"):
                assert 404 == (await window.open(f"/portal/apps/{client_id}{path}")).status_code
    assert "active" == (await owner.call("GET", f"/portal/api/apps/{key}")).body["state"]


async def test_writes_need_the_sessions_token_and_everything_needs_a_session(
    owner: Window, visitor: Window, account: Account
) -> None:
    for token in ("", "wrong", "é"):
        headers = {"X-CSRF-Token": token.encode()}
        answer = await owner.client.post("/portal/api/apps", json={"name": "A"}, headers=headers)  # type: ignore[arg-type]
        assert (403, "access_denied") == (answer.status_code, answer.json()["error_key"])
    foreign = await owner.client.post(
        "/portal/api/apps",
        json={"name": "A"},
        headers={"X-CSRF-Token": await _token(owner), "Origin": "https://x.example"},
    )
    assert 403 == foreign.status_code
    own = await owner.client.post(
        "/portal/api/apps",
        json={"name": "A"},
        headers={"X-CSRF-Token": await _token(owner), "Origin": "http://everpost.test"},
    )
    assert (201, "no-store") == (own.status_code, own.headers["cache-control"])
    await visitor.open("/login")
    for method, path in (("GET", "/portal/api/me"), ("GET", "/portal/api/apps"), ("POST", "/portal/api/apps")):
        answer = await visitor.call(method, path, token="x")
        assert (401, "unauthorized", None) == (answer.status, answer.error_key, answer.headers.get("www-authenticate"))
    assert "/login?next=%2Fportal%2Fapps" == (await visitor.open("/portal/apps")).headers["location"]
    assert 204 == (await owner.call("POST", "/portal/api/logout")).status
    assert 401 == (await owner.call("GET", "/portal/api/me", token="x")).status


async def _token(window: Window) -> str:
    return str((await window.client.get("/portal/api/me")).json()["csrf_token"])


def _uris(window: Window) -> list[str]:
    return [node.attributes.get("value") or "" for node in window.document.css("input[name^=redirect_uri_]")]


def _id(key: str) -> AppId:
    return AppId(UUID(key))
