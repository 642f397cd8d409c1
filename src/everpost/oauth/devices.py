"""Devices without a browser: they show a short code, a person types it elsewhere, and the device asks until it knows.

Rules: both codes live ten minutes; the long one is the device's and is stored as a plain hash, the short one is for
people and is stored as a keyed hash. Asking sooner than agreed adds five seconds to the wait. Of two polls at once the
row's lock lets one have the tokens. Source: RFC 8628; contract, auth.md §8.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import msgspec

from everpost.accounts import audit, sessions, users
from everpost.ids import AppId, GrantId
from everpost.oauth import apps, grants, scopes
from everpost.oauth.apps import App
from everpost.oauth.errors import InvalidGrant, InvalidScope, OAuthError, UnauthorizedClient
from everpost.oauth.grants import Grant
from everpost.oauth.scopes import UnknownScope
from everpost.platform import clock, config, crypto
from everpost.platform.caller import Session
from everpost.platform.db import Conn, one, run

LIFETIME: Final = timedelta(minutes=10)
INTERVAL: Final = timedelta(seconds=5)
SLOWER_BY: Final = timedelta(seconds=5)
REMEMBERED: Final = timedelta(days=1)  # so that a late device hears that its code has expired
PAGE: Final = "/activate"

_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so that no words come about
_CODE_LENGTH: Final = 8


class Pending(OAuthError):
    """The device authorization is pending. Please try again later."""

    error = "authorization_pending"
    is_failure = False


class SlowDown(OAuthError):
    """The client is polling too quickly and should back off at a reasonable rate."""

    error = "slow_down"
    is_failure = False


class Denied(OAuthError):
    """The resource owner denied the request."""

    error = "access_denied"


class Expired(OAuthError):
    """The device code has expired."""

    error = "expired_token"


class DeviceCodeInvalid(InvalidGrant):
    """The device code is invalid or has expired."""


class Started(msgspec.Struct, frozen=True):
    """What the device is told; both codes are in clear only here."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Waiting(msgspec.Struct, frozen=True):
    """A device that waits for a person's yes or no."""

    app: App
    user_code: str
    scopes: list[str]
    code_hash: bytes


class _Stored(msgspec.Struct, frozen=True):
    code_hash: bytes
    client_id: AppId
    scopes: list[str]
    state: str
    grant_id: GrantId | None
    interval_seconds: int
    polled_at: datetime | None
    expires_at: datetime


async def start(conn: Conn, app: App, scope: str) -> Started:
    """Raises: UnauthorizedClient, InvalidScope."""
    if app.kind != "device" or app.state != "active":
        raise UnauthorizedClient
    try:
        wanted = scopes.read(scope)
    except UnknownScope as error:
        raise InvalidScope from error
    if not wanted:
        raise InvalidScope
    device_code, user_code = str(uuid4()), "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    await _insert(conn, app, device_code, user_code, wanted)
    page = config.current().auth_origin + PAGE
    return Started(
        device_code=device_code,
        user_code=user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={user_code}",
        expires_in=int(LIFETIME.total_seconds()),
        interval=int(INTERVAL.total_seconds()),
    )


async def poll(conn: Conn, app: App, device_code: str) -> Grant | OAuthError:
    """The grant behind a device code, which is used up by this.

    An error is returned, not raised, because what a poll leaves behind must be committed.
    """
    code_hash = crypto.token_hash(device_code)
    stored = await _lock(conn, code_hash)
    if stored is None or stored.client_id != app.client_id or stored.state == "consumed":
        return DeviceCodeInvalid()
    if stored.state == "denied":
        return Denied()
    if stored.expires_at <= clock.now():
        return Expired()
    if stored.grant_id is None:
        return await _wait(conn, code_hash, stored)
    grant = await grants.find(conn, stored.grant_id)
    await _consume(conn, code_hash)
    return grant or DeviceCodeInvalid()


def read_user_code(typed: str) -> str:
    """What a person typed, without what they may add: hyphens, spaces, small letters."""
    return "".join(character for character in typed.upper() if character.isalnum())


