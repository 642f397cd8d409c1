"""People who sign in: one account each, one role each.

Rules: logins and e-mail addresses are unique across the installation whatever their case; an account has one owner.
Somebody who was invited has no password yet and cannot sign in. Source: contract, auth.md §13, §16.
"""

import secrets
import string
from datetime import datetime
from typing import Final, Literal, LiteralString, TypeAlias

import msgspec

from everpost.accounts import passwords
from everpost.accounts.privileges import Role
from everpost.ids import AccountId, UserId, new_id
from everpost.platform import clock, memory
from everpost.platform.db import Conn, Taken, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound

State: TypeAlias = Literal["invited", "active", "deactivated"]

_LETTERS: Final = string.ascii_letters + string.digits
_CREDENTIALS: Final[LiteralString] = """
    SELECT u.user_id, u.account_id, u.password_hash, u.state, d.status AS account_status
      FROM users u
      JOIN account_directory d ON d.account_id = u.account_id"""


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


class Credentials(msgspec.Struct, frozen=True):
    """What a sign-in is checked against."""

    user_id: UserId
    account_id: AccountId
    password_hash: str
    state: str
    account_status: str


async def create(
    conn: Conn, account_id: AccountId, *, email: str, password: str, role: Role, is_confirmed: bool = True
) -> User:
    """A new person who signs in with their address. Raises: LoginTaken, PasswordTooShort."""
    if len(password) < passwords.SHORTEST:
        raise PasswordTooShort(shortest=passwords.SHORTEST)
    user = _new(account_id, email, role, "active")
    await _add(conn, user, await passwords.hashed(password), clock.now() if is_confirmed else None)
    return user


async def invite(conn: Conn, account_id: AccountId, *, email: str, role: Role) -> User:
    """Somebody who may choose a password once they open the link in their mail. Raises: LoginTaken."""
    user = _new(account_id, email, role, "invited")
    await _add(conn, user, "", None)
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
    found = await find_credentials(conn, email)
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


async def find_credentials(conn: Conn, login: str) -> Credentials | None:
    """A login name wins over another person's e-mail address."""
    return await one(
        conn,
        Credentials,
        _CREDENTIALS
        + """
         WHERE lower(u.login) = lower(:login) OR lower(u.email) = lower(:login)
         ORDER BY lower(u.login) = lower(:login) DESC
         LIMIT 1""",
        login=login,
    )


async def credentials_of(conn: Conn, user_id: UserId) -> Credentials | None:
    return await one(
        conn,
        Credentials,
        _CREDENTIALS + " WHERE u.user_id = :user_id",
        user_id=user_id,
    )


async def set_password(conn: Conn, user_id: UserId, password: str) -> None:
    """Raises: PasswordTooShort."""
    if len(password) < passwords.SHORTEST:
        raise PasswordTooShort(shortest=passwords.SHORTEST)
    await store_hash(conn, user_id, await passwords.hashed(password))


async def store_hash(conn: Conn, user_id: UserId, password_hash: str) -> None:
    await run(
        conn,
        "UPDATE users SET password_hash = :password_hash, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        password_hash=password_hash,
        now=clock.now(),
    )


async def password_hash(conn: Conn, user_id: UserId) -> str | None:
    return await one(conn, str, "SELECT password_hash FROM users WHERE user_id = :user_id", user_id=user_id)


async def is_confirmed(conn: Conn, user_id: UserId) -> bool:
    """Whether the person's address is proved to be theirs."""
    at = await one(conn, datetime, "SELECT email_confirmed_at FROM users WHERE user_id = :user_id", user_id=user_id)
    return at is not None


async def mark_confirmed(conn: Conn, user_id: UserId) -> None:
    await run(
        conn,
        "UPDATE users SET email_confirmed_at = :now WHERE user_id = :user_id AND email_confirmed_at IS NULL",
        user_id=user_id,
        now=clock.now(),
    )


async def mark_confirmed_address(conn: Conn, account_id: AccountId, email: str) -> None:
    """The person of the account who has this address, if there is one: it is proved to be theirs."""
    await run(
        conn,
        """
        UPDATE users SET email_confirmed_at = :now
         WHERE account_id = :account_id AND lower(email) = lower(:email) AND email_confirmed_at IS NULL""",
        account_id=account_id,
        email=email,
        now=clock.now(),
    )


async def note_sign_in(conn: Conn, user_id: UserId) -> None:
    await run(conn, "UPDATE users SET signed_in_at = :now WHERE user_id = :user_id", user_id=user_id, now=clock.now())


async def deactivate(conn: Conn, user_id: UserId) -> None:
    """The person can no longer sign in, and no token of theirs works."""
    await _set_state(conn, user_id, "deactivated")


async def activate(conn: Conn, user_id: UserId) -> None:
    """The person can sign in, with the password they have."""
    await _set_state(conn, user_id, "active")


async def await_acceptance(conn: Conn, user_id: UserId) -> None:
    """The person is invited again, and has no password yet."""
    await _set_state(conn, user_id, "invited")


async def change_role(conn: Conn, user_id: UserId, role: Role) -> None:
    """Takes effect with the next request."""
    await run(
        conn,
        "UPDATE users SET role = :role, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        role=role,
        now=clock.now(),
    )
    memory.forget()


def _new(account_id: AccountId, email: str, role: Role, state: State) -> User:
    identity_id = "00u" + "".join(secrets.choice(_LETTERS) for _ in range(17))
    return User(UserId(new_id()), account_id, identity_id, email, email, role, state)


async def _add(conn: Conn, user: User, password_hash: str, confirmed_at: datetime | None) -> None:
    """Raises: LoginTaken."""
    try:
        async with savepoint(conn):
            await _insert(conn, user, password_hash, confirmed_at, clock.now())
    except Taken as error:
        raise LoginTaken(email=user.email) from error


async def _insert(conn: Conn, user: User, password_hash: str, confirmed_at: datetime | None, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO users (user_id, account_id, identity_id, login, email, password_hash, role, state,
                           email_confirmed_at, created_at, updated_at)
        VALUES (:user_id, :account_id, :identity_id, :login, :email, :password_hash, :role, :state,
                :confirmed_at, :now, :now)""",
        user_id=user.user_id,
        account_id=user.account_id,
        identity_id=user.identity_id,
        login=user.login,
        email=user.email,
        password_hash=password_hash,
        role=user.role,
        state=user.state,
        confirmed_at=confirmed_at,
        now=now,
    )


async def _set_state(conn: Conn, user_id: UserId, state: State) -> None:
    await run(
        conn,
        "UPDATE users SET state = :state, updated_at = :now WHERE user_id = :user_id",
        user_id=user_id,
        state=state,
        now=clock.now(),
    )
    memory.forget()
