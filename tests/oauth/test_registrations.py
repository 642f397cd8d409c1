"""Applications as their developers see and change them. Source: contract, portal.md §5."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.ids import AppId
from everpost.oauth import apps, grants, registrations
from everpost.oauth.apps import BadAppName
from everpost.oauth.registrations import (
    Developer,
    NameTaken,
    RegistrationChange,
    RegistrationIn,
    SecretNotUsed,
    TooManyApplications,
)
from everpost.platform import config, rate_limits
from everpost.platform.db import Db
from everpost.platform.errors import Invalid, NotFound
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account


@pytest.fixture
def developer(account: Account) -> Developer:
    return Developer(account.user_id, account.account_id)


async def register(db: Db, developer: Developer, name: str = "Sheet sync", **more: Any) -> AppId:
    async with db.transaction() as conn:
        return (await registrations.create(conn, developer, RegistrationIn(name=name, **more))).client_id


async def test_a_name_is_all_a_new_application_needs(db: Db, developer: Developer) -> None:
    async with db.transaction() as conn:
        made = await registrations.create(conn, developer, RegistrationIn(name="  Sheet sync "))
        assert [made] == await registrations.all_of(conn, developer.user_id)
    assert (made.name, made.public_name, made.description) == ("Sheet sync", "Sheet sync", "")
    assert (made.oauth_setting, made.refresh_token_type) == ("web", "rotating")
    assert (made.redirect_uris, made.has_secret, made.secret_created_at) == (["https://localhost"], False, None)
    assert (made.state, made.visibility, made.is_partner_app) == ("active", "public", False)


async def test_a_device_application_is_sent_nowhere(db: Db, developer: Developer) -> None:
    client_id = await register(db, developer, oauth_setting="device")
    async with db.transaction() as conn:
        assert (await registrations.get(conn, developer.user_id, client_id)).redirect_uris == []
        change = RegistrationChange(redirect_uris=["https://localhost"])
        with pytest.raises(Invalid, match=r"redirect_uris\[0\] cannot be https://localhost"):
            await registrations.change(conn, developer.user_id, client_id, change)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "name is required."),
        ("   ", "name is required."),
        ("x" * 101, "name must not be longer than 100 characters."),
        ("My CONSTANT contact sync", 'name must not contain "Constant Contact".'),
    ],
)
async def test_bad_names_are_refused(db: Db, developer: Developer, name: str, text: str) -> None:
    with pytest.raises(BadAppName) as refused:
        await register(db, developer, name)
    assert refused.value.messages == (text,)


async def test_a_name_is_unique_per_developer_whatever_its_case(
    db: Db, developer: Developer, new_account: Callable[[str], Awaitable[Account]]
) -> None:
    client_id = await register(db, developer)
    with pytest.raises(NameTaken):
        await register(db, developer, "SHEET SYNC")
    other = await new_account("other@harborlane.example")
    await register(db, Developer(other.user_id, other.account_id))
    async with db.transaction() as conn:
        await registrations.delete(conn, developer.user_id, client_id)
    await register(db, developer)


async def test_the_51st_application_is_refused_even_when_two_come_at_once(db: Db, developer: Developer) -> None:
    first = await register(db, developer, "0")
    for number in range(1, 49):
        await register(db, developer, str(number))
    tries = await asyncio.gather(*(register(db, developer, name) for name in ("a", "b", "c")), return_exceptions=True)
    assert 2 == sum(isinstance(outcome, TooManyApplications) for outcome in tries), tries
    assert TooManyApplications.key == "portal.api.application_limit"
    async with db.transaction() as conn:
        await registrations.delete(conn, developer.user_id, first)
    await register(db, developer, "after one was deleted")


async def test_a_secret_is_told_once_and_replaced(db: Db, developer: Developer) -> None:
    client_id = await register(db, developer)
    async with db.transaction() as conn:
        old = await registrations.generate_secret(conn, developer.user_id, client_id)
        new = await registrations.generate_secret(conn, developer.user_id, client_id)
        found = await registrations.get(conn, developer.user_id, client_id)
        assert found.has_secret and found.secret_created_at and len(new) == 32
        assert not await apps.is_secret(conn, client_id, old)
        assert await apps.is_secret(conn, client_id, new)
        await registrations.revoke_secret(conn, developer.user_id, client_id)
        assert not await apps.is_secret(conn, client_id, new)
        assert not (await registrations.get(conn, developer.user_id, client_id)).has_secret


@pytest.mark.parametrize("setting", ["pkce", "device"])
async def test_applications_without_a_secret_get_none(db: Db, developer: Developer, setting: Any) -> None:
    client_id = await register(db, developer, oauth_setting=setting)
    async with db.transaction() as conn:
        with pytest.raises(SecretNotUsed):
            await registrations.generate_secret(conn, developer.user_id, client_id)


async def test_details_change_all_at_once_or_not_at_all(db: Db, developer: Developer) -> None:
    client_id = await register(db, developer)
    good = RegistrationChange(
        public_name="Sheets",
        description="Copies rows.",
        logo_url="https://cdn.example/logo.png",
        website="http://sheets.example",
        support_email="help@sheets.example",
        redirect_uris=["https://a.example/cb", "https://*.b.example"],
        refresh_token_type="long_lived",
        visibility="private",
    )
    bad = RegistrationChange(
        public_name="Constant Contact sheets",
        logo_url="http://cdn.example/logo.png",
        website="javascript:alert(1)",
        redirect_uris=["https://a.example/cb#x"],
        description="never stored",
    )
    async with db.transaction() as conn:
        changed = await registrations.change(conn, developer.user_id, client_id, good)
        assert (changed.public_name, changed.description, changed.visibility) == ("Sheets", "Copies rows.", "private")
        assert changed.redirect_uris == ["https://a.example/cb", "https://*.b.example"]
        with pytest.raises(Invalid) as refused:
            await registrations.change(conn, developer.user_id, client_id, bad)
        assert refused.value.messages[:3] == (
            'public_name must not contain "Constant Contact".',
            "logo_url does not have a valid value",
            "website does not have a valid value",
        )
        assert refused.value.messages[3].startswith("redirect_uris[0] cannot be https://a.example/cb#x: ")
        # The consent page names the logo's origin in a header: what fits into none would break it for everybody.
        for logo_url in ("https://例え.example/logo.png", "https://*/logo.png", "https://", "https://a.example/;x"):
            with pytest.raises(Invalid, match="logo_url does not have a valid value"):
                await registrations.change(conn, developer.user_id, client_id, RegistrationChange(logo_url=logo_url))
        cleared = await registrations.change(conn, developer.user_id, client_id, RegistrationChange(logo_url=""))
        assert (cleared.logo_url, cleared.description) == (None, "Copies rows.")


async def test_another_developers_application_is_not_found(
    db: Db, developer: Developer, new_account: Callable[[str], Awaitable[Account]]
) -> None:
    client_id = await register(db, developer)
    other = (await new_account("other@harborlane.example")).user_id

    async def change(*where: Any) -> Any:
        return await registrations.change(*where, RegistrationChange())

    actions: list[Callable[..., Awaitable[Any]]] = [
        change,
        registrations.get,
        registrations.generate_secret,
        registrations.revoke_secret,
        registrations.activate,
        registrations.deactivate,
        registrations.delete,
        registrations.usage,
        registrations.audience,
    ]
    for action in actions:
        with pytest.raises(NotFound):
            async with db.transaction() as conn:
                await action(conn, other, client_id)


async def test_until_the_operator_approves_an_application_stays_private(db: Db, developer: Developer) -> None:
    config.override(portal_require_approval=True)
    client_id = await register(db, developer)
    async with db.transaction() as conn:
        assert (await registrations.get(conn, developer.user_id, client_id)).visibility == "private"
        await apps.approve(conn, client_id)
        assert (await registrations.get(conn, developer.user_id, client_id)).visibility == "public"


async def test_usage_counts_the_requests_of_today(
    trade: Callable[..., Awaitable[Reply]], app: App, db: Db, web_app: Client, developer: Developer
) -> None:
    config.override(rate_per_day=10_000)
    token = (await trade(web_app)).body["access_token"]
    for _ in range(3):
        await Api(app, token).get("/v3/account/user/privileges")
    mine = await register(db, developer)
    async with db.transaction() as conn:
        assert await rate_limits.requests_today(conn, web_app.client_id) == 3
        await rate_limits.merge(db)
    async with db.transaction() as conn:
        assert await rate_limits.requests_today(conn, web_app.client_id) == 3
        assert (await registrations.usage(conn, developer.user_id, mine)).limit == 10_000
        await apps.limit(conn, mine, per_second=10, per_day=7)
        assert (await registrations.usage(conn, developer.user_id, mine)).limit == 7


async def test_a_person_sees_what_they_allowed_and_takes_it_back(
    owner: Browser, trade: Callable[..., Awaitable[Reply]], app: App, db: Db, web_app: Client, account: Account
) -> None:
    await trade(web_app, "contact_data")
    token = (await trade(web_app, "campaign_data offline_access")).body["access_token"]
    async with db.transaction() as conn:
        (found,) = await grants.accesses_of_user(conn, account.user_id)
        assert [found] == await grants.accesses_of_account(conn, account.account_id)
        assert (found.public_name, found.email) == ("Sheet sync", account.email)
        assert found.scopes == ["campaign_data", "contact_data", "offline_access"]
        await grants.remove_access(conn, web_app.client_id, account.user_id)
        assert await grants.accesses_of_user(conn, account.user_id) == []
    assert (await Api(app, token).get("/v3/account/user/privileges")).status == 401


async def test_the_references_application_follows_the_servers_address(db: Db) -> None:
    async with db.transaction() as conn:
        first = await apps.reference(conn)
        assert first.redirect_uris == ["http://everpost.test/portal/reference/callback"]
        config.override(auth_base_url="https://sign-in.example")
        moved = await apps.reference(conn)
    assert (moved.client_id, moved.kind) == (first.client_id, "pkce")
    assert moved.redirect_uris == ["https://sign-in.example/portal/reference/callback"]
