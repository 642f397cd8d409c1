"""Deleting contact lists: the lists are marked at once, then their memberships go in small steps; contacts survive.

Marking comes first and is committed, so nobody joins a list whose members are being taken off; hence the rest cannot be
cancelled. Source: contract, bulk-activities.md §4.2, contacts.md §7.6.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import ledger, runner
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.shapes import BulkActivity
from everpost.contacts import lists, membership_changes
from everpost.ids import AccountId, ListId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.events import publish

_KIND: Final = "list_delete"
_MEMBERSHIPS_PER_STEP: Final = 5000


class _Request(Struct, frozen=True):
    list_ids: list[ListId]


class _Progress(Struct, frozen=True, kw_only=True):
    """Which lists were there to be deleted, how many memberships they had, and how many are gone."""

    deleted: list[ListId]
    memberships: int
    gone: int = 0
    is_done: bool = False
    counters: dict[str, int] | None = None  # as it began

    @property
    def percent(self) -> int:
        return 100 * self.gone // max(self.memberships, 1)


_read_request = msgspec.json.Decoder(_Request).decode
_read_progress = msgspec.json.Decoder(_Progress | None).decode


async def start(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> BulkActivity:
    """Begin to delete lists. Ids that are not lists become lines in the activity's errors."""
    asked = list(dict.fromkeys(list_ids))
    new = New(kind=_KIND, request=_Request(asked), counters={"list_count": len(asked)})
    return await runner.start(conn, account_id, new)


async def start_one(conn: Conn, account_id: AccountId, list_id: ListId) -> BulkActivity:
    """Begin to delete one list, which exists. The answer shows no counters yet."""
    return await runner.start(conn, account_id, New(kind=_KIND, request=_Request([list_id]), counters=None))


@runner.work(_KIND, is_unbreakable=True)
async def run(turn: Turn) -> None:
    """Mark the lists, then take members off them until none is left."""
    progress = _read_progress(turn.entry.position) or await _mark(turn, _read_request(turn.entry.request).list_ids)
    while not (progress.is_done or turn.is_over):
        progress = await _take_off(turn, progress)
    if progress.is_done:
        await turn.complete({"list_count": len(progress.deleted)})


async def _mark(turn: Turn, asked: list[ListId]) -> _Progress:
    async with turn.step() as conn:
        deleted = await lists.mark_deleted(conn, turn.account_id, asked, now=clock.now_seconds())
        if deleted:
            await publish(conn, "lists.deleted", account_id=turn.account_id, list_ids=deleted)
        memberships = await membership_changes.count(conn, turn.account_id, deleted)
        progress = _Progress(deleted=deleted, memberships=memberships, counters=turn.entry.counters)
        await turn.note(conn, progress, ledger.not_found("List", asked, deleted))
    return progress


async def _take_off(turn: Turn, progress: _Progress) -> _Progress:
    async with turn.step() as conn:
        gone = await membership_changes.empty(
            conn, turn.account_id, progress.deleted, at_most=_MEMBERSHIPS_PER_STEP, now=clock.now_seconds()
        )
        # People join and leave by other ways meanwhile, so the end is when none is left, whatever was counted.
        progress = replace(progress, gone=progress.gone + gone, is_done=not gone)
        await turn.note(conn, progress)
    return progress
