"""Account settings: the organisation, its postal address, the addresses it sends from.

The rules are those of the API's own actions; managers may look, the owner may change. Source: contract, account.md.
"""

from typing import Any, Final, Literal

import msgspec

from everpost.accounts import accounts, addresses, confirmations, regions, sender_emails, summaries
from everpost.accounts.addresses import AddressIn
from everpost.accounts.sender_emails import EmailIn, EmailQuery
from everpost.accounts.summaries import SummaryIn, SummaryQuery
from everpost.ids import AccountId, EmailId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Account")

_LOOK: Final[dict[str, Any]] = {"privilege": "account:read"}
_CHANGE: Final[dict[str, Any]] = {"privilege": "account:update"}
_SUMMARY: Final = [field.name for field in msgspec.structs.fields(SummaryIn)]
_ADDRESS: Final = [field.name for field in msgspec.structs.fields(AddressIn)]


class DoneQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "saved", "sent", "not-sent"] = ""


@pages.get("/account", **_LOOK)
async def show_organization(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """What the account is called, where it is and how to reach it."""
    return await _organization(conn, session.account_id, done=query.done)


@pages.post("/account", **_CHANGE)
async def save_organization(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Change it, all or nothing."""
    try:
        wanted = forms.read(SummaryIn, form, keeps_empty=True)
        # Not chosen means: it follows from the place.
        wanted.time_zone_id = wanted.time_zone_id or None
        await summaries.change(conn, session.account_id, wanted)
    except ApiError as error:
        return await _organization(conn, session.account_id, form=form, error=error)
    return redirect("/account?done=saved")


@pages.get("/account/address", **_LOOK)
async def show_address(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """The postal address that is printed under campaign mails."""
    found = await addresses.find(conn, session.account_id)
    values = {} if found is None else msgspec.structs.asdict(found)
    return _address(values, done=query.done, is_there=found is not None)


@pages.post("/account/address", **_CHANGE)
async def save_address(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Add or replace it."""
    try:
        await addresses.replace(conn, session.account_id, forms.read(AddressIn, form))
    except ApiError as error:
        return _address(form, error=error)
    return redirect("/account/address?done=saved")


@pages.get("/account/senders", **_LOOK)
async def show_senders(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """The addresses from which campaigns may be sent, and those that wait for their confirmation."""
    return await _senders(conn, session.account_id, done=query.done)


@pages.post("/account/senders", **_CHANGE)
async def add_sender(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Add an address and mail it a link."""
    try:
        await confirmations.request(conn, session.account_id, forms.read(EmailIn, form))
    except ApiError as error:
        return await _senders(conn, session.account_id, form=form, error=error)
    return redirect("/account/senders?done=sent")


@pages.post("/account/senders/{email_id}/again", bad_id_status=404, **_CHANGE)
async def send_link_again(conn: Conn, session: Session, email_id: EmailId) -> Answer:
    """Another mail for an address that still waits."""
    is_sent = await confirmations.send_to(conn, session.account_id, email_id)
    return redirect(f"/account/senders?done={'sent' if is_sent else 'not-sent'}")


async def _organization(
    conn: Conn,
    account_id: AccountId,
    *,
    form: dict[str, str] | None = None,
    error: ApiError | None = None,
    done: str = "",
) -> Html:
    summary = await summaries.get(conn, account_id, SummaryQuery())
    confirmed = await sender_emails.listing(conn, account_id, EmailQuery(confirm_status="CONFIRMED"))
    stored = msgspec.structs.asdict(summary)
    return Html(
        "portal/organization.html",
        200 if error is None else error.status,
        summary=summary,
        values={name: (form or stored).get(name) or "" for name in _SUMMARY},
        problems=Problems() if error is None else forms.problems(error, stored),
        sender_choices=[(each.email_address, each.email_address) for each in confirmed],
        countries=regions.countries(),
        zones=[(name, name.replace("_", " ")) for name in regions.time_zones()],
        trial_end=await accounts.trial_end(conn, account_id),
        done=done,
    )


def _address(values: dict[str, Any], *, error: ApiError | None = None, done: str = "", is_there: bool = True) -> Html:
    return Html(
        "portal/address.html",
        200 if error is None else error.status,
        values={name: values.get(name) or "" for name in _ADDRESS},
        problems=Problems() if error is None else forms.problems(error, dict.fromkeys(_ADDRESS)),
        countries=regions.countries(),
        is_there=is_there,
        done=done,
    )


async def _senders(
    conn: Conn,
    account_id: AccountId,
    *,
    form: dict[str, str] | None = None,
    error: ApiError | None = None,
    done: str = "",
) -> Html:
    return Html(
        "portal/senders.html",
        200 if error is None else error.status,
        senders=await sender_emails.listing(conn, account_id, EmailQuery()),
        typed=(form or {}).get("email_address", ""),
        problems=Problems() if error is None else forms.problems(error, {"email_address": ""}),
        done=done,
    )
