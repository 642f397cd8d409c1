"""Pages for people who come: sign up, and the page behind the link that proves their address."""

from typing import Final

import msgspec

from everpost.accounts import mail_links, sessions, users
from everpost.platform import config
from everpost.platform import pages as paper
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, Request, redirect
from everpost.portal import forms, sign_ups, visitors
from everpost.portal.forms import Problems
from everpost.portal.sign_ups import AlreadyRegistered, SignUpClosed, SignUpIn

pages: Final = Pages(tag="Portal")

_CONFIRM: Final = mail_links.PATHS["confirm_email"]
_FIELDS: Final = [field.name for field in msgspec.structs.fields(SignUpIn)]


@pages.get("/portal")
async def enter() -> Answer:
    """What people type: the portal's first page is My Applications."""
    return redirect("/portal/apps")


@pages.get("/portal/login")
async def show_sign_in() -> Answer:
    """Sign-in is the same for everybody."""
    return redirect("/login?next=/portal/apps")


@pages.get("/portal/signup")
async def show_sign_up() -> Html:
    """The form, unless the operator has closed it."""
    if not config.current().portal_open_signup:
        return _closed()
    return _form({})


@pages.post("/portal/signup")
async def sign_up(db: Db, form: dict[str, str], request: Request, session: Session | None) -> Html | Answer:
    """Make the account, sign its owner in and show what comes next."""
    address = visitors.address_of(request)
    new = SignUpIn(**{name: form.get(name, "") for name in _FIELDS})
    try:
        async with db.transaction() as conn:
            await sign_ups.require_room(conn, address)
        async with db.transaction() as conn:
            made = await sign_ups.create(conn, new, address=address)
            token = await visitors.let_in(conn, made.user, request, session)
    except SignUpClosed:
        return _closed()
    except AlreadyRegistered as error:
        return _form(form, status=error.status, is_known=True)
    except ApiError as error:
        return _form(form, status=error.status, problems=forms.problems(error, form))
    return redirect("/?done=signed-up", headers=[("Set-Cookie", sessions.cookie(token))])


@pages.get(_CONFIRM + "/{token}")
async def show_confirmation(conn: Conn, token: str, session: Session | None) -> Html:
    """What the link stands for. Changes nothing, because mail scanners open links too."""
    user_id = await mail_links.find(conn, "confirm_email", token)
    if user_id is None:
        return _link_over(session)
    user = await users.get(conn, user_id)
    return Html(
        "confirm.html",
        title="Confirm your email address",
        text=f"You signed up as {user.email}. Confirm that this address is yours.",
        action=f"{_CONFIRM}/{token}",
        button_label="Confirm",
    )


@pages.post(_CONFIRM + "/{token}")
async def confirm(conn: Conn, token: str, session: Session | None) -> Html | Answer:
    """From now on the person may register applications, and the account may send from the address."""
    user = await sign_ups.confirm(conn, token)
    if user is None:
        return _link_over(session)
    if session is not None and session.user_id == user.user_id:
        return redirect("/?done=confirmed")
    return Html(
        "message.html",
        title="Your address is confirmed",
        text="You can register applications now, and send email from this address.",
        kind="good",
        link=("/login?next=/portal/apps", "Sign in"),
    )


@pages.post("/portal/confirm-again")
async def send_link_again(conn: Conn, session: Session) -> Html:
    """Another mail for somebody whose link is too old."""
    if await sign_ups.send_again(conn, session.user_id):
        text, kind = f"It was sent to {session.email} and works for 24 hours.", "good"
        return Html("message.html", title="A new link is on its way", text=text, kind=kind, link=("/", "Start page"))
    text = "Your address is confirmed already, or five mails were sent within a day."
    return Html("message.html", title="No new link was sent", text=text, kind="info", link=("/", "Start page"))


def _form(form: dict[str, str], *, status: int = 200, problems: Problems | None = None, is_known: bool = False) -> Html:
    values = {name: form.get(name, "") for name in _FIELDS if name != "password"}
    return Html("portal/sign_up.html", status, values=values, problems=problems or Problems(), is_known=is_known)


def _closed() -> Html:
    return paper.error(403, title="Sign-up is closed", text=str(SignUpClosed()))


def _link_over(session: Session | None) -> Html:
    return Html("portal/link_over.html", 410, session=session)
