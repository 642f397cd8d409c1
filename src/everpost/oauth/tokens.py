"""Access tokens: signed JWTs that say who calls for whom and with what, and the reading of them.

Rules: RS256 and nothing else; `exp` has no leeway; a token is never taken from a query string. The signature is checked
once and remembered for a minute. Whether the grant, the app, the person and the account still stand is asked of the
database in one statement and remembered for three seconds: a change counts at once where it is made, and on every
other process before the contract's five seconds are over. Source: contract, auth.md §11-§12, §15.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from everpost.accounts import accounts, audit, privileges, users
from everpost.accounts.users import User
from everpost.ids import AccountId, AppId, GrantId, UserId
from everpost.oauth import apps, grants, keys, scopes
from everpost.oauth.grants import Grant
from everpost.oauth.keys import SigningKey
from everpost.platform import clock, config, memory
from everpost.platform.caller import Caller
from everpost.platform.db import Conn, Db, one, run
from everpost.platform.errors import Forbidden, NotFound, Unauthorized
from everpost.platform.memory import Memory

LIFETIME: Final = timedelta(seconds=86_400)
IMPLICIT_LIFETIME: Final = timedelta(seconds=28_800)

DEFAULT_SCOPES: Final = ("account_read", "account_update", "contact_data", "campaign_data")

_MOST_REMEMBERED: Final = 4096
_PREFIX: Final = "AT."


class AppDeactivated(Forbidden):
    """Request forbidden. The application is deactivated."""


class AccountNotActive(Forbidden):
    """Request forbidden. The account is not active."""


class NoSuchAccount(NotFound):
    """No account signs in with {email}. Known accounts: see `everpost account list`."""


class AccountNotChosen(NotFound):
    """There are several accounts; choose one with --account EMAIL."""


class Claims(msgspec.Struct, frozen=True):
    """What this server reads back from a token of its own."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    cid: str
    scp: list[str]
    sub: str
    platform_user_id: UUID


class Minted(msgspec.Struct, frozen=True):
    """A new token, in clear only here; in diaries it is its `jti`."""

    access_token: str
    jti: str
    expires_in: int


class _Standing(msgspec.Struct, frozen=True):
    account_id: AccountId
    user_id: UserId
    client_id: AppId
    is_revoked: bool
    app_state: str
    built_in: str | None
    user_state: str
    role: str
    account_status: str
    rate_per_second: int | None
    rate_per_day: int | None


_claims: Memory[str, Claims] = Memory(most=_MOST_REMEMBERED, seconds=60)
_callers: Memory[str, tuple[Claims, Caller]] = Memory(most=_MOST_REMEMBERED, seconds=3)


def mint(
    signing: SigningKey,
    grant: Grant,
    user: User,
    wanted: Sequence[str],
    *,
    lifetime: timedelta = LIFETIME,
    has_refresh_token: bool = False,
) -> Minted:
    """A token for a grant, with all or fewer of its scopes."""
    now = int(clock.now().timestamp())
    expires_in = int(lifetime.total_seconds())
    jti = _new_jti(grant.grant_id, has_refresh_token)
    claims = {
        "ver": 1,
        "jti": jti,
        "iss": config.current().issuer,
        "aud": config.current().audience,
        "iat": now,
        "exp": now + expires_in,
        "auth_time": int(grant.auth_time.timestamp()),
        "cid": str(grant.client_id),
        "uid": user.identity_id,
        "scp": list(wanted),
        "sub": user.login,
        "platform_user_id": str(user.user_id),
    }
    header = {"kid": signing.kid, "alg": keys.ALGORITHM}
    token = jwt.encode(header, claims, signing.key, algorithms=[keys.ALGORITHM], default_type=None)
    return Minted(token, jti, expires_in)


async def note_issue(conn: Conn, action: str, grant: Grant, minted: Minted) -> None:
    """The diary's entry for a new token."""
    await audit.append(
        conn,
        action,
        account_id=grant.account_id,
        user_id=grant.user_id,
        client_id=grant.client_id,
        grant_id=str(grant.grant_id),
        jti=minted.jti,
    )


async def read_caller(db: Db, token: str) -> Caller:
    """Who calls with this token. Raises: Unauthorized, AppDeactivated, AccountNotActive."""
    remembered = _callers.find(token)
    if remembered is not None:
        claims, caller = remembered
        if claims.exp > clock.now().timestamp():
            return caller
    claims = await read(db, token)
    async with db.reader() as conn:
        standing = await _standing(conn, _grant_of(claims.jti), claims.jti)
        caller = _caller(claims, standing)
        await grants.note_use(conn, caller.app_id, caller.user_id)
    _callers.keep(token, (claims, caller))
    return caller


async def is_active(conn: Conn, claims: Claims) -> bool:
    """Whether the API would let this token in."""
    try:
        _caller(claims, await _standing(conn, _grant_of(claims.jti), claims.jti))
    except (Unauthorized, Forbidden):
        return False
    return True


