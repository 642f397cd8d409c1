"""RFC 7009, Token Revocation: one test for each requirement on the server."""

from collections.abc import Awaitable, Callable

import pytest

from everpost.platform.http import App
from tests.oauth.conftest import PRIVILEGES, Client
from tests.support.api import Api, Reply

Ask = Callable[..., Awaitable[Reply]]
REVOKE = "/oauth2/default/v1/revoke"


@pytest.fixture
def revoke(app: App) -> Ask:
    async def ask(client: Client, token: str, **more: str) -> Reply:
        return await Api(app, None).request("POST", REVOKE, data={"token": token, **more}, auth=client.basic)

    return ask


async def test_rfc7009_2_1_the_client_is_authenticated_first(
    trade: Ask, revoke: Ask, ask_token: Ask, app: App, web_app: Client
) -> None:
    issued = (await trade(web_app)).body
    answer = await revoke(Client(web_app.client_id, "wrong"), issued["refresh_token"])
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert (await Api(app, issued["access_token"]).get(PRIVILEGES)).status == 200


async def test_rfc7009_2_1_a_client_cannot_revoke_anothers_token(
    trade: Ask, revoke: Ask, app: App, web_app: Client, long_lived_app: Client
) -> None:
    issued = (await trade(web_app)).body
    for token in (issued["refresh_token"], issued["access_token"]):
        assert (await revoke(long_lived_app, token)).status == 200
    assert (await Api(app, issued["access_token"]).get(PRIVILEGES)).status == 200


async def test_rfc7009_2_1_revoking_a_refresh_token_ends_its_access_tokens_at_once(
    trade: Ask, revoke: Ask, ask_token: Ask, app: App, web_app: Client
) -> None:
    issued = (await trade(web_app)).body
    client = Api(app, issued["access_token"])
    assert (await client.get(PRIVILEGES)).status == 200
    assert (await revoke(web_app, issued["refresh_token"])).status == 200
    assert (await client.get(PRIVILEGES)).status == 401
    renew = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    assert (await ask_token(web_app.basic, **renew)).body["error"] == "invalid_grant"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unheard_of"])
async def test_rfc7009_2_1_a_wrong_hint_does_not_keep_a_token_alive(
    trade: Ask, revoke: Ask, app: App, web_app: Client, hint: str
) -> None:
    issued = (await trade(web_app)).body
    assert (await revoke(web_app, issued["access_token"], token_type_hint=hint)).status == 200
    assert (await Api(app, issued["access_token"]).get(PRIVILEGES)).status == 401


async def test_rfc7009_2_1_the_token_is_required(app: App, web_app: Client) -> None:
    answer = await Api(app, None).request("POST", REVOKE, data={"token_type_hint": "x"}, auth=web_app.basic)
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "\u00fc", "x" * 5000])
async def test_rfc7009_2_2_invalid_tokens_are_answered_as_if_revoked(revoke: Ask, web_app: Client, token: str) -> None:
    answer = await revoke(web_app, token)
    assert (answer.status, answer.content) == (200, b"")


async def test_rfc7009_2_2_revoking_twice_is_answered_alike(trade: Ask, revoke: Ask, web_app: Client) -> None:
    token = (await trade(web_app)).body["refresh_token"]
    assert [(await revoke(web_app, token)).status for _ in range(2)] == [200, 200]


async def test_rfc7009_2_3_pages_of_the_apps_own_origin_may_revoke(app: App, web_app: Client) -> None:
    origin = "https://app.example"
    answer = await Api(app, None).request(
        "POST", REVOKE, data={"token": "x"}, auth=web_app.basic, headers={"Origin": origin}
    )
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    preflight = await Api(app, None).request("OPTIONS", REVOKE, headers={"Origin": origin})
    assert preflight.headers["access-control-allow-methods"] == "POST, OPTIONS"
