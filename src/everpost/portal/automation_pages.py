"""Welcome, birthday and anniversary mails: what there is, what came of it, how to write, try and switch one on.

The rules are those of the actions that `everpost automation` asks, too. Source: contract, campaigns.md §8.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from everpost.accounts import sender_emails, summaries
from everpost.accounts.sender_emails import EmailQuery
from everpost.accounts.summaries import SummaryQuery
from everpost.campaigns import automation_numbers, automation_proofs, automation_runs, automations
from everpost.campaigns.automations import Automation, Kind
from everpost.campaigns.shapes import TestSendIn
from everpost.ids import AccountId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import automation_forms, campaign_parts, forms, list_names, mail_views
from everpost.portal.forms import Problems
from everpost.reports.percents import percent

pages: Final = Pages(tag="Automations")

_LOOK: Final[dict[str, Any]] = {"privilege": "customer-journey:read", "bad_id_status": 404}
_CREATE: Final[dict[str, Any]] = {"privilege": "customer-journey:create"}
_CHANGE: Final[dict[str, Any]] = {"privilege": "customer-journey:update", "bad_id_status": 404}
_DELETE: Final[dict[str, Any]] = {"privilege": "customer-journey:delete", "bad_id_status": 404}
# A body of 400 kB, each byte of which a form may have to escape.
_LARGEST_FORM: Final = 1_500_000
_ADDRESSES: Final = re.compile(r"[\s,;]+")
_NUMBERED: Final = re.compile(r"^email_addresses\[(\d+)\]")


class DoneQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "created", "saved", "on", "off", "tested", "resumed", "cancelled", "deleted"] = ""


class KindQuery(msgspec.Struct):
    kind: Kind = "welcome"


@pages.get("/automations", **_LOOK)
async def show_automations(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """All of the account, with their numbers."""
    found = await automations.every_one(conn, session.account_id)
    names = await list_names.find(conn, session.account_id)
    return Html(
        "portal/automations.html",
        automations=[(each, automation_forms.occasion(each, names)) for each in found],
        numbers=await automation_numbers.find(conn, session.account_id, found),
        kinds=automation_forms.KINDS,
        percent=percent,
        done=query.done,
    )


@pages.get("/automations/new", **_CREATE)
async def show_new_automation(conn: Conn, session: Session, query: KindQuery) -> Html:
    """The form, with something to begin with."""
    return await _new(conn, session, query.kind)


@pages.get("/automations/new/mail", **_CREATE)
async def show_first_words(conn: Conn, session: Session, query: KindQuery) -> Answer:
    """What a new one says at first, for the frame beside the form."""
    start = automation_forms.start(query.kind, await _senders(conn, session.account_id))
    return await _mail(conn, session.account_id, automation_forms.read(query.kind, start))


@pages.post("/automations/new", max_body_bytes=_LARGEST_FORM, **_CREATE)
async def create_automation(conn: Conn, session: Session, query: KindQuery, form: dict[str, str]) -> Html | Answer:
    """Make one, switched off."""
    try:
        async with savepoint(conn):
            made = await automations.create(conn, session.account_id, automation_forms.read(query.kind, form))
    except ApiError as error:
        return await _new(conn, session, query.kind, form=form, error=error)
    return redirect(f"/automations/{made.automation_id}?done=created")


@pages.post("/automations/preview", max_body_bytes=_LARGEST_FORM, **_LOOK)
async def preview_automation(conn: Conn, session: Session, form: dict[str, str]) -> Answer:
    """What the form says now, for the frame beside it; nothing is stored."""
    return await _mail(conn, session.account_id, automation_forms.read("birthday", form))


@pages.get("/automations/{automation_id}", **_LOOK)
async def show_automation(conn: Conn, session: Session, automation_id: UUID, query: DoneQuery) -> Html:
    """One of them: how it stands, what came of it, what it says."""
    return await _one(conn, session, automation_id, done=query.done)


@pages.get("/automations/{automation_id}/mail", **_LOOK)
async def show_automation_mail(conn: Conn, session: Session, automation_id: UUID) -> Answer:
    """Its mail as the account's owner would get it, for the page's frame."""
    return await _mail(conn, session.account_id, await automations.get(conn, session.account_id, automation_id))


@pages.get("/automations/{automation_id}/edit", **_CHANGE)
async def show_edit_form(conn: Conn, session: Session, automation_id: UUID) -> Html:
    """The form, with what is stored."""
    return await _edit(conn, session, await automations.get(conn, session.account_id, automation_id))


@pages.post("/automations/{automation_id}/edit", max_body_bytes=_LARGEST_FORM, **_CHANGE)
async def save_automation(conn: Conn, session: Session, automation_id: UUID, form: dict[str, str]) -> Html | Answer:
    """Say something else from now on."""
    held = await automations.hold(conn, session.account_id, automation_id)
    try:
        async with savepoint(conn):
            wanted = msgspec.structs.replace(automation_forms.read(held.kind, form), list_id=held.list_id)
            campaign_parts.check_mark(form, automation_forms.shown(held), automation_forms.shown(wanted))
            await automations.replace(conn, session.account_id, automation_id, wanted)
    except ApiError as error:
        return await _edit(conn, session, held, form=form, error=error)
    return redirect(f"/automations/{automation_id}?done=saved")


@pages.post("/automations/{automation_id}/on", **_CHANGE)
async def switch_on(conn: Conn, session: Session, automation_id: UUID) -> Html | Answer:
    """From now on it is sent, unless something keeps it from being sent."""
    try:
        async with savepoint(conn):
            await automation_runs.switch(conn, session.account_id, automation_id, is_on=True)
    except ApiError as error:
        return await _one(conn, session, automation_id, error=error)
    return redirect(f"/automations/{automation_id}?done=on")


@pages.post("/automations/{automation_id}/off", **_CHANGE)
async def switch_off(conn: Conn, session: Session, automation_id: UUID) -> Answer:
    """From now on it is not sent."""
    await automation_runs.switch(conn, session.account_id, automation_id, is_on=False)
    return redirect(f"/automations/{automation_id}?done=off")


@pages.post("/automations/{automation_id}/resume", **_CHANGE)
async def resume(conn: Conn, session: Session, automation_id: UUID) -> Html | Answer:
    """Go on with what was paused."""
    try:
        async with savepoint(conn):
            await automation_runs.resume(conn, session.account_id, automation_id)
    except ApiError as error:
        return await _one(conn, session, automation_id, error=error)
    return redirect(f"/automations/{automation_id}?done=resumed")


@pages.get("/automations/{automation_id}/cancel", **_CHANGE)
async def ask_to_cancel(conn: Conn, session: Session, automation_id: UUID) -> Html:
    """Asks before those who wait get none."""
    found = await automations.get(conn, session.account_id, automation_id)
    waiting = await automation_runs.paused(conn, session.account_id, found)
    return Html(
        "confirm.html",
        title="Cancel what is paused?",
        text=f"It went to {sum(each.recipients for each in waiting):,} contacts; those who wait for it get none this "
        "time. The automation itself stays as it is.",
        action=f"/automations/{automation_id}/cancel",
        button_label="Cancel the rest",
        kind="danger",
        cancel=f"/automations/{automation_id}",
    )


@pages.post("/automations/{automation_id}/cancel", **_CHANGE)
async def cancel(conn: Conn, session: Session, automation_id: UUID) -> Answer:
    await automation_runs.cancel(conn, session.account_id, automation_id)
    return redirect(f"/automations/{automation_id}?done=cancelled")


@pages.post("/automations/{automation_id}/test", **_CHANGE)
async def send_test(conn: Conn, session: Session, automation_id: UUID, form: dict[str, str]) -> Html | Answer:
    """Its mail to a few addresses."""
    typed = [address for address in _ADDRESSES.split(form.get("email_addresses", "")) if address]
    message = form.get("personal_message", "").strip() or None
    try:
        async with savepoint(conn):
            new = forms.checked(TestSendIn, {"email_addresses": typed, "personal_message": message})
            await automation_proofs.send_test(conn, session.account_id, automation_id, new)
    except ApiError as error:
        return await _one(conn, session, automation_id, form=form, error=error, typed=typed)
    return redirect(f"/automations/{automation_id}?done=tested")


@pages.get("/automations/{automation_id}/delete", **_DELETE)
async def ask_to_delete(conn: Conn, session: Session, automation_id: UUID) -> Html:
    """Asks before it is gone."""
    found = await automations.get(conn, session.account_id, automation_id)
    return Html(
        "confirm.html",
        title=f"Delete this {automation_forms.KINDS[found.kind][0].lower()}?",
        text="It is not sent any more, and what it says is gone. Links in mails that it sent keep working.",
        action=f"/automations/{automation_id}/delete",
        button_label="Delete",
        kind="danger",
        cancel=f"/automations/{automation_id}",
    )


@pages.post("/automations/{automation_id}/delete", **_DELETE)
async def delete_automation(conn: Conn, session: Session, automation_id: UUID) -> Answer:
    await automations.delete(conn, session.account_id, automation_id)
    return redirect("/automations?done=deleted")


async def _one(
    conn: Conn,
    session: Session,
    automation_id: UUID,
    *,
    done: str = "",
    form: Mapping[str, str] | None = None,
    error: ApiError | None = None,
    typed: list[str] | None = None,
) -> Html:
    found = await automations.get(conn, session.account_id, automation_id)
    names = await list_names.find(conn, session.account_id)
    numbers = await automation_numbers.find(conn, session.account_id, [found])
    problem = None if error is None else _worded(error.messages[0], typed or [])
    return Html(
        "portal/automation.html",
        200 if error is None else error.status,
        automation=found,
        name=automation_forms.KINDS[found.kind][0],
        occasion=automation_forms.occasion(found, names),
        time_zone=(await summaries.get(conn, session.account_id, SummaryQuery())).time_zone_id,
        numbers=numbers[found.automation_id],
        obstacle=await automation_runs.find_obstacle(conn, session.account_id, found),
        pauses=await _pauses(conn, session.account_id, found),
        # A test that was refused says so beside its field, anything else above the page.
        problem=problem if form is None else None,
        test_problem=None if form is None else problem,
        test_addresses=(form or {}).get("email_addresses") or session.email,
        test_message=(form or {}).get("personal_message", ""),
        percent=percent,
        done=done,
    )


async def _pauses(conn: Conn, account_id: AccountId, found: Automation) -> list[str]:
    """Why something of it rests, each reason once."""
    resting = await automation_runs.paused(conn, account_id, found)
    return list(dict.fromkeys(each.pause_reason or "Paused." for each in resting))


async def _new(
    conn: Conn,
    session: Session,
    kind: Kind,
    *,
    form: Mapping[str, str] | None = None,
    error: ApiError | None = None,
) -> Html:
    taken = {each.list_id for each in await automations.every_one(conn, session.account_id)}
    names = await list_names.find(conn, session.account_id)
    senders = await _senders(conn, session.account_id)
    return _form_page(
        form or {**automation_forms.start(kind, senders), "from_name": session.organization_name},
        error,
        kind=kind,
        senders=senders,
        lists=[(str(list_id), name) for list_id, name in names.items() if list_id not in taken],
        action=f"/automations/new?kind={kind}",
        title=f"New {automation_forms.KINDS[kind][0].lower()}",
        mail=None if error else f"/automations/new/mail?kind={kind}",
        mark="",
        automation=None,
    )


async def _edit(
    conn: Conn,
    session: Session,
    held: Automation,
    *,
    form: Mapping[str, str] | None = None,
    error: ApiError | None = None,
) -> Html:
    return _form_page(
        form or automation_forms.shown(held),
        error,
        kind=held.kind,
        senders=await _senders(conn, session.account_id),
        lists=[],
        action=f"/automations/{held.automation_id}/edit",
        title=f"Edit the {automation_forms.KINDS[held.kind][0].lower()}",
        mail=None if error else f"/automations/{held.automation_id}/mail",
        mark=campaign_parts.mark(automation_forms.shown(held)),
        automation=held,
    )


def _form_page(values: Mapping[str, str], error: ApiError | None, *, senders: list[str], **context: Any) -> Html:
    return Html(
        "portal/automation_form.html",
        200 if error is None else error.status,
        values={name: values.get(name, "") for name in automation_forms.FIELDS},
        problems=Problems() if error is None else forms.problems(error, dict.fromkeys(automation_forms.FIELDS)),
        senders=[(address, address) for address in senders],
        days_before=automation_forms.DAYS_BEFORE,
        kinds=automation_forms.KINDS,
        **context,
    )


async def _senders(conn: Conn, account_id: AccountId) -> list[str]:
    confirmed = await sender_emails.listing(conn, account_id, EmailQuery(confirm_status="CONFIRMED"))
    return [each.email_address for each in confirmed]


async def _mail(conn: Conn, account_id: AccountId, said: automations.NewAutomation) -> Answer:
    reading = await automation_proofs.read(conn, account_id, said.content, from_email=said.from_email)
    return Answer(
        mail_views.framed(reading.html), headers=mail_views.FRAME_HEADERS, media_type="text/html; charset=utf-8"
    )


def _worded(message: str, typed: list[str]) -> str:
    """With the address that is wrong instead of its number."""
    found = _NUMBERED.match(message)
    if found is not None:
        return f"{typed[int(found[1])]} is not an email address."
    return message.replace("email_addresses", "The addresses", 1)
