"""Signing in: the password, and for those who want it a code from their phone.

Rules: a wrong login and a wrong password look alike and take alike; ten failures of one login or fifty from one address
within 15 minutes block further tries for 15 minutes, and so do ten wrong codes of one person. A right password of
somebody with a second factor earns a ticket, which is good for ten minutes and, without the code, for nothing.
Source: contract, auth.md §3.2, §16.
"""

import enum
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from everpost.accounts import audit, passwords, second_factors, throttles, users
from everpost.accounts.users import Credentials, User
from everpost.ids import UserId
from everpost.platform import clock, crypto
from everpost.platform.db import Conn, Db

_QUARTER_HOUR: Final = timedelta(minutes=15)
_PER_LOGIN: Final = throttles.Limit(10, within=_QUARTER_HOUR, block_for=_QUARTER_HOUR)
_PER_ADDRESS: Final = throttles.Limit(50, within=_QUARTER_HOUR, block_for=_QUARTER_HOUR)
_TICKET_VALID_FOR: Final = timedelta(minutes=10)
_PURPOSE: Final = "sign-in-ticket"


class Refusal(enum.Enum):
    """Why nobody was signed in."""

    WRONG = "wrong"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"
    ACCOUNT_NOT_ACTIVE = "account_not_active"
    WRONG_CODE = "wrong_code"
    TICKET_EXPIRED = "ticket_expired"


class CodeNeeded(msgspec.Struct, frozen=True):
    """The password was right; a code from the second factor, together with this ticket, signs in."""

    ticket: str


SignIn: TypeAlias = User | CodeNeeded | Refusal


async def with_password(db: Db, login: str, password: str, *, address: str) -> SignIn:
    """The person whose login and password these are, or why not. `address` is where the request came from."""
    login = login.strip()
    subjects = (throttles.subject("login", login), throttles.subject("address", address))
    async with db.transaction() as conn:
        may_try = await throttles.count_try(conn, subjects[1], _PER_ADDRESS)
        may_try = may_try and await throttles.count_try(conn, subjects[0], _PER_LOGIN)
        found = await users.find_credentials(conn, login) if may_try else None
    if not may_try:
        return Refusal.BLOCKED
    outcome = await passwords.check(password, None if found is None else found.password_hash)
    async with db.transaction() as conn:
        if found is None or not outcome.is_right:
            await _note_failure(conn, found, "password")
            return Refusal.WRONG
        # In the order in which they were counted: two sign-ins must not lock them crosswise.
        await throttles.take_back(conn, subjects[1])
        await throttles.forget(conn, subjects[0])
        return await _welcome(conn, found, outcome.new_hash)


async def with_code(db: Db, ticket: str, code: str) -> User | Refusal:
    """The person who earned the ticket and knows the code, or why not."""
    user_id = _read_ticket(ticket)
    if user_id is None:
        return Refusal.TICKET_EXPIRED
    subject = throttles.subject("second-factor", str(user_id))
    async with db.transaction() as conn:
        if not await throttles.count_try(conn, subject, _PER_LOGIN):
            return Refusal.BLOCKED
    async with db.transaction() as conn:
        found = await users.credentials_of(conn, user_id)
        if found is None:
            return Refusal.TICKET_EXPIRED
        if not await second_factors.accept(conn, user_id, code):
            await _note_failure(conn, found, "code")
            return Refusal.WRONG_CODE
        await throttles.forget(conn, subject)
        refusal = _objection(found)
        return refusal if refusal is not None else await _admit(conn, found)


async def _welcome(conn: Conn, found: Credentials, new_hash: str | None) -> SignIn:
    refusal = _objection(found)
    if refusal is not None:
        return refusal
    if new_hash is not None:
        await users.store_hash(conn, found.user_id, new_hash)
    if await second_factors.is_on(conn, found.user_id):
        return CodeNeeded(_ticket(found.user_id))
    return await _admit(conn, found)


def _objection(found: Credentials) -> Refusal | None:
    if found.state != "active":
        return Refusal.DEACTIVATED
    return Refusal.ACCOUNT_NOT_ACTIVE if found.account_status != "active" else None


async def _admit(conn: Conn, found: Credentials) -> User:
    await users.note_sign_in(conn, found.user_id)
    await audit.append(conn, "sign_in.succeeded", account_id=found.account_id, user_id=found.user_id)
    return await users.get(conn, found.user_id)


async def _note_failure(conn: Conn, found: Credentials | None, what: str) -> None:
    await audit.append(
        conn,
        "sign_in.failed",
        account_id=None if found is None else found.account_id,
        user_id=None if found is None else found.user_id,
        wrong=what,
    )


def _ticket(user_id: UserId) -> str:
    expires_at = int((clock.now() + _TICKET_VALID_FOR).timestamp())
    return crypto.sign(_PURPOSE, user_id.bytes + expires_at.to_bytes(8, "big"))


def _read_ticket(ticket: str) -> UserId | None:
    content = crypto.read_signed(_PURPOSE, ticket)
    if content is None:
        return None
    expires_at = datetime.fromtimestamp(int.from_bytes(content[16:], "big"), UTC)
    return UserId(UUID(bytes=content[:16])) if clock.now() < expires_at else None
