"""The portal's JSON for getting in: sign up, sign in, sign out, who am I.

Writes of somebody who is signed in carry the token that `me` and signing in answer, in the header `X-CSRF-Token`.
Source: contract, portal.md §2.
"""

from typing import Final, assert_never

import msgspec

from everpost.accounts import accounts, sessions, sign_ins, users
from everpost.accounts.sign_ins import CodeNeeded, Refusal
from everpost.accounts.users import User
from everpost.ids import UserId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.errors import ApiError, TooMany
from everpost.platform.http import Answer, Request, SessionDoors
from everpost.portal import sign_ups, visitors
from everpost.portal.errors import AREA
from everpost.portal.sign_ups import SignUpIn

open_doors: Final = SessionDoors(AREA, tag="Portal")


class SignInFailed(ApiError):
    """The email address or the password is wrong."""

    status = 401
    kind = "sign_in_failed"


class CodeRequired(ApiError):
    """code is required: this person signs in with a second factor."""

    status = 401
    kind = "code_required"


class WrongCode(ApiError):
    """code is not the one of this moment, or was used before."""

    status = 401
    kind = "wrong_code"


class AccessDenied(ApiError):
    """This person's access was switched off, or the account is not active any more."""

    status = 403
    kind = "access_denied"


class TooManyTries(TooMany):
    """There were too many tries. Please wait 15 minutes, then try again."""

    kind = "too_many_tries"


class SignInIn(msgspec.Struct, kw_only=True):
    """Login and password; `code` for those who have a second factor."""

    email: str
    password: str
    code: str | None = None


class Developer(msgspec.Struct, frozen=True):
    """The answer to a sign-up."""

    developer_id: UserId
    encoded_account_id: str


class Me(msgspec.Struct, frozen=True):
    """Who is signed in."""

    developer_id: UserId
    encoded_account_id: str
    email: str
    organization_name: str
    role: str
    is_email_confirmed: bool
    csrf_token: str


@open_doors.post("/portal/api/signup", csrf=False)
async def sign_up(db: Db, data: SignUpIn, request: Request, session: Session | None) -> Answer:
    """A new person with a trial account, signed in."""
    address = visitors.address_of(request)
    async with db.transaction() as conn:
        await sign_ups.require_room(conn, address)
    async with db.transaction() as conn:
        made = await sign_ups.create(conn, data, address=address)
        token = await visitors.let_in(conn, made.user, request, session)
    return Answer(Developer(made.user.user_id, made.encoded_account_id), status=201, headers=_signed_in(token))


@open_doors.post("/portal/api/login", csrf=False)
async def sign_in(db: Db, data: SignInIn, request: Request, session: Session | None) -> Answer:
    """Check the password, and the code where there is a second factor; sets the cookie."""
    user = await _checked(db, data, visitors.address_of(request))
    async with db.transaction() as conn:
        token = await visitors.let_in(conn, user, request, session)
    opened = await sessions.find(db, token)
    assert opened is not None, "a session that was just opened is there"
    async with db.reader() as conn:
        return Answer(await _me(conn, opened), headers=_signed_in(token))


@open_doors.post("/portal/api/logout", status=204)
async def sign_out(conn: Conn, session: Session | None) -> Answer:
    """End the session, if there is one."""
    if session is not None:
        await sessions.close(conn, session.session_id)
    return Answer(status=204, headers=[("Set-Cookie", sessions.cookie_to_forget())])


@open_doors.get("/portal/api/me")
async def show_me(conn: Conn, session: Session) -> Me:
    """Who is signed in, and the token that writes carry."""
    return await _me(conn, session)


async def _checked(db: Db, given: SignInIn, address: str) -> User:
    """Raises: SignInFailed, CodeRequired, WrongCode, AccessDenied, TooManyTries."""
    outcome = await sign_ins.with_password(db, given.email, given.password, address=address)
    if isinstance(outcome, CodeNeeded):
        if given.code is None:
            raise CodeRequired
        outcome = await sign_ins.with_code(db, outcome.ticket, given.code)
    if isinstance(outcome, User):
        return outcome
    match outcome:
        case Refusal.WRONG:
            raise SignInFailed
        case Refusal.WRONG_CODE | Refusal.TICKET_EXPIRED:
            raise WrongCode
        case Refusal.BLOCKED:
            raise TooManyTries
        case Refusal.DEACTIVATED | Refusal.ACCOUNT_NOT_ACTIVE:
            raise AccessDenied
        case _:
            assert_never(outcome)


async def _me(conn: Conn, session: Session) -> Me:
    return Me(
        session.user_id,
        await accounts.encoded_id(conn, session.account_id) or "",
        session.email,
        session.organization_name,
        session.role,
        await users.is_confirmed(conn, session.user_id),
        session.csrf_token,
    )


def _signed_in(token: str) -> list[tuple[str, str]]:
    return [("Set-Cookie", sessions.cookie(token)), ("X-CSRF-Token", sessions.csrf_token(token))]
