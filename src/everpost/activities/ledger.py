"""The ledger of bulk activities: what was asked for, how far it is, what went wrong on the way.

Rules: states initialized → processing → completed, failed, timed_out or cancelled; percent_done is 1 at first, grows,
and is 100 exactly when completed; kept for ten days; at most 1,000 may wait or run per account. A worker moves only
what is still processing, so that whatever it does after a cancellation is rolled back. Source: contract,
bulk-activities.md §1.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, Protocol
from uuid import UUID

from msgspec import UNSET, Raw, Struct, UnsetType, field

from everpost.activities.shapes import ActivitiesQuery, ActivityLinks, ActivityPage, BulkActivity, State
from everpost.ids import AccountId, ActivityId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import NotFound, TooMany
from everpost.platform.paging import Link, Links

KEPT: Final = timedelta(days=10)
EXPORT: Final = "contact_exports"  # the kind whose activities link to a file
_MOST_WAITING: Final = 1000
_MOST_ERRORS: Final = 500

_SELECT_KEPT: Final[LiteralString] = """SELECT activity_id, kind, state, percent_done, counters, activity_errors,
    errors_count, request, position, file_name, source_file_name, stalls, created_at, updated_at, started_at,
    completed_at
  FROM activities
 WHERE account_id = :account_id AND created_at > :oldest"""


class QueueFull(TooMany):
    """You exceeded 1,000 queued activities for this user account."""

    key = "contacts.api.too_many_activities"


class Stopped(Exception):
    """The activity is not processing any more: it was cancelled."""


class New(Struct, frozen=True, kw_only=True):
    """An activity to be opened."""

    activity_id: ActivityId = field(default_factory=lambda: ActivityId(new_id()))
    kind: str
    request: Any
    counters: dict[str, int] | None = {}
    file_name: str | None = None
    source_file_name: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A row of the ledger, as a worker reads and moves it."""

    activity_id: ActivityId
    kind: str
    state: State
    percent_done: int
    counters: dict[str, int] | None
    activity_errors: list[str]
    errors_count: int
    request: Raw
    position: Raw
    file_name: str | None
    source_file_name: str | None
    stalls: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class Progress(Protocol):
    """How far the work is: kept whole as the entry's position, told in counters and per cent."""

    @property
    def counters(self) -> dict[str, int] | None: ...

    @property
    def percent(self) -> int: ...


def not_found(what: str, asked: Iterable[UUID], there: Collection[UUID]) -> list[str]:
    """A line of the errors for each that is not there (any more)."""
    return [f"{what} {each} was not found" for each in dict.fromkeys(asked) if each not in there]


async def require_room(conn: Conn, account_id: AccountId) -> None:
    """Raises: QueueFull."""
    waiting = await one(
        conn,
        int,
        """SELECT count(*) FROM activities
            WHERE account_id = :account_id AND state IN ('initialized', 'processing')""",
        account_id=account_id,
    )
    if (waiting or 0) >= _MOST_WAITING:
        raise QueueFull


async def open_entry(conn: Conn, account_id: AccountId, new: New) -> BulkActivity:
    """A new entry, initialized. The caller holds the account's lane, so entries are in the order they were opened."""
    opened = await one(
        conn,
        Entry,
        """INSERT INTO activities (account_id, activity_id, kind, state, percent_done, counters, request, file_name,
                                   source_file_name, created_at, updated_at)
           VALUES (:account_id, :activity_id, :work, 'initialized', 1, :counters, :request, :file_name,
                   :source_file_name, :now, :now)
           RETURNING activity_id, kind, state, percent_done, counters, activity_errors, errors_count, request,
                     position, file_name, source_file_name, stalls, created_at, updated_at, started_at, completed_at""",
        account_id=account_id,
        activity_id=new.activity_id,
        work=new.kind,
        counters=new.counters,
        request=new.request,
        file_name=new.file_name,
        source_file_name=new.source_file_name,
        now=clock.now_seconds(),
    )
    assert opened is not None
    return _wire(opened)


