"""States and countries written out. Source: contract, contacts.md §3.6."""

import pytest

from everpost.contacts import street_addresses


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("US", "United States"),
        ("ca", "Canada"),
        ("GB", "United Kingdom"),
        ("USA", "USA"),
        ("XX", "XX"),
        ("", ""),
        ("Österreich", "Österreich"),
    ],
)
def test_country(given: str, expected: str) -> None:
    assert expected == street_addresses.country_name(given)


@pytest.mark.parametrize(
    ("state", "country", "expected"),
    [
        ("IL", "United States", "Illinois"),
        ("il", "united states", "Illinois"),
        ("DC", "United States", "District of Columbia"),
        ("PR", "", "Puerto Rico"),
        ("CA", "", "California"),
        ("ON", "Canada", "Ontario"),
        ("ON", "", "ON"),
        ("ON", "United States", "ON"),
        ("BY", "Germany", "BY"),
        ("Oregon", "United States", "Oregon"),
        ("", "United States", ""),
    ],
)
def test_state(state: str, country: str, expected: str) -> None:
    assert expected == street_addresses.state_name(state, country)
