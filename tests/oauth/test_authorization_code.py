"""The authorization code flow, from the app's link to the token. Source: contract, auth.md §3, §5, §6."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, PROOF, TOKEN, VERIFIER, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]

INVALID_CODE = {
    "error": "invalid_grant",
    "error_description": "The authorization code is invalid or has expired.",
}


async def test_a_person_signs_in_allows_and_the_app_gets_a_token_that_opens_doors(
    browser: Browser, app: App, account: Account, web_app: Client, ask_token: Ask
) -> None:
    await browser.ask(**web_app.asking("contact_data offline_access"))
    assert browser.page.status_code == 302
    await browser.follow()
    assert browser.heading == "Sign in"
    await browser.submit(login=account.email.upper(), password="correct horse battery")
    await browser.follow()
    assert browser.heading == "Allow Sheet sync?"
    await browser.submit(decision="allow")
    assert browser.page.status_code == 302
    assert browser.location.startswith(f"{CALLBACK}?code=")
    assert browser.received["state"] == "k3-91"
    assert len(browser.received["code"]) == 43

    answer = await ask_token(
        web_app.basic, grant_type="authorization_code", code=browser.received["code"], redirect_uri=CALLBACK
    )

    assert answer.status == 200, answer
    assert list(answer.body) == ["token_type", "expires_in", "access_token", "scope", "refresh_token"]
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 86400)
    assert answer.body["scope"] == "contact_data offline_access"
    assert len(answer.body["refresh_token"]) == 43
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    privileges = await Api(app, answer.body["access_token"]).get("/v3/account/user/privileges")
    assert privileges.status == 200


async def test_without_offline_access_there_is_no_refresh_token(trade: Ask, web_app: Client) -> None:
    answer = await trade(web_app, "contact_data")
    assert list(answer.body) == ["token_type", "expires_in", "access_token", "scope"]


async def test_an_app_without_a_secret_proves_itself_by_pkce(
    owner: Browser, public_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**public_app.asking(**PROOF)))["code"]
    answer = await ask_token(
        grant_type="authorization_code",
        client_id=str(public_app.client_id),
        code=code,
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )
    assert answer.status == 200, answer


async def test_secret_and_pkce_together_are_both_required(owner: Browser, web_app: Client, ask_token: Ask) -> None:
    code = (await owner.allow(**web_app.asking(**PROOF)))["code"]
    request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    without_secret = await ask_token(client_id=str(web_app.client_id), code_verifier=VERIFIER, **request)
    without_proof = await ask_token(web_app.basic, **request)
    with_both = await ask_token(web_app.basic, code_verifier=VERIFIER, **request)
    assert (without_secret.status, without_secret.body["error"]) == (401, "invalid_client")
    assert without_proof.body == {"error": "invalid_grant", "error_description": "PKCE verification failed."}
    assert with_both.status == 200


@pytest.mark.parametrize("body", ["", '{"grant_type": "other&code=x"}', '["junk"]'])
async def test_parameters_may_all_be_in_the_query(owner: Browser, app: App, web_app: Client, body: str) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    answer = await Api(app, None).request(
        "POST",
        TOKEN,
        params={"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK},
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=web_app.basic,
    )
    assert answer.status == 200, answer


async def test_credentials_may_be_in_the_body(owner: Browser, web_app: Client, ask_token: Ask) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    answer = await ask_token(
        grant_type="authorization_code",
        code=code,
        redirect_uri=CALLBACK,
        client_id=str(web_app.client_id),
        client_secret=web_app.secret,
    )
    assert answer.status == 200, answer


async def test_a_code_works_once_and_its_second_use_ends_what_came_from_the_first(
    owner: Browser, app: App, web_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    first = await ask_token(web_app.basic, **request)
    client = Api(app, first.body["access_token"])
    assert (await client.get("/v3/account/user/privileges")).status == 200

    second = await ask_token(web_app.basic, **request)

    assert (second.status, second.body) == (400, INVALID_CODE)
    assert (await client.get("/v3/account/user/privileges")).status == 401
    renewed = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token=first.body["refresh_token"])
    assert renewed.body["error"] == "invalid_grant"


async def test_of_two_uses_at_once_exactly_one_gets_a_token(owner: Browser, web_app: Client, ask_token: Ask) -> None:
    for _ in range(5):
        code = (await owner.allow(**web_app.asking()))["code"]
        request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        answers = await asyncio.gather(*(ask_token(web_app.basic, **request) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400, 400]


async def test_a_code_lives_five_minutes(owner: Browser, web_app: Client, ask_token: Ask, clock: Any) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    clock.move(timedelta(minutes=5))
    answer = await ask_token(web_app.basic, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert (answer.status, answer.body) == (400, INVALID_CODE)


async def test_a_code_belongs_to_its_app_its_uri_and_its_verifier(
    owner: Browser, web_app: Client, long_lived_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking(**PROOF)))["code"]
    request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    refused = [
        await ask_token(long_lived_app.basic, **request),
        await ask_token(web_app.basic, **{**request, "redirect_uri": CALLBACK + "/"}),
        await ask_token(web_app.basic, **{**request, "code_verifier": "a" * 43}),
    ]
    assert [answer.body["error"] for answer in refused] == ["invalid_grant"] * 3
    assert (await ask_token(web_app.basic, **request)).status == 200


async def test_a_verifier_without_a_challenge_is_refused(owner: Browser, web_app: Client, ask_token: Ask) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    answer = await ask_token(
        web_app.basic, grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER
    )
    assert (answer.status, answer.body["error"]) == (400, "invalid_grant")


async def test_the_second_path_and_the_old_one_answer_alike(app: App, web_app: Client) -> None:
    for path in ("/oauth2/aus1lm3ry9mF7x2Ja0h8/v1/token", "/as/token.oauth2"):
        answer = await Api(app, None).request("POST", path, data={"grant_type": ""}, auth=web_app.basic)
        assert answer.body["error_description"] == "The token request must specify a grant type."
