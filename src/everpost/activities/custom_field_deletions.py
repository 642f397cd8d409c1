"""Deleting custom fields: they are marked at once, then one pass over the contacts clears their values, in small steps.

Marking comes first and is committed, so nobody gets a value that is being cleared; hence the rest cannot be cancelled.
Source: contract, bulk-activities.md §4.3.
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
from everpost.contacts import custom_field_deletions
from everpost.ids import AccountId, ContactId, CustomFieldId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

_CONTACTS_PER_STEP: Final = 5000


class _Request(Struct, frozen=True):
    custom_field_ids: list[CustomFieldId]


class _Progress(Struct, frozen=True, kw_only=True):
    """Which fields were there to be deleted, and how many of the contacts are clear of them."""

    asked: int
    field_keys: list[int]
    contacts: int
    passed: int = 0
    after: ContactId = ContactId(UUID(int=0))
    is_done: bool = False

    @property
    def counters(self) -> dict[str, int]:
        completed = {"items_completed_count": len(self.field_keys)} if self.is_done else {}
        return {"items_total_count": self.asked, **completed}

    @property
    def percent(self) -> int:
        return 100 * self.passed // max(self.contacts, 1)


_read_request = msgspec.json.Decoder(_Request).decode
_read_progress = msgspec.json.Decoder(_Progress | None).decode


async def start(conn: Conn, account_id: AccountId, custom_field_ids: Sequence[CustomFieldId]) -> BulkActivity:
    """Begin to delete fields; unknown ids become lines in the activity's errors. Raises: NotFound, if all are."""
    if not await custom_field_deletions.known(conn, account_id, custom_field_ids):
        raise NotFound
    request = _Request(list(dict.fromkeys(custom_field_ids)))
    return await runner.start(conn, account_id, New(kind="custom_fields_delete", request=request, counters=None))


@runner.work("custom_fields_delete", is_unbreakable=True)
async def run(turn: Turn) -> None:
    """Mark the fields, then clear their values from contact after contact."""
    asked = _read_request(turn.entry.request).custom_field_ids
    progress = _read_progress(turn.entry.position) or await _mark(turn, asked)
    while not (progress.is_done or turn.is_over):
        progress = await _clear(turn, progress)
    if progress.is_done:
        await turn.complete(progress.counters)


async def _mark(turn: Turn, asked: list[CustomFieldId]) -> _Progress:
    async with turn.step() as conn:
        marked = await custom_field_deletions.mark(conn, turn.account_id, asked, now=clock.now_seconds())
        contacts = await custom_field_deletions.count_contacts(conn, turn.account_id)
        keys = [field.field_key for field in marked]
        progress = _Progress(asked=len(asked), field_keys=keys, contacts=contacts)
        known = {field.custom_field_id for field in marked}
        await turn.note(conn, progress, ledger.not_found("Custom field", asked, known))
    return progress


async def _clear(turn: Turn, progress: _Progress) -> _Progress:
    async with turn.step() as conn:
        contact_ids = await custom_field_deletions.clear(
            conn, turn.account_id, progress.field_keys, after=progress.after, at_most=_CONTACTS_PER_STEP
        )
        if contact_ids:
            progress = replace(progress, passed=progress.passed + len(contact_ids), after=contact_ids[-1])
        else:
            progress = replace(progress, is_done=True)
        await turn.note(conn, progress)
    return progress
