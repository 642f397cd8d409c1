"""The memory that the web processes of one node count in."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from everpost.platform.shared_counts import MOST_PER_SECOND, SharedCounts

NOW = datetime(2031, 4, 5, 12, 0, tzinfo=UTC)
TODAY = NOW.date()


def count_many(path: Path, app_id: UUID, times: int) -> None:
    """One process's part; nobody may count the thousandth request twice."""
    counts = SharedCounts(path)
    for _ in range(times):
        with counts.slot(app_id) as slot:
            slot.add(NOW)


def test_no_request_is_lost_when_processes_count_at_once(tmp_path: Path) -> None:
    app_id = uuid4()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_many, args=(tmp_path / "counts", app_id, 2_000)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    counts = SharedCounts(tmp_path / "counts")
    with counts.slot(app_id) as slot:
        assert 4_000 == slot.of(TODAY)
        assert slot.has_been_called(MOST_PER_SECOND, NOW)
    counts.close()


def test_every_application_has_its_own_place_which_all_processes_agree_on(tmp_path: Path) -> None:
    ours, theirs = SharedCounts(tmp_path / "counts"), SharedCounts(tmp_path / "counts")
    app_ids = [uuid4() for _ in range(150)]  # more than fit into what the file begins with
    for number, app_id in enumerate(app_ids):
        with (ours, theirs)[number % 2].slot(app_id) as slot:
            slot.add(NOW)
    for counts in (ours, theirs):
        assert {1} == {_of(counts, app_id, TODAY) for app_id in app_ids}
        counts.close()
    # Places that nobody has used yet take no room.
    assert (tmp_path / "counts").stat().st_blocks * 512 < 150 * 16_384


def test_a_clock_that_was_set_back_locks_nobody_out(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path / "counts")
    with counts.slot(uuid4()) as slot:
        slot.add(NOW + timedelta(hours=1))
        assert not slot.has_been_called(1, NOW)
        assert slot.has_been_called(1, NOW + timedelta(hours=1))
    counts.close()


def test_what_could_not_be_saved_is_saved_later_unless_its_day_is_over(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path / "counts")
    tomorrow = TODAY + timedelta(days=1)
    with counts.slot(uuid4()) as slot:
        slot.add(NOW)
        assert (1, 0) == (slot.take_unsaved(TODAY), slot.take_unsaved(TODAY))
        slot.give_back(TODAY, 1)
        assert 1 == slot.take_unsaved(TODAY)
        slot.learn(TODAY, 7)
        slot.learn(TODAY, 5)  # an answer that another one has overtaken
        assert (7, 0) == (slot.of(TODAY), slot.of(tomorrow))
        slot.learn(tomorrow, 2)
        slot.give_back(TODAY, 1)
        assert (0, 2, 0) == (slot.of(TODAY), slot.of(tomorrow), slot.take_unsaved(tomorrow))
    counts.close()


def test_a_folder_that_cannot_be_written_leaves_each_process_on_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counts = SharedCounts(tmp_path / "file" / "counts")
    app_id = uuid4()
    with counts.slot(app_id) as slot:
        slot.add(NOW)
    assert 1 == _of(counts, app_id, TODAY)
    counts.close()


@pytest.mark.parametrize("times", [1, 4, MOST_PER_SECOND])
def test_a_second_slides_and_keeps_the_last_requests(tmp_path: Path, times: int) -> None:
    counts = SharedCounts(tmp_path / "counts")
    with counts.slot(uuid4()) as slot:
        for _ in range(times):
            assert not slot.has_been_called(times, NOW)
            slot.add(NOW)
        assert slot.has_been_called(times, NOW + timedelta(milliseconds=999))
        assert not slot.has_been_called(times, NOW + timedelta(seconds=1))
    counts.close()


def _of(counts: SharedCounts, app_id: UUID, day: date) -> int:
    with counts.slot(app_id) as slot:
        return slot.of(day)
