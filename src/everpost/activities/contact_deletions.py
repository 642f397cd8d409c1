"""Deleting selected contacts: each as `DELETE /contacts/{contact_id}` does. Source: contract, bulk-activities.md §6."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from everpost.activities import contact_steps, runner, selections
from everpost.activities.contact_steps import Problems, Progress
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.selections import Source
from everpost.activities.shapes import BulkActivity
from everpost.contacts import deletions, membership_changes
from everpost.ids import AccountId, ContactId, ListId, SegmentId
from everpost.platform import clock
from everpost.platform.db import Conn


class ContactDeletion(Struct, omit_defaults=True, kw_only=True):
    """Contacts to delete: exactly one of the members."""

    contact_ids: Annotated[list[ContactId], Meta(max_length=500)] | None = None
    list_ids: Annotated[list[ListId], Meta(max_length=50)] | None = None
    segment_id: SegmentId | None = None


_read_source = msgspec.json.Decoder(Source).decode


async def start(conn: Conn, account_id: AccountId, asked: ContactDeletion) -> BulkActivity:
    """Raises: Invalid."""
    selections.require_one(asked, asked.__struct_fields__)
    source = Source(contact_ids=asked.contact_ids, list_ids=asked.list_ids, segment_id=asked.segment_id)
    await selections.require(conn, account_id, source, inside=None, is_not_found=False)
    new = New(kind="contact_delete", request=source, counters=_list_count(source))
    return await runner.start(conn, account_id, new)


@runner.work("contact_delete")
async def run(turn: Turn) -> None:
    """Chunk after chunk of the contacts."""
    progress = contact_steps.progress_of(turn) or await _begin(turn)
    await contact_steps.go_on(turn, progress, _delete)


async def _begin(turn: Turn) -> Progress:
    source = _read_source(turn.entry.request)
    async with turn.long_step() as conn:
        return await contact_steps.begin(conn, turn, source, counters=_list_count(source))


async def _delete(conn: Conn, account_id: AccountId, asked: Sequence[ContactId], _: Progress) -> Problems:
    await membership_changes.lock(conn, account_id, asked)
    deleted = await deletions.delete(conn, account_id, asked, now=clock.now_seconds())
    return contact_steps.not_found(asked, deleted)


def _list_count(source: Source) -> dict[str, int]:
    return {"list_count": len(set(source.list_ids))} if source.list_ids else {}
