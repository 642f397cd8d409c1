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


async def add(parts: Parts, account_id: AccountId, activity_id: ActivityId, content: bytes) -> Parts:
    """The file with one more part at its end, which is stored."""
    name = f"{runner.UPLOADS}/{account_id}/{activity_id}.parts/{len(parts.names):05}-{new_id().hex}"
    await storage.put(name, content)
    return Parts([*parts.names, name], parts.size_bytes + len(content))
