"""Applications as the command line makes them. Source: contract, auth.md §2, §4, portal.md §5.2."""

import msgspec
import pytest

from everpost.oauth import apps, pkce, scopes
from everpost.oauth.apps import BadAppName, NewApp
from everpost.oauth.scopes import UnknownScope
from everpost.platform.db import Db, one


async def test_a_web_app_has_a_secret_that_is_told_once_and_kept_encrypted(db: Db) -> None:
    async with db.transaction() as conn:
        created = await apps.create(conn, NewApp(name="Sheet sync"))
        sealed = await one(conn, bytes, "SELECT sealed_secret FROM apps")
        assert created.client_secret is not None and len(created.client_secret) == 32
        assert sealed is not None and created.client_secret.encode() not in sealed
        assert await apps.is_secret(conn, created.client_id, created.client_secret)
        assert not await apps.is_secret(conn, created.client_id, created.client_secret[:-1])
        assert not await apps.is_secret(conn, created.client_id, "")
    printed = msgspec.to_builtins(created)
    assert (printed["oauth_setting"], printed["redirect_uris"]) == ("web", ["https://localhost"])


async def test_a_public_app_has_none(db: Db) -> None:
    async with db.transaction() as conn:
        created = await apps.create(conn, NewApp(name="Phone", kind="pkce", redirect_uris=["com.example.app:/cb"]))
        assert not await apps.is_secret(conn, created.client_id, "")
    assert "client_secret" not in msgspec.to_builtins(created)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "My Constant Contact", "constantcontact sync"])
async def test_some_names_are_refused(db: Db, name: str) -> None:
    with pytest.raises(BadAppName):
        async with db.transaction() as conn:
            await apps.create(conn, NewApp(name=name))


async def test_the_command_lines_own_app_is_made_once(db: Db) -> None:
    async with db.transaction() as conn:
        assert (await apps.command_line(conn)).client_id == (await apps.command_line(conn)).client_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contact_data", ["contact_data"]),
        ("  contact_data   offline_access ", ["contact_data", "offline_access"]),
        ("offline_access+contact_data", ["offline_access", "contact_data"]),
        ("contact_data contact_data", ["contact_data"]),
        ("", []),
    ],
)
def test_scopes_are_read_in_their_order(text: str, expected: list[str]) -> None:
    assert scopes.read(text) == expected


@pytest.mark.parametrize("text", ["openid", "contact_data,campaign_data", "Contact_data", "v3api/general.partner"])
def test_unknown_scopes_are_refused(text: str) -> None:
    with pytest.raises(UnknownScope):
        scopes.read(text)


def test_pkce_is_that_of_the_rfc() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.is_match(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert not pkce.is_match(verifier + "x", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert pkce.is_verifier("a" * 43) and pkce.is_verifier("-._~" * 32)
    assert not pkce.is_verifier("a" * 42) and not pkce.is_verifier("a" * 129) and not pkce.is_verifier("ä" * 43)
