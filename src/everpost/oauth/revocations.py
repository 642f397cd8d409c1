"""Giving a token back. A refresh token takes its whole chain with it, an access token only itself.

Rules: unknown tokens, and those of another app, are answered like any other, so nobody can probe for them.
Source: RFC 7009; contract, auth.md §15.
"""

from collections.abc import Mapping

from everpost.accounts import audit
from everpost.oauth import clients, grants, refresh, tokens
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.errors import InvalidRequest
from everpost.platform.db import Db
from everpost.platform.errors import Unauthorized


class TokenMissing(InvalidRequest):
    """The revocation request must specify a token."""


async def answer(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> None:
    """Raises: OAuthError."""
    async with db.reader() as conn:
        known = await clients.authenticate(conn, app, credentials)
    token = parameters.get("token", "")
    if not token:
        raise TokenMissing
    if not await _revoke_chain(db, known, token):
        await _revoke_access_token(db, known, token)


async def _revoke_chain(db: Db, app: App, token: str) -> bool:
    async with db.transaction() as conn:
        grant = await refresh.find_grant(conn, token)
        if grant is None or grant.client_id != app.client_id:
            return False
        await grants.revoke(conn, grant.grant_id)
        await audit.append(
            conn, "token.revoked", account_id=grant.account_id, user_id=grant.user_id, client_id=app.client_id
        )
        return True


async def _revoke_access_token(db: Db, app: App, token: str) -> None:
    try:
        claims = await tokens.read(db, token)
    except Unauthorized:
        return
    if claims.cid != str(app.client_id):
        return
    async with db.transaction() as conn:
        await tokens.revoke(conn, claims)
        await audit.append(conn, "token.revoked", client_id=app.client_id, jti=claims.jti)
