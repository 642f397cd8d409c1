"""A contact's values for tags. Source: contract, campaigns §4.3, §4.4."""

from typing import Any

import pytest

from everpost.contacts import custom_fields
from everpost.contacts.custom_fields import ChoiceIn, CustomFieldIn, Metadata
from everpost.contacts.phone_numbers import PhoneNumberIn
from everpost.contacts.shapes import CustomValueIn
from everpost.contacts.street_addresses import StreetAddressIn
from everpost.delivery import merge_fields, targets
from everpost.ids import CampaignActivityId, ContactId, UrlId, new_id
from everpost.tracking.tokens import Reference
from tests.delivery.conftest import Sending


async def values(sending: Sending, contact_id: ContactId, *wanted: str) -> dict[str, str]:
    async with sending.db.reader() as conn:
        fields = await merge_fields.fields(conn, sending.account_id, wanted)
        (person,) = await fields.people(conn, sending.account_id, [contact_id])
    return fields.values(person)


async def field(sending: Sending, label: str, kind: Any, **options: Any) -> Any:
    async with sending.db.transaction() as conn:
        return await custom_fields.create(conn, sending.account_id, CustomFieldIn(label=label, type=kind, **options))


async def test_contact_tags_come_from_the_contact(sending: Sending) -> None:
    contact_id = await sending.contact(
        "Ann@example.com", first_name="Ann", last_name="Smith", job_title="Buyer", company_name="Acme",
        birthday_month=2, birthday_day=9, anniversary="2020-03-04",
        phone_numbers=[PhoneNumberIn(phone_number="1", kind="mobile"), PhoneNumberIn(phone_number="2", kind="home")],
        street_addresses=[
            StreetAddressIn(kind="other", city="York"),
            StreetAddressIn(kind="work", street="4 Lane\nFloor 2", city="Portland", state="ME", postal_code="04101", country="US"),
        ],
    )  # fmt: skip
    expected = {
        "firstname": "Ann", "lastname": "Smith", "emailaddress": "Ann@example.com", "jobtitle": "Buyer",
        "companyname": "Acme", "birthday": "02/09", "anniversary": "03/04/2020", "mobilephone": "1", "homephone": "2",
        "workphone": "", "addressline1": "4 Lane", "addressline2": "Floor 2", "addressline3": "", "city": "Portland",
        "statename": "Maine", "postalcode": "04101", "countryname": "United States", "middlename": "", "prefix": "",
    }  # fmt: skip
    assert expected == await values(sending, contact_id, *expected)


async def test_a_contact_without_anything_has_blanks(sending: Sending) -> None:
    contact_id = await sending.contact("ann@example.com")
    names = sorted(merge_fields._CONTACT)
    found = await values(sending, contact_id, *names)
    assert {"ann@example.com", ""} == set(found.values())


@pytest.mark.parametrize(
    ("kind", "options", "value", "expected"),
    [
        ("string", {}, "blue & green", "blue & green"),
        ("number", {}, "0012", "12"),
        ("boolean", {}, "yes", "true"),
        ("date", {"version": 2}, "2026-03-02", "03/02/2026"),
        ("datetime", {}, "2026-03-02T19:05:00Z", "03/02/2026 02:05 PM"),
    ],
)
async def test_custom_fields_are_written_as_people_write_them(
    sending: Sending, kind: str, options: dict[str, Any], value: str, expected: str
) -> None:
    made = await field(sending, "Shoe size", kind, **options)
    contact_id = await sending.contact(
        "ann@example.com", custom_fields=[CustomValueIn(custom_field_id=made.custom_field_id, value=value)]
    )
    found = await values(sending, contact_id, "custom.shoe_size", "custom.shoe size")
    assert {"custom.shoe_size": expected, "custom.shoe size": expected} == found


async def test_choices_show_their_labels(sending: Sending) -> None:
    made = await field(
        sending,
        "Colours",
        "multi_select",
        metadata=Metadata(display_type="checkbox"),
        choices=[ChoiceIn(choice_label=label) for label in ("Red", "Blue", "Green")],
    )
    contact_id = await sending.contact(
        "ann@example.com", custom_fields=[CustomValueIn(custom_field_id=made.custom_field_id, choice_ids=["3", "1"])]
    )
    assert {"custom.colours": "Red, Green"} == await values(sending, contact_id, "custom.colours")


async def test_the_names_of_an_account_are_its_own(sending: Sending) -> None:
    await field(sending, "Shoe size", "string")
    async with sending.db.reader() as conn:
        names = await merge_fields.names(conn, sending.account_id)
    assert {"firstname", "custom.shoe_size", "custom.shoe size"} <= names
    assert "custom.other" not in names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/?n=[[FirstName]]", "https://x.example/?n=A%26%20B"),
        ('https://x.example/?n=[[LastName OR "x y"]]', "https://x.example/?n=x%20y"),
        ("https://x.example/[[Unknown]]", "https://x.example/[[Unknown]]"),
    ],
)
async def test_a_counted_link_leads_to_the_recipients_own_address(sending: Sending, url: str, expected: str) -> None:
    contact_id = await sending.contact("ann@example.com", first_name="A& B")
    reference = Reference(sending.account_id, CampaignActivityId(new_id()), contact_id, UrlId(1))
    assert expected == await targets.personalise(sending.db, reference, url)
