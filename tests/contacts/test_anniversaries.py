"""Dates as people write them. Source: contract, contacts.md §3.2."""

from datetime import date
from typing import Any

import pytest

from everpost.contacts import anniversaries, birthdays


@pytest.mark.parametrize(
    "text",
    [
        "09/03/2021",
        "9/3/2021",
        "2021/09/03",
        "2021/9/3",
        "2021-09-03",
        "2021-9-3",
        "09-03-2021",
        "9-3-2021",
        "9-03-2021",
    ],
)
def test_month_stands_before_day_in_every_format(text: str) -> None:
    assert date(2021, 9, 3) == anniversaries.parse(text)


@pytest.mark.parametrize(
    "text", ["", "13/01/2021", "2021-02-29", "9/3/21", "9.3.2021", "2021-9/3", "20210903", "0/1/2021", "९/३/२०२१"]
)
def test_other_texts_name_no_date(text: str) -> None:
    assert anniversaries.parse(text) is None


def test_years_lie_after_1900_and_at_most_ten_ahead(clock: Any) -> None:
    ahead = clock.now().year + 10

    assert [None, date(1901, 1, 1), date(ahead, 1, 1), None] == [
        anniversaries.parse(f"1/1/{year}") for year in (1900, 1901, ahead, ahead + 1)
    ]


@pytest.mark.parametrize(
    ("month", "day", "is_right"), [(2, 29, True), (2, 30, False), (4, 31, False), (12, 31, True), (1, 0, False)]
)
def test_a_birthday_is_a_day_of_some_year(month: int, day: int, is_right: bool) -> None:
    assert is_right == (birthdays.problems(month, day) == [])
