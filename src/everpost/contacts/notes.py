"""Notes about a contact, newest first.

Rules: at most 150 of at most 2,000 characters; a note that comes back with its id keeps its date, every other one is
new. Dates in a request are ignored, so they always go out in UTC. Source: contract, contacts.md §3.7, §5.4.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from everpost.ids import new_id


class Note(Struct, kw_only=True):
    """As stored in `contacts.notes` and as it goes out."""

    note_id: UUID
    created_at: datetime
    content: str


class NoteIn(Struct):
    """A note; one that is sent back with its id keeps its date."""

    content: Annotated[str, Meta(min_length=1, max_length=2000)]
    note_id: str | None = None


def replaced(held: Sequence[Note], given: Sequence[NoteIn], *, now: datetime) -> list[Note]:
    """The given notes, newest first, those that were held before with their id and date."""
    known = {str(note.note_id): note for note in held}
    result: list[Note] = []
    for note in given:
        old = known.pop(note.note_id.lower(), None) if note.note_id else None
        result.append(
            Note(
                note_id=old.note_id if old else new_id(),
                created_at=old.created_at if old else now,
                content=note.content,
            )
        )
    # Dates are whole seconds, and what is new now is newer than what was held.
    before = {note.note_id for note in held}
    return sorted(result, key=lambda note: (note.created_at, note.note_id not in before), reverse=True)


def problems(given: Sequence[NoteIn]) -> list[str]:
    return [f"notes[{index}][content] is empty" for index, note in enumerate(given) if not note.content.strip()]
