"""Opens and clicks over time: hours, days or weeks, whichever leaves something to look at."""

from typing import Any

import pytest

from everpost.reports import timelines
from tests.reports.conftest import Mail


@pytest.mark.parametrize(
    ("minutes", "unit", "bars"),
    [
        ([], "hour", []),
        ([1, 59, 61], "hour", [0, 2, 1]),
        ([1, 60 * 24 * 4], "day", [0, 1, 0, 0, 0, 1]),
        ([1, 60 * 24 * 7 * 11], "week", [0, 1, *[0] * 10, 1]),
    ],
)
async def test_bars_are_as_wide_as_the_time_asks_for(
    mail: Mail, new_contact: Any, minutes: list[int], unit: str, bars: list[int]
) -> None:
    ann = await new_contact("ann@reader.example")
    await mail.send({ann: "ann@reader.example"})
    for minute in minutes:
        await mail.hit(ann, minute)
    async with mail.db.transaction() as conn:
        found = await timelines.find(conn, mail.account_id, [mail.activity_id])
    assert (unit, bars) == (found.unit, [bar.opens for bar in found.bars])
    assert sum(bar.clicks for bar in found.bars) == 0
