"""What a token is worth, for the app it was issued to.

Rules: only apps that prove themselves with a secret may ask; a token that is over, revoked, unknown or another app's is
answered alike, with `active` alone. Source: RFC 7662; contract, auth.md §15.
"""

from collections.abc import Mapping

import msgspec

from everpost.accounts import users
from everpost.oauth import clients, refresh, tokens
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.errors import InvalidClient, InvalidRequest
from everpost.oauth.tokens import Claims
from everpost.platform import config
from everpost.platform.db import Conn, Db
from everpost.platform.errors import Unauthorized


class TokenMissing(InvalidRequest):
    """The introspection request must specify a token."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a token; a refresh token has no `aud` and no `jti`."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None


_INACTIVE = Finding(active=False)


async def answer(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> Finding:
    """Raises: OAuthError."""
    async with db.reader() as conn:
        known = await clients.authenticate(conn, app, credentials)
    if not known.is_confidential:
        raise InvalidClient
    token = parameters.get("token", "")
    if not token:
        raise TokenMissing
    try:
        claims = await tokens.read(db, token)
    except Unauthorized:
        async with db.transaction() as conn:
            return await _refresh_token(conn, known, token)
    async with db.reader() as conn:
        return await _access_token(conn, known, claims)


async def _access_token(conn: Conn, app: App, claims: Claims) -> Finding:
    if claims.cid != str(app.client_id) or not await tokens.is_active(conn, claims):
        return _INACTIVE
    return Finding(
        active=True,
        scope=" ".join(claims.scp),
        client_id=claims.cid,
        username=claims.sub,
        token_type="Bearer",
        exp=claims.exp,
        iat=claims.iat,
        sub=claims.sub,
        aud=claims.aud,
        iss=claims.iss,
        jti=claims.jti,
    )


async def _refresh_token(conn: Conn, app: App, token: str) -> Finding:
    held = await refresh.find(conn, token)
    if held is None or held.grant.client_id != app.client_id:
        return _INACTIVE
    user = await users.get(conn, held.grant.user_id)
    return Finding(
        active=True,
        scope=" ".join(held.grant.scopes),
        client_id=str(app.client_id),
        username=user.login,
        token_type="refresh_token",
        exp=int(held.expires_at.timestamp()),
        iat=int(held.issued_at.timestamp()),
        sub=user.login,
        iss=config.current().issuer,
    )
