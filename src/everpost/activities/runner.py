"""Runs bulk activities: per account strictly one after the other, accounts beside each other.

A job claims the account's lane, works on the oldest unfinished activity for one turn, and enqueues itself again while
work is left, so a long import does not keep a worker from the other accounts. A worker may be killed anywhere: the next
one resumes at the last committed position. An activity that goes on failing without progress is given up.

    @work("list_delete")
    async def run(turn: Turn) -> None: ...      # steps until done or `turn.is_over`; may run again from any step
"""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from importlib import import_module
from typing import Final, TypeAlias, TypeVar

from everpost.activities import lanes, ledger
from everpost.activities.lanes import Lane, LeaseLost
from everpost.activities.ledger import Entry, New, Progress, Stopped
from everpost.activities.shapes import BulkActivity, State
from everpost.ids import AccountId, ActivityId
from everpost.platform import clock, logs, storage
from everpost.platform.db import Conn, Db
from everpost.platform.jobs import every, job

UPLOADS: Final = "activities"  # the folder of uploads in the file storage
_TURN_SECONDS: Final = 5.0
_MOST_STALLS: Final = 10
_LONGEST: Final = timedelta(hours=1)
# Work whose module is loaded when the first of its kind comes: a worker that only sends is spared its libraries.
_LOADED_LATE: Final[dict[str, str]] = {
    "contacts_file_import": "everpost.activities.imports",
    "contacts_json_import": "everpost.activities.imports",
}

log = logs.get(__name__)


class Turn:
    """A stretch of work on one activity, by the holder of its account's lane."""

    def __init__(self, lane: Lane, entry: Entry, ends_at: float) -> None:
        self.db = lane.db
        self.account_id = lane.account_id
        self.entry = entry
        self._lane = lane
        self._ends_at = ends_at
        self._has_stepped = False

    @property
    def is_over(self) -> bool:
        """Whether to leave the rest to the next turn."""
        # However short the turn, one step is done: else a slow database would keep the work from ever ending.
        return self._has_stepped and time.monotonic() >= self._ends_at

    def step(self) -> AbstractAsyncContextManager[Conn]:
        """One transaction of the work; whoever may not go on working finds out at its end. Raises: LeaseLost."""
        return self._counted(self._lane.step())

    def long_step(self) -> AbstractAsyncContextManager[Conn]:
        """One transaction that may take longer than the lane's lease. Raises: LeaseLost."""
        return self._counted(self._lane.long_step())

    async def note(self, conn: Conn, progress: Progress, errors: Sequence[str] = ()) -> None:
        """Keep progress, in the step that made it; `errors` are those that came with it. Raises: Stopped."""
        await ledger.advance(conn, self.account_id, self.entry.activity_id, progress, errors)

    async def complete(self, counters: dict[str, int] | None) -> None:
        """The last step. Raises: LeaseLost."""
        async with self.step() as conn:
            await ledger.complete(conn, self.account_id, self.entry.activity_id, counters=counters)
        await self.drop_file()

    async def give_up(self, state: State, reason: str) -> None:
        """The last step of an activity that cannot be completed. Raises: LeaseLost."""
        async with self.step() as conn:
            await ledger.give_up(conn, self.account_id, self.entry.activity_id, state, reason)
        await self.drop_file()

    async def drop_file(self) -> None:
        """Delete the upload, which nobody needs any more."""
        # After the commit: until then another worker may need it. One that is forgotten here goes after ten days.
        if self.entry.file_name is not None:
            await storage.delete(self.entry.file_name)

    @contextlib.asynccontextmanager
    async def _counted(self, step: AbstractAsyncContextManager[Conn]) -> AsyncIterator[Conn]:
        async with step as conn:
            yield conn
        self._has_stepped = True


Work: TypeAlias = Callable[[Turn], Awaitable[None]]
AnyWork = TypeVar("AnyWork", bound=Work)

_works: dict[str, Work] = {}
_unbreakable: set[str] = set()


def work(*kinds: str, is_unbreakable: bool = False) -> Callable[[AnyWork], AnyWork]:
    """Register what does the work of these kinds of activity.

    Unbreakable work cannot be cancelled once it runs, because its first step lets others rely on the rest.
    """

    def register(function: AnyWork) -> AnyWork:
        _works.update(dict.fromkeys(kinds, function))
        if is_unbreakable:
            _unbreakable.update(kinds)
        return function

    return register


async def start(conn: Conn, account_id: AccountId, new: New) -> BulkActivity:
    """Open an activity; its work begins after the commit."""
    await lanes.add_work(conn, account_id)
    activity = await ledger.open_entry(conn, account_id, new)
    await run_lane.later(conn, account_id=account_id)
    return activity


async def cancel(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> None:
    """Stop an activity; what it did stays done. Raises: NotFound, when there is none that may be stopped."""
    await ledger.cancel(conn, account_id, activity_id, only_waiting=_unbreakable)


def may_cancel(kind: str, state: State) -> bool:
    """Whether `cancel` would stop such an activity as it is now."""
    return state == "initialized" or (state == "processing" and kind not in _unbreakable)


@job("activities.run")
async def run_lane(db: Db, account_id: AccountId) -> None:
    """Work for one turn. Nothing to do while another worker holds the lane: that one sees new work before it leaves."""
    lane = await lanes.claim(db, account_id)
    if lane is None:
        return
    ends_at = time.monotonic() + _TURN_SECONDS
    try:
        while await _work_on_oldest(lane, ends_at) and time.monotonic() < ends_at:
            pass
        await _leave(lane)
    except LeaseLost:
        log.info("lane taken over", account_id=str(account_id))


@every(timedelta(seconds=5))
async def wake(db: Db) -> None:
    """Go on with what a dead worker left behind."""
    async with db.transaction() as conn:
        for account_id in await lanes.deserted(conn):
            await run_lane.later(conn, account_id=account_id, only_once=f"activities.run:{account_id}")


@every(timedelta(hours=1))
async def forget(db: Db) -> None:
    """Delete activities of more than ten days ago, and uploads that nobody needs any more."""
    before = clock.now() - ledger.KEPT
    async with db.transaction() as conn:
        await ledger.forget(conn, before)
    await storage.delete_older(UPLOADS, before)


async def _work_on_oldest(lane: Lane, ends_at: float) -> bool:
    """Whether there was anything to work on."""
    async with lane.step() as conn:
        entry = await ledger.begin_oldest(conn, lane.account_id)
    if entry is None:
        return False
    turn = Turn(lane, entry, ends_at)
    if entry.stalls > _MOST_STALLS:
        log.error("activity given up", activity_id=str(entry.activity_id), kind=entry.kind)
        await turn.give_up("failed", "The activity could not be completed because of an internal error")
    elif entry.started_at is not None and clock.now() - entry.started_at > _LONGEST:
        await turn.give_up("timed_out", "The activity took too long")
    else:
        await _do(turn)
    return True


async def _do(turn: Turn) -> None:
    if turn.entry.kind not in _works:
        import_module(_LOADED_LATE[turn.entry.kind])
    try:
        await _works[turn.entry.kind](turn)
    except Stopped:
        log.info("activity cancelled", activity_id=str(turn.entry.activity_id), kind=turn.entry.kind)
        await turn.drop_file()


async def _leave(lane: Lane) -> None:
    async with lane.db.transaction() as conn:
        await lanes.lock(conn, lane.account_id)
        is_work_left = await ledger.is_work_left(conn, lane.account_id)
        await lane.release(conn, has_work=is_work_left)
        if is_work_left:
            await run_lane.later(conn, account_id=lane.account_id)
