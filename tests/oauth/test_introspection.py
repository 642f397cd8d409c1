"""What a token is worth. Source: contract, auth.md §15."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.platform.http import App
from tests.oauth.conftest import Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]
INTROSPECT = "/oauth2/default/v1/introspect"


@pytest.fixture
def introspect(app: App) -> Ask:
    async def ask(client: Client, token: str, path: str = INTROSPECT, **more: str) -> Reply:
        return await Api(app, None).request("POST", path, data={"token": token, **more}, auth=client.basic)

    return ask


async def test_an_access_token_that_works(trade: Ask, introspect: Ask, web_app: Client, account: Account) -> None:
    token = (await trade(web_app)).body["access_token"]
    for path in (INTROSPECT, INTROSPECT.replace("default", "aus1lm3ry9mF7x2Ja0h8")):
        found = (await introspect(web_app, token, path)).body
        assert list(found) == [
            "active", "scope", "client_id", "username", "token_type", "exp", "iat", "sub", "aud", "iss", "jti",
        ]  # fmt: skip
        assert (found["active"], found["scope"]) == (True, "contact_data offline_access")
        assert (found["client_id"], found["token_type"]) == (str(web_app.client_id), "Bearer")
        assert found["username"] == found["sub"] == account.email
        assert found["exp"] - found["iat"] == 86400
        assert (found["aud"], found["iss"]) == ("http://everpost.test/v3", "http://everpost.test/oauth2/default")


async def test_a_refresh_token_that_works(
    trade: Ask, introspect: Ask, ask_token: Ask, web_app: Client, clock: Any
) -> None:
    token = (await trade(web_app)).body["refresh_token"]
    found = (await introspect(web_app, token, token_type_hint="refresh_token")).body
    assert (found["active"], found["token_type"]) == (True, "refresh_token")
    assert found["exp"] - found["iat"] == 180 * 86400
    await ask_token(web_app.basic, grant_type="refresh_token", refresh_token=token)
    assert (await introspect(web_app, token)).body == {"active": False}


async def test_what_is_over_unknown_or_anothers_is_only_not_active(
    trade: Ask, introspect: Ask, app: App, web_app: Client, long_lived_app: Client, clock: Any
) -> None:
    issued = (await trade(web_app)).body
    for token in ("unknown", issued["access_token"][:-4] + "AAAA"):
        assert (await introspect(web_app, token)).body == {"active": False}
    for token in (issued["access_token"], issued["refresh_token"]):
        assert (await introspect(long_lived_app, token)).body == {"active": False}
    revoked = (await trade(web_app)).body["access_token"]
    await Api(app, None).request(
        "POST", INTROSPECT.replace("introspect", "revoke"), data={"token": revoked}, auth=web_app.basic
    )
    assert (await introspect(web_app, revoked)).body == {"active": False}
    clock.move(timedelta(days=1))
    assert (await introspect(web_app, issued["access_token"])).body == {"active": False}


async def test_only_apps_that_prove_themselves_may_ask(
    trade: Ask, introspect: Ask, app: App, web_app: Client, public_app: Client
) -> None:
    token = (await trade(web_app)).body["access_token"]
    wrong = Client(web_app.client_id, "wrong")
    for client in (wrong, public_app):
        answer = await introspect(client, token)
        assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    anonymous = await Api(app, None).request("POST", INTROSPECT, data={"token": token})
    assert anonymous.status == 401
    nothing = await Api(app, None).request("POST", INTROSPECT, data={}, auth=web_app.basic, params={"token": ""})
    assert nothing.status in (400, 415)


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
async def test_it_is_not_for_browsers(app: App, method: str) -> None:
    answer = await Api(app, None).request(method, INTROSPECT, headers={"Origin": "https://app.example"})
    assert (answer.status, answer.body["errorCode"]) == (405, "E0000022")
    assert "access-control-allow-origin" not in answer.headers
