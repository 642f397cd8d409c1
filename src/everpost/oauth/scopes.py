"""What an app may ask for. An operation needs one scope; what the person may do is a matter of privileges.

Rules: case-sensitive, separated by spaces (or by plus signs that survived decoding), duplicates count once, the order
is that of first appearance. `v3api/general.partner` is never granted by a person, so it is unknown here.
Source: contract, auth.md §3, §10.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

OFFLINE: Final = "offline_access"

MEANINGS: Final = {
    "account_read": "See your account: organization, addresses and sender addresses",
    "account_update": "Change your account: organization, addresses and sender addresses",
    "contact_data": "See and change your contacts, lists, tags and custom fields",
    "campaign_data": "See, change and send your campaigns, and read their reports",
    "billing_data": "See billing data",
    OFFLINE: "Stay connected while you are away",
}

_SEPARATORS: Final = re.compile(r"[\s+]+")


class UnknownScope(Exception):
    """An item of the list names no scope; the argument is that item."""


def read(text: str) -> list[str]:
    """The scopes of a request, in their order. Raises: UnknownScope."""
    return checked(part for part in _SEPARATORS.split(text) if part)


def checked(names: Iterable[str]) -> list[str]:
    """The names without duplicates. Raises: UnknownScope."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in MEANINGS:
            raise UnknownScope(name)
    return wanted


def explained(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each scope with what it means, in plain words."""
    return [(name, MEANINGS[name]) for name in names]
