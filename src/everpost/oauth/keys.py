"""The RSA keys that sign access tokens: made once for all nodes, kept encrypted, published as a key set.

Rules: one key is current, and the database decides which when several processes make one at once; a retired key stays
published for 48 hours, longer than any token lives, and is then deleted. Source: contract, auth.md §11.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import anyio.to_thread
import msgspec
from joserfc.jwk import RSAKey

from everpost.accounts import audit
from everpost.platform import clock, config, crypto
from everpost.platform.db import Conn, Db, many, one, run

ALGORITHM: Final = "RS256"
PUBLISHED_AFTER_RETIREMENT: Final = timedelta(hours=48)

_BITS: Final = 2048
_PURPOSE: Final = "signing-key"

_private: dict[str, RSAKey] = {}
_public: dict[str, RSAKey] = {}


class PublicKey(msgspec.Struct, frozen=True):
    """A key as the key set shows it."""

    kty: str
    alg: str
    kid: str
    use: str
    e: str
    n: str


class KeySet(msgspec.Struct, frozen=True):
    """The document behind `/keys`."""

    keys: list[PublicKey]


class SigningKey(msgspec.Struct, frozen=True):
    """The key that signs now."""

    kid: str
    key: RSAKey


class KeyState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key as the command line lists it."""

    kid: str
    is_current: bool
    created_at: datetime
    retired_at: datetime | None = None


class _Stored(msgspec.Struct, frozen=True):
    kid: str
    sealed_private_key: bytes


class _Published(msgspec.Struct, frozen=True):
    public_key: PublicKey


async def current(db: Db) -> SigningKey:
    """The key that signs new tokens; the first call of an installation makes it."""
    async with db.reader() as conn:
        stored = await _find_current(conn)
    if stored is None:
        stored = await _make(db)
    if stored.kid not in _private:
        _private[stored.kid] = RSAKey.import_key(crypto.unseal(_PURPOSE, stored.sealed_private_key))
    return SigningKey(stored.kid, _private[stored.kid])


async def find_public(db: Db, kid: str) -> RSAKey | None:
    """The key that verifies tokens with this key id. Known ones are remembered: a key id never gets another key."""
    if kid not in _public:
        async with db.reader() as conn:
            found = await _find_public(conn, kid, clock.now() - PUBLISHED_AFTER_RETIREMENT)
        if found is None:
            return None
        _public[kid] = RSAKey.import_key(msgspec.to_builtins(found))
    return _public[kid]


async def key_set(db: Db) -> KeySet:
    """All keys whose tokens may still be valid."""
    await current(db)
    async with db.reader() as conn:
        published = await _published(conn, clock.now() - PUBLISHED_AFTER_RETIREMENT)
    return KeySet([row.public_key for row in published])


async def rotate(db: Db) -> str:
    """Sign with a new key from now on, on every node; returns its id, or that of whoever rotates at the same time."""
    kid, public, sealed = await anyio.to_thread.run_sync(_new_key)
    async with db.transaction() as conn:
        await _retire_current(conn, clock.now())
        await _insert(conn, kid, public, sealed, clock.now())
        current = await _find_current(conn)
        assert current is not None
        await audit.append(conn, "key.rotated", kid=current.kid)
    return current.kid


async def rotate_when_due(db: Db) -> None:
    """Rotate if the operator wants that from time to time, and the current key is old enough."""
    days = config.current().signing_key_days
    async with db.reader() as conn:
        made_at = await one(conn, datetime, "SELECT created_at FROM signing_keys WHERE is_current")
    if days and made_at is not None and made_at <= clock.now() - timedelta(days=days):
        await rotate(db)


async def all_known(conn: Conn) -> list[KeyState]:
    """The keys that are published, the current one first."""
    return await many(
        conn,
        KeyState,
        """
        SELECT kid, is_current, created_at, retired_at FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > :retired_after
         ORDER BY is_current DESC, created_at DESC""",
        retired_after=clock.now() - PUBLISHED_AFTER_RETIREMENT,
    )


async def sweep(conn: Conn) -> int:
    return await run(
        conn,
        "DELETE FROM signing_keys WHERE retired_at < :before",
        before=clock.now() - PUBLISHED_AFTER_RETIREMENT,
    )


async def _make(db: Db) -> _Stored:
    """Several processes may get here together; the unique index lets one in, and all use that one."""
    kid, public, sealed = await anyio.to_thread.run_sync(_new_key)
    async with db.transaction() as conn:
        await _insert(conn, kid, public, sealed, clock.now())
        stored = await _find_current(conn)
    assert stored is not None
    return stored


def _new_key() -> tuple[str, dict[str, Any], bytes]:
    """Its id, its public half, and its private half encrypted; takes a tenth of a second."""
    kid = secrets.token_urlsafe(32)
    key = RSAKey.generate_key(_BITS, {"kid": kid, "alg": ALGORITHM, "use": "sig"})
    return kid, dict(key.as_dict(private=False)), crypto.seal(_PURPOSE, key.as_pem(private=True))


async def _find_current(conn: Conn) -> _Stored | None:
    return await one(conn, _Stored, "SELECT kid, sealed_private_key FROM signing_keys WHERE is_current")


async def _find_public(conn: Conn, kid: str, retired_after: datetime) -> PublicKey | None:
    found = await one(
        conn,
        _Published,
        """
        SELECT public_key FROM signing_keys
         WHERE kid = :kid AND (retired_at IS NULL OR retired_at > :retired_after)""",
        kid=kid,
        retired_after=retired_after,
    )
    return None if found is None else found.public_key


async def _published(conn: Conn, retired_after: datetime) -> list[_Published]:
    return await many(
        conn,
        _Published,
        """
        SELECT public_key FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > :retired_after
         ORDER BY created_at DESC""",
        retired_after=retired_after,
    )


async def _insert(conn: Conn, kid: str, public: dict[str, Any], sealed: bytes, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO signing_keys (kid, sealed_private_key, public_key, is_current, created_at)
        VALUES (:kid, :sealed, :public, true, :now)
        ON CONFLICT (is_current) WHERE is_current DO NOTHING""",
        kid=kid,
        sealed=sealed,
        public=public,
        now=now,
    )


async def _retire_current(conn: Conn, now: datetime) -> None:
    await run(conn, "UPDATE signing_keys SET is_current = false, retired_at = :now WHERE is_current", now=now)
