"""The ledger as people look at it: pages of activities, and one with all that it counted."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from everpost.activities.ledger import KEPT
from everpost.activities.shapes import State
from everpost.ids import AccountId, ActivityId
from everpost.platform import clock
from everpost.platform.db import Conn, many, one
from everpost.platform.errors import NotFound

PER_PAGE: Final = 50


class Summary(Struct, frozen=True, kw_only=True):
    """An activity without what only its worker needs."""

    activity_id: ActivityId
    kind: str
    state: State
    percent_done: int
    counters: dict[str, int] | None
    errors_count: int
    source_file_name: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.completed_at is not None


class Details(Summary, frozen=True, kw_only=True):
    """The same with what went wrong, as far as it was kept."""

    activity_errors: list[str]


class Page(Struct, frozen=True, kw_only=True):
    """Activities of the last ten days, newest first."""

    activities: list[Summary]
    number: int
    last_number: int


async def page(conn: Conn, account_id: AccountId, *, number: int) -> Page:
    """A page of them, by its number from 1."""
    oldest = clock.now() - KEPT
    total = await one(
        conn,
        int,
        "SELECT count(*) FROM activities WHERE account_id = :account_id AND created_at > :oldest",
        account_id=account_id,
        oldest=oldest,
    )
    found = await many(
        conn,
        Summary,
        """SELECT activity_id, kind, state, percent_done, counters, errors_count, source_file_name, created_at,
                  started_at, completed_at
             FROM activities
            WHERE account_id = :account_id AND created_at > :oldest
            ORDER BY created_at DESC, activity_id DESC
            LIMIT :rows OFFSET :skipped""",
        account_id=account_id,
        oldest=oldest,
        rows=PER_PAGE,
        skipped=(number - 1) * PER_PAGE,
    )
    return Page(activities=found, number=number, last_number=max(1, -(-(total or 0) // PER_PAGE)))


async def get(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> Details:
    """Raises: NotFound, also for an activity of more than ten days ago."""
    found = await one(
        conn,
        Details,
        """SELECT activity_id, kind, state, percent_done, counters, errors_count, source_file_name, created_at,
                  started_at, completed_at, activity_errors
             FROM activities
            WHERE account_id = :account_id AND activity_id = :activity_id AND created_at > :oldest""",
        account_id=account_id,
        activity_id=activity_id,
        oldest=clock.now() - KEPT,
    )
    if found is None:
        raise NotFound
    return found
