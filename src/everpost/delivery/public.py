"""Doors for recipients: whoever holds the link of a mail may come in.

Source: contract, campaigns §6.5, §7.1, §7.2; RFC 8058.
"""

from typing import Final

from msgspec import Struct

from everpost.delivery import unsubscribe, web_copies
from everpost.delivery.test_messages import TEST_TOKEN
from everpost.platform.db import Conn, Db
from everpost.platform.errors import NotFound
from everpost.platform.http import Answer, Html, Pages, Request, redirect

pages: Final = Pages(tag="Recipients")

_NOT_LISTED: Final = {"X-Robots-Tag": "noindex"}
# The author's own style sheets and pictures show; nothing runs, nothing is posted, and no other page frames it.
_MAIL_POLICY: Final = (
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline' *; font-src * data:; form-action 'none';"
    " frame-ancestors 'none'; base-uri 'none'"
)


class LeaveForm(Struct, rename={"one_click": "List-Unsubscribe"}):
    """A mail program's one-click request, or what a person typed into the page."""

    one_click: str = ""
    email_address: str = ""
    reason: str = ""


@pages.get("/u/{token}")
async def ask_to_leave(conn: Conn, token: str) -> Html:
    """The unsubscribe page. Looking at it changes nothing."""
    return _test_page() if token == TEST_TOKEN else _leave_page(await _require(conn, token), token)


@pages.post("/u/{token}", csrf=False, max_body_bytes=65_536)
async def leave(conn: Conn, token: str, form: LeaveForm) -> Html | Answer:
    """Unsubscribe. The token in the address is what proves the right; mail programs bring no cookie."""
    if token == TEST_TOKEN:
        return _test_page()
    subscriber = await _require(conn, token)
    if form.one_click:
        await unsubscribe.leave(conn, subscriber)
        return Answer(b"Unsubscribed.\n", headers=_NOT_LISTED, media_type="text/plain; charset=utf-8")
    if not unsubscribe.is_own_address(subscriber, form.email_address):
        return _leave_page(subscriber, token, error="The mail was sent to another address. Nothing was changed.")
    await unsubscribe.leave(conn, subscriber, reason=form.reason.strip()[:255] or None)
    return _left_page(subscriber)


@pages.get("/profile/{token}")
async def change_profile(token: str) -> Answer:
    """What recipients can change by themselves: whether they get mail at all."""
    leave_token = unsubscribe.token_of(token)
    if leave_token is None:
        raise NotFound
    return redirect(f"/u/{leave_token}", headers=[*_NOT_LISTED.items()])


@pages.get("/w/{token}")
async def view_mail(db: Db, token: str, request: Request) -> Answer:
    """A recipient's own copy of a mail."""
    html = await web_copies.read(db, token, user_agent=request.headers.get("user-agent", ""))
    if html is None:
        raise NotFound
    headers = {
        **_NOT_LISTED,
        "Content-Security-Policy": _MAIL_POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(html.encode(), headers=headers, media_type="text/html; charset=utf-8")


async def _require(conn: Conn, token: str) -> unsubscribe.Subscriber:
    subscriber = await unsubscribe.find(conn, token)
    if subscriber is None:
        raise NotFound
    return subscriber


def _leave_page(subscriber: unsubscribe.Subscriber, token: str, *, error: str | None = None) -> Html:
    return Html(
        "delivery/unsubscribe.html",
        400 if error else 200,
        headers=_NOT_LISTED,
        organization_name=subscriber.organization_name,
        email_address=subscriber.email_address,
        action=f"/u/{token}",
        error=error,
    )


def _left_page(subscriber: unsubscribe.Subscriber) -> Html:
    return Html(
        "message.html",
        headers=_NOT_LISTED,
        bare=True,
        kind="good",
        title="You are unsubscribed",
        text=[
            f"{subscriber.organization_name} will send no more marketing mail to {subscriber.email_address}.",
            "If this was a mistake, ask them to invite you again.",
        ],
    )


def _test_page() -> Html:
    return Html(
        "message.html",
        headers=_NOT_LISTED,
        bare=True,
        kind="info",
        title="This is a test",
        text="The mail with this link was a test. In a real mail, this link lets its recipient unsubscribe.",
    )
