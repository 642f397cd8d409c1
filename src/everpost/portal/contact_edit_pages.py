"""Pages that add a contact, change it, unsubscribe it and delete it. Source: contract, contacts.md §5.3-§5.5."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Struct

from everpost.contacts import contacts
from everpost.contacts.contacts import ContactQuery
from everpost.contacts.errors import BeingChanged, EmailTaken
from everpost.contacts.shapes import Contact, ContactChange, ContactIn
from everpost.ids import AccountId, ContactId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid, NotFound
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import contact_choices, forms
from everpost.portal.forms import OTHER, Problems

pages: Final = Pages(tag="Contacts")

_WRITE: Final[dict[str, Any]] = {"privilege": "contacts:write"}
_ONE: Final[dict[str, Any]] = {**_WRITE, "bad_id_status": 404}
# Lists and tags by the thousand, each with its box.
_LARGEST_FORM_BYTES: Final = 512 * 1024
_WHOLE: Final = ContactQuery(include=["list_memberships", "taggings"])

_TEXTS: Final = ("first_name", "last_name", "company_name", "job_title")
_LIST, _TAG = "list:", "tag:"  # and the id: the name of a box
_Wish = Literal["implicit", "explicit"]
_REASONS: Final = {
    "is empty": "Must not be empty.",
    "is invalid": "Does not look like an email address.",
}


class Values(Struct):
    """What stands in the form."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    job_title: str = ""
    permission: str = "implicit"
    list_ids: list[str] = []
    tag_ids: list[str] = []


@pages.get("/contacts/new", **_WRITE)
async def show_new_contact(conn: Conn, session: Session) -> Html:
    """The form, empty."""
    return await _form(conn, session.account_id, Values())


