"""How published clients get their tokens and what they read in them. Source: contract, clients.md; the numbers are its rows."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from everpost.oauth import pkce
from everpost.platform import config
from everpost.platform.http import App
from tests.contract.clients.conftest import SCOPES, Person
from tests.oauth.conftest import CALLBACK, VERIFIER, Client
from tests.support.api import Api, Reply

AUTHORIZE = "/oauth2/default/v1/authorize"
TOKEN = "/oauth2/default/v1/token"
KEYS = "/oauth2/aus1lm3ry9mF7x2Ja0h8/v1/keys"
FORM = "application/x-www-form-urlencoded"


def link(client: Client, scope: str = SCOPES, /, **more: str) -> str:
    """Scopes with a raw plus and the address unescaped, as the vendor's plugin writes it."""
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    return (
        f"{AUTHORIZE}?client_id={client.client_id}&scope={scope}&response_type=code&state=a1.b2"
        f"&redirect_uri={CALLBACK}{extra}"
    )


def challenge(verifier: str = VERIFIER) -> dict[str, str]:
    return {"code_challenge": pkce.challenge_of(verifier), "code_challenge_method": "S256"}


@pytest.fixture
def send(app: App) -> Callable[..., Awaitable[Reply]]:
    """A POST to the token endpoint with what a client puts where."""

    async def post(
        query: dict[str, Any] | None = None, body: Any = None, basic: tuple[str, str] | None = None, **headers: str
    ) -> Reply:
        content = urlencode(body) if isinstance(body, dict) else (body or "")
        return await Api(app, None).request(
            "POST", TOKEN, params=query, content=content, auth=basic, headers={"Content-Type": FORM} | headers
        )

    return post


Send = Callable[..., Awaitable[Reply]]


def code_grant(code: str, **more: str) -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}


@pytest.fixture
async def tokens(person: Person, web: Client, send: Send) -> dict[str, Any]:
    """What an application with a secret was given."""
    code = (await person.visit(link(web)))["code"]
    answer = await send(body=code_grant(code), basic=web.basic)
    assert answer.status == 200, answer
    return dict(answer.body)


# 3: the access token is read by clients.


async def test_a_token_is_verified_with_the_key_set_and_the_audience_of_the_original(
    app: App, person: Person, web: Client, send: Send
) -> None:
    config.override(token_audience="https://api.cc.email/v3")
    code = (await person.visit(link(web)))["code"]
    token = (await send(body=code_grant(code), basic=web.basic)).body["access_token"]

    keys = KeySet.import_key_set((await Api(app, None).get(KEYS)).body)
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims

    assert ("https://api.cc.email/v3", str(web.client_id)) == (claims["aud"], claims["cid"])
    assert claims["platform_user_id"]
    assert 86_400 == claims["exp"] - claims["iat"]
    assert 200 == (await Api(app, token).get("/v3/contact_lists")).status


async def test_the_second_part_of_a_token_is_base64_of_json_with_the_login(tokens: dict[str, Any]) -> None:
    middle = tokens["access_token"].split(".")[1]
    assert "owner@harborlane.example" == json.loads(base64.b64decode(middle + "=" * (-len(middle) % 4)))["sub"]


# 4: parameters in the query of the POST; the body empty, or junk labelled a form.


@pytest.mark.parametrize("junk", ["", "{}", '{"grant_type":"authorization_code","code":"other"}', "null", "[]"])
async def test_the_query_of_the_post_may_say_it_all(person: Person, web: Client, send: Send, junk: str) -> None:
    code = (await person.visit(link(web)))["code"]
    issued = await send(query=code_grant(code), body=junk, basic=web.basic)
    assert 200 == issued.status, issued
    refresh = {"grant_type": "refresh_token", "refresh_token": issued.body["refresh_token"]}
    assert 200 == (await send(query=refresh, body=junk, basic=web.basic)).status


# 5: who the client is, in four ways.


