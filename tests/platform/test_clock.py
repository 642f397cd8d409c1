"""The clock follows the database's, so that a node whose own is wrong schedules and expires like the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everpost.platform import clock as platform_clock
from everpost.platform.db import _offset

NOON = datetime(2031, 4, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (NOON, timedelta(0)),
        (NOON + SECOND, timedelta(0)),  # within the round trip nobody can tell
        (NOON + timedelta(hours=1, seconds=1), timedelta(hours=1)),
        (NOON - timedelta(hours=1), timedelta(hours=-1, seconds=-1)),
    ],
)
def test_the_difference_is_measured_against_the_middle_of_the_round_trip(there: datetime, expected: timedelta) -> None:
    assert expected == _offset(NOON, there, NOON + 2 * SECOND)


def test_a_node_follows_the_database(clock: Any) -> None:
    platform_clock.resume()
    platform_clock.follow(timedelta(hours=-3))
    behind = datetime.now(UTC) - platform_clock.now()
    assert timedelta(hours=3) - SECOND < behind < timedelta(hours=3) + SECOND


def test_a_stopped_clock_moves_only_when_told(clock: Any) -> None:
    before = platform_clock.now()
    assert before == platform_clock.now()
    assert before + SECOND == platform_clock.move(SECOND)
    assert 0 == platform_clock.now_seconds().microsecond
