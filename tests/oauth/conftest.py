"""Apps of both kinds, a person with a browser, and what an app does at the token endpoint."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from everpost.ids import AppId
from everpost.oauth import apps, pkce
from everpost.oauth.apps import NewApp
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

CALLBACK = "https://app.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
TOKEN = "/oauth2/default/v1/token"
DEVICE_START = "/oauth2/default/v1/device/authorize"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PRIVILEGES = "/v3/account/user/privileges"


@dataclass(frozen=True)
class Client:
    """An application as its developer knows it."""

    client_id: AppId
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        return str(self.client_id), self.secret

    def asking(self, scope: str = "contact_data offline_access", **more: str) -> dict[str, str]:
        """The parameters of an authorization request."""
        request = {
            "client_id": str(self.client_id),
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": scope,
            "state": "k3-91",
        }
        return {**request, **more}


PROOF = {"code_challenge": pkce.challenge_of(VERIFIER), "code_challenge_method": "S256"}


@pytest.fixture
async def web_app(db: Db) -> Client:
    """An app with a secret and rotating refresh tokens."""
    return await _client(db, NewApp(name="Sheet sync", redirect_uris=[CALLBACK]))


@pytest.fixture
async def long_lived_app(db: Db) -> Client:
    return await _client(db, NewApp(name="Nightly", redirect_uris=[CALLBACK], refresh_token_type="long_lived"))


@pytest.fixture
async def public_app(db: Db) -> Client:
    """An app without a secret."""
    return await _client(db, NewApp(name="Phone", kind="pkce", redirect_uris=[CALLBACK]))


@pytest.fixture
async def device_app(db: Db) -> Client:
    """An app for devices without a browser."""
    return await _client(db, NewApp(name="Television", kind="device"))


@pytest.fixture
async def browser(app: App) -> AsyncIterator[Browser]:
    window = Browser(app)
    yield window
    await window.client.aclose()


@pytest.fixture
async def owner(browser: Browser, account: Account) -> Browser:
    """The owner's browser, signed in."""
    await browser.sign_in(account.email)
    return browser


@pytest.fixture
def ask_token(app: App) -> Callable[..., Awaitable[Reply]]:
    """POST to the token endpoint: parameters in the form body, client authentication by `auth`."""

    async def ask(auth: tuple[str, str] | None = None, **parameters: Any) -> Reply:
        options: dict[str, Any] = {"data": parameters}
        if auth is not None:
            options["auth"] = auth
        return await Api(app, None).request("POST", TOKEN, **options)

    return ask


@pytest.fixture
def trade(owner: Browser, ask_token: Callable[..., Awaitable[Reply]]) -> Callable[..., Awaitable[Reply]]:
    """The whole way of an app with a secret: ask, be allowed, trade the code in."""

    async def get(client: Client, scope: str = "contact_data offline_access") -> Reply:
        code = (await owner.allow(**client.asking(scope)))["code"]
        return await ask_token(client.basic, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)

    return get


@pytest.fixture
def start_device(app: App, device_app: Client) -> Callable[..., Awaitable[Any]]:
    """The device's first request; returns what it is told."""

    async def start(scope: str = "contact_data offline_access") -> Any:
        asked = {"client_id": str(device_app.client_id), "scope": scope}
        answer = await Api(app, None).request("POST", DEVICE_START, data=asked)
        assert answer.status == 200, answer
        return answer.body

    return start


@pytest.fixture
def poll(ask_token: Callable[..., Awaitable[Reply]], device_app: Client) -> Callable[..., Awaitable[Reply]]:
    """The device asks whether it is allowed in."""

    async def ask(device_code: str, client: Client = device_app) -> Reply:
        return await ask_token(grant_type=DEVICE_GRANT, device_code=device_code, client_id=str(client.client_id))

    return ask


async def _client(db: Db, new: NewApp) -> Client:
    async with db.transaction() as conn:
        created = await apps.create(conn, new)
    return Client(created.client_id, created.client_secret or "")
