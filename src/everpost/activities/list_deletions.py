"""Deleting contact lists: the lists are marked at once, then their memberships go in small steps; contacts survive.

Marking comes first and is committed, so nobody joins a list whose members are being taken off; hence the rest cannot be
cancelled. Source: contract, bulk-activities.md §4.2, contacts.md §7.6.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import runner
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


class _Position(Struct, frozen=True):
    """Which lists were there to be deleted, how many memberships they had, and how many are gone."""

    deleted: list[ListId]
    memberships: int
    gone: int = 0
    is_done: bool = False


_read_request = msgspec.json.Decoder(_Request).decode
_read_position = msgspec.json.Decoder(_Position | None).decode


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
    asked = _read_request(turn.entry.request).list_ids
    position = _read_position(turn.entry.position) or await _mark(turn, asked)
    while not (position.is_done or turn.is_over):
        position = await _take_off(turn, position)
    if position.is_done:
        await turn.complete({"list_count": len(position.deleted)})


async def _mark(turn: Turn, asked: list[ListId]) -> _Position:
    async with turn.step() as conn:
        deleted = await lists.mark_deleted(conn, turn.account_id, asked, now=clock.now_seconds())
        if deleted:
            await publish(conn, "lists.deleted", account_id=turn.account_id, list_ids=deleted)
        position = _Position(deleted, await membership_changes.count(conn, turn.account_id, deleted))
        unknown = [list_id for list_id in asked if list_id not in deleted]
        await _note(conn, turn, position, errors=[f"List {list_id} was not found" for list_id in unknown])
    return position


async def _take_off(turn: Turn, position: _Position) -> _Position:
    async with turn.step() as conn:
        gone = await membership_changes.empty(
            conn, turn.account_id, position.deleted, at_most=_MEMBERSHIPS_PER_STEP, now=clock.now_seconds()
        )
        # People join and leave by other ways meanwhile, so the end is when none is left, whatever was counted.
        position = replace(position, gone=position.gone + gone, is_done=not gone)
        await _note(conn, turn, position, errors=[])
    return position


async def _note(conn: Conn, turn: Turn, position: _Position, *, errors: list[str]) -> None:
    await turn.advance(
        conn,
        position=position,
        counters=turn.entry.counters,
        errors=errors,
        percent=100 * position.gone // max(position.memberships, 1),
    )
