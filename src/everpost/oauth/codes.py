"""Authorization codes: five minutes, one use, bound to the app, the URI, the grant and the challenge.

Rules: only the hash is stored. The row's lock decides between two uses at once; the one that comes second is a sign of
theft and ends everything that came from the first. Source: contract, auth.md §3.3, §6.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from everpost.accounts import audit
from everpost.ids import GrantId
from everpost.oauth import grants, pkce, redirect_uris
from everpost.oauth.apps import App
from everpost.oauth.errors import InvalidGrant, InvalidRequest, OAuthError
from everpost.oauth.grants import Grant
from everpost.platform import clock, crypto
from everpost.platform.db import Conn, one, run

LIFETIME: Final = timedelta(minutes=5)
REMEMBERED: Final = timedelta(days=2)  # longer than the tokens of its first use can live


class CodeInvalid(InvalidGrant):
    """The authorization code is invalid or has expired."""


class VerificationFailed(InvalidGrant):
    """PKCE verification failed."""


class VerifierMalformed(InvalidRequest):
    """The PKCE code verifier is malformed."""


class Presented(msgspec.Struct, frozen=True):
    """What a token request says about its code."""

    code: str
    redirect_uri: str
    code_verifier: str | None


class _Stored(msgspec.Struct, frozen=True):
    grant_id: GrantId
    redirect_uri: str
    code_challenge: str | None
    expires_at: datetime
    used_at: datetime | None


async def issue(conn: Conn, grant: Grant, redirect_uri: str, code_challenge: str | None) -> str:
    """A code for the app; in clear only here."""
    code = crypto.new_token()
    await run(
        conn,
        """
        INSERT INTO authorization_codes (code_hash, grant_id, redirect_uri, code_challenge, expires_at)
        VALUES (:code_hash, :grant_id, :redirect_uri, :code_challenge, :expires_at)""",
        code_hash=crypto.token_hash(code),
        grant_id=grant.grant_id,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        expires_at=clock.now() + LIFETIME,
    )
    return code


async def redeem(conn: Conn, app: App, presented: Presented) -> Grant | OAuthError:
    """The grant behind a code, which is used up by this.

    An error is returned, not raised, because what a second use leaves behind must be committed.
    """
    if presented.code_verifier is not None and not pkce.is_verifier(presented.code_verifier):
        return VerifierMalformed()
    code_hash = crypto.token_hash(presented.code)
    stored = await _lock(conn, code_hash)
    grant = None if stored is None else await grants.find(conn, stored.grant_id)
    if stored is None or grant is None or grant.client_id != app.client_id:
        return CodeInvalid()
    if stored.used_at is not None:
        await grants.revoke(conn, grant.grant_id)
        await audit.append(
            conn, "code.reuse_detected", account_id=grant.account_id, user_id=grant.user_id, client_id=app.client_id
        )
        return CodeInvalid()
    if stored.expires_at <= clock.now() or not _is_same_uri(presented.redirect_uri, stored, app):
        return CodeInvalid()
    if not _is_proven(presented.code_verifier, stored.code_challenge):
        return VerificationFailed()
    await _use(conn, code_hash, clock.now())
    return grant


async def sweep(conn: Conn) -> int:
    return await run(
        conn, "DELETE FROM authorization_codes WHERE expires_at < :before", before=clock.now() - REMEMBERED
    )


def _is_same_uri(given: str, stored: _Stored, app: App) -> bool:
    return given == stored.redirect_uri and redirect_uris.is_registered(given, app.redirect_uris)


def _is_proven(verifier: str | None, challenge: str | None) -> bool:
    """Without a challenge there must be no verifier: whoever sends one believes to be protected, and is not."""
    if verifier is None or challenge is None:
        return verifier is None and challenge is None
    return pkce.is_match(verifier, challenge)


async def _lock(conn: Conn, code_hash: bytes) -> _Stored | None:
    return await one(
        conn,
        _Stored,
        """
        SELECT grant_id, redirect_uri, code_challenge, expires_at, used_at
          FROM authorization_codes
         WHERE code_hash = :code_hash
           FOR UPDATE""",
        code_hash=code_hash,
    )


async def _use(conn: Conn, code_hash: bytes, now: datetime) -> None:
    await run(
        conn,
        "UPDATE authorization_codes SET used_at = :now WHERE code_hash = :code_hash",
        code_hash=code_hash,
        now=now,
    )
