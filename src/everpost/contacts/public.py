"""Doors for people: the page behind a confirmation mail. Source: contract, campaigns.md §7.5."""

from typing import Final

from everpost.contacts import confirmations
from everpost.contacts.confirmations import Confirmation, State
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound
from everpost.platform.http import Html, Pages

pages: Final = Pages(tag="Recipients")

_NOT_LISTED: Final = {"X-Robots-Tag": "noindex"}


@pages.get(confirmations.PATH + "/{token}")
async def ask_to_confirm(conn: Conn, token: str) -> Html:
    """What the link stands for. Looking at it changes nothing, because mail scanners open links too."""
    return _page(await _require(conn, token), token)


@pages.post(confirmations.PATH + "/{token}", csrf=False)
async def confirm(conn: Conn, token: str) -> Html:
    """From now on the person gets mail. The token in the address is what proves the right."""
    confirmation = await _require(conn, token)
    if await confirmations.confirm(conn, confirmation):
        return _confirmed(confirmation)
    return _page(await _require(conn, token), token)


async def _require(conn: Conn, token: str) -> Confirmation:
    confirmation = await confirmations.find(conn, token)
    if confirmation is None:
        raise NotFound
    return confirmation


def _page(confirmation: Confirmation, token: str) -> Html:
    match confirmation.state:
        case State.DONE:
            return _confirmed(confirmation)
        case State.EXPIRED:
            return _message(confirmation, "info", "This link is no longer good", _expired_text(confirmation))
        case State.OPEN:
            return Html(
                "confirm.html",
                headers=_NOT_LISTED,
                bare=True,
                brand=confirmation.organization_name,
                csrf=False,
                title=f"Email from {confirmation.organization_name}",
                text=f"Would you like to receive email from {confirmation.organization_name} "
                f"at {confirmation.email_address}?",
                action=f"{confirmations.PATH}/{token}",
                button_label="Confirm",
            )


def _confirmed(confirmation: Confirmation) -> Html:
    return _message(
        confirmation,
        "good",
        "Thank you, you are subscribed",
        f"{confirmation.organization_name} will send email to {confirmation.email_address}. "
        "You can unsubscribe at any time with the link in each mail.",
    )


def _expired_text(confirmation: Confirmation) -> str:
    return (
        "Links like this work once and for 60 days. "
        f"To receive email from {confirmation.organization_name}, sign up again."
    )


def _message(confirmation: Confirmation, kind: str, title: str, text: str) -> Html:
    brand = confirmation.organization_name
    return Html("message.html", headers=_NOT_LISTED, bare=True, brand=brand, kind=kind, title=title, text=text)
