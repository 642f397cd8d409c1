"""RFC 7662, Token Introspection: one test for each requirement on the server."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.platform.http import App
from tests.oauth.conftest import Client
from tests.support.api import Api, Reply

Ask = Callable[..., Awaitable[Reply]]
INTROSPECT = "/oauth2/default/v1/introspect"


async def ask(app: App, client: Client | None, token: str, **headers: str) -> Reply:
    options: dict[str, Any] = {} if client is None else {"auth": client.basic}
    return await Api(app, None).request("POST", INTROSPECT, data={"token": token}, headers=headers, **options)


async def test_rfc7662_2_1_it_takes_post_only(app: App) -> None:
    answer = await Api(app, None).get(INTROSPECT, params={"token": "x"})
    assert answer.status == 405


async def test_rfc7662_2_1_whoever_asks_must_be_authorized(trade: Ask, app: App, web_app: Client) -> None:
    token = (await trade(web_app)).body["access_token"]
    assert (await ask(app, None, token)).status == 401
    by_token = await ask(app, None, token, Authorization=f"Bearer {token}")
    assert (by_token.status, by_token.body["error"]) == (401, "invalid_client")


async def test_rfc7662_2_2_an_active_token_is_said_to_be_active_with_its_scope(
    trade: Ask, app: App, web_app: Client
) -> None:
    found = await ask(app, web_app, (await trade(web_app)).body["access_token"])
    assert (found.body["active"], found.body["scope"]) == (True, "contact_data offline_access")
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["unknown", "a.b.c"])
async def test_rfc7662_2_2_of_a_token_that_is_not_active_nothing_else_is_said(
    app: App, web_app: Client, token: str
) -> None:
    assert (await ask(app, web_app, token)).body == {"active": False}


async def test_rfc7662_2_2_a_token_that_the_caller_may_not_know_is_not_active(
    trade: Ask, app: App, web_app: Client, long_lived_app: Client
) -> None:
    token = (await trade(web_app)).body["access_token"]
    assert (await ask(app, long_lived_app, token)).body == {"active": False}


async def test_rfc7662_2_3_wrong_credentials_are_401_invalid_client(app: App, web_app: Client) -> None:
    answer = await ask(app, Client(web_app.client_id, "wrong"), "x")
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="oauth2"'


async def test_rfc7662_4_age_revocation_and_signature_are_checked(
    trade: Ask, app: App, web_app: Client, clock: Any
) -> None:
    issued = (await trade(web_app)).body
    assert (await ask(app, web_app, issued["access_token"][:-3] + "AAA")).body == {"active": False}
    clock.move(timedelta(days=1))
    assert (await ask(app, web_app, issued["access_token"])).body == {"active": False}
    await Api(app, None).request(
        "POST", "/oauth2/default/v1/revoke", data={"token": issued["refresh_token"]}, auth=web_app.basic
    )
    assert (await ask(app, web_app, issued["refresh_token"])).body == {"active": False}
