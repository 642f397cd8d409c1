"""How the token endpoint refuses, word for word. Source: contract, auth.md §5, §14."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from everpost.oauth import apps
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, PROOF, TOKEN, VERIFIER, Client
from tests.support.api import Api, Reply

Ask = Callable[..., Awaitable[Reply]]
FORM = {"content-type": "application/x-www-form-urlencoded"}
NO_CODE = ("invalid_grant", "The authorization code is invalid or has expired.")
NO_REFRESH = ("invalid_grant", "The refresh token is invalid or expired.")


@pytest.mark.parametrize(
    ("parameters", "status", "error", "description"),
    [
        ({"code": "x"}, 400, "invalid_request", "The token request must specify a grant type."),
        ({"grant_type": ""}, 400, "invalid_request", "The token request must specify a grant type."),
        (
            {"grant_type": "password"},
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        ({"grant_type": "authorization_code"}, 400, *NO_CODE),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK}, 400, *NO_CODE),
        ({"grant_type": "authorization_code", "code": "ü✓", "redirect_uri": CALLBACK}, 400, *NO_CODE),
        (
            {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK, "code_verifier": "short"},
            400,
            "invalid_request",
            "The PKCE code verifier is malformed.",
        ),
        ({"grant_type": "refresh_token"}, 400, *NO_REFRESH),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, *NO_REFRESH),
        (
            {"grant_type": "refresh_token", "refresh_token": "x", "resource": "https://else.example"},
            400,
            "invalid_target",
            "The requested resource is unknown to the authorization server.",
        ),
    ],
)
async def test_errors_are_worded_as_the_contract_says(
    web_app: Client, ask_token: Ask, parameters: Mapping[str, str], status: int, error: str, description: str
) -> None:
    answer = await ask_token(web_app.basic, **parameters)
    assert answer.status == status, answer
    assert answer.body == {"error": error, "error_description": description}
    assert answer.headers["cache-control"] == "no-store"


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "description"),
    [
        ("", "Invalid value for 'client_id' parameter."),
        ("Basic ???", "Invalid value for 'client_id' parameter."),
        (_basic("nobody:secret"), "Invalid value for 'client_id' parameter."),
        (_basic("0d7f5f1e-8a50-4c0f-b0c3-2f6a4b7e9d11:x"), "Invalid value for 'client_id' parameter."),
        ("{id}:wrong", "The client secret supplied for a confidential client is invalid."),
        ("{id}:", "The client secret supplied for a confidential client is invalid."),
        ("{id}", "The client secret supplied for a confidential client is invalid."),
    ],
)
async def test_an_app_that_cannot_prove_itself_gets_401(
    app: App, web_app: Client, authorization: str, description: str
) -> None:
    if authorization.startswith("{id}"):
        authorization = _basic(authorization.format(id=web_app.client_id))
    answer = await Api(app, None).request(
        "POST",
        TOKEN,
        data={"grant_type": "refresh_token", "refresh_token": "x"},
        headers={"Authorization": authorization} if authorization else {},
    )
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert answer.body["error_description"] == description
    assert answer.headers["www-authenticate"] == 'Basic realm="oauth2"'


async def test_credentials_twice_must_agree(web_app: Client, long_lived_app: Client, ask_token: Ask) -> None:
    request = {"grant_type": "refresh_token", "refresh_token": "x"}
    agreeing = await ask_token(web_app.basic, client_id=str(web_app.client_id), client_secret=web_app.secret, **request)
    other_name = await ask_token(web_app.basic, client_id=str(long_lived_app.client_id), **request)
    other_secret = await ask_token(web_app.basic, client_secret="other", **request)
    assert agreeing.body["error"] == "invalid_grant"
    assert other_name.body["error"] == other_secret.body["error"] == "invalid_request"


async def test_a_secret_of_an_app_that_has_none_is_ignored(public_app: Client, ask_token: Ask) -> None:
    for auth in ((str(public_app.client_id), "whatever"), (str(public_app.client_id), "")):
        answer = await ask_token(auth, grant_type="refresh_token", refresh_token="x")
        assert answer.body["error_description"] == NO_REFRESH[1]


async def test_one_name_with_two_values_is_refused(app: App, web_app: Client) -> None:
    answer = await Api(app, None).request(
        "POST",
        TOKEN,
        params={"grant_type": "refresh_token"},
        data={"grant_type": "authorization_code"},
        auth=web_app.basic,
    )
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


async def test_a_deactivated_app_may_not_ask(db: Db, web_app: Client, ask_token: Ask) -> None:
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deactivated")
    answer = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token="x")
    assert (answer.status, answer.body) == (
        400,
        {
            "error": "unauthorized_client",
            "error_description": "The client is not authorized to use the provided grant type.",
        },
    )


async def test_a_deleted_app_is_unknown(db: Db, web_app: Client, ask_token: Ask) -> None:
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deleted")
    answer = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token="x")
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_a_new_secret_ends_the_old_one(db: Db, web_app: Client, ask_token: Ask) -> None:
    async with db.transaction() as conn:
        secret = await apps.renew_secret(conn, web_app.client_id)
    request = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert (await ask_token(web_app.basic, **request)).status == 401
    assert (await ask_token((str(web_app.client_id), secret), **request)).status == 400
    assert len(secret) == 32


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
async def test_another_content_type_is_a_platform_error(app: App, web_app: Client, content_type: str) -> None:
    answer = await Api(app, None).request(
        "POST", TOKEN, content=b"{}", headers={"content-type": content_type}, auth=web_app.basic
    )
    assert answer.status == 415
    assert answer.body["errorCode"] == answer.body["errorLink"] == "E0000021"
    assert answer.body["errorSummary"] == "Accept or Content-Type header is not supported here."
    assert answer.body["errorId"].startswith("oae") and len(answer.body["errorId"]) == 23
    assert answer.body["errorCauses"] == []


async def test_no_content_type_is_fine_when_the_query_says_it_all(app: App, web_app: Client) -> None:
    client = Api(app, None)
    without = await client.request("POST", TOKEN, auth=web_app.basic)
    with_query = await client.request("POST", TOKEN, params={"grant_type": "refresh_token"}, auth=web_app.basic)
    assert without.status == 415
    assert with_query.body["error_description"] == NO_REFRESH[1]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_only_post_is_taken(app: App, method: str) -> None:
    answer = await Api(app, None).request(method, TOKEN)
    assert (answer.status, answer.body["errorCode"]) == (405, "E0000022")


async def test_a_browser_needs_pkce(app: App, owner: Browser, web_app: Client, public_app: Client) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    client = Api(app, None)
    request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    refused = await client.request(
        "POST", TOKEN, data=request, auth=web_app.basic, headers={"Origin": "https://app.example"}
    )
    assert refused.body == {
        "error": "invalid_request",
        "error_description": "Browser requests to the token endpoint must use Proof Key for Code Exchange.",
    }
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    code = (await owner.allow(**public_app.asking(**PROOF)))["code"]
    request = {**request, "code": code, "client_id": str(public_app.client_id), "code_verifier": VERIFIER}
    allowed = await client.request("POST", TOKEN, data=request, headers={"Origin": "https://app.example"})
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "https://app.example:444", "null"])
async def test_other_origins_may_not_read_the_answer(app: App, web_app: Client, origin: str) -> None:
    answer = await Api(app, None).request(
        "POST", TOKEN, data={"grant_type": "refresh_token"}, auth=web_app.basic, headers={"Origin": origin}
    )
    assert "access-control-allow-origin" not in answer.headers


async def test_a_preflight_is_answered_for_any_origin(app: App) -> None:
    answer = await Api(app, None).request("OPTIONS", TOKEN, headers={"Origin": "https://any.example"})
    assert (answer.status, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, Authorization, Accept"
    assert "access-control-allow-credentials" not in answer.headers


async def test_too_many_failures_are_slowed_down(web_app: Client, ask_token: Ask, clock: Any) -> None:
    for _ in range(60):
        answer = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token="x")
        assert answer.status == 400
    answer = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token="x")
    assert (answer.status, answer.body["errorCode"]) == (429, "E0000047")
    clock.move(timedelta(seconds=61))
    answer = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token="x")
    assert answer.status == 400
