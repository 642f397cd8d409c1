"""An application of the outside and a person who allows it in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from everpost.oauth import apps
from everpost.oauth.apps import NewApp
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, Client
from tests.support.fixtures import Account

SCOPES = "contact_data+campaign_data+account_read+offline_access"


class Person(Browser):
    """The account's owner, signed in, who allows whatever is asked."""

    async def visit(self, url: str) -> dict[str, str]:
        """Follow a link of an application; returns what the application is told."""
        await self.open(url)
        if self.page.status_code == 200:
            await self.submit(decision="allow")
        assert self.page.status_code == 302, self.page.text
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


@pytest.fixture
async def person(app: App, account: Account) -> AsyncIterator[Person]:
    window = Person(app)
    await window.sign_in(account.email)
    yield window
    await window.client.aclose()


@pytest.fixture
def new_client(db: Db) -> Callable[..., Awaitable[Client]]:
    """Registers applications: `await new_client(kind="pkce")`."""

    async def register(**options: Any) -> Client:
        async with db.transaction() as conn:
            created = await apps.create(conn, NewApp(name="Plugin", redirect_uris=[CALLBACK], **options))
        return Client(created.client_id, created.client_secret or "")

    return register


@pytest.fixture
async def web(new_client: Callable[..., Awaitable[Client]]) -> Client:
    """An application with a secret."""
    return await new_client()


@pytest.fixture
async def public(new_client: Callable[..., Awaitable[Client]]) -> Client:
    """An application without one."""
    return await new_client(kind="pkce")
