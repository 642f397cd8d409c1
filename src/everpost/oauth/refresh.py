"""Refresh tokens: 180 days, a new one at each use or the same for ever, as the app chose.

Rules: only the hash is stored. A token that was rotated away and comes back is a sign of theft and ends its chain,
except within the grace that the operator allows: then the answer is its successor once more. A successor is derived
from its predecessor with the instance key, so it can be told again without being stored.
Source: contract, auth.md §9.
"""

import base64
from datetime import datetime, timedelta
from typing import Final

import msgspec

from everpost.accounts import audit
from everpost.ids import GrantId
from everpost.oauth import grants
from everpost.oauth.apps import App
from everpost.oauth.errors import InvalidGrant, OAuthError
from everpost.oauth.grants import Grant
from everpost.platform import clock, config, crypto
from everpost.platform.db import Conn, one, run

LIFETIME: Final = timedelta(days=180)


class RefreshInvalid(InvalidGrant):
    """The refresh token is invalid or expired."""


class Renewed(msgspec.Struct, frozen=True):
    """The grant behind a refresh token, and the token to use next time."""

    grant: Grant
    refresh_token: str


class Held(msgspec.Struct, frozen=True):
    """A refresh token that works, as it is stored."""

    grant: Grant
    issued_at: datetime
    expires_at: datetime


class _Stored(msgspec.Struct, frozen=True):
    grant_id: GrantId
    expires_at: datetime
    rotated_at: datetime | None
    issued_at: datetime


async def issue(conn: Conn, grant: Grant) -> str:
    """The first refresh token of a chain; in clear only here."""
    token = crypto.new_token()
    await _insert(conn, token, grant.grant_id, clock.now())
    return token


async def use(conn: Conn, app: App, token: str) -> Renewed | OAuthError:
    """Trade a refresh token in.

    An error is returned, not raised, because what a second use leaves behind must be committed.
    """
    stored = await _lock(conn, token)
    grant = None if stored is None else await grants.find(conn, stored.grant_id)
    if stored is None or grant is None or grant.client_id != app.client_id or stored.expires_at <= clock.now():
        return RefreshInvalid()
    if stored.rotated_at is not None:
        return await _use_again(conn, grant, token, stored.rotated_at)
    if app.refresh_token_type == "long_lived":
        await _extend(conn, token, clock.now())
        return Renewed(grant, token)
    successor = _successor(token)
    await _rotate(conn, token, clock.now())
    await _insert(conn, successor, grant.grant_id, clock.now())
    return Renewed(grant, successor)


async def find_grant(conn: Conn, token: str) -> Grant | None:
    """The chain a token belongs to, whether it is its newest or not."""
    stored = await _lock(conn, token)
    return None if stored is None else await grants.find(conn, stored.grant_id)


async def find(conn: Conn, token: str) -> Held | None:
    """The token if trading it in would work now."""
    stored = await _lock(conn, token)
    if stored is None or stored.rotated_at is not None or stored.expires_at <= clock.now():
        return None
    grant = await grants.find(conn, stored.grant_id)
    return None if grant is None else Held(grant, stored.issued_at, stored.expires_at)


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM refresh_tokens WHERE expires_at < :now", now=clock.now())


async def _use_again(conn: Conn, grant: Grant, token: str, rotated_at: datetime) -> Renewed | OAuthError:
    grace = timedelta(seconds=config.current().refresh_reuse_grace_seconds)
    successor = _successor(token)
    if clock.now() - rotated_at < grace:
        stored = await _lock(conn, successor)
        if stored is not None and stored.rotated_at is None:
            return Renewed(grant, successor)
    await grants.revoke(conn, grant.grant_id)
    await audit.append(
        conn, "refresh.reuse_detected", account_id=grant.account_id, user_id=grant.user_id, client_id=grant.client_id
    )
    return RefreshInvalid()


def _successor(token: str) -> str:
    return base64.urlsafe_b64encode(crypto.mac("refresh-successor", token.encode())).rstrip(b"=").decode()


async def _lock(conn: Conn, token: str) -> _Stored | None:
    return await one(
        conn,
        _Stored,
        """
        SELECT grant_id, expires_at, rotated_at, issued_at
          FROM refresh_tokens
         WHERE token_hash = :token_hash
           FOR UPDATE""",
        token_hash=crypto.token_hash(token),
    )


async def _insert(conn: Conn, token: str, grant_id: GrantId, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO refresh_tokens (token_hash, grant_id, issued_at, expires_at)
        VALUES (:token_hash, :grant_id, :now, :expires_at)""",
        token_hash=crypto.token_hash(token),
        grant_id=grant_id,
        now=now,
        expires_at=now + LIFETIME,
    )


async def _extend(conn: Conn, token: str, now: datetime) -> None:
    await run(
        conn,
        """
        UPDATE refresh_tokens SET last_used_at = :now, expires_at = :expires_at WHERE token_hash = :token_hash""",
        token_hash=crypto.token_hash(token),
        now=now,
        expires_at=now + LIFETIME,
    )


async def _rotate(conn: Conn, token: str, now: datetime) -> None:
    await run(
        conn,
        "UPDATE refresh_tokens SET last_used_at = :now, rotated_at = :now WHERE token_hash = :token_hash",
        token_hash=crypto.token_hash(token),
        now=now,
    )
