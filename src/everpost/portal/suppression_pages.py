"""Suppressed addresses: find one, see what keeps mail from it, and let it go where the rules allow that.

Rules: whoever may see contacts may look; the owner alone may end a hold, because every attempt at an address that does
not exist costs the whole server reputation; who writes contacts may invite somebody back. Complaints stay.
Source: contract, campaigns.md §5.6, §5.7; contacts.md §5.10.
"""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from everpost.contacts import resubscribing
from everpost.contacts.shapes import Resubscription
from everpost.delivery import suppressed_addresses
from everpost.delivery.suppressed_addresses import BadAddress, NotOurs
from everpost.ids import AccountId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms, list_names

pages: Final = Pages(tag="Account")

Done = Literal["", "ended", "invited"]


class SuppressionQuery(msgspec.Struct, frozen=True):
    """Which address, and what has just been done with it."""

    address: Annotated[str, Meta(max_length=320)] = ""
    done: Done = ""


class AddressForm(msgspec.Struct, frozen=True):
    address: str = ""
    list_id: str = ""


@pages.get("/account/suppressions", privilege="contacts:read")
async def show_suppression(conn: Conn, session: Session, query: SuppressionQuery) -> Html:
    """The search, and what was found."""
    return await _page(conn, session.account_id, query.address, done=query.done)


@pages.post("/account/suppressions/end-hold", privilege="account:update")
async def end_hold(conn: Conn, session: Session, form: AddressForm) -> Html | Answer:
    """Try an address again that servers called unknown."""
    try:
        async with savepoint(conn):
            await suppressed_addresses.end_hold(conn, session.account_id, form.address, by=session.user_id)
    except ApiError as error:
        return await _page(conn, session.account_id, form.address, error=error)
    return _back(form.address, "ended")


@pages.post("/account/suppressions/invite", privilege="contacts:write")
async def invite_back(conn: Conn, session: Session, form: AddressForm) -> Html | Answer:
    """Mail somebody who unsubscribed the question whether they want to come back."""
    try:
        found = await suppressed_addresses.find(conn, session.account_id, form.address)
        if found.contact is None:
            raise NotOurs
        chosen = forms.checked(Resubscription, {"list_ids": [form.list_id]})
        # Waiting too long for whoever changes this contact would end the transaction that the page still needs.
        async with savepoint(conn):
            await resubscribing.invite(conn, session.account_id, found.contact.contact_id, chosen)
    except ApiError as error:
        return await _page(conn, session.account_id, form.address, error=error)
    return _back(form.address, "invited")


def _back(address: str, done: Done) -> Answer:
    return redirect(f"/account/suppressions?{urlencode({'address': address.strip(), 'done': done})}")


async def _page(
    conn: Conn, account_id: AccountId, address: str, *, done: Done = "", error: ApiError | None = None
) -> Html:
    found, problem = None, None
    if address.strip():
        try:
            found = await suppressed_addresses.find(conn, account_id, address)
        except BadAddress:
            problem = "Does not look like an email address."
    names = await list_names.find(conn, account_id) if found and found.reason == "unsubscribed" else {}
    status = error.status if error else 400 if problem else 200
    return Html(
        "portal/suppressions.html",
        status,
        address=address,
        found=found,
        lists=[(str(list_id), name) for list_id, name in names.items()],
        problem=problem,
        refusal=None if error is None or problem else error.messages[0].removeprefix("Validation failed: "),
        done=done,
    )
