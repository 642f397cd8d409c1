"""Pages for people without a token: signing in and out, and the page behind a confirmation mail."""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from everpost.accounts import confirmations, sessions, sign_ins, throttles
from everpost.accounts.confirmations import Confirmation, State
from everpost.accounts.sign_ins import CodeNeeded, Refusal
from everpost.accounts.users import User
from everpost.platform import pages as paper
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.http import Answer, Html, Pages, Request, redirect

pages: Final = Pages(tag="Sign-in")

_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # no scheme, no host, no backslash, no control character
_ORIGIN: Final = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?|[a-z][a-z0-9+-]*\.[a-z0-9.+-]*:")

_REFUSALS: Final = {
    Refusal.WRONG: (401, "The email address or the password is wrong."),
    Refusal.WRONG_CODE: (401, "That is not the code of this moment, or it was used before."),
    Refusal.TICKET_EXPIRED: (401, "That took too long. Please sign in again."),
    Refusal.BLOCKED: (429, "There were too many tries. Please wait 15 minutes, then try again."),
}
_EXPLANATIONS: Final = {
    Refusal.DEACTIVATED: "This person's access was switched off. Ask the owner of the account.",
    Refusal.ACCOUNT_NOT_ACTIVE: "This account is not active any more, so nobody can sign in to it.",
}


class SignInQuery(msgspec.Struct):
    """Where to go afterwards: a path of this server."""

    next: str = "/"


class SignInForm(msgspec.Struct):
    """What a person typed."""

    login: str = ""
    password: str = ""
    next: str = "/"


class CodeForm(msgspec.Struct):
    """The second step of signing in."""

    ticket: str = ""
    code: str = ""
    next: str = "/"


@pages.get("/login")
async def show_sign_in(query: SignInQuery) -> Html:
    """The sign-in form, also for somebody who is signed in and wants to be somebody else."""
    return _sign_in_page(_local(query.next))


@pages.post("/login")
async def sign_in(db: Db, form: SignInForm, request: Request, session: Session | None) -> Html | Answer:
    """Check the password, set the cookie, go on; or ask for the second factor."""
    person = await sign_ins.with_password(db, form.login, form.password, address=_address(request))
    match person:
        case CodeNeeded():
            return _code_page(_local(form.next), person.ticket)
        case Refusal():
            return _refused(person, form)
        case User():
            return await _let_in(db, person, request, session, form.next)


@pages.post("/login/code")
async def sign_in_with_code(db: Db, form: CodeForm, request: Request, session: Session | None) -> Html | Answer:
    """The second factor: check the code, set the cookie, go on."""
    person = await sign_ins.with_code(db, form.ticket, form.code)
    if isinstance(person, User):
        return await _let_in(db, person, request, session, form.next)
    if person is Refusal.WRONG_CODE:
        return _code_page(_local(form.next), form.ticket, problem=person)
    return _refused(person, SignInForm(next=form.next))


@pages.get("/login/logout")
async def show_sign_out(session: Session | None) -> Html:
    """A question only: a link must not be able to sign anybody out."""
    if session is None:
        return _message("You are signed out", "Nobody is signed in with this browser.")
    return Html(
        "confirm.html",
        title="Sign out",
        text=f"You are signed in as {session.email}.",
        action="/login/logout",
        button_label="Sign out",
    )


@pages.post("/login/logout")
async def sign_out(conn: Conn, session: Session | None) -> Answer:
    """End the session here and in the database."""
    if session is not None:
        await sessions.close(conn, session.session_id)
    return redirect("/login", headers=[("Set-Cookie", sessions.cookie_to_forget())])


@pages.get(confirmations.PATH + "/{token}")
async def show_confirmation(conn: Conn, token: str) -> Html:
    """What the link stands for. Changes nothing, because mail scanners open links too."""
    confirmation = await confirmations.find(conn, token)
    if confirmation is None:
        return paper.error(404)
    return _confirmation_page(confirmation, token)


@pages.post(confirmations.PATH + "/{token}")
async def confirm_sender(conn: Conn, token: str) -> Html:
    """From now on campaigns may be sent from the address."""
    confirmation = await confirmations.find(conn, token)
    if confirmation is None:
        return paper.error(404)
    if await confirmations.confirm(conn, confirmation):
        return _confirmed_page(confirmation)
    return _confirmation_page(await confirmations.find(conn, token) or confirmation, token)


@pages.post(confirmations.PATH + "/{token}/again")
async def send_link_again(conn: Conn, token: str) -> Html:
    """Another mail for somebody whose link is too old."""
    confirmation = await confirmations.find(conn, token)
    if confirmation is None:
        return paper.error(404)
    if await confirmations.send_again(conn, confirmation):
        return _message("A new link is on its way", f"It was sent to {confirmation.email_address}.")
    if confirmation.state is State.DONE:
        return _confirmed_page(confirmation)
    return _message("No new link was sent", "One was sent a moment ago, or five within a day. Please try again later.")


async def _let_in(db: Db, person: User, request: Request, before: Session | None, next_path: str) -> Answer:
    user_agent = request.headers.get("user-agent", "")
    async with db.transaction() as conn:
        token = await sessions.renew(conn, person, before, address=_address(request), user_agent=user_agent)
    return redirect(_local(next_path), headers=[("Set-Cookie", sessions.cookie(token))])


def _address(request: Request) -> str:
    return throttles.address_of(request.client.host if request.client else "", request.headers)


def _refused(refusal: Refusal, form: SignInForm) -> Html:
    if refusal in _EXPLANATIONS:
        return paper.error(403, title="You cannot sign in", text=_EXPLANATIONS[refusal])
    status, problem = _REFUSALS[refusal]
    return _sign_in_page(_local(form.next), status=status, problem=problem, login=form.login)


def _sign_in_page(next_path: str, *, status: int = 200, problem: str | None = None, login: str = "") -> Html:
    return Html(
        "accounts/sign_in.html",
        status,
        form_targets=_origins_beyond(next_path),
        next=next_path,
        problem=problem,
        login=login,
    )


def _code_page(next_path: str, ticket: str, *, problem: Refusal | None = None) -> Html:
    status, text = (200, None) if problem is None else _REFUSALS[problem]
    return Html(
        "accounts/code.html",
        status,
        form_targets=_origins_beyond(next_path),
        next=next_path,
        ticket=ticket,
        problem=text,
    )


def _confirmation_page(confirmation: Confirmation, token: str) -> Html:
    if confirmation.state is State.DONE:
        return _confirmed_page(confirmation)
    action = f"{confirmations.PATH}/{token}"
    return Html(
        "accounts/confirm_sender.html", confirmation=confirmation, action=action, state=confirmation.state.value
    )


def _confirmed_page(confirmation: Confirmation) -> Html:
    text = f"{confirmation.organization_name} can now send email from {confirmation.email_address}."
    return _message("Your address is confirmed", text)


def _message(title: str, text: str) -> Html:
    return Html("message.html", title=title, text=text, kind="good")


def _local(target: str) -> str:
    """Only paths of this server: a sign-in link must not be able to send people to somebody else's page."""
    return target if _LOCAL_PATH.fullmatch(target) else "/"


def _origins_beyond(path: str) -> list[str]:
    """Where the page after this one may send the browser on.

    Browsers check a form's policy at each redirect. When an app asked and the person agreed before, signing in leads
    through the authorization page straight back to the app.
    """
    targets = parse_qs(urlsplit(path).query).get("redirect_uri", [])
    origins = [_origin(target) for target in targets]
    return [origin for origin in origins if _ORIGIN.fullmatch(origin)]


def _origin(target: str) -> str:
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