async def find_waiting(conn: Conn, user_code: str) -> Waiting | None:
    """The device that shows this code, while it waits; of two answers at once the second finds it no more."""
    stored = await _lock_waiting(conn, _user_code_hash(user_code), clock.now())
    app = None if stored is None else await apps.find(conn, stored.client_id)
    if stored is None or app is None or app.state != "active":
        return None
    return Waiting(app, user_code, stored.scopes, stored.code_hash)


async def approve(conn: Conn, waiting: Waiting, session: Session) -> None:
    """The person lets the device in."""
    user = await users.get(conn, session.user_id)
    signed_in_at = await sessions.signed_in_at(conn, session.session_id)
    client_id = waiting.app.client_id
    grant = await grants.create(conn, client_id, user, waiting.scopes, auth_time=signed_in_at or clock.now())
    await _decide(conn, waiting.code_hash, "approved", grant.grant_id)
    await grants.remember_consent(conn, client_id, session, waiting.scopes)
    await _note(conn, "device.approved", waiting, session)


async def deny(conn: Conn, waiting: Waiting, session: Session) -> None:
    """The person keeps the device out."""
    await _decide(conn, waiting.code_hash, "denied", None)
    await _note(conn, "device.denied", waiting, session)


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM device_codes WHERE expires_at < :before", before=clock.now() - REMEMBERED)


async def _wait(conn: Conn, code_hash: bytes, stored: _Stored) -> OAuthError:
    now = clock.now()
    interval = timedelta(seconds=stored.interval_seconds)
    is_too_soon = stored.polled_at is not None and now - stored.polled_at < interval
    await run(
        conn,
        """
        UPDATE device_codes SET polled_at = :now, interval_seconds = :interval_seconds
         WHERE code_hash = :code_hash""",
        code_hash=code_hash,
        now=now,
        interval_seconds=int((interval + SLOWER_BY if is_too_soon else interval).total_seconds()),
    )
    return SlowDown() if is_too_soon else Pending()


async def _note(conn: Conn, action: str, waiting: Waiting, session: Session) -> None:
    await audit.append(
        conn, action, account_id=session.account_id, user_id=session.user_id, client_id=waiting.app.client_id
    )


def _user_code_hash(user_code: str) -> bytes:
    return crypto.mac("user-code", user_code.encode())


async def _insert(conn: Conn, app: App, device_code: str, user_code: str, wanted: list[str]) -> None:
    """Two devices get the same short code once in a long time; then the second one's request fails."""
    await run(
        conn,
        """
        INSERT INTO device_codes (code_hash, user_code_hash, client_id, scopes, state, interval_seconds, expires_at)
        VALUES (:code_hash, :user_code_hash, :client_id, :scopes, 'pending', :interval_seconds, :expires_at)""",
        code_hash=crypto.token_hash(device_code),
        user_code_hash=_user_code_hash(user_code),
        client_id=app.client_id,
        scopes=wanted,
        interval_seconds=int(INTERVAL.total_seconds()),
        expires_at=clock.now() + LIFETIME,
    )


async def _lock(conn: Conn, code_hash: bytes) -> _Stored | None:
    return await one(
        conn,
        _Stored,
        """
        SELECT code_hash, client_id, scopes, state, grant_id, interval_seconds, polled_at, expires_at
          FROM device_codes
         WHERE code_hash = :code_hash
           FOR UPDATE""",
        code_hash=code_hash,
    )


async def _lock_waiting(conn: Conn, user_code_hash: bytes, now: datetime) -> _Stored | None:
    return await one(
        conn,
        _Stored,
        """
        SELECT code_hash, client_id, scopes, state, grant_id, interval_seconds, polled_at, expires_at
          FROM device_codes
         WHERE user_code_hash = :user_code_hash AND state = 'pending' AND expires_at > :now
           FOR UPDATE""",
        user_code_hash=user_code_hash,
        now=now,
    )


async def _decide(conn: Conn, code_hash: bytes, state: str, grant_id: GrantId | None) -> None:
    await run(
        conn,
        "UPDATE device_codes SET state = :state, grant_id = :grant_id WHERE code_hash = :code_hash",
        code_hash=code_hash,
        state=state,
        grant_id=grant_id,
    )


async def _consume(conn: Conn, code_hash: bytes) -> None:
    await run(conn, "UPDATE device_codes SET state = 'consumed' WHERE code_hash = :code_hash", code_hash=code_hash)
