"""Deleting contact lists: the lists are marked at once, then their memberships go in small steps; contacts survive.

Marking comes first and is committed, so nobody joins a list whose members are being taken off. Source: contract,
bulk-activities.md §4.2, contacts.md §7.6.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from everpost.activities import ledger, runner
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.shapes import BulkActivity
from everpost.contacts import lists
from everpost.ids import AccountId, ActivityId, ListId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.events import publish

_MEMBERSHIPS_PER_STEP: Final = 5000


class _Request(Struct, frozen=True):
    list_ids: list[ListId]


class _Position(Struct, frozen=True):
    """Which lists were there to be deleted, and how many memberships are gone."""

    deleted: list[ListId]
    memberships: int


_read_request = msgspec.json.Decoder(_Request).decode
_read_position = msgspec.json.Decoder(_Position | None).decode


async def start(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> BulkActivity:
    """Begin to delete lists. Ids that are not lists become lines in the activity's errors."""
    asked = list(dict.fromkeys(list_ids))
    return await _start(conn, account_id, asked, {"list_count": len(asked)})


async def start_one(conn: Conn, account_id: AccountId, list_id: ListId) -> BulkActivity:
    """Begin to delete one list, which exists. The answer shows no counters yet."""
    return await _start(conn, account_id, [list_id], None)


async def _start(
    conn: Conn, account_id: AccountId, list_ids: list[ListId], counters: dict[str, int] | None
) -> BulkActivity:
    new = New(activity_id=ActivityId(new_id()), kind="list_delete", request=_Request(list_ids), counters=counters)
    return await runner.start(conn, account_id, new)


@runner.work("list_delete")
async def run(turn: Turn) -> None:
    """Mark the lists, then take members off them until none is left."""
    asked = _read_request(turn.entry.request).list_ids
    position = _read_position(turn.entry.position) or await _mark(turn, asked)
    while not turn.is_over:
        gone = await _take_off(turn, position)
        if not gone:
            await turn.complete({"list_count": len(position.deleted)})
            return
        position = _Position(position.deleted, position.memberships + gone)


async def _mark(turn: Turn, asked: list[ListId]) -> _Position:
    async with turn.step() as conn:
        deleted = await lists.mark_deleted(conn, turn.account_id, asked, now=clock.now_seconds())
        if deleted:
            await publish(conn, "lists.deleted", account_id=turn.account_id, list_ids=deleted)
        position = _Position(deleted, 0)
        unknown = [list_id for list_id in asked if list_id not in deleted]
        await _note(conn, turn, position, errors=[f"List {list_id} was not found" for list_id in unknown])
    return position


async def _take_off(turn: Turn, position: _Position) -> int:
    async with turn.step() as conn:
        gone = await lists.delete_memberships(
            conn, turn.account_id, position.deleted, at_most=_MEMBERSHIPS_PER_STEP, now=clock.now_seconds()
        )
        await _note(conn, turn, _Position(position.deleted, position.memberships + gone), errors=[])
    return gone


async def _note(conn: Conn, turn: Turn, position: _Position, *, errors: list[str]) -> None:
    # How many members there are is not counted first, so half way means no more than that it runs.
    await ledger.advance(
        conn,
        turn.account_id,
        turn.entry.activity_id,
        position=position,
        counters=turn.entry.counters,
        errors=errors,
        percent=50,
    )
