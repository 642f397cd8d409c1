"""Work on selected contacts, one chunk per transaction: what the jobs on memberships, tags and deletions share.

Each step does its chunk and says so in the ledger in the same transaction, so a worker that is killed anywhere leaves
whole chunks behind, and the next one goes on with the first that is not done. Source: contract, bulk-activities.md
§1.2, §1.3.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import selections
from everpost.activities.runner import Turn
from everpost.activities.selections import Exclusion, Source
from everpost.ids import AccountId, ContactId
from everpost.platform.db import Conn

MOST_PER_STEP: Final = 5000
_MOST_ROWS_PER_STEP: Final = 20_000


class Progress(Struct, frozen=True, kw_only=True):
    """How far the work is, as the ledger keeps it."""

    total: int
    chunks: int
    chunk: int = 0  # the next one
    completed: int = 0
    targets: list[UUID] = []  # the lists, tags or fields that the work is about
    others: dict[str, int]  # counters that stand beside those of the contacts

    @property
    def is_done(self) -> bool:
        return self.chunk >= self.chunks

    @property
    def percent(self) -> int:
        return 100 * self.chunk // max(self.chunks, 1)

    @property
    def counters(self) -> dict[str, int]:
        completed = {"items_completed_count": self.completed} if self.chunk else {}
        return {"items_total_count": self.total, **completed, **self.others}


Problems: TypeAlias = dict[ContactId, str]
# Does one chunk; the contacts that it could not do (or only in part) are told with the line for the ledger.
Step: TypeAlias = Callable[[Conn, AccountId, Sequence[ContactId], Progress], Awaitable[Problems]]


_reader: "msgspec.json.Decoder[Progress | None]" = msgspec.json.Decoder(Progress | None)


def progress_of(turn: Turn) -> Progress | None:
    """How far an earlier turn came; None: nothing is settled yet."""
    return _reader.decode(turn.entry.position)


async def begin(
    conn: Conn,
    turn: Turn,
    source: Source,
    exclude: Exclusion | None = None,
    *,
    targets: Sequence[UUID] = (),
    counters: dict[str, int],
    errors: Sequence[str] = (),
) -> Progress:
    """Settle who is worked on, in the turn's long step; `errors` are told at once."""
    size = min(MOST_PER_STEP, _MOST_ROWS_PER_STEP // max(len(targets), 1))
    activity_id = turn.entry.activity_id
    selected = await selections.settle(conn, turn.account_id, activity_id, source, exclude, chunk_size=size)
    progress = Progress(total=selected.contacts, chunks=selected.chunks, targets=list(targets), others=counters)
    await turn.note(conn, progress, errors)
    return progress


async def go_on(turn: Turn, progress: Progress, step: Step) -> None:
    """Chunk after chunk, until all are done or the turn is over."""
    while not (progress.is_done or turn.is_over):
        async with turn.step() as conn:
            contact_ids = await selections.chunk(conn, turn.account_id, turn.entry.activity_id, progress.chunk)
            problems = await step(conn, turn.account_id, contact_ids, progress)
            done = progress.completed + len(contact_ids) - len(problems)
            progress = replace(progress, chunk=progress.chunk + 1, completed=done)
            await turn.note(conn, progress, [problems[each] for each in contact_ids if each in problems])
    if progress.is_done:
        await turn.complete(progress.counters)


def not_found(asked: Sequence[ContactId], present: Sequence[ContactId]) -> Problems:
    """A line for each contact who is not there (any more)."""
    there = set(present)
    return {each: f"Contact {each} was not found" for each in asked if each not in there}
