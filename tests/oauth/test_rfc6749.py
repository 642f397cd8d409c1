"""RFC 6749, The OAuth 2.0 Authorization Framework: one test for each requirement on the server that applies here.

Not followed, because the contract says otherwise: §2.3.1 credentials in the request URI are taken too (clients send
them so); §4.3 and §4.4 the password and client credentials grants are not offered.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from everpost.oauth import apps
from everpost.platform.db import Db, many
from everpost.platform.http import App
from tests.oauth.browser import AUTHORIZE, Browser
from tests.oauth.conftest import CALLBACK, PRIVILEGES, TOKEN, Client
from tests.support.api import Api, Reply

Ask = Callable[..., Awaitable[Reply]]
REFRESH = {"grant_type": "refresh_token", "refresh_token": "x"}


async def test_rfc6749_2_3_1_a_client_may_authenticate_with_http_basic_or_in_the_body(
    web_app: Client, ask_token: Ask
) -> None:
    named = {"client_id": str(web_app.client_id), "client_secret": web_app.secret}
    assert (await ask_token(web_app.basic, **REFRESH)).body["error"] == "invalid_grant"
    assert (await ask_token(**named, **REFRESH)).body["error"] == "invalid_grant"


async def test_rfc6749_2_3_two_ways_of_authenticating_that_differ_are_refused(web_app: Client, ask_token: Ask) -> None:
    answer = await ask_token(web_app.basic, client_secret="another", **REFRESH)
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


async def test_rfc6749_2_3_1_guessing_a_secret_is_slowed_down(web_app: Client, ask_token: Ask) -> None:
    guesses = [await ask_token((str(web_app.client_id), f"guess {number}"), **REFRESH) for number in range(61)]
    assert [answer.status for answer in guesses] == [401] * 60 + [429]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rfc6749_3_1_the_authorization_endpoint_takes_get_and_may_take_post(
    owner: Browser, web_app: Client, method: str
) -> None:
    options: Any = {"params": web_app.asking()} if method == "GET" else {"data": web_app.asking()}
    owner.page = await owner.client.request(method, AUTHORIZE, **options)
    assert owner.heading == "Allow Sheet sync?"


async def test_rfc6749_3_1_parameters_without_a_value_are_as_if_omitted_and_unknown_ones_ignored(
    owner: Browser, web_app: Client
) -> None:
    await owner.ask(**web_app.asking(nonce="", prompt="", response_mode="", resource="", code_challenge="", new="1"))
    assert owner.heading == "Allow Sheet sync?"


@pytest.mark.parametrize("name", ["state", "scope", "response_type", "code_challenge"])
async def test_rfc6749_3_1_a_parameter_that_comes_twice_is_refused(owner: Browser, web_app: Client, name: str) -> None:
    asked = urlencode({**web_app.asking(), name: web_app.asking().get(name, "x")})
    await owner.open(f"{AUTHORIZE}?{asked}&{name}=account_read")
    assert owner.received["error"] in ("invalid_request", "invalid_scope"), owner.received


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_rfc6749_3_1_two_clients_or_two_addresses_are_not_answered_at_all(
    owner: Browser, web_app: Client, name: str
) -> None:
    await owner.open(f"{AUTHORIZE}?{urlencode(web_app.asking())}&{name}=https://evil.example")
    assert (owner.page.status_code, "location" in owner.page.headers) == (400, False)


async def test_rfc6749_3_1_1_a_missing_or_unknown_response_type_is_an_error(owner: Browser, web_app: Client) -> None:
    for response_type in ("", "id_token", "code token"):
        await owner.ask(**web_app.asking(response_type=response_type))
        assert owner.received["error"] == "unsupported_response_type"


async def test_rfc6749_3_1_2_a_redirect_uri_with_a_fragment_cannot_be_registered(db: Db) -> None:
    with pytest.raises(Exception, match="fragment"):
        async with db.transaction() as conn:
            await apps.create(conn, apps.NewApp(name="x", redirect_uris=["https://app.example/#part"]))


async def test_rfc6749_3_1_2_the_query_of_a_redirect_uri_is_kept(owner: Browser, db: Db) -> None:
    uri = "https://app.example/?tenant=7&x=a%20b"
    async with db.transaction() as conn:
        created = await apps.create(conn, apps.NewApp(name="With query", redirect_uris=[uri]))
    await owner.allow(**Client(created.client_id, "").asking(redirect_uri=uri))
    assert owner.location.startswith(f"{uri}&code=")


async def test_rfc6749_3_1_2_4_an_unregistered_redirect_uri_is_told_to_the_person_and_not_followed(
    owner: Browser, web_app: Client
) -> None:
    await owner.ask(**web_app.asking(redirect_uri="https://evil.example/"))
    assert (owner.page.status_code, "location" in owner.page.headers) == (400, False)
    assert owner.heading == "This request cannot be answered"


async def test_rfc6749_3_2_the_token_endpoint_takes_only_post(app: App, web_app: Client) -> None:
    answer = await Api(app, None).request("GET", TOKEN, params=REFRESH, auth=web_app.basic)
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


async def test_rfc6749_3_2_a_token_parameter_that_comes_twice_is_refused(app: App, web_app: Client) -> None:
    answer = await Api(app, None).request(
        "POST", TOKEN, params=REFRESH, data={**REFRESH, "refresh_token": "y"}, auth=web_app.basic
    )
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


async def test_rfc6749_3_2_empty_and_unknown_token_parameters_are_ignored(web_app: Client, ask_token: Ask) -> None:
    answer = await ask_token(web_app.basic, **REFRESH, scope="", resource="", code_verifier="", unknown="1")
    assert answer.body["error"] == "invalid_grant"


async def test_rfc6749_3_2_1_a_confidential_client_must_authenticate(
    owner: Browser, web_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = await ask_token(client_id=str(web_app.client_id), **trade)
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert (await ask_token(web_app.basic, **trade)).status == 200


async def test_rfc6749_3_3_a_scope_that_differs_from_the_request_is_told(owner: Browser, web_app: Client) -> None:
    await owner.allow(**web_app.asking("offline_access contact_data", response_type="token"))
    assert owner.fragment["scope"] == "contact_data"


@pytest.mark.parametrize("scope", ["contact_data  contact_data", "contact_data,account_read", 'contact"data'])
async def test_rfc6749_3_3_scopes_are_separated_by_spaces_and_case_sensitive(
    owner: Browser, web_app: Client, scope: str
) -> None:
    await owner.ask(**web_app.asking(scope))
    is_good = set(scope.split()) == {"contact_data"}
    assert (owner.heading == "Allow Sheet sync?") is is_good
    assert is_good or owner.received["error"] == "invalid_scope"


async def test_rfc6749_4_1_1_the_state_comes_back_with_success_and_with_errors(owner: Browser, web_app: Client) -> None:
    state = "a b&c=d/é"
    assert (await owner.allow(**web_app.asking(state=state)))["state"] == state
    await owner.ask(**web_app.asking("openid", state=state))
    assert owner.received["state"] == state


async def test_rfc6749_4_1_2_a_code_is_short_lived_and_used_once_and_its_reuse_revokes_its_tokens(
    owner: Browser, app: App, web_app: Client, ask_token: Ask, clock: Any
) -> None:
    late = (await owner.allow(**web_app.asking()))["code"]
    clock.move(timedelta(minutes=5))
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    assert (await ask_token(web_app.basic, code=late, **trade)).body["error"] == "invalid_grant"
    token = (await ask_token(web_app.basic, code=code, **trade)).body["access_token"]
    assert (await ask_token(web_app.basic, code=code, **trade)).body["error"] == "invalid_grant"
    assert (await Api(app, token).get(PRIVILEGES)).status == 401


async def test_rfc6749_4_1_2_1_a_refusal_by_the_person_is_access_denied(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking())
    await owner.submit(decision="deny")
    assert owner.received["error"] == "access_denied"


async def test_rfc6749_4_1_3_a_code_is_bound_to_its_client_and_its_redirect_uri(
    owner: Browser, web_app: Client, long_lived_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    for client, more in (
        (long_lived_app, {}),
        (web_app, {"redirect_uri": CALLBACK + "?"}),
        (web_app, {"redirect_uri": ""}),
    ):
        assert (await ask_token(client.basic, **{**trade, **more})).body["error"] == "invalid_grant"
    assert (await ask_token(web_app.basic, **trade)).status == 200


async def test_rfc6749_4_2_2_the_implicit_grant_answers_in_the_fragment_without_a_refresh_token(
    owner: Browser, web_app: Client
) -> None:
    await owner.allow(**web_app.asking(response_type="token"))
    assert {"access_token", "token_type", "state"} <= set(owner.fragment)
    assert "refresh_token" not in owner.fragment
    assert "?" not in owner.location


async def test_rfc6749_5_1_token_answers_are_json_that_nobody_stores(trade: Ask, web_app: Client) -> None:
    answer = await trade(web_app)
    assert answer.headers["content-type"].startswith("application/json")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert (answer.body["token_type"], type(answer.body["expires_in"])) == ("Bearer", int)


async def test_rfc6749_5_2_a_client_that_failed_to_authenticate_by_header_gets_401_with_that_scheme(
    web_app: Client, ask_token: Ask
) -> None:
    answer = await ask_token((str(web_app.client_id), "wrong"), **REFRESH)
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"code": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": "x", "password": "y"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unauthorized_client"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
        (REFRESH, "invalid_grant"),
    ],
)
async def test_rfc6749_5_2_errors_have_their_registered_names(
    web_app: Client, ask_token: Ask, parameters: dict[str, str], error: str
) -> None:
    answer = await ask_token(web_app.basic, **parameters)
    assert (answer.status, answer.body["error"]) == (400, error)
    assert list(answer.body) == ["error", "error_description"]
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", answer.body["error_description"])


async def test_rfc6749_6_a_refresh_token_is_bound_to_its_client_and_its_scope(
    trade: Ask, ask_token: Ask, web_app: Client, long_lived_app: Client
) -> None:
    renew = {"grant_type": "refresh_token", "refresh_token": (await trade(web_app)).body["refresh_token"]}
    assert (await ask_token(long_lived_app.basic, **renew)).body["error"] == "invalid_grant"
    assert (await ask_token(client_id=str(web_app.client_id), **renew)).status == 401
    assert (await ask_token(web_app.basic, scope="account_read", **renew)).body["error"] == "invalid_scope"
    assert (await ask_token(web_app.basic, scope="contact_data", **renew)).body["scope"] == "contact_data"


async def test_rfc6749_10_codes_and_tokens_are_stored_as_hashes_and_too_long_to_guess(
    owner: Browser, trade: Ask, db: Db, web_app: Client
) -> None:
    issued = (await trade(web_app)).body
    code = (await owner.allow(**web_app.asking()))["code"]
    assert len(code) == len(issued["refresh_token"]) == 43
    async with db.reader() as conn:
        stored = [
            bytes(each)
            for table in ("SELECT code_hash FROM authorization_codes", "SELECT token_hash FROM refresh_tokens")
            for each in await many(conn, bytes, table)  # type: ignore[arg-type]
        ]
    assert len(stored) == 3 and all(len(each) == 32 for each in stored)
    assert not {code.encode(), issued["refresh_token"].encode()} & set(stored)


async def test_rfc6749_10_12_the_consent_form_cannot_be_sent_from_elsewhere(owner: Browser, web_app: Client) -> None:
    page = await owner.client.post(
        f"{AUTHORIZE}/consent", data={"request": urlencode(web_app.asking()), "decision": "allow"}
    )
    assert page.status_code == 403


async def test_rfc6749_10_13_the_consent_page_cannot_be_framed(owner: Browser, web_app: Client) -> None:
    page = await owner.ask(**web_app.asking())
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("state", ["<script>alert(1)</script>", "a\r\nSet-Cookie: x=1", '"><img src=x>'])
async def test_rfc6749_10_14_what_comes_in_is_never_markup_or_a_header(
    owner: Browser, web_app: Client, state: str
) -> None:
    await owner.ask(**web_app.asking(state=state))
    assert state not in owner.page.text
    await owner.submit(decision="allow")
    assert owner.received["state"] == state
    assert "x" not in owner.page.cookies
