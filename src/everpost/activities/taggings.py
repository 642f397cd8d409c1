"""Putting tags on selected contacts, or taking them off.

Rules: who carries a tag already (or not) counts as done; nobody carries more than 50 tags, and those that fit are put
on in the order of the request. Source: contract, bulk-activities.md §5.
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
from everpost.contacts import membership_changes, taggings, tags
from everpost.ids import AccountId, ContactId, TagId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

_ADD, _REMOVE = "contacts_taggings_add", "contacts_taggings_remove"


class TaggingsChange(Struct, omit_defaults=True):
    """Which contacts to put which tags on, or to take them off."""

    source: Source
    tag_ids: Annotated[list[TagId], Meta(min_length=1, max_length=50)]
    exclude: Exclusion | None = None


_read_request = msgspec.json.Decoder(TaggingsChange).decode


async def start_adding(conn: Conn, account_id: AccountId, asked: TaggingsChange) -> BulkActivity:
    """Raises: Invalid, NotFound."""
    return await _start(conn, account_id, _ADD, asked)


async def start_removing(conn: Conn, account_id: AccountId, asked: TaggingsChange) -> BulkActivity:
    """Raises: Invalid, NotFound."""
    return await _start(conn, account_id, _REMOVE, asked)


@runner.work(_ADD, _REMOVE)
async def run(turn: Turn) -> None:
    """Chunk after chunk of the contacts."""
    progress = contact_steps.progress_of(turn) or await _begin(turn)
    await contact_steps.go_on(turn, progress, _tag if turn.entry.kind == _ADD else _untag)


async def _start(conn: Conn, account_id: AccountId, kind: str, asked: TaggingsChange) -> BulkActivity:
    selections.check(asked.source, asked.exclude)
    await selections.require(conn, account_id, asked.source, inside="source", is_not_found=True)
    if len(await tags.known(conn, account_id, asked.tag_ids)) < len(set(asked.tag_ids)):
        raise NotFound
    return await runner.start(conn, account_id, New(kind=kind, request=asked))


async def _begin(turn: Turn) -> Progress:
    asked = _read_request(turn.entry.request)
    async with turn.long_step() as conn:
        # Tags may have gone since the activity was asked for; none can go while it runs, as deletions wait their turn.
        tag_ids = await tags.known(conn, turn.account_id, asked.tag_ids)
        return await contact_steps.begin(
            conn,
            turn,
            asked.source,
            asked.exclude,
            targets=tag_ids,
            counters={},
            errors=ledger.not_found("Tag", asked.tag_ids, tag_ids),
        )


async def _tag(conn: Conn, account_id: AccountId, asked: Sequence[ContactId], progress: Progress) -> Problems:
    present = [contact.contact_id for contact in await membership_changes.lock(conn, account_id, asked)]
    tag_ids = cast("list[TagId]", progress.targets)
    crowded = await taggings.tag(conn, account_id, present, tag_ids, now=clock.now_seconds())
    problems = contact_steps.not_found(asked, present)
    for contact_id in crowded:
        problems[contact_id] = f"Contact {contact_id} already has {taggings.MAXIMUM} tags"
    return problems


async def _untag(conn: Conn, account_id: AccountId, asked: Sequence[ContactId], progress: Progress) -> Problems:
    present = [contact.contact_id for contact in await membership_changes.lock(conn, account_id, asked)]
    tag_ids = cast("list[TagId]", progress.targets)
    await taggings.untag(conn, account_id, present, tag_ids, now=clock.now_seconds())
    return contact_steps.not_found(asked, present)
