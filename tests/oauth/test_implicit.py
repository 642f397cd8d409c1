"""Tokens in the fragment, for programs from before PKCE. Source: contract, auth.md §7."""

from datetime import timedelta
from typing import Any

import pytest

from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, PRIVILEGES, PROOF, Client
from tests.support.api import Api


async def test_the_token_comes_in_the_fragment_lives_eight_hours_and_has_no_refresh_token(
    owner: Browser, app: App, web_app: Client, clock: Any
) -> None:
    await owner.ask(**web_app.asking("contact_data offline_access", response_type="token", nonce="n-1"))
    assert owner.heading == "Allow Sheet sync?"
    await owner.submit(decision="allow")
    assert owner.location.startswith(f"{CALLBACK}#access_token=")
    assert list(owner.fragment) == ["access_token", "token_type", "expires_in", "scope", "state"]
    assert owner.fragment["token_type"] == "Bearer"
    assert owner.fragment["expires_in"] == "28800"
    assert (owner.fragment["scope"], owner.fragment["state"]) == ("contact_data", "k3-91")
    client = Api(app, owner.fragment["access_token"])
    clock.move(timedelta(seconds=28_790))
    assert (await client.get(PRIVILEGES)).status == 200
    clock.move(timedelta(seconds=20))
    assert (await client.get(PRIVILEGES)).status == 401


async def test_a_refusal_comes_in_the_fragment_too(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking(response_type="token"))
    await owner.submit(decision="deny")
    assert (owner.fragment["error"], owner.fragment["state"]) == ("access_denied", "k3-91")


async def test_a_remembered_consent_counts_for_it(owner: Browser, web_app: Client) -> None:
    await owner.allow(**web_app.asking("contact_data"))
    await owner.ask(**web_app.asking("contact_data", response_type="token"))
    assert "access_token" in owner.fragment
    await owner.ask(**web_app.asking("contact_data", response_type="token", prompt="none"))
    assert "access_token" in owner.fragment


@pytest.mark.parametrize("more", [{}, PROOF])
async def test_apps_without_a_secret_may_not(owner: Browser, public_app: Client, more: dict[str, str]) -> None:
    await owner.ask(**public_app.asking(response_type="token", **more))
    assert owner.fragment["error"] == "unauthorized_client"
