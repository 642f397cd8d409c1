"""Who is signed in with a browser: a row in the database, and a random token in a cookie.

Rules: the database holds only the token's hash; a session ends two weeks after it was last used, or when its person
is deactivated or the account is no longer active. The form token is derived from the session, so it needs no row.
Source: contract, auth.md §3.2.
"""

import base64
from datetime import datetime, timedelta
from typing import Final

import msgspec

from everpost.accounts import accounts, privileges
from everpost.accounts.users import User
from everpost.ids import AccountId, SessionId, UserId, new_id
from everpost.platform import clock, cookies, crypto
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db, many, one, run

COOKIE: Final = "everpost_session"
LIFETIME: Final = timedelta(days=14)

_LONGEST_USER_AGENT: Final = 400
_SEEN_EVERY: Final = timedelta(hours=1)  # writing at every page would turn each read into a write


class _Found(msgspec.Struct, frozen=True):
    session_id: SessionId
    account_id: AccountId
    user_id: UserId
    email: str
    role: str
    last_seen_at: datetime
    is_confirmed: bool


class OpenSession(msgspec.Struct, frozen=True):
    """One browser in which a person is signed in; `user_agent` is what it says of itself."""

    session_id: SessionId
    address: str
    user_agent: str
    signed_in_at: datetime
    last_seen_at: datetime


async def open_for(conn: Conn, user: User, *, address: str = "", user_agent: str = "") -> str:
    """Sign a person in; returns the token for the cookie. `address` is where the request came from."""
    token = crypto.new_token()
    now = clock.now()
    await run(
        conn,
        """
        INSERT INTO sessions (token_hash, session_id, user_id, address, user_agent, signed_in_at, last_seen_at,
                              expires_at)
        VALUES (:token_hash, :session_id, :user_id, :address, :user_agent, :now, :now, :expires_at)""",
        token_hash=crypto.token_hash(token),
        session_id=new_id(),
        user_id=user.user_id,
        address=address,
        user_agent=user_agent[:_LONGEST_USER_AGENT].replace("\0", ""),
        now=now,
        expires_at=now + LIFETIME,
    )
    return token


async def renew(conn: Conn, user: User, before: Session | None, *, address: str, user_agent: str) -> str:
    """A session of its own for every sign-in; the one that this browser had until now ends."""
    if before is not None:
        await close(conn, before.session_id)
    return await open_for(conn, user, address=address, user_agent=user_agent)


async def find(db: Db, cookie: str | None) -> Session | None:
    """The session of a cookie's token, or None when it is unknown, over, or its person may no longer sign in."""
    if not cookie:
        return None
    async with db.reader() as conn:
        found = await _find(conn, crypto.token_hash(cookie), clock.now())
        if found is None:
            return None
        if clock.now() - found.last_seen_at > _SEEN_EVERY:
            await _touch(conn, found.session_id, clock.now())
        account = await accounts.name_and_zone(conn, found.account_id)
        return Session(
            session_id=found.session_id,
            account_id=found.account_id,
            user_id=found.user_id,
            email=found.email,
            organization_name=account.organization_name,
            role=found.role,
            csrf_token=csrf_token(cookie),
            privileges=privileges.of_role(found.role),
            time_zone=account.time_zone_id,
            is_confirmed=found.is_confirmed,
        )


async def all_of(conn: Conn, user_id: UserId) -> list[OpenSession]:
    """Where a person is signed in, the latest use first."""
    return await many(
        conn,
        OpenSession,
        """
        SELECT session_id, address, user_agent, signed_in_at, last_seen_at
          FROM sessions
         WHERE user_id = :user_id AND expires_at > :now
         ORDER BY last_seen_at DESC, session_id DESC""",
        user_id=user_id,
        now=clock.now(),
    )


async def close_others(conn: Conn, user_id: UserId, kept: SessionId | None) -> int:
    """Sign a person out everywhere, or everywhere but here; returns how many sessions ended."""
    return await run(
        conn,
        "DELETE FROM sessions WHERE user_id = :user_id AND session_id IS DISTINCT FROM :kept",
        user_id=user_id,
        kept=kept,
    )


async def signed_in_at(conn: Conn, session_id: SessionId) -> datetime | None:
    """When the person of this session typed their password."""
    return await one(
        conn, datetime, "SELECT signed_in_at FROM sessions WHERE session_id = :session_id", session_id=session_id
    )


async def close(conn: Conn, session_id: SessionId) -> None:
    await run(conn, "DELETE FROM sessions WHERE session_id = :session_id", session_id=session_id)


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM sessions WHERE expires_at < :now", now=clock.now())


def cookie(token: str) -> str:
    """The Set-Cookie value that keeps a person signed in."""
    return cookies.header(COOKIE, token, max_age_seconds=int(LIFETIME.total_seconds()))


def cookie_to_forget() -> str:
    """The Set-Cookie value that removes the cookie."""
    return cookies.header(COOKIE, "", max_age_seconds=0)


def csrf_token(token: str) -> str:
    """What scripts of this session's pages send along with every write."""
    return base64.urlsafe_b64encode(crypto.mac("csrf", token.encode())).decode().rstrip("=")


async def _find(conn: Conn, token_hash: bytes, now: datetime) -> _Found | None:
    return await one(
        conn,
        _Found,
        """
        SELECT s.session_id, u.account_id, u.user_id, u.email, u.role, s.last_seen_at,
               u.email_confirmed_at IS NOT NULL AS is_confirmed
          FROM sessions s
          JOIN users u ON u.user_id = s.user_id
          JOIN account_directory d ON d.account_id = u.account_id
         WHERE s.token_hash = :token_hash AND s.expires_at > :now
           AND u.state = 'active' AND d.status = 'active'""",
        token_hash=token_hash,
        now=now,
    )


async def _touch(conn: Conn, session_id: SessionId, now: datetime) -> None:
    await run(
        conn,
        "UPDATE sessions SET last_seen_at = :now, expires_at = :expires_at WHERE session_id = :session_id",
        session_id=session_id,
        now=now,
        expires_at=now + LIFETIME,
    )
