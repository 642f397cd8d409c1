"""What every person decides for themselves: password, second factor, where they are signed in, which apps may act."""

from typing import Final, Literal

import msgspec
from ua_parser import parse

from everpost.accounts import people, recoveries, second_factors, sessions
from everpost.accounts.second_factors import WrongCode
from everpost.ids import AppId, UserId
from everpost.oauth import grants, scopes
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.errors import ApiError, NotFound
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Account")

_MANAGES_PEOPLE: Final = "account:update"


class SecurityQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "password", "signed-out", "factor-off"] = ""


class PasswordForm(msgspec.Struct):
    """Two passwords: the one until now, the one from now on."""

    current_password: str = ""
    password: str = ""


class CodeForm(msgspec.Struct):
    """What the authenticator app shows."""

    code: str = ""


class RemoveForm(msgspec.Struct):
    """Whose access of which application ends."""

    user_id: str = ""


@pages.get("/account/security")
async def show_security(conn: Conn, session: Session, query: SecurityQuery) -> Html:
    """Password, second factor and sessions."""
    return await _security(conn, session, done=query.done)


@pages.post("/account/security/password")
async def change_password(db: Db, session: Session, form: PasswordForm) -> Html | Answer:
    """Ends all other sessions of the person."""
    try:
        await recoveries.change(db, session.user_id, form.current_password, form.password, kept=session.session_id)
    except ApiError as error:
        problems = forms.problems(error, {"current_password": "", "password": ""})
        async with db.transaction() as conn:
            return await _security(conn, session, problems=problems, status=error.status)
    return redirect("/account/security?done=password")


@pages.post("/account/security/sign-out-everywhere")
async def sign_out_everywhere(conn: Conn, session: Session) -> Answer:
    """All sessions of the person but this one end."""
    await sessions.close_others(conn, session.user_id, session.session_id)
    return redirect("/account/security?done=signed-out")


@pages.get("/account/security/second-factor")
async def show_second_factor(conn: Conn, session: Session) -> Html | Answer:
    """The picture for the authenticator app, and the form that proves it was taken."""
    if await second_factors.is_on(conn, session.user_id):
        return redirect("/account/security")
    return await _second_factor(conn, session)


@pages.post("/account/security/second-factor")
async def turn_on_second_factor(conn: Conn, session: Session, form: CodeForm) -> Html | Answer:
    """From now on a code is asked for; shows the recovery codes, this once."""
    try:
        codes = await second_factors.turn_on(conn, session.user_id, form.code)
    except WrongCode as error:
        return await _second_factor(conn, session, forms.problems(error, {"code": ""}))
    return Html("portal/recovery_codes.html", codes=codes)


@pages.post("/account/security/second-factor/off")
async def turn_off_second_factor(db: Db, session: Session, form: PasswordForm) -> Html | Answer:
    """The password alone signs in again; asks for it, because a browser may be left open."""
    try:
        await recoveries.require_password(db, session.user_id, form.current_password)
    except ApiError as error:
        problems = Problems(
            factor_password=forms.problems(error, {"current_password": ""})["current_password"] or str(error)
        )
        async with db.transaction() as conn:
            return await _security(conn, session, problems=problems, status=error.status)
    async with db.transaction() as conn:
        await second_factors.turn_off(conn, session.user_id)
    return redirect("/account/security?done=factor-off")


@pages.get("/account/applications")
async def show_applications(conn: Conn, session: Session) -> Html:
    """Which applications may act for this person; for the owner, for everybody of the account."""
    is_for_all = _MANAGES_PEOPLE in session.privileges
    found = (
        await grants.accesses_of_account(conn, session.account_id)
        if is_for_all
        else await grants.accesses_of_user(conn, session.user_id)
    )
    return Html("portal/connected.html", accesses=found, meanings=scopes.MEANINGS, is_for_all=is_for_all)


@pages.post("/account/applications/{client_id}/remove", bad_id_status=404)
async def remove_access(conn: Conn, session: Session, client_id: AppId, form: RemoveForm) -> Answer:
    """Ends all tokens of that person for that application."""
    user_id = await _whose(conn, session, form.user_id)
    await grants.remove_access(conn, client_id, user_id)
    return redirect("/account/applications")


async def _whose(conn: Conn, session: Session, given: str) -> UserId:
    """The person themselves, or somebody of the owner's account. Raises: NotFound."""
    if given in ("", str(session.user_id)):
        return session.user_id
    if _MANAGES_PEOPLE not in session.privileges:
        raise NotFound
    found = [person.user_id for person in await people.all_of(conn, session.account_id) if str(person.user_id) == given]
    if not found:
        raise NotFound
    return found[0]


async def _security(
    conn: Conn, session: Session, *, problems: Problems | None = None, status: int = 200, done: str = ""
) -> Html:
    return Html(
        "portal/security.html",
        status,
        problems=problems or Problems(),
        done=done,
        has_factor=await second_factors.is_on(conn, session.user_id),
        codes_left=await second_factors.recovery_codes_left(conn, session.user_id),
        sessions=[(each, _browser(each.user_agent)) for each in await sessions.all_of(conn, session.user_id)],
    )


async def _second_factor(conn: Conn, session: Session, problems: Problems | None = None) -> Html:
    secret = await second_factors.begin(conn, session.user_id)
    return Html(
        "portal/second_factor.html",
        400 if problems else 200,
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        picture=second_factors.picture(secret, session.email),
        problems=problems or Problems(),
    )


def _browser(user_agent: str) -> str:
    """`Firefox on Linux`, from what the browser says of itself."""
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else "A browser"
    return f"{browser} on {found.os.family}" if found.os else browser
