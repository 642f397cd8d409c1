"""Programs that may ask for access: their kind, their secret, and where they may be sent.

Rules: a `web` app has a secret and must prove it; a `pkce` or `device` app has none. The secret is encrypted, not
hashed, because webhook signatures will need it; it is told once. A deactivated app gets 403 everywhere, a deleted one
401. What a developer sees and changes of an app is in `registrations`.
Source: contract, auth.md §2, §4, §16, portal.md §5.2, §6.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.accounts import audit
from everpost.ids import AccountId, AppId, UserId, new_id
from everpost.oauth import redirect_uris
from everpost.platform import clock, config, crypto, memory
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Invalid, NotFound

Kind: TypeAlias = Literal["web", "pkce", "device"]
RefreshTokenType: TypeAlias = Literal["rotating", "long_lived"]

COMMAND_LINE: Final = "command_line"
REFERENCE: Final = "reference"
REFERENCE_CALLBACK: Final = "/portal/reference/callback"

LONGEST_NAME: Final = 100

_PURPOSE: Final = "app-secret"
_RESERVED: Final = re.compile(r"constant\s*contact", re.IGNORECASE)


class BadAppName(Invalid):
    """name does not have a valid value"""


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
    account_id: AccountId | None
    is_public: bool

    @property
    def is_confidential(self) -> bool:
        return self.kind == "web"

    def is_open_to(self, account_id: AccountId) -> bool:
        """Whether people of this account may allow it."""
        return self.is_public or account_id == self.account_id


class NewApp(msgspec.Struct, frozen=True, kw_only=True):
    """What an application starts with; without URIs it gets the usual default."""

    name: str
    kind: Kind = "web"
    redirect_uris: Sequence[str] = ()
    refresh_token_type: RefreshTokenType = "rotating"
    account_id: AccountId | None = None
    developer_id: UserId | None = None
    is_approved: bool = True


class CreatedApp(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the command line prints of a new application; the secret is told this once."""

    client_id: AppId
    name: str
    oauth_setting: str
    refresh_token_type: str
    redirect_uris: list[str]
    client_secret: str | None = None


async def create(conn: Conn, new: NewApp) -> CreatedApp:
    """An app of the operator, with its secret at once. Raises: BadAppName, BadRedirectUri."""
    client_id = await add(conn, new)
    secret = await renew_secret(conn, client_id) if new.kind == "web" else None
    app = await get(conn, client_id)
    return CreatedApp(client_id, app.name, app.kind, app.refresh_token_type, app.redirect_uris, secret)


async def add(conn: Conn, new: NewApp) -> AppId:
    """An app without a secret. Raises: BadAppName, BadRedirectUri, Taken (the developer's name for another)."""
    objection = objection_to_name("name", new.name.strip())
    if objection is not None:
        raise BadAppName(objection)
    uris = new.redirect_uris or ([] if new.kind == "device" else [redirect_uris.DEFAULT])
    client_id = AppId(new_id())
    await _insert(conn, client_id, new, checked_redirect_uris(new.kind, uris), clock.now())
    return client_id


def objection_to_name(member: str, name: str) -> str | None:
    """Why an app cannot have this name, or None."""
    if not name:
        return f"{member} is required."
    if len(name) > LONGEST_NAME:
        return f"{member} must not be longer than {LONGEST_NAME} characters."
    return f'{member} must not contain "Constant Contact".' if _RESERVED.search(name) else None


def checked_redirect_uris(kind: str, uris: Sequence[str]) -> list[str]:
    """The URIs that an app of this kind may register. Raises: BadRedirectUri."""
    if kind == "device" and uris:
        raise redirect_uris.BadRedirectUri(number=0, uri=uris[0], reason="devices are not sent anywhere")
    return redirect_uris.check(uris, may_be_private=kind == "pkce")


async def renew_secret(conn: Conn, client_id: AppId) -> str:
    """A new secret, in clear this once; the previous one stops working at once."""
    secret = secrets.token_urlsafe(24)
    now = clock.now()
    await _store_secret(conn, client_id, crypto.seal(_PURPOSE, secret.encode()), now)
    await audit.append(conn, "app.secret_generated", client_id=client_id)
    return secret


async def forget_secret(conn: Conn, client_id: AppId) -> None:
    """The app cannot prove itself until it gets another."""
    await run(
        conn,
        """
        UPDATE apps SET sealed_secret = NULL, secret_created_at = NULL, updated_at = :now
         WHERE client_id = :client_id""",
        client_id=client_id,
        now=clock.now(),
    )
    await audit.append(conn, "app.secret_revoked", client_id=client_id)


