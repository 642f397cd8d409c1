"""Passwords: argon2id, hashed and checked in a thread, because each takes tens of milliseconds and 19 MiB.

The parameters are those that OWASP's Password Storage Cheat Sheet gives for argon2id: enough against guessing, and not
so much that a burst of sign-ins takes a small machine down. Stronger ones here reach everybody at their next sign-in.
"""

import functools
from typing import Final

import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 8
LONGEST: Final = 1024  # hashing is linear in the length, so an endless password would be an attack

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Check:
    """The outcome of a comparison; `new_hash` is set when the stored one was made with weaker parameters."""

    __slots__ = ("is_right", "new_hash")

    def __init__(self, is_right: bool, new_hash: str | None = None) -> None:
        self.is_right = is_right
        self.new_hash = new_hash


async def hashed(password: str) -> str:
    return await anyio.to_thread.run_sync(_hasher.hash, password)


async def check(password: str, stored: str | None) -> Check:
    """Compare; without a stored hash it takes just as long, so that nobody learns which logins exist."""
    if len(password) > LONGEST:
        return Check(False)
    return await anyio.to_thread.run_sync(_check, password, stored)


def _check(password: str, stored: str | None) -> Check:
    try:
        _hasher.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return Check(False)
    if not stored:
        return Check(False)
    return Check(True, _hasher.hash(password) if _hasher.check_needs_rehash(stored) else None)


@functools.cache
def _nobodys() -> str:
    return _hasher.hash("the hash of no password that anybody has")
