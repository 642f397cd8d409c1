"""The consent state machine, case by case. Source: contract, contacts.md §4."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from everpost.contacts import consent
from everpost.contacts.consent import Consent, HasUnsubscribed, NeverImplicitAgain, NotConfirmedYet, Permission, Source

NOW = datetime(2026, 3, 4, 15, 20, 31, tzinfo=UTC)
BEFORE = NOW - timedelta(days=9)
PERMISSIONS = get_args(Permission)


def held(permission: Permission, **members: object) -> Consent:
    """A consent as it would be stored, entered some days ago."""
    if permission == "unsubscribed":
        members = {"opt_out_source": "Account", "opt_out_date": BEFORE, **members}
    return Consent(permission_to_send=permission, opt_in_source="Account", opt_in_date=BEFORE, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "asked", "is_coi", "expected"),
    [
        ("Account", None, False, "implicit"),
        ("Account", None, True, "implicit"),
        ("Contact", None, False, "explicit"),
        ("Contact", None, True, "pending_confirmation"),
        ("Account", "explicit", True, "explicit"),
        ("Contact", "implicit", False, "implicit"),
        ("Contact", "implicit", True, "pending_confirmation"),
        ("Contact", "unsubscribed", True, "unsubscribed"),
        ("Account", "temp_hold", False, "temp_hold"),
    ],
)
def test_how_a_contact_arrives(source: Source, asked: Permission | None, is_coi: bool, expected: Permission) -> None:
    assert expected == consent.initial(source, asked, is_coi=is_coi, now=NOW).permission_to_send


def test_what_arriving_says_about_the_opt_in() -> None:
    assert Consent(
        permission_to_send="explicit", opt_in_source="Contact", opt_in_date=NOW, confirm_status="off"
    ) == consent.initial("Contact", None, is_coi=False, now=NOW)
    assert Consent(
        permission_to_send="pending_confirmation", opt_in_source="Contact", confirm_status="pending"
    ) == consent.initial("Contact", None, is_coi=True, now=NOW)
    assert Consent(permission_to_send="unsubscribed", opt_out_source="Account", opt_out_date=NOW) == consent.initial(
        "Account", "unsubscribed", is_coi=False, now=NOW
    )
    assert Consent(permission_to_send="not_set") == consent.initial("Account", "not_set", is_coi=False, now=NOW)


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("wanted_again", [True, False])
def test_nothing_wanted_and_the_same_change_nothing(permission: Permission, wanted_again: bool) -> None:
    before = held(permission)

    after = consent.change(
        before, permission if wanted_again else None, "Account", reason="Again", is_coi=True, now=NOW
    )

    assert before == after


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_everybody_may_unsubscribe_and_keeps_the_history_of_the_opt_in(permission: Permission) -> None:
    after = consent.change(held(permission), "unsubscribed", "Contact", reason="Enough", is_coi=False, now=NOW)

    assert ("unsubscribed", "Account", BEFORE) == (after.permission_to_send, after.opt_in_source, after.opt_in_date)
    if permission != "unsubscribed":
        assert ("Contact", NOW, "Enough") == (after.opt_out_source, after.opt_out_date, after.opt_out_reason)


@pytest.mark.parametrize("permission", ["implicit", "not_set", "temp_hold"])
@pytest.mark.parametrize("source", get_args(Source))
def test_an_opt_in_says_who_and_when(permission: Permission, source: Source) -> None:
    after = consent.change(held(permission), "explicit", source, reason=None, is_coi=False, now=NOW)

    assert Consent(permission_to_send="explicit", opt_in_source=source, opt_in_date=NOW) == after


@pytest.mark.parametrize("source", get_args(Source))
@pytest.mark.parametrize("is_coi", [True, False])
def test_explicit_never_becomes_implicit(source: Source, is_coi: bool) -> None:
    with pytest.raises(NeverImplicitAgain):
        consent.change(held("explicit"), "implicit", source, reason=None, is_coi=is_coi, now=NOW)


@pytest.mark.parametrize("wanted", ["explicit", "implicit"])
@pytest.mark.parametrize("opted_out_by", ["Contact", "System"])
def test_only_the_person_undoes_an_opt_out_of_the_person(wanted: Permission, opted_out_by: str) -> None:
    before = held("unsubscribed", opt_out_source=opted_out_by)

    with pytest.raises(HasUnsubscribed):
        consent.change(before, wanted, "Account", reason=None, is_coi=False, now=NOW)
    after = consent.change(before, wanted, "Contact", reason=None, is_coi=False, now=NOW)

    assert Consent(permission_to_send=wanted, opt_in_source="Contact", opt_in_date=NOW) == after


def test_the_account_undoes_its_own_opt_out() -> None:
    after = consent.change(held("unsubscribed"), "implicit", "Account", reason=None, is_coi=True, now=NOW)

    assert ("implicit", "Account", None) == (after.permission_to_send, after.opt_in_source, after.opt_out_source)


def test_with_confirmed_opt_in_coming_back_must_be_confirmed() -> None:
    after = consent.change(held("unsubscribed"), "explicit", "Contact", reason=None, is_coi=True, now=NOW)

    assert ("pending_confirmation", "pending", None) == (
        after.permission_to_send,
        after.confirm_status,
        after.opt_in_date,
    )


@pytest.mark.parametrize("wanted", ["explicit", "implicit"])
def test_who_waits_for_a_confirmation_is_not_opted_in_by_the_account(wanted: Permission) -> None:
    before = held("pending_confirmation", confirm_status="pending")

    with pytest.raises(NotConfirmedYet):
        consent.change(before, wanted, "Account", reason=None, is_coi=True, now=NOW)
    by_contact = consent.change(before, wanted, "Contact", reason=None, is_coi=True, now=NOW)
    without_coi = consent.change(before, wanted, "Account", reason=None, is_coi=False, now=NOW)

    assert (wanted, wanted) == (by_contact.permission_to_send, without_coi.permission_to_send)
    assert "off" == without_coi.confirm_status


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("wanted", ["pending_confirmation", "not_set", "temp_hold"])
def test_the_rare_states_may_always_be_entered(permission: Permission, wanted: Permission) -> None:
    after = consent.change(held(permission), wanted, "Account", reason=None, is_coi=True, now=NOW)

    assert wanted == after.permission_to_send
    assert permission == wanted or after.opt_out_date is None
    if permission != wanted:
        assert {"not_set": None, "temp_hold": BEFORE, "pending_confirmation": None}[wanted] == after.opt_in_date


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("is_coi", [True, False])
def test_a_sign_up_form_always_ends_explicit(permission: Permission, is_coi: bool) -> None:
    after = consent.sign_up(held(permission), is_coi=is_coi, now=NOW)

    assert ("explicit", None) == (after.permission_to_send, after.opt_out_date)
    expected = ("Account", BEFORE) if permission == "explicit" else ("Contact", NOW)
    assert expected == (after.opt_in_source, after.opt_in_date)


def test_a_revival_takes_back_the_opt_out_of_the_deletion_only() -> None:
    deleted = held("implicit", opt_out_source="Account", opt_out_date=NOW)

    assert held("implicit") == consent.revive(deleted)
    assert held("unsubscribed") == consent.revive(held("unsubscribed"))
