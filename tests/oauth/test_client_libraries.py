"""Widely used client libraries, unmodified, do every flow against a running instance.

Source: contract, clients.md rows 3-7, 27, 37.
"""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import AccessDeniedError, DeviceClient, InvalidGrantError, MobileApplicationClient
from requests_oauthlib import OAuth2Session

from tests.journeys.demo import EMAIL, PASSWORD, DemoInstance
from tests.support.forms import submit
from tests.support.instance import await_true, free_port

CALLBACK = "https://app.example/callback"
SCOPE = "contact_data offline_access"
SERVER = "/oauth2/default/v1"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
PRIVILEGES = "/v3/account/user/privileges"
FIVE = {"token_type", "expires_in", "access_token", "scope", "refresh_token"}


class Person:
    """The demo account's owner in front of a browser."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url)
        submit(self.client, self.client.get("/login"), login=EMAIL, password=PASSWORD)

    def consent(self, url: str, button: str = "Allow") -> str:
        """Go where the app sends people, answer, and bring back the address that the app is called at."""
        page = self.client.get(url)
        if page.status_code == 200:
            page = submit(self.client, page, button)
        return page.headers["location"]

    def activate(self, url: str, button: str = "Allow") -> None:
        """Open the link that a device shows, and answer."""
        submit(self.client, submit(self.client, self.client.get(url), "Continue"), button)


@pytest.fixture(scope="module")
def instance() -> Iterator[DemoInstance]:
    running = DemoInstance(rate_per_second="0")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def person(instance: DemoInstance) -> Iterator[Person]:
    somebody = Person(instance.url)
    yield somebody
    somebody.client.close()


def _app(instance: DemoInstance, name: str, *options: str) -> dict[str, str]:
    made: dict[str, str] = json.loads(instance.command("app", "create", "--name", name, *options))
    return made


@pytest.fixture(scope="module")
def web_app(instance: DemoInstance) -> dict[str, str]:
    return _app(instance, "Sheet sync", "--redirect-uri", CALLBACK)


@pytest.fixture(scope="module")
def public_app(instance: DemoInstance) -> dict[str, str]:
    return _app(instance, "Phone", "--public", "--redirect-uri", CALLBACK)


@pytest.fixture(scope="module")
def device_app(instance: DemoInstance) -> dict[str, str]:
    return _app(instance, "Television", "--device")


@pytest.fixture(autouse=True)
def _without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


def authlib(instance: DemoInstance, app: dict[str, str], **options: Any) -> OAuth2Client:
    named = {"client_id": app["client_id"], "redirect_uri": CALLBACK, "scope": SCOPE, "base_url": instance.url}
    return OAuth2Client(**named, **options)


def call(instance: DemoInstance, token: str) -> int:
    answer = httpx.get(instance.url + PRIVILEGES, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_with_a_secret(instance: DemoInstance, person: Person, web_app: dict[str, str], method: str) -> None:
    options = {"client_secret": web_app["client_secret"], "token_endpoint_auth_method": method}
    with authlib(instance, web_app, **options) as client:
        url, state = client.create_authorization_url(f"{instance.url}{SERVER}/authorize")
        token = client.fetch_token(f"{SERVER}/token", authorization_response=person.consent(url), state=state)
        assert set(token) - {"expires_at"} == FIVE
        assert client.get(PRIVILEGES).status_code == 200
        renewed = client.refresh_token(f"{SERVER}/token")
        assert renewed["refresh_token"] != token["refresh_token"]
        keys = KeySet.import_key_set(client.get(f"{SERVER}/keys").json())
        assert jwt.decode(renewed["access_token"], keys).claims["cid"] == web_app["client_id"]
        found = client.introspect_token(f"{SERVER}/introspect", token=renewed["access_token"]).json()
        assert (found["active"], found["username"]) == (True, EMAIL)
        client.revoke_token(f"{SERVER}/revoke", token=renewed["refresh_token"])
        assert client.get(PRIVILEGES).status_code == 401


def test_authlib_finds_the_endpoints_by_itself_and_uses_pkce_without_a_secret(
    instance: DemoInstance, person: Person, public_app: dict[str, str]
) -> None:
    found = httpx.get(f"{instance.url}/.well-known/oauth-authorization-server/oauth2/default").json()
    options = {"token_endpoint_auth_method": "none", "code_challenge_method": "S256"}
    verifier = "v" * 64
    with authlib(instance, public_app, **options) as client:
        url, state = client.create_authorization_url(found["authorization_endpoint"], code_verifier=verifier)
        back = person.consent(url)
        client.fetch_token(found["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
        assert client.refresh_token(found["token_endpoint"])["refresh_token"]
        assert client.get(PRIVILEGES).status_code == 200


def test_authlib_with_the_implicit_flow(instance: DemoInstance, person: Person, web_app: dict[str, str]) -> None:
    with authlib(instance, web_app) as client:
        url, state = client.create_authorization_url(f"{instance.url}{SERVER}/authorize", response_type="token")
        token = client.fetch_token(authorization_response=person.consent(url), state=state)
        assert (int(token["expires_in"]), token["scope"]) == (28800, "contact_data")
        assert call(instance, token["access_token"]) == 200


def test_authlib_with_the_device_flow(instance: DemoInstance, person: Person, device_app: dict[str, str]) -> None:
    with authlib(instance, device_app, token_endpoint_auth_method="none") as client:
        asked = {"client_id": device_app["client_id"], "scope": SCOPE}
        told = httpx.post(f"{instance.url}{SERVER}/device/authorize", data=asked).json()
        person.activate(told["verification_uri_complete"])
        token = client.fetch_token(f"{SERVER}/token", grant_type=DEVICE, device_code=told["device_code"])
        assert set(token) - {"expires_at"} == FIVE
        assert client.refresh_token(f"{SERVER}/token")["access_token"]
        assert client.get(PRIVILEGES).status_code == 200


def test_oauthlib_with_secret_and_pkce_together(
    instance: DemoInstance, person: Person, web_app: dict[str, str]
) -> None:
    options: dict[str, Any] = {"redirect_uri": CALLBACK, "scope": SCOPE.split(), "pkce": "S256"}
    with OAuth2Session(client_id=web_app["client_id"], **options) as session:
        url, _ = session.authorization_url(f"{instance.url}{SERVER}/authorize")
        address, basic = f"{instance.url}{SERVER}/token", (web_app["client_id"], web_app["client_secret"])
        token = dict(session.fetch_token(address, authorization_response=person.consent(url), client_secret=basic[1]))
        renewed = session.refresh_token(address, auth=basic)
        assert session.get(instance.url + PRIVILEGES).status_code == 200
        assert token["refresh_token"] != renewed["refresh_token"]
        with pytest.raises(InvalidGrantError, match="refresh"):
            session.refresh_token(address, refresh_token=token["refresh_token"], auth=basic)


def test_oauthlib_with_the_implicit_flow(instance: DemoInstance, person: Person, web_app: dict[str, str]) -> None:
    client = MobileApplicationClient(client_id=web_app["client_id"])
    with OAuth2Session(client=client, redirect_uri=CALLBACK, scope="contact_data") as session:
        url, _ = session.authorization_url(f"{instance.url}{SERVER}/authorize")
        token = session.token_from_fragment(person.consent(url))
        assert (token["token_type"], "refresh_token" in token) == ("Bearer", False)
        assert session.get(instance.url + PRIVILEGES).status_code == 200


@pytest.mark.parametrize("button", ["Allow", "Deny"])
def test_oauthlib_with_the_device_flow(
    instance: DemoInstance, person: Person, device_app: dict[str, str], button: str
) -> None:
    client = DeviceClient(device_app["client_id"])
    url = client.prepare_request_uri(f"{instance.url}{SERVER}/device/authorize", scope=["contact_data"])
    told = httpx.post(url).json()
    person.activate(told["verification_uri_complete"], button)
    body = client.prepare_request_body(told["device_code"], include_client_id=True)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{instance.url}{SERVER}/token", content=body, headers=form)
    if button == "Deny":
        with pytest.raises(AccessDeniedError):
            client.parse_request_body_response(answer.text)
    else:
        token = client.parse_request_body_response(answer.text)
        assert call(instance, token["access_token"]) == 200


def test_oauthlib_hears_of_a_refusal(instance: DemoInstance, person: Person, web_app: dict[str, str]) -> None:
    with OAuth2Session(client_id=web_app["client_id"], redirect_uri=CALLBACK, scope="account_read") as session:
        url, _ = session.authorization_url(f"{instance.url}{SERVER}/authorize")
        with pytest.raises(AccessDeniedError):
            session.fetch_token(f"{instance.url}{SERVER}/token", authorization_response=person.consent(url, "Deny"))


def test_a_plugin_that_sends_everything_in_the_query_and_json_under_the_forms_name(
    instance: DemoInstance, person: Person, web_app: dict[str, str]
) -> None:
    asked = f"client_id={web_app['client_id']}&redirect_uri={CALLBACK}&response_type=code&state=7&scope=contact_data+offline_access"
    back = httpx.URL(person.consent(f"{SERVER}/authorize?{asked}")).params
    junk = {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "content": '{"grant_type":"x&y=z"}'}
    options: Any = {"auth": (web_app["client_id"], web_app["client_secret"]), **junk}
    trade = f"?code={back['code']}&redirect_uri={quote(CALLBACK, safe='')}&grant_type=authorization_code"
    token = httpx.post(f"{instance.url}/oauth2/aus1lm3ry9mF7x2Ja0h8/v1/token{trade}", **options).json()
    renew = f"?refresh_token={token['refresh_token']}&grant_type=refresh_token"
    renewed = httpx.post(f"{instance.url}{SERVER}/token{renew}", **options).json()
    assert set(token) == set(renewed) == FIVE
    assert call(instance, renewed["access_token"]) == 200


def test_a_plugin_whose_authorization_header_is_lost_names_itself_in_the_body(
    instance: DemoInstance, person: Person, public_app: dict[str, str]
) -> None:
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    asked = (
        f"response_type=code&client_id={public_app['client_id']}&redirect_uri={CALLBACK}&state=7"
        f"&scope=account_read+contact_data+offline_access&code_challenge={challenge}&code_challenge_method=S256"
    )
    back = httpx.URL(person.consent(f"{SERVER}/authorize?{asked}")).params
    trade = {
        "client_id": public_app["client_id"], "code": back["code"], "redirect_uri": CALLBACK,
        "code_verifier": verifier, "grant_type": "authorization_code",
    }  # fmt: skip
    lost = {"0": "Authorization: Basic x", "1": "cache-control: no-cache"}
    token = httpx.post(f"{instance.url}{SERVER}/token", data=trade, headers=lost).json()
    renew = {
        "client_id": public_app["client_id"], "refresh_token": token["refresh_token"], "redirect_uri": CALLBACK,
        "grant_type": "refresh_token",
    }  # fmt: skip
    assert set(httpx.post(f"{instance.url}{SERVER}/token", data=renew, headers=lost).json()) == FIVE


def test_a_plugin_that_speaks_http_1_0_is_answered(instance: DemoInstance, web_app: dict[str, str]) -> None:
    body = f"grant_type=refresh_token&refresh_token=x&client_id={web_app['client_id']}"
    form = "Content-Type: application/x-www-form-urlencoded"
    request = f"POST {SERVER}/token HTTP/1.0\r\n{form}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", instance.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read().decode()
    assert answer.partition("\r\n")[0].split()[1] == "401"
    assert "invalid_client" in answer


def test_a_token_revoked_on_one_node_ends_on_the_others_within_five_seconds(
    instance: DemoInstance, person: Person, web_app: dict[str, str]
) -> None:
    port = free_port()
    node = instance.start_node("serve", "--port", str(port))
    try:
        await_true(lambda: instance.get("/healthz", port=port) == 200)
        with authlib(instance, web_app, client_secret=web_app["client_secret"]) as client:
            url, state = client.create_authorization_url(f"{instance.url}{SERVER}/authorize")
            token = client.fetch_token(f"{SERVER}/token", authorization_response=person.consent(url), state=state)
            bearer = token["access_token"]
            assert instance.get(PRIVILEGES, token=bearer) == instance.get(PRIVILEGES, token=bearer, port=port) == 200
            client.revoke_token(f"{SERVER}/revoke", token=token["refresh_token"])
        assert instance.get(PRIVILEGES, token=bearer) == 401
        await_true(lambda: instance.get(PRIVILEGES, token=bearer, port=port) == 401, seconds=5)
    finally:
        node.terminate()
        node.wait(20)
