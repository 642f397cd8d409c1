"""People who sign in: one account each, one role each.

Rules: logins and e-mail addresses are unique across the installation whatever their case; an account has one owner.
A wrong login and a wrong password look alike and take alike; ten failures of one login or fifty from one address
within 15 minutes block further tries for 15 minutes. Source: contract, auth.md §3.2, §13, §16.
"""

import enum
import secrets
import string
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from everpost.accounts import audit, passwords, throttles
from everpost.accounts.privileges import Role
from everpost.ids import AccountId, UserId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Db, Taken, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound

_LETTERS: Final = string.ascii_letters + string.digits
_QUARTER_HOUR: Final = timedelta(minutes=15)
_PER_LOGIN: Final = throttles.Limit(10, within=_QUARTER_HOUR, block_for=_QUARTER_HOUR)
_PER_ADDRESS: Final = throttles.Limit(50, within=_QUARTER_HOUR, block_for=_QUARTER_HOUR)


class LoginTaken(Conflict):
    """email_address {email} already signs in to an account."""


class PasswordTooShort(Invalid):
    """password must have at least {shortest} characters."""


class User(msgspec.Struct, frozen=True):
    """A person of an account."""

    user_id: UserId
    account_id: AccountId
    identity_id: str
    login: str
    email: str
    role: str
    state: str


class Refusal(enum.Enum):
    """Why nobody was signed in."""

    WRONG = "wrong"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"
    ACCOUNT_NOT_ACTIVE = "account_not_active"


SignIn: TypeAlias = User | Refusal


async def create(conn: Conn, account_id: AccountId, *, email: str, password: str, role: Role) -> User:
    """A new person who signs in with their address. Raises: LoginTaken, PasswordTooShort."""
    if len(password) < passwords.SHORTEST:
        raise PasswordTooShort(shortest=passwords.SHORTEST)
    identity_id = "00u" + "".join(secrets.choice(_LETTERS) for _ in range(17))
    user = User(UserId(new_id()), account_id, identity_id, email, email, role, "active")
    try:
        async with savepoint(conn):
            await _insert(conn, user, await passwords.hashed(password), clock.now())
    except Taken as error:
        raise LoginTaken(email=email) from error
    return user


async def get(conn: Conn, user_id: UserId) -> User:
    """Raises: NotFound."""
    user = await one(
        conn,
        User,
        """
        SELECT user_id, account_id, identity_id, login, email, role, state FROM users WHERE user_id = :user_id""",
        user_id=user_id,
    )
    if user is None:
        raise NotFound
    return user


async def find_by_email(conn: Conn, email: str) -> User | None:
    """Whoever signs in with this address or login name, whatever its case."""
    found = await _find_by_login(conn, email)
    return None if found is None else await get(conn, found.user_id)


async def owner(conn: Conn, account_id: AccountId) -> User:
    """The one owner of an account. Raises: NotFound."""
    user = await one(
        conn,
        User,
        """
        SELECT user_id, account_id, identity_id, login, email, role, state
          FROM users WHERE account_id = :account_id AND role = 'account_owner'""",
        account_id=account_id,
    )
    if user is None:
        raise NotFound
    return user


async def sign_in(db: Db, login: str, password: str, *, address: str) -> SignIn:
    """The person whose login and password these are, or why not. `address` is where the request came from."""
    login = login.strip()
    subjects = (throttles.subject("login", login), throttles.subject("address", address))
    async with db.transaction() as conn:
        may_try = await throttles.count_try(conn, subjects[1], _PER_ADDRESS)
        may_try = may_try and await throttles.count_try(conn, subjects[0], _PER_LOGIN)
        found = await _find_by_login(conn, login) if may_try else None
    if not may_try:
        return Refusal.BLOCKED
    outcome = await passwords.check(password, None if found is None else found.password_hash)
    async with db.transaction() as conn:
        if found is None or not outcome.is_right:
            await _note_failure(conn, found)
            return Refusal.WRONG
        # In the order in which they were counted: two sign-ins must not lock them crosswise.
        await throttles.take_back(conn, subjects[1])
        await throttles.forget(conn, subjects[0])
        return await _admit(conn, found, outcome.new_hash)


async def set_password(conn: Conn, user_id: UserId, password: str) -> None:
    """Raises: PasswordTooShort."""
    if len(password) < passwords.SHORTEST:
        raise PasswordTooShort(shortest=passwords.SHORTEST)
    await run(
        conn,
        "UPDATE users SET password_hash = :password_hash, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        password_hash=await passwords.hashed(password),
        now=clock.now(),
    )


async def password_hash(conn: Conn, user_id: UserId) -> str | None:
    return await one(conn, str, "SELECT password_hash FROM users WHERE user_id = :user_id", user_id=user_id)


async def deactivate(conn: Conn, user_id: UserId) -> None:
    """The person can no longer sign in, and no token of theirs works."""
    await _set_state(conn, user_id, "deactivated")


async def change_role(conn: Conn, user_id: UserId, role: Role) -> None:
    """Takes effect with the next request."""
    await run(
        conn,
        "UPDATE users SET role = :role, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        role=role,
        now=clock.now(),
    )


class _Credentials(msgspec.Struct, frozen=True):
    user_id: UserId
    account_id: AccountId
    password_hash: str
    state: str
    account_status: str


async def _admit(conn: Conn, found: _Credentials, new_hash: str | None) -> SignIn:
    if found.state != "active":
        return Refusal.DEACTIVATED
    if found.account_status != "active":
        return Refusal.ACCOUNT_NOT_ACTIVE
    await _note_success(conn, found.user_id, new_hash or found.password_hash, clock.now())
    await audit.append(conn, "sign_in.succeeded", account_id=found.account_id, user_id=found.user_id)
    return await get(conn, found.user_id)


async def _note_failure(conn: Conn, found: _Credentials | None) -> None:
    await audit.append(
        conn,
        "sign_in.failed",
        account_id=None if found is None else found.account_id,
        user_id=None if found is None else found.user_id,
    )


async def _insert(conn: Conn, user: User, password_hash: str, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO users (user_id, account_id, identity_id, login, email, password_hash, role, state,
                           created_at, updated_at)
        VALUES (:user_id, :account_id, :identity_id, :login, :email, :password_hash, :role, :state, :now, :now)""",
        user_id=user.user_id,
        account_id=user.account_id,
        identity_id=user.identity_id,
        login=user.login,
        email=user.email,
        password_hash=password_hash,
        role=user.role,
        state=user.state,
        now=now,
    )


async def _find_by_login(conn: Conn, login: str) -> _Credentials | None:
    """A login name wins over another person's e-mail address."""
    return await one(
        conn,
        _Credentials,
        """
        SELECT u.user_id, u.account_id, u.password_hash, u.state, d.status AS account_status
          FROM users u
          JOIN account_directory d ON d.account_id = u.account_id
         WHERE lower(u.login) = lower(:login) OR lower(u.email) = lower(:login)
         ORDER BY lower(u.login) = lower(:login) DESC
         LIMIT 1""",
        login=login,
    )


async def _note_success(conn: Conn, user_id: UserId, password_hash: str, now: datetime) -> None:
    await run(
        conn,
        "UPDATE users SET password_hash = :password_hash, signed_in_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        password_hash=password_hash,
        now=now,
    )


async def _set_state(conn: Conn, user_id: UserId, state: str) -> None:
    await run(
        conn,
        "UPDATE users SET state = :state, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        state=state,
        now=clock.now(),
    )
