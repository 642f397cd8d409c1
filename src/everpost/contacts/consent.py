"""Consent: who may be e-mailed, how a contact got there, and which way leads out again.

Pure functions over one immutable record; `contacts`, `sign_up_form` and `opt_outs` read and write it. Terms: the
*source* is the actor, Contact (the person) or Account (the owner of the list); COI is the account's confirmed-opt-in
setting. Source: contract, contacts.md §4.
"""

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from everpost.platform.errors import Invalid

Permission: TypeAlias = Literal["explicit", "implicit", "not_set", "pending_confirmation", "temp_hold", "unsubscribed"]
Source: TypeAlias = Literal["Contact", "Account"]
OptOutSource: TypeAlias = Literal["Contact", "Account", "System"]
ConfirmStatus: TypeAlias = Literal["off", "pending", "confirmed"]


class NeverImplicitAgain(Invalid):
    """Validation failed: permission_to_send cannot be changed from explicit to implicit"""


class HasUnsubscribed(Invalid):
    """Validation failed: The contact has unsubscribed and must opt back in"""


class NotConfirmedYet(Invalid):
    """Validation failed: The contact has not confirmed yet"""


class Consent(Struct, frozen=True, kw_only=True):
    """The permission of one e-mail address and its history, as the columns of `contacts` hold it."""

    permission_to_send: Permission
    opt_in_source: Source | None = None
    opt_in_date: datetime | None = None
    opt_out_source: OptOutSource | None = None
    opt_out_date: datetime | None = None
    opt_out_reason: str | None = None
    confirm_status: ConfirmStatus = "off"


def initial(source: Source, asked: Permission | None, *, is_coi: bool, now: datetime) -> Consent:
    """Consent of an address that was not known before. Source: table §4.3, rows POST and sign-up form.

    Without a word about it, the account's contacts are implicit and people who came themselves explicit. With COI the
    latter must confirm, whatever was asked for, unless they come unsubscribed.
    """
    permission: Permission = asked or ("implicit" if source == "Account" else "explicit")
    if is_coi and source == "Contact" and permission != "unsubscribed":
        permission = "pending_confirmation"
    return _enter(Consent(permission_to_send="not_set"), permission, source, is_coi=is_coi, now=now)


def change(
    consent: Consent, wanted: Permission | None, source: Source, *, reason: str | None, is_coi: bool, now: datetime
) -> Consent:
    """Consent after PUT by `source`. Same or nothing wanted changes nothing, dates included. Source: table §4.4.

    Raises: NeverImplicitAgain, HasUnsubscribed, NotConfirmedYet.
    """
    held = consent.permission_to_send
    if wanted is None or wanted == held:
        return consent
    if wanted == "unsubscribed":
        return opt_out(consent, source, reason=reason, now=now)
    if wanted in ("explicit", "implicit"):
        _require_way(consent, wanted, source, is_coi=is_coi)
        if held == "unsubscribed" and is_coi and source == "Contact":
            wanted = "pending_confirmation"
    return _enter(consent, wanted, source, is_coi=is_coi, now=now)


def sign_up(consent: Consent, *, is_coi: bool, now: datetime) -> Consent:
    """Consent of a known contact who filled in a sign-up form: explicit, from whatever state, even with COI on.

    Source: table §4.4, row sign-up form, and §5.6.
    """
    if consent.permission_to_send == "explicit":
        return consent
    return _enter(consent, "explicit", "Contact", is_coi=is_coi, now=now)


def opt_out(consent: Consent, source: OptOutSource, *, reason: str | None, now: datetime) -> Consent:
    """Unsubscribed by `source`; the opt-in stays as history. A second opt-out changes nothing. Source: table §4.3."""
    if consent.permission_to_send == "unsubscribed":
        return consent
    return replace(
        consent,
        permission_to_send="unsubscribed",
        opt_out_source=source,
        opt_out_date=now,
        opt_out_reason=reason or None,
    )


def confirm(consent: Consent, *, now: datetime) -> Consent:
    """Consent of a person who pressed the button behind the link in our mail. Source: contacts.md §4.4, §5.10."""
    confirmed = _enter(consent, "explicit", "Contact", is_coi=True, now=now)
    return replace(confirmed, confirm_status="confirmed")


def revive(consent: Consent) -> Consent:
    """Consent of a deleted contact who comes back: the opt-out that the deletion wrote goes, a real one stays.

    Source: contract, contacts.md §5.5.
    """
    return consent if consent.permission_to_send == "unsubscribed" else _without_opt_out(consent)


def _require_way(consent: Consent, wanted: Permission, source: Source, *, is_coi: bool) -> None:
    """Raise unless table §4.4 lets `source` move this consent to explicit or implicit."""
    match consent.permission_to_send:
        case "explicit" if wanted == "implicit":
            raise NeverImplicitAgain
        case "unsubscribed" if consent.opt_out_source != "Account" and source != "Contact":
            raise HasUnsubscribed
        case "pending_confirmation" if is_coi and source != "Contact":
            raise NotConfirmedYet
        case _:
            return


def _enter(consent: Consent, permission: Permission, source: Source, *, is_coi: bool, now: datetime) -> Consent:
    """What else changes with the permission. Source: contacts.md §4.3, "Derived properties on entry"."""
    match permission:
        case "unsubscribed":
            return opt_out(consent, source, reason=None, now=now)
        case "explicit" | "implicit":
            status = consent.confirm_status if is_coi else "off"
            opted_in = replace(consent, opt_in_source=source, opt_in_date=now, confirm_status=status)
        case "pending_confirmation":
            opted_in = replace(consent, opt_in_source=source, opt_in_date=None, confirm_status="pending")
        case "not_set":
            opted_in = replace(consent, opt_in_source=None, opt_in_date=None)
        case "temp_hold":
            opted_in = consent
    return replace(_without_opt_out(opted_in), permission_to_send=permission)


def _without_opt_out(consent: Consent) -> Consent:
    return replace(consent, opt_out_source=None, opt_out_date=None, opt_out_reason=None)
