"""Putting selected contacts on lists, or taking them off.

Rules: who is on a list already (or not on it) counts as done; who has unsubscribed joins none; nobody is on more than
50 lists, and those that fit are joined in the order of the request; nobody gets a welcome mail, because the account
asks for it and not the contact. Source: contract, bulk-activities.md §4.1.
"""

from collections.abc import Sequence
from typing import Annotated, cast

import msgspec
from msgspec import Meta, Struct

from everpost.activities import contact_steps, ledger, runner, selections
from everpost.activities.contact_steps import Problems, Progress
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.selections import Exclusion, Source
from everpost.activities.shapes import BulkActivity
from everpost.contacts import errors, lists, membership_changes, memberships
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

_ADD, _REMOVE = "add_list_memberships", "remove_list_memberships"


class MembershipsChange(Struct, omit_defaults=True):
    """Which contacts to put on which lists, or to take off them."""

    source: Source
    list_ids: Annotated[list[ListId], Meta(min_length=1, max_length=50)]
    exclude: Exclusion | None = None


_read_request = msgspec.json.Decoder(MembershipsChange).decode


async def start_adding(conn: Conn, account_id: AccountId, asked: MembershipsChange) -> BulkActivity:
    """Raises: Invalid."""
    selections.check(asked.source, asked.exclude)
    await selections.require(conn, account_id, asked.source, inside="source", is_not_found=False)
    unknown = await _unknown_lists(conn, account_id, asked)
    if unknown:
        raise errors.unknown_ids("list_ids", list(unknown))
    return await runner.start(conn, account_id, New(kind=_ADD, request=asked))


async def start_removing(conn: Conn, account_id: AccountId, asked: MembershipsChange) -> BulkActivity:
    """Raises: Invalid, NotFound."""
    selections.check(asked.source, asked.exclude)
    await selections.require(conn, account_id, asked.source, inside="source", is_not_found=True)
    if await _unknown_lists(conn, account_id, asked):
        raise NotFound
    return await runner.start(conn, account_id, New(kind=_REMOVE, request=asked))


@runner.work(_ADD, _REMOVE)
async def run(turn: Turn) -> None:
    """Chunk after chunk of the contacts."""
    progress = contact_steps.progress_of(turn) or await _begin(turn)
    await contact_steps.go_on(turn, progress, _join if turn.entry.kind == _ADD else _leave)


async def _unknown_lists(conn: Conn, account_id: AccountId, asked: MembershipsChange) -> list[ListId]:
    known = await lists.existing(conn, account_id, asked.list_ids)
    return [list_id for list_id in dict.fromkeys(asked.list_ids) if list_id not in known]


async def _begin(turn: Turn) -> Progress:
    asked = _read_request(turn.entry.request)
    async with turn.long_step() as conn:
        # Lists may have gone since the activity was asked for; none can go while it runs, as deletions wait their turn.
        list_ids = await lists.existing(conn, turn.account_id, asked.list_ids)
        return await contact_steps.begin(
            conn,
            turn,
            asked.source,
            asked.exclude,
            targets=list_ids,
            counters={"list_count": len(list_ids)},
            errors=ledger.not_found("List", asked.list_ids, list_ids),
        )


async def _join(conn: Conn, account_id: AccountId, asked: Sequence[ContactId], progress: Progress) -> Problems:
    present = await membership_changes.lock(conn, account_id, asked)
    problems = contact_steps.not_found(asked, [contact.contact_id for contact in present])
    joining = [contact.contact_id for contact in present if not contact.is_unsubscribed]
    list_ids = cast("list[ListId]", progress.targets)
    crowded = await membership_changes.join(conn, account_id, joining, list_ids, now=clock.now_seconds())
    for contact in present:
        if contact.is_unsubscribed:
            problems[contact.contact_id] = f"Contact {contact.contact_id} has unsubscribed"
    for contact_id in crowded:
        problems[contact_id] = f"Contact {contact_id} already belongs to {memberships.MAXIMUM} lists"
    return problems


async def _leave(conn: Conn, account_id: AccountId, asked: Sequence[ContactId], progress: Progress) -> Problems:
    present = [contact.contact_id for contact in await membership_changes.lock(conn, account_id, asked)]
    list_ids = cast("list[ListId]", progress.targets)
    await membership_changes.leave(conn, account_id, present, list_ids, now=clock.now_seconds())
    return contact_steps.not_found(asked, present)
