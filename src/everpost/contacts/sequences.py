"""Numbers of the previous API: 1, 2, 3 ... per account and kind, for clients that migrate their stored references.

Rules: decimal text; leading zeros count for nothing; at most 500 in a question; unknown numbers are left out of the
answer. Source: contract, contacts.md §5.8, conventions.md §14.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from everpost.platform.errors import Invalid

_LARGEST: Final = 2**63 - 1


class SequencesQuery(Struct):
    aliases: ClassVar[Mapping[str, str]] = {}

    sequence_ids: Annotated[list[str], Meta(min_length=1, max_length=500)]


def read(texts: Sequence[str]) -> list[int]:
    """The numbers asked for, each once; those too large for any row are left out. Raises: Invalid."""
    if not all(re.fullmatch("[0-9]+", text) for text in texts):
        raise Invalid("sequence_ids is invalid")
    # Python refuses to read absurdly long numbers, so they are measured as text first.
    short = (text.lstrip("0")[:20] or "0" for text in texts)
    return [number for number in dict.fromkeys(map(int, short)) if number <= _LARGEST]