async def test_basic_needs_no_client_id_in_the_body(person: Person, web: Client, send: Send) -> None:
    code = (await person.visit(link(web)))["code"]
    assert 200 == (await send(body=code_grant(code), basic=web.basic)).status


async def test_id_and_secret_may_be_in_the_body(person: Person, web: Client, send: Send) -> None:
    code = (await person.visit(link(web)))["code"]
    body = code_grant(code, client_id=str(web.client_id), client_secret=web.secret)
    assert 200 == (await send(body=body)).status


async def test_a_client_without_a_secret_proves_itself_by_its_verifier(
    person: Person, public: Client, send: Send
) -> None:
    code = (await person.visit(link(public, **challenge())))["code"]
    body = code_grant(code, client_id=str(public.client_id), code_verifier=VERIFIER)
    issued = await send(body=body)
    assert 200 == issued.status, issued
    again = {
        "grant_type": "refresh_token", "client_id": str(public.client_id), "refresh_token": issued.body["refresh_token"]
    }  # fmt: skip
    assert 200 == (await send(body=again)).status


async def test_basic_and_a_verifier_may_come_together_in_query_and_junk(
    person: Person, web: Client, send: Send
) -> None:
    code = (await person.visit(link(web, **challenge())))["code"]
    query = code_grant(code, code_verifier=VERIFIER)
    assert 200 == (await send(query=query, body=json.dumps(query), basic=web.basic)).status


async def test_headers_that_lost_their_names_leave_a_client_without_a_secret(
    person: Person, public: Client, send: Send
) -> None:  # 37: the vendor's plugin sends its headers as a list
    code = (await person.visit(link(public, **challenge())))["code"]
    lost = {"0": "Authorization: Basic eDp5", "1": "cache-control: no-cache"}
    body = code_grant(code, client_id=str(public.client_id), code_verifier=VERIFIER)
    assert 200 == (await send(body=body, **lost)).status


# 6: the answer is stored as it is.


def store(*, access_token: str, refresh_token: str, token_type: str, scope: str, expires_in: int) -> dict[str, Any]:
    """django-ctct: `Token.objects.create(**answer)`, its columns being these."""
    assert (token_type, len(refresh_token) <= 50) == ("Bearer", True)
    assert float(expires_in) > 0
    return {"access_token": access_token, "refresh_token": refresh_token, "scope": scope}


async def test_a_token_answer_fits_a_row_of_five_columns(web: Client, send: Send, tokens: dict[str, Any]) -> None:
    stored = store(**tokens)
    refresh = {"grant_type": "refresh_token", "refresh_token": stored["refresh_token"]}
    renewed = store(**(await send(body=refresh, basic=web.basic)).body)
    assert stored["refresh_token"] != renewed["refresh_token"]
    assert stored["access_token"] != renewed["access_token"]
    assert set(SCOPES.split("+")) == set(renewed["scope"].split())


# 7: which of the two was bad is a word in the description.


async def test_a_bad_code_is_told_by_the_word_authorization(web: Client, send: Send) -> None:
    answer = await send(body=code_grant("made-up"), basic=web.basic)
    assert (400, "invalid_grant") == (answer.status, answer.body["error"])
    assert "authorization" in answer.body["error_description"].lower()
    assert "refresh" not in answer.body["error_description"].lower()


async def test_a_bad_refresh_token_is_told_by_the_word_refresh(web: Client, send: Send) -> None:
    answer = await send(body={"grant_type": "refresh_token", "refresh_token": "made-up"}, basic=web.basic)
    assert (400, "invalid_grant") == (answer.status, answer.body["error"])
    assert "refresh" in answer.body["error_description"].lower()
    assert "authorization" not in answer.body["error_description"].lower()


# 26, 27: the authorization link.


