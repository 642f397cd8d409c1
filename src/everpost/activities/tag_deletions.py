"""Deleting tags: they are marked at once, then taken off the contacts tag by tag, in small steps.

Marking comes first and is committed, so nobody gets a tag that is being taken off; hence the rest cannot be cancelled.
Source: contract, bulk-activities.md §5, contacts.md §8.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from everpost.activities import ledger, runner
from everpost.activities.ledger import New
from everpost.activities.runner import Turn
from everpost.activities.shapes import BulkActivity
from everpost.contacts import taggings, tags
from everpost.ids import AccountId, ContactId, TagId
from everpost.platform import clock
from everpost.platform.db import Conn

_CONTACTS_PER_STEP: Final = 5000
_BEFORE_ALL: Final = ContactId(UUID(int=0))


class _Request(Struct, frozen=True):
    tag_ids: list[TagId]


class _Progress(Struct, frozen=True, kw_only=True):
    """Which tags were there to be deleted, and how far their taggings are gone."""

    asked: int
    deleted: list[TagId]
    taggings: int
    done: int = 0  # tags that nobody carries any more
    gone: int = 0  # taggings
    after: ContactId = _BEFORE_ALL  # the last contact that lost the tag of the moment

    @property
    def counters(self) -> dict[str, int]:
        completed = {"items_completed_count": self.done} if self.done else {}
        return {"items_total_count": self.asked, **completed}

    @property
    def percent(self) -> int:
        return 100 * self.gone // max(self.taggings, 1)


_read_request = msgspec.json.Decoder(_Request).decode
_read_progress = msgspec.json.Decoder(_Progress | None).decode


async def start(conn: Conn, account_id: AccountId, tag_ids: Sequence[TagId]) -> BulkActivity:
    """Begin to delete tags. Ids that are not tags become lines in the activity's errors."""
    request = _Request(list(dict.fromkeys(tag_ids)))
    return await runner.start(conn, account_id, New(kind="contacts_tags_delete", request=request))


@runner.work("contacts_tags_delete", is_unbreakable=True)
async def run(turn: Turn) -> None:
    """Mark the tags, then take one after the other off everybody."""
    progress = _read_progress(turn.entry.position) or await _mark(turn, _read_request(turn.entry.request).tag_ids)
    while progress.done < len(progress.deleted) and not turn.is_over:
        progress = await _take_off(turn, progress)
    if progress.done == len(progress.deleted):
        await turn.complete(progress.counters)


async def _mark(turn: Turn, asked: list[TagId]) -> _Progress:
    async with turn.step() as conn:
        deleted = await tags.mark_deleted(conn, turn.account_id, asked, now=clock.now_seconds())
        carried = await taggings.count(conn, turn.account_id, deleted)
        progress = _Progress(asked=len(asked), deleted=deleted, taggings=carried)
        await turn.note(conn, progress, ledger.not_found("Tag", asked, deleted))
    return progress


async def _take_off(turn: Turn, progress: _Progress) -> _Progress:
    tag_id = progress.deleted[progress.done]
    async with turn.step() as conn:
        contact_ids = await taggings.carriers(
            conn, turn.account_id, tag_id, after=progress.after, at_most=_CONTACTS_PER_STEP
        )
        if contact_ids:
            await taggings.take_off(conn, turn.account_id, contact_ids, tag_id, now=clock.now_seconds())
            progress = replace(progress, gone=progress.gone + len(contact_ids), after=contact_ids[-1])
        else:
            progress = replace(progress, done=progress.done + 1, after=_BEFORE_ALL)
        await turn.note(conn, progress)
    return progress