async def read(db: Db, token: str) -> Claims:
    """The claims of a token that this server signed, that is meant for it and not over. Raises: Unauthorized."""
    claims = _claims.find(token)
    if claims is None:
        claims = await _verify(db, token)
        _claims.keep(token, claims)
    if claims.exp <= clock.now().timestamp():
        raise Unauthorized
    return claims


async def revoke(conn: Conn, claims: Claims) -> None:
    """End this one token; others of its grant go on."""
    await run(
        conn,
        "INSERT INTO revoked_tokens (jti, expires_at) VALUES (:jti, :expires_at) ON CONFLICT (jti) DO NOTHING",
        jti=claims.jti,
        expires_at=datetime.fromtimestamp(claims.exp, UTC),
    )
    memory.forget()


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM revoked_tokens WHERE expires_at < :now", now=clock.now())


async def mint_for_command_line(db: Db, account_email: str | None, wanted: Sequence[str] = ()) -> str:
    """A token of the person with this address, else of the demo account's or the only account's owner.

    Raises: UnknownScope, NoSuchAccount, AccountNotChosen.
    """
    named = scopes.checked(wanted or DEFAULT_SCOPES)
    signing = await keys.current(db)
    async with db.transaction() as conn:
        user = await person_for_command_line(conn, account_email)
        app = await apps.command_line(conn)
        grant = await grants.create(conn, app.client_id, user, named, auth_time=clock.now())
    return mint(signing, grant, user, named).access_token


async def person_for_command_line(conn: Conn, email: str | None) -> User:
    """Whom a command acts for: as `mint_for_command_line`. Raises: NoSuchAccount, AccountNotChosen."""
    user = await users.find_by_email(conn, email or config.current().demo_email)
    if user is not None:
        return user
    if email is not None:
        raise NoSuchAccount(email=email)
    known = await accounts.all_ids(conn)
    if len(known) != 1:
        raise AccountNotChosen
    return await users.owner(conn, known[0])


async def _verify(db: Db, token: str) -> Claims:
    """Raises: Unauthorized."""
    try:
        kid = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise Unauthorized from error
    key = await keys.find_public(db, kid) if isinstance(kid, str) else None
    if key is None:
        raise Unauthorized
    try:
        found = jwt.decode(token, key, algorithms=[keys.ALGORITHM])
        claims = msgspec.convert(found.claims, Claims)
    except (JoseError, ValueError, msgspec.ValidationError) as error:
        raise Unauthorized from error
    if claims.iss != config.current().issuer or claims.aud != config.current().audience:
        raise Unauthorized
    return claims


def _caller(claims: Claims, standing: _Standing | None) -> Caller:
    """Raises: Unauthorized, AppDeactivated, AccountNotActive."""
    if standing is None or str(standing.client_id) != claims.cid:
        raise Unauthorized
    if standing.is_revoked or standing.app_state == "deleted" or standing.user_state != "active":
        raise Unauthorized
    if standing.app_state != "active":
        raise AppDeactivated
    if standing.account_status != "active":
        raise AccountNotActive
    return Caller(
        account_id=standing.account_id,
        user_id=standing.user_id,
        app_id=standing.client_id,
        scopes=frozenset(claims.scp),
        privileges=privileges.of_role(standing.role),
        is_limited=standing.built_in != apps.COMMAND_LINE,
        rate_per_second=standing.rate_per_second,
        rate_per_day=standing.rate_per_day,
    )


def _new_jti(grant_id: GrantId, has_refresh_token: bool) -> str:
    """`AT.` and 43 characters: the grant's id and 128 random bits, so that a token leads to its grant without a claim
    or a row of its own."""
    body = base64.urlsafe_b64encode(grant_id.bytes + os.urandom(16)).rstrip(b"=").decode()
    tail = ".oar" + secrets.token_urlsafe(16)[:17] if has_refresh_token else ""
    return f"{_PREFIX}{body}{tail}"


def _grant_of(jti: str) -> GrantId:
    """Raises: Unauthorized."""
    try:
        data = base64.urlsafe_b64decode(jti.removeprefix(_PREFIX)[:43] + "=")
        return GrantId(UUID(bytes=data[:16]))
    except (binascii.Error, ValueError) as error:
        raise Unauthorized from error


async def _standing(conn: Conn, grant_id: GrantId, jti: str) -> _Standing | None:
    """All that can end a token, in one round trip; every table is small or found by its key."""
    return await one(
        conn,
        _Standing,
        """
        SELECT g.account_id, g.user_id, g.client_id, a.state AS app_state, a.built_in, u.state AS user_state, u.role,
               d.status AS account_status, a.rate_per_second, a.rate_per_day,
               g.revoked_at IS NOT NULL OR EXISTS (SELECT FROM revoked_tokens WHERE jti = :jti) AS is_revoked
          FROM grants g
          JOIN apps a ON a.client_id = g.client_id
          JOIN users u ON u.user_id = g.user_id
          JOIN account_directory d ON d.account_id = g.account_id
         WHERE g.grant_id = :grant_id""",
        grant_id=grant_id,
        jti=jti,
    )
