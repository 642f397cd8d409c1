"""The account as a whole, through the door. Source: contract, account.md §3-§4."""

from typing import Any

import pytest

from everpost.accounts import sender_emails
from everpost.platform.db import Db
from tests.support.fixtures import Account, AccountApi

SUMMARY = "/v3/account/summary"
INVALID = "account.api.validation.error"


async def test_the_summary_has_what_clients_read_and_nothing_empty(api: AccountApi, account: Account) -> None:
    summary = (await api.get(SUMMARY)).body
    encoded = summary.pop("encoded_account_id")
    assert len(encoded) == 14 and encoded.isalnum() and encoded == encoded.lower()
    assert summary == {
        "organization_name": "Harbor Lane Books",
        "first_name": "Sample",
        "last_name": "Owner",
        "contact_email": account.email,
        "country_code": "US",
        "state_code": "ME",
        "time_zone_id": "US/Eastern",
    }


@pytest.mark.parametrize(
    "asked", ["physical_address", "physical_address, company_logo", "company_logo,physical_address"]
)
async def test_the_address_is_shown_when_asked_for(api: AccountApi, asked: str) -> None:
    summary = (await api.get(SUMMARY, {"extra_fields": asked})).body
    assert summary["physical_address"]["city"] == "Portland"
    assert "company_logo" not in summary


async def test_an_unknown_extra_field_is_refused(api: AccountApi) -> None:
    answer = await api.get(SUMMARY, {"extra_fields": "physical_address,logo"})
    assert (answer.status, answer.error_key) == (400, INVALID)
    assert answer.error_message == "extra_fields does not have a valid value"


async def test_only_what_is_sent_changes(api: AccountApi) -> None:
    before = (await api.get(SUMMARY)).body
    answer = await api.put(SUMMARY, {"organization_name": " Quarry Row ", "encoded_account_id": "x", "unknown": 1})
    assert (answer.status, answer.body) == (200, {**before, "organization_name": "Quarry Row"})
    assert (await api.get(SUMMARY)).body == answer.body
    assert (await api.put(SUMMARY, {})).body == answer.body
    assert (await api.put(SUMMARY, {"first_name": None})).body == answer.body


async def test_empty_texts_clear_what_may_be_empty(api: AccountApi) -> None:
    filled = {"contact_phone": "5550102030", "organization_phone": "555-010-2000", "website": "harborlane.example"}
    answer = await api.put(SUMMARY, filled)
    assert answer.body["website"] == "http://harborlane.example"
    assert answer.body["contact_phone"] == "5550102030"
    cleared = (await api.put(SUMMARY, dict.fromkeys(filled, ""))).body
    assert not set(filled) & set(cleared)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"first_name": " "}, "first_name must not be empty."),
        ({"organization_name": ""}, "organization_name must not be empty."),
        ({"last_name": "x" * 81}, "last_name must not be longer than 80 characters."),
        ({"contact_phone": "5" * 26}, "contact_phone must not be longer than 25 characters."),
        ({"contact_phone": 5550102030}, "contact_phone does not have a valid value"),
        (
            {"contact_email": "other@harborlane.example"},
            "contact_email is not a confirmed email address of this account.",
        ),
        ({"country_code": "XX"}, "country_code does not have a valid value"),
        ({"country_code": "USA"}, "country_code must not be longer than 2 characters."),
        ({"state_code": "ZZ"}, "state_code does not have a valid value"),
        ({"state_code": ""}, "state_code is required when country_code is US."),
        ({"country_code": "DE", "state_code": "ME"}, "state_code does not have a valid value"),
        ({"time_zone_id": "Mars/Olympus"}, "time_zone_id does not have a valid value"),
        ({"website": "ftp://harborlane.example"}, "website does not have a valid value"),
        ({"website": "http://"}, "website does not have a valid value"),
        ({"website": "javascript:alert(1)"}, "website does not have a valid value"),
        ({"website": "mailto:desk@harborlane.example"}, "website does not have a valid value"),
        ({"website": "harborlane.example/a b"}, "website does not have a valid value"),
        ({"organization_name": "bell\x07"}, "organization_name does not have a valid value"),
    ],
)
async def test_what_is_wrong_is_named(api: AccountApi, body: dict[str, Any], message: str) -> None:
    before = (await api.get(SUMMARY)).body
    answer = await api.put(SUMMARY, {"contact_phone": "1", **body})
    assert (answer.status, answer.body) == (400, [{"error_key": INVALID, "error_message": message}])
    assert (await api.get(SUMMARY)).body == before


async def test_every_problem_is_an_element_of_its_own(api: AccountApi) -> None:
    answer = await api.put(SUMMARY, {"first_name": "", "time_zone_id": "x", "website": "ftp://x"})
    assert [problem["error_message"] for problem in answer.body] == [
        "first_name must not be empty.",
        "website does not have a valid value",
        "time_zone_id does not have a valid value",
    ]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"text"'])
async def test_a_body_that_is_no_object_is_refused(api: AccountApi, body: bytes) -> None:
    answer = await api.request("PUT", SUMMARY, content=body, headers={"content-type": "application/json"})
    assert (answer.status, answer.error_key) == (400, "account.api.json.malformed"), answer


async def test_the_zone_follows_the_place_until_it_is_chosen(api: AccountApi) -> None:
    assert (await api.put(SUMMARY, {"state_code": "ca"})).body["time_zone_id"] == "US/Pacific"
    moved = (await api.put(SUMMARY, {"country_code": "de"})).body
    assert (moved["country_code"], moved["time_zone_id"], "state_code" in moved) == ("DE", "Europe/Berlin", False)
    chosen = (await api.put(SUMMARY, {"time_zone_id": "US/Hawaii"})).body
    assert chosen["time_zone_id"] == "US/Hawaii"
    back = (await api.put(SUMMARY, {"country_code": "US", "state_code": "NY"})).body
    assert back["time_zone_id"] == "US/Hawaii"


async def test_the_contact_role_moves_with_the_contact_address(api: AccountApi, account: Account, db: Db) -> None:
    async with db.transaction() as conn:
        await sender_emails.add_confirmed(
            conn, account.account_id, "News@harborlane.example", source="SUPPORT", roles=["OTHER"]
        )
    answer = await api.put(SUMMARY, {"contact_email": "news@HARBORLANE.example"})
    assert answer.body["contact_email"] == "News@harborlane.example"
    first, second = (await api.get("/v3/account/emails")).body
    assert (first["roles"], second["roles"]) == (["BILLING", "REPLY_TO"], ["CONTACT", "OTHER"])


async def test_reading_and_changing_are_two_scopes_and_changing_is_the_owners(api: AccountApi) -> None:
    reader = await api.with_scopes("account_read")
    writer = await api.with_scopes("account_update")
    manager = await api.as_role("account_manager")
    assert ((await reader.get(SUMMARY)).status, (await reader.put(SUMMARY, {})).status) == (200, 403)
    assert ((await writer.get(SUMMARY)).status, (await writer.put(SUMMARY, {})).status) == (403, 200)
    assert ((await manager.get(SUMMARY)).status, (await manager.put(SUMMARY, {})).status) == (200, 403)
