"""The postal address, through the door. Source: contract, account.md §5."""

from collections.abc import Callable
from typing import Any

import pytest

from everpost.platform.db import Db, run
from tests.support.fixtures import AccountApi

ADDRESS = "/v3/account/summary/physical_address"
HERE = {
    "address_line1": "4 Harbor Lane",
    "city": "Portland",
    "state_code": "ME",
    "postal_code": "04101",
    "country_code": "US",
}


@pytest.fixture
async def homeless(api: AccountApi, db: Db) -> AccountApi:
    """An account that has no postal address yet."""
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM physical_addresses")
    return api


async def test_an_address_is_made_once_and_replaced_as_a_whole(homeless: AccountApi) -> None:
    missing = await homeless.get(ADDRESS)
    assert (missing.status, missing.error_key) == (404, "account.api.not_found")
    made = await homeless.post(ADDRESS, {**HERE, "address_line2": "Floor 2", "country_code": "us", "state_code": "me"})
    assert (made.status, made.body) == (201, {**HERE, "address_line2": "Floor 2"})
    again = await homeless.post(ADDRESS, HERE)
    assert (again.status, again.error_key) == (409, "account.api.conflict")
    replaced = await homeless.put(ADDRESS, HERE)
    assert (replaced.status, replaced.body) == (200, HERE)
    assert (await homeless.get(ADDRESS)).body == HERE


async def test_replacing_makes_one_where_there_is_none(homeless: AccountApi) -> None:
    answer = await homeless.put(ADDRESS, {**HERE, "address_line3": "  "})
    assert (answer.status, answer.body) == (200, HERE)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda here: here.pop("address_line1"), ["address_line1 is required."]),
        (lambda here: here.update(address_line1="  "), ["address_line1 must not be empty."]),
        (lambda here: here.update(address_line1="x" * 81), ["address_line1 must not be longer than 80 characters."]),
        (lambda here: here.update(address_line1=None), ["address_line1 is required."]),
        (lambda here: here.pop("city"), ["city is required."]),
        (lambda here: here.update(city=""), ["city must not be empty."]),
        (lambda here: here.update(country_code="XX"), ["country_code does not have a valid value"]),
        (lambda here: here.update(country_code="USA"), ["country_code must not be longer than 2 characters."]),
        (lambda here: here.pop("postal_code"), ["postal_code is required when country_code is US or CA."]),
        (lambda here: here.pop("state_code"), ["state_code is required when country_code is US or CA."]),
        (lambda here: here.update(state_code="ON"), ["state_code does not have a valid value"]),
        (
            lambda here: here.update(state_name="Maine"),
            ["state_name must be left out when country_code is US or CA."],
        ),
        (
            lambda here: here.update(country_code="GB"),
            ["state_code must be left out unless country_code is US or CA."],
        ),
        (
            lambda here: here.update(country_code="CA", state_code="", postal_code=None),
            [
                "state_code is required when country_code is US or CA.",
                "postal_code is required when country_code is US or CA.",
            ],
        ),
        (lambda here: here.clear(), ["address_line1 is required.", "city is required.", "country_code is required."]),
    ],
)
async def test_what_is_wrong_is_named(
    homeless: AccountApi, change: Callable[[dict[str, Any]], Any], messages: list[str]
) -> None:
    body: dict[str, Any] = dict(HERE)
    change(body)
    for answer in (await homeless.post(ADDRESS, body), await homeless.put(ADDRESS, body)):
        assert answer.status == 400
        assert [problem["error_message"] for problem in answer.body] == messages
        assert answer.error_key == "account.api.validation.error"


async def test_elsewhere_a_postal_code_is_kept_and_a_state_has_a_name(homeless: AccountApi) -> None:
    there = {
        "address_line1": "Kai 4",
        "city": "Hamburg",
        "state_name": "Hamburg",
        "postal_code": "20457",
        "country_code": "DE",
    }
    assert (await homeless.post(ADDRESS, there)).body == there