async def find(conn: Conn, client_id: AppId) -> App | None:
    """The app, unless it is deleted."""
    return await one(
        conn,
        App,
        """
        SELECT client_id, name, public_name, description, logo_url, kind, refresh_token_type, state, redirect_uris,
               built_in, account_id, visibility = 'public' AND is_approved AS is_public
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
    """Takes effect with the next request here, and within seconds on every node."""
    await run(
        conn,
        "UPDATE apps SET state = :state, updated_at = :now WHERE client_id = :client_id",
        client_id=client_id,
        state=state,
        now=clock.now(),
    )
    memory.forget()


async def approve(conn: Conn, client_id: AppId) -> None:
    """The operator lets it be public, if its developer wants that. Raises: NotFound."""
    await get(conn, client_id)
    await run(conn, "UPDATE apps SET is_approved = true WHERE client_id = :client_id", client_id=client_id)
    await audit.append(conn, "app.approved", client_id=client_id)


async def limit(conn: Conn, client_id: AppId, *, per_second: int | None, per_day: int | None) -> None:
    """Request limits of its own; None follows the settings, 0 is none. Raises: NotFound."""
    await get(conn, client_id)
    await run(
        conn,
        """
        UPDATE apps SET rate_per_second = :per_second, rate_per_day = :per_day, updated_at = :now
         WHERE client_id = :client_id""",
        client_id=client_id,
        per_second=per_second,
        per_day=per_day,
        now=clock.now(),
    )
    memory.forget()


async def command_line(conn: Conn) -> App:
    """The built-in app behind `everpost token`, made when it is first needed."""
    return await _built_in(conn, COMMAND_LINE, "everpost command line", [])


async def reference(conn: Conn) -> App:
    """The built-in app behind the API reference. Its redirect URI follows the server's own address."""
    callback = config.current().auth_origin + REFERENCE_CALLBACK
    app = await _built_in(conn, REFERENCE, "everpost API reference", [callback])
    if app.redirect_uris == [callback]:
        return app
    await _move(conn, app.client_id, [callback], clock.now())
    return await get(conn, app.client_id)


async def _built_in(conn: Conn, built_in: str, name: str, uris: list[str]) -> App:
    await _insert_built_in(conn, AppId(new_id()), built_in, name, uris)
    client_id = await one(conn, UUID, "SELECT client_id FROM apps WHERE built_in = :built_in", built_in=built_in)
    assert client_id is not None
    return await get(conn, AppId(client_id))


async def _insert(conn: Conn, client_id: AppId, new: NewApp, uris: list[str], now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO apps (client_id, account_id, developer_id, name, public_name, description, kind,
                          refresh_token_type, state, visibility, is_approved, is_partner_app, redirect_uris,
                          created_at, updated_at)
        VALUES (:client_id, :account_id, :developer_id, :name, :name, '', :kind, :refresh_token_type, 'active',
                'public', :is_approved, false, :uris, :now, :now)""",
        client_id=client_id,
        account_id=new.account_id,
        developer_id=new.developer_id,
        name=new.name.strip(),
        kind=new.kind,
        refresh_token_type=new.refresh_token_type,
        is_approved=new.is_approved,
        uris=uris,
        now=now,
    )


async def _insert_built_in(conn: Conn, client_id: AppId, built_in: str, name: str, uris: list[str]) -> None:
    """Two processes at once make one row."""
    await run(
        conn,
        """
        INSERT INTO apps (client_id, name, public_name, description, kind, refresh_token_type, state, visibility,
                          is_approved, is_partner_app, redirect_uris, built_in, created_at, updated_at)
        VALUES (:client_id, :name, :name, '', 'pkce', 'rotating', 'active', 'public', true, false, :uris, :built_in,
                :now, :now)
        ON CONFLICT (built_in) DO NOTHING""",
        client_id=client_id,
        built_in=built_in,
        name=name,
        uris=uris,
        now=clock.now(),
    )


async def _move(conn: Conn, client_id: AppId, uris: list[str], now: datetime) -> None:
    await run(
        conn,
        "UPDATE apps SET redirect_uris = :uris, updated_at = :now WHERE client_id = :client_id",
        client_id=client_id,
        uris=uris,
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