async def get(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> BulkActivity:
    """Raises: NotFound, also for an activity of more than ten days ago."""
    found = await one(
        conn,
        Entry,
        _SELECT_KEPT + " AND activity_id = :activity_id",
        account_id=account_id,
        activity_id=activity_id,
        oldest=clock.now() - KEPT,
    )
    if found is None:
        raise NotFound
    return _wire(found)


async def get_ended(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Entry:
    """An activity that is over, however it ended. Raises: NotFound, also for one of more than ten days ago."""
    found = await one(
        conn,
        Entry,
        _SELECT_KEPT + " AND activity_id = :activity_id AND completed_at IS NOT NULL",
        account_id=account_id,
        activity_id=activity_id,
        oldest=clock.now() - KEPT,
    )
    if found is None:
        raise NotFound
    return found


async def page(conn: Conn, account_id: AccountId, query: ActivitiesQuery) -> ActivityPage:
    """Newest first."""
    position = query.cursor.position
    found = await many(
        conn,
        Entry,
        _SELECT_KEPT
        + """ AND (:state::text IS NULL OR state = :state)
              AND (:before::timestamptz IS NULL OR (created_at, activity_id) <= (:before, :first::uuid))
            ORDER BY created_at DESC, activity_id DESC
            LIMIT :rows""",
        account_id=account_id,
        oldest=clock.now() - KEPT,
        state="timed_out" if query.state == "time_out" else query.state,
        before=datetime.fromisoformat(position[0]) if position else None,
        first=UUID(position[1]) if position else None,
        rows=query.limit + 1,
    )
    links: Links | UnsetType = UNSET
    if len(found) > query.limit:
        links = query.cursor.links(found[-1].created_at, found[-1].activity_id)
    return ActivityPage([_wire(entry) for entry in found[: query.limit]], links)


async def begin_oldest(conn: Conn, account_id: AccountId) -> Entry | None:
    """The oldest entry that is not finished, now processing, or None; counts a stall until progress clears it."""
    return await one(
        conn,
        Entry,
        """UPDATE activities
              SET state = 'processing', started_at = coalesce(started_at, :now), updated_at = :now, stalls = stalls + 1
            WHERE account_id = :account_id AND activity_id = (
                  SELECT activity_id FROM activities
                   WHERE account_id = :account_id AND state IN ('initialized', 'processing')
                   ORDER BY created_at, activity_id LIMIT 1)
           RETURNING activity_id, kind, state, percent_done, counters, activity_errors, errors_count, request,
                     position, file_name, source_file_name, stalls, created_at, updated_at, started_at, completed_at""",
        account_id=account_id,
        now=clock.now_seconds(),
    )


async def is_work_left(conn: Conn, account_id: AccountId) -> bool:
    """Whether any entry is not finished."""
    found = await one(
        conn,
        bool,
        """SELECT EXISTS (SELECT 1 FROM activities
                           WHERE account_id = :account_id AND state IN ('initialized', 'processing'))""",
        account_id=account_id,
    )
    return bool(found)


async def advance(
    conn: Conn, account_id: AccountId, activity_id: ActivityId, progress: Progress, errors: Sequence[str]
) -> None:
    """Keep progress, in the transaction that made it; `errors` are those that came with it. Raises: Stopped."""
    moved = await run(
        conn,
        """UPDATE activities
              SET position = :position, counters = :counters, percent_done = greatest(percent_done, :percent),
                  activity_errors = activity_errors || :kept::jsonb, errors_count = errors_count + :errors_count,
                  stalls = 0, updated_at = :now
            WHERE account_id = :account_id AND activity_id = :activity_id AND state = 'processing'""",
        account_id=account_id,
        activity_id=activity_id,
        position=progress,
        counters=progress.counters,
        percent=min(max(progress.percent, 1), 99),
        kept=await _kept(conn, account_id, activity_id, errors),
        errors_count=len(errors),
        now=clock.now_seconds(),
    )
    if not moved:
        raise Stopped


async def complete(
    conn: Conn, account_id: AccountId, activity_id: ActivityId, *, counters: dict[str, int] | None
) -> None:
    """Everything is done, though single items may have failed. Raises: Stopped."""
    moved = await run(
        conn,
        """UPDATE activities
              SET state = 'completed', percent_done = 100, counters = :counters, file_name = NULL,
                  updated_at = :now, completed_at = :now
            WHERE account_id = :account_id AND activity_id = :activity_id AND state = 'processing'""",
        account_id=account_id,
        activity_id=activity_id,
        counters=counters,
        now=clock.now_seconds(),
    )
    if not moved:
        raise Stopped
    await _drop_selection(conn, account_id, activity_id)


async def give_up(conn: Conn, account_id: AccountId, activity_id: ActivityId, state: State, reason: str) -> None:
    """It ends here, with what was done so far. Raises: Stopped."""
    moved = await run(
        conn,
        """UPDATE activities
              SET state = :state, activity_errors = activity_errors || :reason::jsonb,
                  errors_count = errors_count + 1, file_name = NULL, updated_at = :now, completed_at = :now
            WHERE account_id = :account_id AND activity_id = :activity_id AND state = 'processing'""",
        account_id=account_id,
        activity_id=activity_id,
        state=state,
        reason=[reason],
        now=clock.now_seconds(),
    )
    if not moved:
        raise Stopped
    await _drop_selection(conn, account_id, activity_id)


async def cancel(conn: Conn, account_id: AccountId, activity_id: ActivityId, *, only_waiting: Collection[str]) -> None:
    """Stop an activity that is not finished; of the kinds `only_waiting` one that has not begun.

    What was done stays done. Raises: NotFound, when there is none to stop (any more).
    """
    stopped = await run(
        conn,
        """UPDATE activities
              SET state = 'cancelled', file_name = NULL, updated_at = :now, completed_at = :now
            WHERE account_id = :account_id AND activity_id = :activity_id
              AND (state = 'initialized' OR (state = 'processing' AND kind <> ALL(:only_waiting::text[])))""",
        account_id=account_id,
        activity_id=activity_id,
        only_waiting=list(only_waiting),
        now=clock.now_seconds(),
    )
    if not stopped:
        raise NotFound
    await _drop_selection(conn, account_id, activity_id)


async def forget(conn: Conn, before: datetime) -> int:
    """Delete what was opened before a moment and is finished. Spans accounts: a sweep of the whole instance."""
    return await run(
        conn,
        """DELETE FROM activities WHERE created_at < :before AND state NOT IN ('initialized', 'processing')""",
        before=before,
    )


async def _kept(conn: Conn, account_id: AccountId, activity_id: ActivityId, errors: Sequence[str]) -> list[str]:
    """As many of the new errors as there is room for."""
    if not errors:
        return []
    held = await one(
        conn,
        int,
        """SELECT jsonb_array_length(activity_errors) FROM activities
            WHERE account_id = :account_id AND activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
    )
    return list(errors[: max(_MOST_ERRORS - (held or 0), 0)])


async def _drop_selection(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> None:
    await run(
        conn,
        "DELETE FROM activity_contacts WHERE account_id = :account_id AND activity_id = :activity_id",
        account_id=account_id,
        activity_id=activity_id,
    )


def _wire(entry: Entry) -> BulkActivity:
    return BulkActivity(
        activity_id=entry.activity_id,
        state=entry.state,
        started_at=entry.started_at,
        completed_at=entry.completed_at,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        source_file_name=entry.source_file_name,
        percent_done=entry.percent_done,
        activity_errors=_shown_errors(entry),
        status=UNSET if entry.counters is None else entry.counters,
        links=_links(entry),
    )


def _links(entry: Entry) -> ActivityLinks:
    links = ActivityLinks(Link(f"/v3/activities/{entry.activity_id}"))
    if entry.kind == EXPORT:
        links.results = Link(f"/v3/contact_exports/{entry.activity_id}")
    return links


def _shown_errors(entry: Entry) -> list[str]:
    if entry.errors_count <= _MOST_ERRORS:
        return entry.activity_errors
    shown = entry.activity_errors[: _MOST_ERRORS - 1]
    return [*shown, f"… and {entry.errors_count - len(shown)} more"]
