"""What recipients change by themselves: names, telephone, postal address, special days, and lists that they may see.

Rules: a change is one of the contact's own (update source Contact) and goes through the same checks as the API's; what
the page does not show stays as it is. Another e-mail address counts after its owner confirmed it: `address_changes`.
Source: contract, campaigns.md §7.3.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from everpost.contacts import contacts, memberships, opt_ins, parts, stored
from everpost.contacts.consent import Permission
from everpost.contacts.phone_numbers import PhoneNumber
from everpost.contacts.shapes import ContactChange
from everpost.contacts.stored import StoredContact
from everpost.contacts.street_addresses import StreetAddress
from everpost.delivery import mail_settings, organisations
from everpost.delivery.mail_settings import MailSettings, VisibleList
from everpost.ids import ListId
from everpost.platform import validation
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, bracketed
from everpost.tracking import tokens
from everpost.tracking.tokens import Kind, Reference

_ADDRESS: Final = ("street", "city", "state", "postal_code", "country")
_KINDS: Final = ("home", "work", "other")  # the first one is shown, in this order


class Profile(Struct, frozen=True, kw_only=True):
    """A recipient as their page shows them."""

    reference: Reference
    organization_name: str
    contact: StoredContact
    settings: MailSettings
    lists: list[VisibleList]
    joined: list[ListId]

    @property
    def is_unsubscribed(self) -> bool:
        return self.contact.permission_to_send == "unsubscribed"

    @property
    def email_address(self) -> str:
        return self.contact.email_address or ""


async def find(conn: Conn, token: str) -> Profile | None:
    """None for a token that is not ours, and for a contact who is deleted or has no address any more."""
    reference = tokens.signer().read(Kind.PROFILE, token)
    contact = await stored.find(conn, reference.account_id, reference.contact_id) if reference else None
    if reference is None or contact is None or contact.deleted_at is not None or contact.email_key is None:
        return None
    organisation = await organisations.get(conn, reference.account_id)
    held = await memberships.of_contacts(conn, reference.account_id, [reference.contact_id])
    return Profile(
        reference=reference,
        organization_name=organisation.name,
        contact=contact,
        settings=organisation.settings,
        lists=await mail_settings.visible_lists(conn, reference.account_id, organisation.settings),
        joined=held.get(reference.contact_id, []),
    )


def values(profile: Profile) -> dict[str, str]:
    """The fields of the page, by name."""
    contact = profile.contact
    address, phone = _shown_address(contact), _shown_phone(contact)
    found = {name: getattr(address, name) if address else None for name in _ADDRESS}
    found |= {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "phone_number": phone.phone_number if phone else None,
        "birthday_month": str(contact.birthday_month or ""),
        "birthday_day": str(contact.birthday_day or ""),
        "anniversary": contact.anniversary.isoformat() if contact.anniversary else None,
    }
    return {name: value or "" for name, value in found.items()}


async def change(conn: Conn, profile: Profile, form: Mapping[str, str], list_ids: Collection[ListId]) -> None:
    """Take over what the page's form says. Raises: ApiError."""
    members = _members(profile, form, list_ids)
    problems = validation.control_characters(members) + validation.explain(members, ContactChange)
    if problems:
        raise Invalid(*dict.fromkeys(bracketed(problem) for problem in problems))
    wanted = msgspec.convert(members, ContactChange)
    await contacts.replace(conn, profile.reference.account_id, profile.reference.contact_id, wanted)


async def opt_in(conn: Conn, profile: Profile, list_ids: Collection[ListId]) -> Permission | None:
    """An unsubscribed person wants mail again, on these of the lists that they may see."""
    wanted = [each.list_id for each in profile.lists if each.list_id in list_ids]
    return await opt_ins.opt_in(conn, profile.reference.account_id, profile.reference.contact_id, list_ids=wanted)


def leave_token(profile: Profile) -> str:
    """Of the page on which to leave altogether."""
    return tokens.signer().recipient(*msgspec.structs.astuple(profile.reference)[:3]).unsubscribe()


def _members(profile: Profile, form: Mapping[str, str], list_ids: Collection[ListId]) -> dict[str, Any]:
    contact = profile.contact
    typed = {name: form.get(name, "").strip() for name in values(profile)}
    visible = [each.list_id for each in profile.lists]
    kept = [list_id for list_id in profile.joined if list_id not in visible]
    return {
        "update_source": "Contact",
        "first_name": typed["first_name"],
        "last_name": typed["last_name"],
        "job_title": contact.job_title,
        "company_name": contact.company_name,
        "birthday_month": _number(typed["birthday_month"]),
        "birthday_day": _number(typed["birthday_day"]),
        "anniversary": typed["anniversary"] or None,
        "phone_numbers": _phones(contact, typed["phone_number"]),
        "street_addresses": _addresses(contact, {name: typed[name] for name in _ADDRESS}),
        "list_memberships": [str(each) for each in kept] + [str(each) for each in visible if each in list_ids],
    }


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else text


def _phones(contact: StoredContact, typed: str) -> list[dict[str, str]]:
    """The shown number replaced, added or taken away, the others as they are."""
    shown = _shown_phone(contact)
    changed = [{"phone_number": typed, "kind": shown.kind if shown else "mobile"}] if typed else []
    others = [phone for phone in parts.read_phone_numbers(contact.phone_numbers) if phone != shown]
    return changed + [{"phone_number": phone.phone_number, "kind": phone.kind} for phone in others]


def _addresses(contact: StoredContact, typed: Mapping[str, str]) -> list[dict[str, str]]:
    shown = _shown_address(contact)
    changed = [{"kind": shown.kind if shown else "home", **typed}] if any(typed.values()) else []
    others = [each for each in parts.read_street_addresses(contact.street_addresses) if each != shown]
    return changed + [{"kind": each.kind, **{name: getattr(each, name) or "" for name in _ADDRESS}} for each in others]


def _shown_phone(contact: StoredContact) -> PhoneNumber | None:
    return next(iter(parts.read_phone_numbers(contact.phone_numbers)), None)


def _shown_address(contact: StoredContact) -> StreetAddress | None:
    found: Sequence[StreetAddress] = parts.read_street_addresses(contact.street_addresses)
    return min(found, key=lambda address: _KINDS.index(address.kind), default=None)
