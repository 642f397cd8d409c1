"""Devices without a browser, from their first request to their tokens. Source: contract, auth.md §8."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.oauth import apps, grants
from everpost.platform import config
from everpost.platform.db import Db, many, run
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import DEVICE_GRANT, DEVICE_START, PRIVILEGES, TOKEN, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]
Start = Callable[..., Awaitable[Any]]

PENDING = {
    "error": "authorization_pending",
    "error_description": "The device authorization is pending. Please try again later.",
}
SLOW_DOWN = {
    "error": "slow_down",
    "error_description": "The client is polling too quickly and should back off at a reasonable rate.",
}
DENIED = {"error": "access_denied", "error_description": "The resource owner denied the request."}
EXPIRED = {"error": "expired_token", "error_description": "The device code has expired."}
INVALID = {"error": "invalid_grant", "error_description": "The device code is invalid or has expired."}


async def test_a_device_shows_a_code_a_person_types_it_and_the_device_gets_in(
    start_device: Start, poll: Ask, owner: Browser, app: App, ask_token: Ask, device_app: Client
) -> None:
    told = await start_device()
    assert list(told) == [
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval",
    ]  # fmt: skip
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{8}", told["user_code"])
    assert told["verification_uri"] == "http://everpost.test/activate"
    assert told["verification_uri_complete"] == f"http://everpost.test/activate?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert (await poll(told["device_code"])).body == PENDING

    await owner.activate(told["user_code"])
    assert owner.heading == "Your device is connected"
    answer = await poll(told["device_code"])

    assert list(answer.body) == ["token_type", "expires_in", "access_token", "scope", "refresh_token"]
    assert (answer.body["expires_in"], answer.body["scope"]) == (86400, "contact_data offline_access")
    assert (await Api(app, answer.body["access_token"]).get(PRIVILEGES)).status == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": answer.body["refresh_token"]}
    assert (await ask_token(client_id=str(device_app.client_id), **refresh)).status == 200
    assert (await poll(told["device_code"])).body == INVALID


async def test_without_offline_access_there_is_no_refresh_token(start_device: Start, poll: Ask, owner: Browser) -> None:
    told = await start_device("contact_data")
    await owner.activate(told["user_code"])
    assert "refresh_token" not in (await poll(told["device_code"])).body


async def test_a_refusal_is_told_to_the_device(start_device: Start, poll: Ask, owner: Browser) -> None:
    told = await start_device()
    await owner.activate(told["user_code"], "deny")
    assert owner.heading == "Your device was not connected"
    answer = await poll(told["device_code"])
    assert (answer.status, answer.body) == (400, DENIED)


async def test_asking_too_soon_makes_the_wait_longer_by_five_seconds_each_time(
    start_device: Start, poll: Ask, clock: Any
) -> None:
    code = (await start_device())["device_code"]
    heard = []
    for seconds in (0, 4, 9, 14.9, 20, 20):
        clock.move(timedelta(seconds=seconds))
        heard.append((await poll(code)).body["error"])
    pending, slower = PENDING["error"], SLOW_DOWN["error"]
    assert heard == [pending, slower, slower, slower, pending, pending]
    answer = await poll(code)
    assert (answer.status, answer.body) == (400, SLOW_DOWN)


async def test_codes_live_ten_minutes(start_device: Start, poll: Ask, owner: Browser, clock: Any) -> None:
    told, allowed = await start_device(), await start_device()
    await owner.activate(allowed["user_code"])
    clock.move(timedelta(minutes=10))
    for code in (told, allowed):
        answer = await poll(code["device_code"])
        assert (answer.status, answer.body) == (400, EXPIRED)
    await owner.activate(told["user_code"])
    assert owner.page.status_code == 400
    assert "no longer valid" in owner.page.text


async def test_unknown_codes_and_those_of_another_app_are_invalid(
    start_device: Start, poll: Ask, db: Db, ask_token: Ask
) -> None:
    told = await start_device()
    async with db.transaction() as conn:
        created = await apps.create(conn, apps.NewApp(name="Other", kind="device"))
    other = Client(created.client_id, "")
    assert (await poll(told["device_code"], other)).body == INVALID
    assert (await poll("5f0c7c1e-2b5a-4a43-9c9e-61f4f9d0a7b2")).body == INVALID
    assert (await poll("")).body == INVALID
    assert (await poll(told["device_code"])).body == PENDING


async def test_of_several_polls_at_once_one_gets_tokens(start_device: Start, poll: Ask, owner: Browser) -> None:
    for _ in range(3):
        told = await start_device()
        await owner.activate(told["user_code"])
        answers = await asyncio.gather(*(poll(told["device_code"]) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400, 400]


async def test_of_two_answers_at_once_the_first_counts(start_device: Start, poll: Ask, owner: Browser, db: Db) -> None:
    told = await start_device()
    await owner.open("/activate")
    page = await owner.submit(user_code=told["user_code"])
    windows = [Browser.beside(owner, page) for _ in range(4)]
    await asyncio.gather(
        *(window.submit(decision=each) for window, each in zip(windows, ["allow", "deny"] * 2, strict=True))
    )
    headings = [window.heading for window in windows]
    assert len([heading for heading in headings if heading == "Connect a device"]) == 3, headings
    outcome = (await poll(told["device_code"])).status
    assert outcome == (200 if "Your device is connected" in headings else 400)
    async with db.reader() as conn:
        assert len(await many(conn, int, "SELECT 1 FROM grants")) == (1 if outcome == 200 else 0)


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": "openid"}, 400, "invalid_scope"),
        ({"scope": "v3api/general.partner"}, 400, "invalid_scope"),
    ],
)
async def test_a_start_that_is_not_in_order_is_refused(
    app: App, device_app: Client, change: dict[str, str], status: int, error: str
) -> None:
    asked = {"client_id": str(device_app.client_id), "scope": "contact_data", **change}
    answer = await Api(app, None).request("POST", DEVICE_START, data=asked)
    assert (answer.status, answer.body["error"]) == (status, error)


async def test_only_apps_for_devices_may_start_and_they_may_nothing_else(
    app: App, web_app: Client, public_app: Client, device_app: Client, ask_token: Ask, db: Db
) -> None:
    client = Api(app, None)
    for other in (web_app, public_app):
        asked = {"client_id": str(other.client_id), "scope": "contact_data"}
        answer = await client.request("POST", DEVICE_START, data=asked)
        assert (answer.status, answer.body["error"]) == (400, "unauthorized_client")
    code = await ask_token(grant_type="authorization_code", client_id=str(device_app.client_id), code="x")
    device = await ask_token(public_app.basic, grant_type=DEVICE_GRANT, device_code="x")
    assert code.body["error"] == device.body["error"] == "unauthorized_client"
    async with db.transaction() as conn:
        await apps.set_state(conn, device_app.client_id, "deactivated")
    asked = {"client_id": str(device_app.client_id), "scope": "contact_data"}
    assert (await client.request("POST", DEVICE_START, data=asked)).body["error"] == "unauthorized_client"


@pytest.mark.parametrize("path", [DEVICE_START, DEVICE_START.replace("default", "aus1lm3ry9mF7x2Ja0h8")])
async def test_the_start_may_be_asked_for_in_the_query_and_at_both_addresses(
    app: App, device_app: Client, path: str
) -> None:
    asked = {"client_id": str(device_app.client_id), "scope": "contact_data", "response_type": "device", "state": "1"}
    answer = await Api(app, None).request("POST", path, params=asked)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    token = {"grant_type": DEVICE_GRANT, "device_code": answer.body["device_code"], "client_id": asked["client_id"]}
    assert (await Api(app, None).request("POST", TOKEN, params=token)).body == PENDING


@pytest.mark.parametrize("typed", ["{lower}", "{first}-{second}", " {first} {second} ", "{first}–{second}"])
async def test_a_code_may_be_typed_anyhow(start_device: Start, owner: Browser, typed: str) -> None:
    code = (await start_device())["user_code"]
    await owner.open("/activate")
    await owner.submit(user_code=typed.format(lower=code.lower(), first=code[:4], second=code[4:]))
    assert owner.heading == "Connect Television?"
    assert f"{code[:4]}-{code[4:]}" in owner.page.text
    assert "<code>contact_data</code>" in owner.page.text


async def test_a_link_with_the_code_fills_it_in_and_leads_through_the_sign_in(
    start_device: Start, poll: Ask, browser: Browser, account: Account
) -> None:
    told = await start_device()
    await browser.open(told["verification_uri_complete"])
    assert browser.heading == "Connect a device"
    assert f'value="{told["user_code"]}"' in browser.page.text
    await browser.submit()
    assert browser.page.status_code == 303
    await browser.follow()
    assert browser.heading == "Sign in"
    await browser.submit(login=account.email, password="correct horse battery")
    await browser.follow()
    await browser.submit()
    assert browser.heading == "Connect Television?"
    await browser.submit(decision="allow")
    assert (await poll(told["device_code"])).status == 200


async def test_after_five_wrong_codes_none_is_looked_at_for_ten_minutes(
    start_device: Start, owner: Browser, clock: Any
) -> None:
    for _ in range(5):
        await owner.open("/activate")
        await owner.submit(user_code="BBBBBBBB")
        assert owner.page.status_code == 400
    told = await start_device()
    await owner.open("/activate")
    await owner.submit(user_code=told["user_code"])
    assert owner.page.status_code == 429
    clock.move(timedelta(minutes=10, seconds=1))
    told = await start_device()
    await owner.activate(told["user_code"])
    assert owner.heading == "Your device is connected"


async def test_right_codes_do_not_count_as_wrong_ones(start_device: Start, owner: Browser) -> None:
    for _ in range(4):
        await owner.open("/activate")
        await owner.submit(user_code="BBBBBBBB")
    for _ in range(3):
        await owner.activate((await start_device())["user_code"])
        assert owner.heading == "Your device is connected"


async def test_a_private_app_is_only_for_people_of_its_own_account(
    start_device: Start, owner: Browser, db: Db, device_app: Client, account: Account
) -> None:
    async with db.transaction() as conn:
        await run(conn, "UPDATE apps SET visibility = 'private' WHERE client_id = :id", id=device_app.client_id)
    told = await start_device()
    await owner.open("/activate")
    await owner.submit(user_code=told["user_code"])
    assert owner.page.status_code == 403
    async with db.transaction() as conn:
        sql = "UPDATE apps SET account_id = :account_id WHERE client_id = :id"
        await run(conn, sql, id=device_app.client_id, account_id=account.account_id)
    await owner.activate(told["user_code"])
    assert owner.heading == "Your device is connected"


async def test_a_device_is_listed_and_its_access_can_be_removed(
    start_device: Start, poll: Ask, owner: Browser, db: Db, account: Account, device_app: Client, app: App
) -> None:
    told = await start_device()
    await owner.activate(told["user_code"])
    token = (await poll(told["device_code"])).body["access_token"]
    async with db.transaction() as conn:
        (found,) = await grants.accesses_of_user(conn, account.user_id)
        assert (found.client_id, found.scopes) == (device_app.client_id, ["contact_data", "offline_access"])
        await grants.remove_access(conn, device_app.client_id, account.user_id)
    assert (await Api(app, token).get(PRIVILEGES)).status == 401


async def test_access_that_was_removed_before_the_poll_gives_no_token(
    start_device: Start, poll: Ask, owner: Browser, db: Db, account: Account, device_app: Client
) -> None:
    told = await start_device()
    await owner.activate(told["user_code"])
    async with db.transaction() as conn:
        await grants.remove_access(conn, device_app.client_id, account.user_id)
    assert (await poll(told["device_code"])).body == INVALID


async def test_waiting_is_no_failure_and_too_many_starts_are_slowed_down(
    start_device: Start, poll: Ask, app: App, device_app: Client, clock: Any
) -> None:
    config.override(token_failures_per_minute=3, device_codes_per_minute=4)
    told = await start_device()
    for _ in range(5):
        assert (await poll(told["device_code"])).status == 400
    for _ in range(3):
        await start_device()
    asked = {"client_id": str(device_app.client_id), "scope": "contact_data"}
    answer = await Api(app, None).request("POST", DEVICE_START, data=asked)
    assert (answer.status, answer.body["errorCode"]) == (429, "E0000047")
    clock.move(timedelta(seconds=61))
    await start_device()
