"""What looks like an e-mail address. Source: contract, contacts.md §3.3."""

import polars as pl
import pytest

from everpost.contacts import email_addresses

GOOD = ["a@b.example", "A.b+c'd@sub.b-c.example", "ü@exämple.example", "a..b@c.example", "#!$%&*/=?^_`{|}~-@c.example"]
BAD = [
    "",
    "a",
    "a@b",
    "@b.example",
    "a@.example",
    "a@b.",
    "a@b..example",
    ".a@b.example",
    "a.@b.example",
    "a b@c.example",
    "a@b@c.example",
    "a@b .example",
    "<a@b.example>",
    "a,b@c.example",
    'a"b@c.example',
    "a@b.example\n",
    "a\x00@b.example",
]


@pytest.mark.parametrize("address", GOOD)
def test_an_address(address: str) -> None:
    assert email_addresses.is_valid(address)


@pytest.mark.parametrize("address", BAD)
def test_no_address(address: str) -> None:
    assert not email_addresses.is_valid(address)


def test_at_most_eighty_characters() -> None:
    assert email_addresses.is_valid("a" * 70 + "@b.example")
    assert not email_addresses.is_valid("a" * 71 + "@b.example")


def test_the_column_wise_check_of_imports_agrees() -> None:
    addresses = pl.Series([*GOOD, *BAD])

    found = addresses.str.contains(email_addresses.PATTERN).to_list()

    assert [True] * len(GOOD) + [False] * len(BAD) == found