@pages.post("/contacts/new", max_body_bytes=_LARGEST_FORM_BYTES, **_WRITE)
async def create_contact(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Add one, by the account's own doing."""
    values = _read(form)
    try:
        async with savepoint(conn):
            permission = values.permission if values.permission in get_args(_Wish) else "implicit"
            address = {"address": values.email, "permission_to_send": permission}
            new = forms.checked(ContactIn, {**_members(values), "email_address": address, "create_source": "Account"})
            made = await contacts.create(conn, session.account_id, new)
    except (Invalid, EmailTaken) as error:
        return await _form(conn, session.account_id, values, error=error)
    return redirect(f"/contacts/{made.contact_id}/activity?done=added")


@pages.get("/contacts/{contact_id}/edit", **_ONE)
async def show_edit_form(conn: Conn, session: Session, contact_id: ContactId) -> Html:
    """The form, with what is stored."""
    held = await _get(conn, session.account_id, contact_id)
    return await _form(conn, session.account_id, _stored(held), held=held)


@pages.post("/contacts/{contact_id}/edit", max_body_bytes=_LARGEST_FORM_BYTES, **_ONE)
async def save_contact(conn: Conn, session: Session, contact_id: ContactId, form: dict[str, str]) -> Html | Answer:
    """Change what the form shows; what it does not show stays."""
    held, values = await _get(conn, session.account_id, contact_id), _read(form)
    address = {"email_address": {"address": values.email}} if values.email or held.email_address else {}
    try:
        async with savepoint(conn):
            change = forms.checked(ContactChange, {**_kept(held), **_members(values), **address})
            await contacts.replace(conn, session.account_id, contact_id, change)
    except (Invalid, EmailTaken, BeingChanged) as error:
        return await _form(conn, session.account_id, values, held=held, error=error)
    return redirect(f"/contacts/{contact_id}/activity?done=saved")


@pages.get("/contacts/{contact_id}/unsubscribe", **_ONE)
async def ask_to_unsubscribe(conn: Conn, session: Session, contact_id: ContactId) -> Html:
    """Asks before a contact gets no mail any more."""
    held = await _get(conn, session.account_id, contact_id)
    return _question(
        held, "unsubscribe", "Unsubscribe this contact?", "Unsubscribe",
        "They leave all lists and get no mail any more. You can invite them back; only they can say yes.",
    )  # fmt: skip


@pages.post("/contacts/{contact_id}/unsubscribe", **_ONE)
async def unsubscribe_contact(conn: Conn, session: Session, contact_id: ContactId) -> Answer:
    """At the wish of somebody who told the account, by telephone say."""
    held = await _get(conn, session.account_id, contact_id)
    if held.email_address is None:
        raise NotFound
    texts = {name: getattr(held, name) or "" for name in _TEXTS}
    address = {"address": held.email_address.address, "permission_to_send": "unsubscribed"}
    change = forms.checked(ContactChange, {**_kept(held), **texts, "email_address": address})
    await contacts.replace(conn, session.account_id, contact_id, change)
    return redirect(f"/contacts/{contact_id}/activity?done=unsubscribed")


@pages.get("/contacts/{contact_id}/delete", **_ONE)
async def ask_to_delete(conn: Conn, session: Session, contact_id: ContactId) -> Html:
    """Asks before a contact is gone."""
    held = await _get(conn, session.account_id, contact_id)
    return _question(
        held, "delete", "Delete this contact?", "Delete",
        "They leave all lists and every view. What was sent to them stays in your reports.",
    )  # fmt: skip


@pages.post("/contacts/{contact_id}/delete", **_ONE)
async def delete_contact(conn: Conn, session: Session, contact_id: ContactId) -> Answer:
    """Off all lists and out of every view."""
    await contacts.delete(conn, session.account_id, contact_id)
    return redirect("/contacts?done=deleted")


async def _get(conn: Conn, account_id: AccountId, contact_id: ContactId) -> Contact:
    """Raises: NotFound, also for a deleted one, which only programs change."""
    held = await contacts.get(conn, account_id, contact_id, _WHOLE)
    if held.deleted_at is not None:
        raise NotFound
    return held


def _stored(held: Contact) -> Values:
    return Values(
        email=held.email_address.address if held.email_address else "",
        **{name: getattr(held, name) or "" for name in _TEXTS},
        list_ids=[] if held.list_memberships is UNSET else [str(each) for each in held.list_memberships],
        tag_ids=[] if held.taggings is UNSET else [str(each) for each in held.taggings],
    )


def _read(form: Mapping[str, str]) -> Values:
    return Values(
        email=form.get("email", "").strip(),
        **{name: form.get(name, "").strip() for name in _TEXTS},
        permission=form.get("permission", ""),
        list_ids=[name.removeprefix(_LIST) for name in form if name.startswith(_LIST)],
        tag_ids=[name.removeprefix(_TAG) for name in form if name.startswith(_TAG)],
    )


def _members(values: Values) -> dict[str, Any]:
    """What the form shows, by the API's names."""
    texts = {name: getattr(values, name) for name in _TEXTS}
    return {**texts, "list_memberships": values.list_ids, "taggings": values.tag_ids}


def _kept(held: Contact) -> dict[str, Any]:
    """What the form does not show, and a replacement would clear."""
    anniversary = held.anniversary.isoformat() if held.anniversary else None
    kept = {"birthday_month": held.birthday_month, "birthday_day": held.birthday_day, "anniversary": anniversary}
    return {"update_source": "Account", **{name: value for name, value in kept.items() if value is not None}}


async def _form(
    conn: Conn, account_id: AccountId, values: Values, *, held: Contact | None = None, error: ApiError | None = None
) -> Html:
    return Html(
        "portal/contact_form.html",
        status=error.status if error else 200,
        held=held,
        values=values,
        choices=await contact_choices.find(conn, account_id),
        problems=_problems(error),
    )


def _problems(error: ApiError | None) -> Problems:
    if error is None:
        return Problems()
    if isinstance(error, EmailTaken):
        return Problems(email="Another contact has this address, or one that was deleted.")
    found = forms.problems(error, msgspec.structs.asdict(Values()))
    other = found.get(OTHER, "")
    if other.startswith("email_address"):
        del found[OTHER]
        found["email"] = next((text for end, text in _REASONS.items() if other.endswith(end)), "Is not valid.")
    return found


def _question(held: Contact, verb: str, title: str, label: str, text: str) -> Html:
    return Html(
        "confirm.html",
        title=title,
        text=[f"{_called(held)}.", text],
        action=f"/contacts/{held.contact_id}/{verb}",
        button_label=label,
        kind="danger",
        cancel=f"/contacts/{held.contact_id}/activity",
    )


def _called(held: Contact) -> str:
    name = " ".join(filter(None, (held.first_name, held.last_name)))
    return held.email_address.address if held.email_address else name or "this contact"
