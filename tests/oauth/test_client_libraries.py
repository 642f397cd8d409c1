"""Widely used client libraries do the flows, unmodified. Source: contract, clients.md rows 3-7, 27."""

from typing import Any

import anyio.from_thread
import anyio.to_thread
import httpx
import pytest
import requests
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import InvalidGrantError
from requests.adapters import BaseAdapter
from requests_oauthlib import OAuth2Session

from everpost.platform.http import App
from tests.oauth.browser import AUTHORIZE, ORIGIN, Browser
from tests.oauth.conftest import CALLBACK, TOKEN, Client

SCOPE = "contact_data offline_access"


def authlib(app: App, client: Client, **options: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client_id=str(client.client_id),
        redirect_uri=CALLBACK,
        scope=SCOPE,
        base_url=ORIGIN,
        transport=httpx.ASGITransport(app=app),
        **options,
    )


async def consent(owner: Browser, url: str) -> str:
    """The person's part: allow, and bring back the address the app is called at."""
    await owner.open(url)
    if owner.page.status_code == 200:
        await owner.submit(decision="allow")
    return owner.location


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_with_a_secret(app: App, owner: Browser, web_app: Client, method: str) -> None:
    async with authlib(app, web_app, client_secret=web_app.secret, token_endpoint_auth_method=method) as client:
        url, state = client.create_authorization_url(ORIGIN + AUTHORIZE)
        token = await client.fetch_token(TOKEN, authorization_response=await consent(owner, url), state=state)
        assert set(token) - {"expires_at"} == {"token_type", "expires_in", "access_token", "scope", "refresh_token"}
        assert (await client.get("/v3/account/user/privileges")).status_code == 200

        renewed = await client.refresh_token(TOKEN)

        assert renewed["refresh_token"] != token["refresh_token"]
        keys = KeySet.import_key_set((await client.get("/oauth2/default/v1/keys")).json())
        assert jwt.decode(renewed["access_token"], keys).claims["cid"] == str(web_app.client_id)
        await client.revoke_token("/oauth2/default/v1/revoke", token=renewed["refresh_token"])
        assert (await client.get("/v3/account/user/privileges")).status_code == 401


async def test_authlib_with_pkce_and_without_a_secret(app: App, owner: Browser, public_app: Client) -> None:
    options = {"token_endpoint_auth_method": "none", "code_challenge_method": "S256"}
    verifier = "v" * 64
    async with authlib(app, public_app, **options) as client:
        url, state = client.create_authorization_url(ORIGIN + AUTHORIZE, code_verifier=verifier)
        back = await consent(owner, url)
        await client.fetch_token(TOKEN, authorization_response=back, state=state, code_verifier=verifier)
        renewed = await client.refresh_token(TOKEN)
        assert renewed["refresh_token"]
        assert (await client.get("/v3/account/user/privileges")).status_code == 200


async def test_oauthlib_with_secret_and_pkce_together(
    app: App, owner: Browser, web_app: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    session = OAuth2Session(client_id=str(web_app.client_id), redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256")
    session.mount(ORIGIN, Bridge(app))
    url, _ = session.authorization_url(ORIGIN + AUTHORIZE)
    back = await consent(owner, url)

    def trade() -> tuple[dict[str, Any], dict[str, Any], int]:
        token = session.fetch_token(ORIGIN + TOKEN, authorization_response=back, client_secret=web_app.secret)
        renewed = session.refresh_token(ORIGIN + TOKEN, auth=web_app.basic)
        return token, renewed, session.get(f"{ORIGIN}/v3/account/user/privileges").status_code

    token, renewed, status = await anyio.to_thread.run_sync(trade)

    assert status == 200
    assert token["refresh_token"] != renewed["refresh_token"]
    with pytest.raises(InvalidGrantError, match="refresh"):
        await anyio.to_thread.run_sync(
            lambda: session.refresh_token(ORIGIN + TOKEN, refresh_token=token["refresh_token"], auth=web_app.basic)
        )


class Bridge(BaseAdapter):
    """Carries the requests of a synchronous library, in its thread, to the application in the event loop."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        answer = anyio.from_thread.run(self._send, request)
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response._content = answer.content
        response.request, response.url = request, str(request.url)
        return response

    async def _send(self, request: requests.PreparedRequest) -> httpx.Response:
        headers = {name: str(value) for name, value in request.headers.items()}
        return await self.client.request(
            str(request.method), str(request.url), headers=headers, content=request.body or b""
        )

    def close(self) -> None:
        """Nothing is kept open."""
