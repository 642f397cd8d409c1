"""Sending domains: the DNS records that an owner publishes so that mailbox providers believe the account's mail.

Rules: managers may look, the owner may change; a look at the DNS happens while no transaction is open, and so does
making keys.
Source: contract, campaigns.md §9, account.md §9.
"""

from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from everpost.delivery import dns_checks, sending_domains
from everpost.delivery.dns_checks import NoAnswer
from everpost.delivery.sending_domains import BadDomain
from everpost.ids import AccountId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.errors import NotFound
from everpost.platform.http import Answer, Html, Pages, redirect

pages: Final = Pages(tag="Account")

_LOOK: Final[dict[str, Any]] = {"privilege": "account:read"}
_CHANGE: Final[dict[str, Any]] = {"privilege": "account:update"}


class DoneQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "added", "checked", "no-answer", "rotated", "removed"] = ""


@pages.get("/account/domains", **_LOOK)
async def show_domains(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """The domains of the account, and whether each is signed."""
    return await _domains(conn, session.account_id, done=query.done)


@pages.post("/account/domains", **_CHANGE)
async def add_domain(db: Db, session: Session, form: dict[str, str]) -> Html | Answer:
    """Make keys for a domain."""
    typed = form.get("domain", "")
    made = await sending_domains.new_keys()
    async with db.transaction() as conn:
        try:
            domain = await sending_domains.add(conn, session.account_id, typed, made)
        except BadDomain:
            problem = "Is not a domain, such as example.com."
            return await _domains(conn, session.account_id, typed=typed, problem=problem)
    return redirect(f"/account/domains/{quote(domain)}?done=added")


@pages.get("/account/domains/{domain}", **_LOOK)
async def show_domain(conn: Conn, session: Session, domain: str, query: DoneQuery) -> Html:
    """The records to publish, which of them are there, and what is wrong with the others."""
    found = await _require(conn, session.account_id, domain)
    return Html(
        "portal/domain.html",
        domain=found,
        records=await dns_checks.records(conn, session.account_id, found.domain),
        keys=await sending_domains.keys(conn, session.account_id, found.domain),
        done=query.done,
    )


@pages.post("/account/domains/{domain}/check", **_CHANGE)
async def check_domain(db: Db, session: Session, domain: str) -> Answer:
    """Look at the DNS now."""
    async with db.reader() as conn:
        found = await _require(conn, session.account_id, domain)
    try:
        await dns_checks.check(db, session.account_id, found.domain)
    except NoAnswer:
        return redirect(f"/account/domains/{quote(found.domain)}?done=no-answer")
    return redirect(f"/account/domains/{quote(found.domain)}?done=checked")


@pages.post("/account/domains/{domain}/rotate", **_CHANGE)
async def rotate_keys(db: Db, session: Session, domain: str) -> Answer:
    """Make new keys beside the present ones."""
    made = await sending_domains.new_keys()
    async with db.transaction() as conn:
        found = await _require(conn, session.account_id, domain)
        await sending_domains.rotate(conn, session.account_id, found.domain, made)
    return redirect(f"/account/domains/{quote(found.domain)}?done=rotated")


@pages.get("/account/domains/{domain}/remove", **_CHANGE)
async def ask_to_remove(conn: Conn, session: Session, domain: str) -> Html:
    """Asks before the keys are thrown away."""
    found = await _require(conn, session.account_id, domain)
    return Html(
        "confirm.html",
        title=f"Remove {found.domain}?",
        text="Its keys are thrown away, and mail from it is no longer signed with them.",
        action=f"/account/domains/{quote(found.domain)}/remove",
        button_label="Remove the domain",
        kind="danger",
        cancel=f"/account/domains/{quote(found.domain)}",
    )


@pages.post("/account/domains/{domain}/remove", **_CHANGE)
async def remove_domain(conn: Conn, session: Session, domain: str) -> Answer:
    """Throw the keys away."""
    found = await _require(conn, session.account_id, domain)
    await sending_domains.remove(conn, session.account_id, found.domain)
    return redirect("/account/domains?done=removed")


async def _require(conn: Conn, account_id: AccountId, name: str) -> sending_domains.Domain:
    try:
        found = await sending_domains.find(conn, account_id, sending_domains.normal(name))
    except BadDomain as error:
        raise NotFound from error
    if found is None:
        raise NotFound
    return found


async def _domains(
    conn: Conn, account_id: AccountId, *, done: str = "", typed: str = "", problem: str | None = None
) -> Html:
    return Html(
        "portal/domains.html",
        400 if problem else 200,
        domains=await sending_domains.listing(conn, account_id),
        typed=typed,
        problem=problem,
        done=done,
    )
