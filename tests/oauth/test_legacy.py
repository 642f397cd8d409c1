"""Addresses of programs that were written years ago. Source: contract, auth.md §1."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from everpost.ids import AppId
from everpost.oauth import grants, tokens
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi

LEGACY = "/v3/idfed"
TOKEN_INFO = "/v3/token_info"


async def test_the_old_address_asks_as_the_new_one_and_needs_no_state(
    browser: Browser, account: Account, app: App, web_app: Client
) -> None:
    asked = web_app.asking("contact_data")
    del asked["state"]
    await browser.open(f"{LEGACY}?{urlencode(asked)}")
    await browser.follow()
    assert browser.heading == "Sign in"
    await browser.submit(login=account.email, password="correct horse battery")
    await browser.follow()
    assert browser.heading == "Allow Sheet sync?"
    await browser.submit(decision="allow")
    assert list(browser.received) == ["code"]
    trade = {"grant_type": "authorization_code", "code": browser.received["code"], "redirect_uri": CALLBACK}
    answer = await Api(app, None).request("POST", "/as/token.oauth2", data=trade, auth=web_app.basic)
    assert answer.status == 200


async def test_a_state_that_is_sent_there_comes_back(owner: Browser, web_app: Client) -> None:
    await owner.open(f"{LEGACY}?{urlencode(web_app.asking())}")
    await owner.submit(decision="allow")
    assert owner.received["state"] == "k3-91"


async def test_the_scopes_of_a_token_can_be_looked_up(api: AccountApi, db: Db, account: Account) -> None:
    token = await tokens.mint_for_command_line(db, account.email, ["contact_data", "account_read"])
    creator = await api.as_role("campaign_creator", scopes="campaign_data")
    answer = await creator.post(TOKEN_INFO, {"token": token})
    assert (answer.status, answer.body) == (200, {"scopes": ["contact_data", "account_read"]})
    assert (await api.anonymous().post(TOKEN_INFO, {"token": token})).status == 401


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x.y.z"}, {"token": 7}, []])
async def test_what_is_no_token_is_refused(api: AccountApi, body: Any) -> None:
    answer = await api.post(TOKEN_INFO, body)
    assert (answer.status, answer.error_key) == (400, "token_info.api.validation.error")


async def test_a_token_that_is_over_or_revoked_is_refused(
    api: AccountApi, trade: Callable[..., Awaitable[Reply]], db: Db, account: Account, web_app: Client, clock: Any
) -> None:
    token = (await trade(web_app)).body["access_token"]
    assert (await api.post(TOKEN_INFO, {"token": token})).status == 200
    async with db.transaction() as conn:
        await grants.remove_access(conn, AppId(web_app.client_id), account.user_id)
    assert (await api.post(TOKEN_INFO, {"token": token})).status == 400
    old = await tokens.mint_for_command_line(db, account.email)
    clock.move(timedelta(days=1, seconds=1))
    fresh = Api(api.app, await tokens.mint_for_command_line(db, account.email))
    answer = await fresh.post(TOKEN_INFO, {"token": old})
    assert (answer.status, answer.error_message) == (400, "token is not a valid access token.")
