"""What a process remembers for a moment."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from everpost.platform import memory
from everpost.platform.memory import Memory


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    memory.resume()
    yield
    memory.resume()


def test_a_value_is_remembered_for_its_seconds(clock: Any) -> None:
    held: Memory[str, int] = Memory(most=10, seconds=3)
    held.keep("a", 1)
    clock.move(timedelta(seconds=2.9))
    assert held.find("a") == 1
    clock.move(timedelta(seconds=0.1))
    assert held.find("a") is None
    assert held.find("b") is None


def test_the_oldest_makes_room(clock: Any) -> None:
    held: Memory[int, int] = Memory(most=3, seconds=3)
    for number in range(5):
        held.keep(number, number)
    held.keep(2, 22)
    held.keep(5, 5)
    assert [held.find(number) for number in range(6)] == [None, None, 22, None, 4, 5]
    assert len(held) == 3


def test_a_change_is_seen_at_once_and_nothing_is_remembered_until_it_has_ended(clock: Any) -> None:
    held: Memory[str, int] = Memory(most=10, seconds=3)
    held.keep("a", 1)
    memory.forget()
    assert held.find("a") is None
    held.keep("a", 1)
    clock.move(timedelta(seconds=4.9))
    held.keep("a", 1)
    assert held.find("a") is None
    clock.move(timedelta(seconds=0.1))
    held.keep("a", 2)
    assert held.find("a") == 2


def test_a_clock_that_is_set_back_prolongs_nothing(clock: Any) -> None:
    held: Memory[str, int] = Memory(most=10, seconds=3)
    held.keep("a", 1)
    memory.forget()
    held.keep("b", 1)
    clock.move(timedelta(seconds=-60))
    assert (held.find("a"), held.find("b")) == (None, None)
    held.keep("c", 3)
    assert held.find("c") == 3
