"""The token endpoint without its transport: from parameters to tokens.

Rules: the answer has exactly the members below, because some clients store the object as it is; `refresh_token` only
when `offline_access` was granted. Whatever a refused request leaves behind, such as a revoked chain, is committed
before the refusal goes out. Source: contract, auth.md §2, §5-§6, §8.3, §9.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from everpost.accounts import users
from everpost.oauth import clients, codes, devices, keys, refresh, scopes, tokens
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.codes import Presented
from everpost.oauth.errors import InvalidRequest, OAuthError, UnauthorizedClient
from everpost.oauth.grants import Grant
from everpost.oauth.keys import SigningKey
from everpost.oauth.scopes import UnknownScope
from everpost.platform.db import Conn, Db

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"

_GRANT_TYPES: Final = {"web": (CODE, REFRESH), "pkce": (CODE, REFRESH), "device": (DEVICE, REFRESH)}


class GrantTypeMissing(InvalidRequest):
    """The token request must specify a grant type."""


class GrantTypeUnknown(OAuthError):
    """The authorization grant type is not supported by the authorization server."""

    error = "unsupported_grant_type"


class BrowserWithoutProof(InvalidRequest):
    """Browser requests to the token endpoint must use Proof Key for Code Exchange."""


class ScopeTooWide(OAuthError):
    """The requested scope exceeds the scope granted by the resource owner."""

    error = "invalid_scope"


class TargetUnknown(OAuthError):
    """The requested resource is unknown to the authorization server."""

    error = "invalid_target"


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nothing may be added here: an unknown member breaks clients."""

    token_type: str
    expires_in: int
    access_token: str
    scope: str
    refresh_token: str | None = None


class _Allowed(msgspec.Struct, frozen=True):
    """What a request turned out to be worth."""

    grant: Grant
    wanted: list[str]
    refresh_token: str | None
    action: str


async def answer(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> TokenAnswer:
    """Raises: OAuthError."""
    grant_type = _grant_type(parameters)
    if is_browser and grant_type == CODE and not parameters.get("code_verifier"):
        raise BrowserWithoutProof
    signing = await keys.current(db)
    async with db.transaction() as conn:
        known = await clients.authenticate(conn, app, credentials)
        _check_may_ask(known, grant_type, parameters)
        allowed = await _trade_in(conn, known, grant_type, parameters)
        issued = allowed if isinstance(allowed, OAuthError) else await _issue(conn, signing, allowed)
    # Only now, so that what a theft left behind is committed.
    if isinstance(issued, OAuthError):
        raise issued
    return issued


def _grant_type(parameters: Mapping[str, str]) -> str:
    grant_type = parameters.get("grant_type", "")
    if not grant_type:
        raise GrantTypeMissing
    if grant_type not in (CODE, REFRESH, DEVICE):
        raise GrantTypeUnknown
    return grant_type


def _check_may_ask(app: App, grant_type: str, parameters: Mapping[str, str]) -> None:
    """Raises: UnauthorizedClient, TargetUnknown."""
    if app.state != "active" or grant_type not in _GRANT_TYPES[app.kind]:
        raise UnauthorizedClient
    if parameters.get("resource"):
        raise TargetUnknown


async def _trade_in(conn: Conn, app: App, grant_type: str, parameters: Mapping[str, str]) -> _Allowed | OAuthError:
    if grant_type == REFRESH:
        return await _trade_refresh_token(conn, app, parameters)
    if grant_type == DEVICE:
        grant = await devices.poll(conn, app, parameters.get("device_code", ""))
    else:
        grant = await codes.redeem(conn, app, _presented(parameters))
    if isinstance(grant, OAuthError):
        return grant
    refresh_token = await refresh.issue(conn, grant) if scopes.OFFLINE in grant.scopes else None
    return _Allowed(grant, grant.scopes, refresh_token, "token.issued")


def _presented(parameters: Mapping[str, str]) -> Presented:
    return Presented(parameters.get("code", ""), parameters.get("redirect_uri", ""), parameters.get("code_verifier"))


async def _trade_refresh_token(conn: Conn, app: App, parameters: Mapping[str, str]) -> _Allowed | OAuthError:
    renewed = await refresh.use(conn, app, parameters.get("refresh_token", ""))
    if isinstance(renewed, OAuthError):
        return renewed
    wanted = _narrowed(renewed.grant.scopes, parameters.get("scope", ""))
    return _Allowed(renewed.grant, wanted, renewed.refresh_token, "token.refreshed")


def _narrowed(granted: list[str], asked: str) -> list[str]:
    """Fewer scopes for this access token; the grant keeps them all. Raises: ScopeTooWide, which undoes the rotation."""
    try:
        wanted = scopes.read(asked)
    except UnknownScope as error:
        raise ScopeTooWide from error
    if not set(wanted) <= set(granted):
        raise ScopeTooWide
    return wanted or granted


async def _issue(conn: Conn, signing: SigningKey, allowed: _Allowed) -> TokenAnswer:
    grant = allowed.grant
    user = await users.get(conn, grant.user_id)
    has_refresh_token = allowed.refresh_token is not None
    minted = tokens.mint(signing, grant, user, allowed.wanted, has_refresh_token=has_refresh_token)
    await tokens.note_issue(conn, allowed.action, grant, minted)
    return TokenAnswer(
        token_type="Bearer",
        expires_in=minted.expires_in,
        access_token=minted.access_token,
        scope=" ".join(allowed.wanted),
        refresh_token=allowed.refresh_token,
    )
