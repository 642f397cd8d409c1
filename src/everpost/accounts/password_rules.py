"""Which passwords people may choose.

Rules: 8 to 80 characters, without the part of their address before the @, and none of the passwords that are guessed
first. Source: contract, portal.md §2. The list is the one that zxcvbn counted in leaked passwords.
"""

import functools
from importlib import import_module
from typing import Final

from everpost.accounts import passwords
from everpost.platform.errors import Invalid

LONGEST: Final = 80

_SHORTEST_PART: Final = 3  # an address such as `a@shop.example` would forbid every password with an a


class BadPassword(Invalid):
    """password {objection}."""


def objection(password: str, email: str) -> str | None:
    """What is wrong with a password, as the rest of a sentence that begins with its name; None when nothing is."""
    local_part = email.partition("@")[0].strip().lower()
    if not passwords.SHORTEST <= len(password) <= LONGEST:
        return f"must have {passwords.SHORTEST} to {LONGEST} characters"
    if len(local_part) >= _SHORTEST_PART and local_part in password.lower():
        return "must not contain the first part of the email address"
    if password.lower() in _common():
        return "is one of those that are guessed first"
    return None


def require(password: str, email: str) -> None:
    """Raises: BadPassword."""
    found = objection(password, email)
    if found is not None:
        raise BadPassword(objection=found)


@functools.cache
def _common() -> frozenset[str]:
    # Loaded by whoever asks: the lists take 8 MB, and no worker is ever given a password.
    lists: dict[str, list[str]] = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    return frozenset(each for each in lists["passwords"] if len(each) >= passwords.SHORTEST)
