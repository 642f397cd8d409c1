"""A result file that grows chunk by chunk, in parts that are never changed.

A part is written under a name of its own before the ledger names it, so a worker that was killed or lost its lease
leaves at most a part that nobody names; it goes with the upload folder's sweep, as do all parts after ten days.
"""

from typing import Final

from msgspec import Struct

from everpost.activities import runner
from everpost.ids import AccountId, ActivityId, new_id
from everpost.platform import storage


class Parts(Struct, frozen=True):
    """The parts of a file, in their order."""

    names: list[str] = []
    size_bytes: int = 0

    @property
    def are_there(self) -> bool:
        return all(storage.exists(name) for name in self.names)


NOTHING: Final = Parts()


def next_name(parts: Parts, account_id: AccountId, activity_id: ActivityId) -> str:
    """A name for one more part, which nobody else writes."""
    return f"{runner.UPLOADS}/{account_id}/{activity_id}.{len(parts.names):05}-{new_id().hex}"


def with_part(parts: Parts, name: str) -> Parts:
    """The file with one more part at its end, which is stored."""
    return Parts([*parts.names, name], parts.size_bytes + storage.size_bytes(name))


async def add(parts: Parts, account_id: AccountId, activity_id: ActivityId, content: bytes) -> Parts:
    """Store one more part."""
    name = next_name(parts, account_id, activity_id)
    await storage.put(name, content)
    return with_part(parts, name)
