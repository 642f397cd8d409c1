"""Programs that may ask for access: their kind, their secret, and where they may be sent.

Rules: a `web` app has a secret and must prove it; a `pkce` app has none. The secret is encrypted, not hashed, because
webhook signatures will need it; it is told once. A deactivated app gets 403 everywhere, a deleted one 401.
Source: contract, auth.md §2, §4, §16, portal.md §5.2.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.accounts import audit
from everpost.ids import AccountId, AppId, new_id
from everpost.oauth import redirect_uris
from everpost.platform import clock, crypto
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Invalid, NotFound

Kind: TypeAlias = Literal["web", "pkce", "device"]
RefreshTokenType: TypeAlias = Literal["rotating", "long_lived"]

COMMAND_LINE: Final = "command_line"

_PURPOSE: Final = "app-secret"
_RESERVED: Final = re.compile(r"constant\s*contact", re.IGNORECASE)


class BadAppName(Invalid):
    """name must have 1 to 100 characters and must not contain "Constant Contact"."""


class App(msgspec.Struct, frozen=True):
    """An application, without its secret."""

    client_id: AppId
    name: str
    public_name: str
    description: str
    logo_url: str | None
    kind: str
    refresh_token_type: str
    state: str
    redirect_uris: list[str]
    built_in: str | None

    @property
    def is_confidential(self) -> bool:
        return self.kind == "web"


class NewApp(msgspec.Struct, frozen=True, kw_only=True):
    """What an application starts with; without URIs it gets the usual default."""

    name: str
    kind: Kind = "web"
    redirect_uris: Sequence[str] = ()
    refresh_token_type: RefreshTokenType = "rotating"
    account_id: AccountId | None = None


class CreatedApp(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the command line prints of a new application; the secret is told this once."""

    client_id: AppId
    name: str
    oauth_setting: str
    refresh_token_type: str
    redirect_uris: list[str]
    client_secret: str | None = None


async def create(conn: Conn, new: NewApp) -> CreatedApp:
    """Raises: BadAppName, BadRedirectUri."""
    _check_name(new.name)
    uris = redirect_uris.check(new.redirect_uris or [redirect_uris.DEFAULT], may_be_private=new.kind == "pkce")
    client_id = AppId(new_id())
    await _insert(conn, client_id, new, uris, clock.now())
    secret = await renew_secret(conn, client_id) if new.kind == "web" else None
    return CreatedApp(client_id, new.name, new.kind, new.refresh_token_type, uris, secret)


async def renew_secret(conn: Conn, client_id: AppId) -> str:
    """A new secret, in clear this once; the previous one stops working at once."""
    secret = secrets.token_urlsafe(24)
    now = clock.now()
    await _store_secret(conn, client_id, crypto.seal(_PURPOSE, secret.encode()), now)
    await audit.append(conn, "app.secret_generated", client_id=client_id)
    return secret


async def find(conn: Conn, client_id: AppId) -> App | None:
    """The app, unless it is deleted."""
    return await one(
        conn,
        App,
        """
        SELECT client_id, name, public_name, description, logo_url, kind, refresh_token_type, state, redirect_uris,
               built_in
          FROM apps
         WHERE client_id = :client_id AND state <> 'deleted'""",
        client_id=client_id,
    )


async def get(conn: Conn, client_id: AppId) -> App:
    """Raises: NotFound."""
    app = await find(conn, client_id)
    if app is None:
        raise NotFound
    return app


async def is_secret(conn: Conn, client_id: AppId, given: str) -> bool:
    """Whether this is the app's secret, compared in constant time."""
    sealed = await one(conn, bytes, "SELECT sealed_secret FROM apps WHERE client_id = :client_id", client_id=client_id)
    if sealed is None:
        return False
    return secrets.compare_digest(crypto.unseal(_PURPOSE, sealed), given.encode())


async def set_state(conn: Conn, client_id: AppId, state: Literal["active", "deactivated", "deleted"]) -> None:
    """Takes effect with the next request, on every node."""
    await run(
        conn,
        "UPDATE apps SET state = :state, updated_at = :now WHERE client_id = :client_id",
        client_id=client_id,
        state=state,
        now=clock.now(),
    )


async def set_refresh_token_type(conn: Conn, client_id: AppId, wanted: RefreshTokenType) -> None:
    """Applies from the next use of each refresh token."""
    await run(
        conn,
        "UPDATE apps SET refresh_token_type = :wanted, updated_at = :now WHERE client_id = :client_id",
        client_id=client_id,
        wanted=wanted,
        now=clock.now(),
    )


async def command_line(conn: Conn) -> App:
    """The built-in app behind `everpost token`, made when it is first needed."""
    await _insert_built_in(conn, AppId(new_id()), COMMAND_LINE, "everpost command line", clock.now())
    client_id = await one(conn, UUID, "SELECT client_id FROM apps WHERE built_in = :name", name=COMMAND_LINE)
    assert client_id is not None
    return await get(conn, AppId(client_id))


def _check_name(name: str) -> None:
    if not 1 <= len(name.strip()) <= 100 or _RESERVED.search(name):
        raise BadAppName


async def _insert(conn: Conn, client_id: AppId, new: NewApp, uris: list[str], now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO apps (client_id, account_id, name, public_name, description, kind, refresh_token_type, state,
                          redirect_uris, created_at, updated_at)
        VALUES (:client_id, :account_id, :name, :name, '', :kind, :refresh_token_type, 'active', :uris, :now, :now)""",
        client_id=client_id,
        account_id=new.account_id,
        name=new.name.strip(),
        kind=new.kind,
        refresh_token_type=new.refresh_token_type,
        uris=uris,
        now=now,
    )


async def _insert_built_in(conn: Conn, client_id: AppId, built_in: str, name: str, now: datetime) -> None:
    """Two processes at once make one row."""
    await run(
        conn,
        """
        INSERT INTO apps (client_id, name, public_name, description, kind, refresh_token_type, state, redirect_uris,
                          built_in, created_at, updated_at)
        VALUES (:client_id, :name, :name, '', 'pkce', 'rotating', 'active', '{}', :built_in, :now, :now)
        ON CONFLICT (built_in) DO NOTHING""",
        client_id=client_id,
        built_in=built_in,
        name=name,
        now=now,
    )


async def _store_secret(conn: Conn, client_id: AppId, sealed: bytes, now: datetime) -> None:
    await run(
        conn,
        """
        UPDATE apps SET sealed_secret = :sealed, secret_created_at = :now, updated_at = :now
         WHERE client_id = :client_id""",
        client_id=client_id,
        sealed=sealed,
        now=now,
    )