@pytest.mark.parametrize("scope", ["a+b", "a%20b", "a%2Bb"])
@pytest.mark.parametrize("address", [CALLBACK, quote(CALLBACK, safe="")])
async def test_scopes_and_address_may_be_raw_or_encoded(
    person: Person, web: Client, send: Send, scope: str, address: str
) -> None:
    names = scope.replace("a", "contact_data").replace("b", "offline_access")
    code = (await person.visit(link(web, names).replace(CALLBACK, address)))["code"]
    answer = await send(body=code_grant(code), basic=web.basic)
    assert (200, "contact_data offline_access") == (answer.status, answer.body["scope"])


@pytest.mark.parametrize("state", ["k3-91", "a b", "é~%", "x" * 500, '{"u":1}'])
async def test_the_state_comes_back_unchanged(person: Person, web: Client, state: str) -> None:
    url = link(web).replace("state=a1.b2", f"state={quote(state, safe='')}")
    assert state == (await person.visit(url))["state"]


async def test_parameters_of_other_servers_are_ignored(person: Person, web: Client) -> None:
    url = link(web, nonce="n-1", access_type="offline", prompt="consent", include_granted_scopes="true")
    assert {"code", "state"} == set(await person.visit(url))


@pytest.mark.parametrize("verifier", ["A1-._~" + "x" * 37, "~" * 128])
async def test_verifiers_of_every_length_and_letter_prove(
    person: Person, public: Client, send: Send, verifier: str
) -> None:
    code = (await person.visit(link(public, **challenge(verifier))))["code"]
    body = code_grant(code, client_id=str(public.client_id), code_verifier=verifier)
    assert 200 == (await send(body=body)).status


async def test_a_code_works_once(person: Person, web: Client, send: Send) -> None:
    code = (await person.visit(link(web)))["code"]
    first, second = [await send(body=code_grant(code), basic=web.basic) for _ in range(2)]
    assert (200, 400, "invalid_grant") == (first.status, second.status, second.body["error"])


async def test_without_offline_access_there_is_no_refresh_token(person: Person, web: Client, send: Send) -> None:
    code = (await person.visit(link(web, "contact_data")))["code"]
    assert "refresh_token" not in (await send(body=code_grant(code), basic=web.basic)).body


# 1, 24, 44: what a token opens, and how clients notice that it does not.


async def test_a_client_renews_its_token_when_an_object_says_unauthorized(app: App, tokens: dict[str, Any]) -> None:
    refused = (await Api(app, "expired").get("/v3/contact_lists")).body
    assert isinstance(refused, dict)
    assert ("unauthorized", "Unauthorized") == (refused["error_key"], refused["error_message"])
    missing = (await Api(app, tokens["access_token"]).get("/v3/contact_lists/171234")).body
    assert isinstance(missing, list)
    assert {"error_key", "error_message"} == set(missing[0])


@pytest.mark.parametrize("path", ["contacts", "contact_lists", "contact_custom_fields", "activities"])
async def test_the_narrowest_scopes_are_enough_for_contacts(
    app: App, person: Person, web: Client, send: Send, path: str
) -> None:
    code = (await person.visit(link(web, "contact_data+offline_access")))["code"]
    token = (await send(body=code_grant(code), basic=web.basic)).body["access_token"]
    assert 200 == (await Api(app, token).get(f"/v3/{path}")).status


@pytest.mark.parametrize(
    ("limits", "key", "message"),
    [
        ({"rate_per_second": 4, "rate_per_day": 10_000}, "throttled", "Too Many Requests"),
        ({"rate_per_second": 4, "rate_per_day": 4}, "quota_exceeded", "Limit Exceeded"),
    ],
)
async def test_the_fifth_call_in_a_second_is_an_object_without_a_delay(
    app: App, tokens: dict[str, Any], clock: Any, limits: dict[str, int], key: str, message: str
) -> None:
    config.override(**limits)
    caller = Api(app, tokens["access_token"])
    answers = [await caller.get("/v3/contact_lists") for _ in range(5)]
    assert [200] * 4 + [429] == [answer.status for answer in answers]
    assert {"error_key": key, "error_message": message} == answers[4].body
    assert not any("retry" in name or "ratelimit" in name for name in answers[4].headers)
