"""Refresh tokens of both types. Source: contract, auth.md §9, §15."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from everpost.accounts import accounts, users
from everpost.platform import config
from everpost.platform.db import Db, run
from everpost.platform.http import App
from tests.oauth.conftest import Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]

INVALID = {"error": "invalid_grant", "error_description": "The refresh token is invalid or expired."}
REVOKE = "/oauth2/default/v1/revoke"


async def refreshed(ask_token: Ask, client: Client, token: str, **more: Any) -> Reply:
    return await ask_token(client.basic, grant_type="refresh_token", refresh_token=token, **more)


async def test_a_rotating_token_is_replaced_at_each_use(trade: Ask, ask_token: Ask, app: App, web_app: Client) -> None:
    first = await trade(web_app)
    second = await refreshed(ask_token, web_app, first.body["refresh_token"])
    third = await refreshed(ask_token, web_app, second.body["refresh_token"])
    assert list(second.body) == ["token_type", "expires_in", "access_token", "scope", "refresh_token"]
    tokens = {answer.body["refresh_token"] for answer in (first, second, third)}
    assert [len(token) for token in tokens] == [43, 43, 43]
    for answer in (first, second, third):
        assert (await Api(app, answer.body["access_token"]).get("/v3/account/user/privileges")).status == 200


async def test_a_rotated_token_that_comes_back_ends_the_chain(
    trade: Ask, ask_token: Ask, app: App, web_app: Client
) -> None:
    first = await trade(web_app)
    second = await refreshed(ask_token, web_app, first.body["refresh_token"])
    again = await refreshed(ask_token, web_app, first.body["refresh_token"])
    assert (again.status, again.body) == (400, INVALID)
    assert (await refreshed(ask_token, web_app, second.body["refresh_token"])).body == INVALID
    assert (await Api(app, second.body["access_token"]).get("/v3/account/user/privileges")).status == 401


async def test_another_authorization_has_a_chain_of_its_own(trade: Ask, ask_token: Ask, web_app: Client) -> None:
    one, other = await trade(web_app), await trade(web_app)
    await refreshed(ask_token, web_app, one.body["refresh_token"])
    await refreshed(ask_token, web_app, one.body["refresh_token"])
    assert (await refreshed(ask_token, web_app, other.body["refresh_token"])).status == 200


async def test_of_two_uses_at_once_only_one_gets_tokens(trade: Ask, ask_token: Ask, web_app: Client) -> None:
    first = await trade(web_app)
    uses = (refreshed(ask_token, web_app, first.body["refresh_token"]) for _ in range(5))
    statuses = sorted(answer.status for answer in await asyncio.gather(*uses))
    assert statuses == [200, 400, 400, 400, 400]


async def test_within_the_grace_a_retry_gets_the_same_successor(
    trade: Ask, ask_token: Ask, web_app: Client, clock: Any
) -> None:
    config.override(refresh_reuse_grace_seconds=10)
    first = await trade(web_app)
    second = await refreshed(ask_token, web_app, first.body["refresh_token"])
    retry = await refreshed(ask_token, web_app, first.body["refresh_token"])
    assert retry.body["refresh_token"] == second.body["refresh_token"]
    clock.move(timedelta(seconds=10))
    assert (await refreshed(ask_token, web_app, first.body["refresh_token"])).body == INVALID


async def test_a_long_lived_token_stays_the_same_and_lives_from_its_last_use(
    trade: Ask, ask_token: Ask, long_lived_app: Client, clock: Any
) -> None:
    token = (await trade(long_lived_app)).body["refresh_token"]
    clock.move(timedelta(days=179))
    assert (await refreshed(ask_token, long_lived_app, token)).body["refresh_token"] == token
    clock.move(timedelta(days=121))
    assert (await refreshed(ask_token, long_lived_app, token)).status == 200
    clock.move(timedelta(days=180))
    assert (await refreshed(ask_token, long_lived_app, token)).body == INVALID


async def test_a_rotating_token_dies_180_days_after_its_own_issue(
    trade: Ask, ask_token: Ask, web_app: Client, clock: Any
) -> None:
    first = await trade(web_app)
    clock.move(timedelta(days=100))
    second = await refreshed(ask_token, web_app, first.body["refresh_token"])
    clock.move(timedelta(days=179))
    third = await refreshed(ask_token, web_app, second.body["refresh_token"])
    clock.move(timedelta(days=180))
    assert (await refreshed(ask_token, web_app, third.body["refresh_token"])).body == INVALID


async def test_the_type_of_an_app_counts_from_the_next_use(trade: Ask, ask_token: Ask, db: Db, web_app: Client) -> None:
    token = (await trade(web_app)).body["refresh_token"]
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE apps SET refresh_token_type = 'long_lived' WHERE client_id = :client_id",
            client_id=web_app.client_id,
        )
    assert (await refreshed(ask_token, web_app, token)).body["refresh_token"] == token


async def test_scopes_may_be_narrowed_and_not_widened(trade: Ask, ask_token: Ask, web_app: Client) -> None:
    first = await trade(web_app, "contact_data campaign_data offline_access")
    token = first.body["refresh_token"]
    wider = await refreshed(ask_token, web_app, token, scope="contact_data account_read")
    narrower = await refreshed(ask_token, web_app, token, scope="campaign_data")
    assert (wider.status, wider.body) == (
        400,
        {
            "error": "invalid_scope",
            "error_description": "The requested scope exceeds the scope granted by the resource owner.",
        },
    )
    assert narrower.body["scope"] == "campaign_data"
    whole = await refreshed(ask_token, web_app, narrower.body["refresh_token"], redirect_uri="https://ignored.example")
    assert whole.body["scope"] == "contact_data campaign_data offline_access"


async def test_a_token_belongs_to_its_app(trade: Ask, ask_token: Ask, web_app: Client, long_lived_app: Client) -> None:
    token = (await trade(web_app)).body["refresh_token"]
    assert (await refreshed(ask_token, long_lived_app, token)).body == INVALID
    assert (await refreshed(ask_token, web_app, token)).status == 200


async def test_deactivated_people_and_canceled_accounts_get_no_more_tokens(
    trade: Ask, ask_token: Ask, db: Db, web_app: Client, account: Account
) -> None:
    token = (await trade(web_app)).body["refresh_token"]
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "canceled")
    assert (await refreshed(ask_token, web_app, token)).body == INVALID
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "active")
        await users.deactivate(conn, account.user_id)
    assert (await refreshed(ask_token, web_app, token)).body == INVALID


async def test_revoking_a_refresh_token_ends_its_chain(trade: Ask, ask_token: Ask, app: App, web_app: Client) -> None:
    first = await trade(web_app)
    answer = await Api(app, None).request(
        "POST", REVOKE, data={"token": first.body["refresh_token"]}, auth=web_app.basic
    )
    assert (answer.status, answer.content) == (200, b"")
    assert (await refreshed(ask_token, web_app, first.body["refresh_token"])).body == INVALID
    assert (await Api(app, first.body["access_token"]).get("/v3/account/user/privileges")).status == 401


async def test_revoking_an_access_token_ends_only_that_one(
    trade: Ask, ask_token: Ask, app: App, web_app: Client
) -> None:
    first = await trade(web_app)
    second = await refreshed(ask_token, web_app, first.body["refresh_token"])
    assert (await Api(app, first.body["access_token"]).get("/v3/account/user/privileges")).status == 200
    await Api(app, None).request("POST", REVOKE, data={"token": first.body["access_token"]}, auth=web_app.basic)
    assert (await Api(app, first.body["access_token"]).get("/v3/account/user/privileges")).status == 401
    assert (await Api(app, second.body["access_token"]).get("/v3/account/user/privileges")).status == 200


async def test_revoking_tells_nothing_and_takes_nothing_from_other_apps(
    trade: Ask, ask_token: Ask, app: App, web_app: Client, long_lived_app: Client
) -> None:
    first = await trade(web_app)
    client = Api(app, None)
    for token in ("unknown", first.body["refresh_token"], first.body["access_token"]):
        answer = await client.request("POST", REVOKE, data={"token": token}, auth=long_lived_app.basic)
        assert (answer.status, answer.content) == (200, b"")
    assert (await client.request("POST", REVOKE, data={"token": "x"})).status == 401
    assert (await Api(app, first.body["access_token"]).get("/v3/account/user/privileges")).status == 200
    assert (await refreshed(ask_token, web_app, first.body["refresh_token"])).status == 200
