"""The doors of the portal: start page and mailbox. Who may see which mail is decided in `access.py`."""

from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from everpost import __version__
from everpost.platform import config, mailbox
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound
from everpost.platform.http import Answer, Exchange, Html, Pages, Request, redirect
from everpost.portal import access, campaigns_pages, first_steps, mail_views
from everpost.portal.access import Viewer
from everpost.portal.mail_views import View
from everpost.reports import campaign_list

pages = Pages()

_LATEST: Final = 5  # campaigns on the start page


class MailboxQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class HomeQuery(msgspec.Struct, frozen=True):
    done: Literal["", "confirmed", "signed-up"] = ""


class MailQuery(msgspec.Struct, frozen=True):
    view: View | None = None


@pages.get("/")
async def home(conn: Conn, session: Session | None, query: HomeQuery) -> Html:
    """For visitors, what this instance is; for people who are signed in, what is left to do."""
    if session is None:
        return Html("portal/welcome.html", version=__version__, api=config.current().api_origin, has_relay=_has_relay())
    steps = await first_steps.of_account(conn, session.account_id) if "account:read" in session.privileges else []
    page = await campaign_list.page(conn, session.account_id)
    latest = page.campaigns[:_LATEST]
    return Html(
        "portal/home.html",
        version=__version__,
        api=config.current().api_origin,
        has_relay=_has_relay(),
        steps=steps,
        latest=latest,
        campaigns_total=page.total,
        done=query.done,
        **await campaigns_pages.table(conn, session, [campaign for campaign, _ in latest]),
    )


@pages.get("/mailbox")
async def show_mailbox(conn: Conn, request: Request, session: Session | None, query: MailboxQuery) -> Html | Answer:
    """The mails that stayed on this machine, newest first, 50 a page."""
    viewer = _viewer(request, session)
    if viewer is None:
        return _sign_in_first(request)
    page = await mailbox.page(conn, viewer.account_id, search=query.q, number=query.page)
    return Html("portal/mailbox.html", page=page, search=query.q, viewer=viewer, has_relay=_has_relay())


@pages.get("/mailbox/delete")
async def ask_to_empty_mailbox(request: Request, session: Session | None) -> Html | Answer:
    """Asks before everything the visitor can see is deleted."""
    viewer = _viewer(request, session)
    if viewer is None:
        return _sign_in_first(request)
    whose = "every mail of this instance" if viewer.account_id is None else "every mail of your account"
    return Html(
        "confirm.html",
        title="Empty the mailbox?",
        text=f"This deletes {whose} from the built-in mailbox. Reports and contacts stay as they are.",
        action="/mailbox/delete",
        button_label="Delete all mails",
        kind="danger",
        cancel="/mailbox",
    )


@pages.post("/mailbox/delete")
async def empty_mailbox(conn: Conn, request: Request, session: Session | None) -> Answer:
    """Deletes what the visitor can see."""
    viewer = _viewer(request, session)
    if viewer is None:
        return _sign_in_first(request)
    await mailbox.delete_all(conn, viewer.account_id)
    return redirect("/mailbox")


@pages.get("/mailbox/{mail_id}", bad_id_status=404)
async def show_mail(
    conn: Conn, request: Request, session: Session | None, mail_id: UUID, query: MailQuery
) -> Html | Answer:
    """One mail, as HTML in a sandboxed frame, as text, or as its source."""
    viewer = _viewer(request, session)
    if viewer is None:
        return _sign_in_first(request)
    mail = await _get(conn, viewer, mail_id)
    view = mail_views.read(mail.content)
    chosen = query.view if query.view in view.views else view.views[0]
    return Html("portal/mail.html", mail=mail, view=view, chosen=chosen)


@pages.get("/mailbox/{mail_id}/html", bad_id_status=404)
async def show_mail_frame(conn: Conn, request: Request, session: Session | None, mail_id: UUID) -> Answer:
    """The HTML part alone, under a policy of its own: this is what the sandboxed frame shows."""
    viewer = _viewer(request, session)
    if viewer is None:
        return _sign_in_first(request)
    mail = await _get(conn, viewer, mail_id)
    html = mail_views.read(mail.content).html
    if html is None:
        raise NotFound
    return Answer(mail_views.framed(html), headers=mail_views.FRAME_HEADERS, media_type="text/html; charset=utf-8")


def _viewer(request: Request, session: Session | None) -> Viewer | None:
    return access.find_viewer(Exchange(dict(request.scope), request.receive), session)


def _sign_in_first(request: Request) -> Answer:
    return redirect(f"/login?next={request.scope['path']}")


def _has_relay() -> bool:
    return config.current().smtp_url is not None


async def _get(conn: Conn, viewer: Viewer, mail_id: UUID) -> mailbox.Mail:
    mail = await mailbox.find(conn, viewer.account_id, mail_id)
    if mail is None:
        raise NotFound
    return mail
