"""Pages behind links in mails that let people choose a password: after forgetting one, and after an invitation."""

from typing import Final

import msgspec

from everpost.accounts import accounts, mail_links, people, recoveries, sessions, users
from everpost.accounts.password_rules import BadPassword
from everpost.accounts.recoveries import TooManyTries
from everpost.platform import pages as paper
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.http import Answer, Html, Pages, Request, redirect
from everpost.portal import forms, visitors
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Portal")

_RESET: Final = mail_links.PATHS["reset_password"]
_INVITATION: Final = mail_links.PATHS["invitation"]


class AskForm(msgspec.Struct):
    """Whose password is forgotten."""

    email: str = ""


class PasswordForm(msgspec.Struct):
    """The password that somebody wants from now on."""

    password: str = ""


@pages.get(_RESET)
async def show_question() -> Html:
    """Whose password is it?"""
    return Html("portal/reset.html")


@pages.post(_RESET)
async def ask(db: Db, form: AskForm, request: Request) -> Html:
    """The same answer for everybody."""
    try:
        async with db.transaction() as conn:
            await recoveries.ask(conn, form.email, address=visitors.address_of(request))
    except TooManyTries as error:
        return paper.error(error.status, text=str(error))
    text = (
        "If somebody signs in with this address, a mail with a link is on its way there. The link works for one hour."
    )
    return Html(
        "message.html", title="Look into your inbox", text=text, kind="good", link=("/login", "Back to sign-in")
    )


@pages.get(_RESET + "/{token}")
async def show_reset(conn: Conn, token: str) -> Html:
    """The form for a new password. Opening it uses nothing up."""
    user = await recoveries.find(conn, token)
    return _over() if user is None else _reset_form(token, user.email)


@pages.post(_RESET + "/{token}")
async def reset(conn: Conn, token: str, form: PasswordForm) -> Html:
    """Every session of the person ends; they sign in with what they chose."""
    user = await recoveries.find(conn, token)
    if user is None:
        return _over()
    try:
        changed = await recoveries.reset(conn, token, form.password)
    except BadPassword as error:
        return _reset_form(token, user.email, forms.problems(error, {"password": ""}))
    if changed is None:
        return _over()
    text = "You were signed out everywhere, and your applications have to connect again. Sign in with the new password."
    return Html("message.html", title="Your password is changed", text=text, kind="good", link=("/login", "Sign in"))


@pages.get(_INVITATION + "/{token}")
async def show_invitation(conn: Conn, token: str) -> Html:
    """Who invites, and the form for a password."""
    return await _invitation_form(conn, token, Problems())


@pages.post(_INVITATION + "/{token}")
async def accept(
    conn: Conn, token: str, form: PasswordForm, request: Request, session: Session | None
) -> Html | Answer:
    """The person has access from now on, and is signed in."""
    try:
        user = await people.accept(conn, token, form.password)
    except BadPassword as error:
        return await _invitation_form(conn, token, forms.problems(error, {"password": ""}))
    if user is None:
        return _over()
    cookie = sessions.cookie(await visitors.let_in(conn, user, request, session))
    return redirect("/", headers=[("Set-Cookie", cookie)])


async def _invitation_form(conn: Conn, token: str, problems: Problems) -> Html:
    user_id = await mail_links.find(conn, "invitation", token)
    if user_id is None:
        return _over()
    user = await users.get(conn, user_id)
    organization = await accounts.organization_name(conn, user.account_id)
    return Html(
        "portal/choose_password.html",
        400 if problems else 200,
        title=f"Join {organization}",
        text=f"You are invited as {people.ROLE_NAMES[user.role].lower()}. Choose the password with which you sign in.",
        email=user.email,
        action=f"{_INVITATION}/{token}",
        button_label="Accept the invitation",
        problems=problems,
    )


def _reset_form(token: str, email: str, problems: Problems | None = None) -> Html:
    return Html(
        "portal/choose_password.html",
        400 if problems else 200,
        title="Choose a new password",
        text="You will be signed out everywhere else, and the applications you let in have to connect again.",
        email=email,
        action=f"{_RESET}/{token}",
        button_label="Change the password",
        problems=problems or Problems(),
    )


def _over() -> Html:
    text = "It was used before, is too old, or a newer one took its place."
    return paper.error(410, title="This link does not work any more", text=text)
