"""Numbers of the previous API: 1, 2, 3 ... per account and kind, for clients that migrate their stored references.

Rules: decimal text; leading zeros count for nothing; at most 500 in a question; unknown numbers are left out of the
answer. Source: contract, contacts.md §5.8, conventions.md §14.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, ClassVar, Final, TypeVar

from msgspec import Meta, Struct

from everpost.ids import AccountId
from everpost.platform.db import Conn, Db
from everpost.platform.errors import Invalid

Xref = TypeVar("Xref")

_LARGEST: Final = 2**63 - 1


class SequencesQuery(Struct):
    aliases: ClassVar[Mapping[str, str]] = {}

    sequence_ids: Annotated[list[str], Meta(min_length=1, max_length=500)]


async def look_up(
    db: Db,
    account_id: AccountId,
    query: SequencesQuery,
    *,
    numbered: Callable[[Conn, AccountId, Sequence[int]], Awaitable[list[Xref]]],
    number: Callable[[Conn, AccountId], Awaitable[None]],
) -> list[Xref]:
    """What is `numbered` so. Numbers are given at the first question, in order of creation. Raises: Invalid."""
    sequence_ids = _read(query.sequence_ids)
    async with db.reader() as conn:
        found = await numbered(conn, account_id, sequence_ids)
    if len(found) < len(sequence_ids):
        async with db.transaction() as conn:
            await number(conn, account_id)
            found = await numbered(conn, account_id, sequence_ids)
    return found


def _read(texts: Sequence[str]) -> list[int]:
    """The numbers asked for, each once; those too large for any row are left out. Raises: Invalid."""
    if not all(re.fullmatch("[0-9]+", text) for text in texts):
        raise Invalid("sequence_ids is invalid")
    # Python refuses to read absurdly long numbers, so they are measured as text first.
    short = (text.lstrip("0")[:20] or "0" for text in texts)
    return [number for number in dict.fromkeys(map(int, short)) if number <= _LARGEST]
