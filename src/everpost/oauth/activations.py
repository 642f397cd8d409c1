"""A person types the code that a device shows: finding the device, and stopping those who guess.

Rules: five wrong codes per session and ten minutes, then no code is looked at for ten minutes. A try is counted
before its outcome is known. Source: contract, auth.md §8.2; RFC 8628 §5.1.
"""

import enum
from datetime import timedelta
from typing import Final, TypeAlias

from everpost.accounts import throttles
from everpost.accounts.throttles import Limit
from everpost.oauth import devices
from everpost.oauth.devices import Waiting
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db

_TEN_MINUTES: Final = timedelta(minutes=10)
_WRONG_CODES: Final = Limit(5, within=_TEN_MINUTES, block_for=_TEN_MINUTES)


class Refusal(enum.Enum):
    """Why no device was found; `UNKNOWN` are also codes that were answered or are too old."""

    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    NOT_OPEN = "not_open"


Found: TypeAlias = Waiting | Refusal


async def find(db: Db, session: Session, typed: str) -> Found:
    """The device that shows this code, if this person may let it in."""
    async with db.transaction() as conn:
        return await _find(conn, session, typed)


async def decide(db: Db, session: Session, typed: str, *, is_allowed: bool) -> Found:
    """Let the device in, or keep it out; returns which one it was."""
    async with db.transaction() as conn:
        found = await _find(conn, session, typed)
        if isinstance(found, Refusal):
            return found
        if is_allowed:
            await devices.approve(conn, found, session)
        else:
            await devices.deny(conn, found, session)
        return found


async def _find(conn: Conn, session: Session, typed: str) -> Found:
    whom = throttles.subject("user-code", str(session.session_id))
    if not await throttles.count_try(conn, whom, _WRONG_CODES):
        return Refusal.BLOCKED
    waiting = await devices.find_waiting(conn, devices.read_user_code(typed))
    if waiting is None:
        return Refusal.UNKNOWN
    await throttles.take_back(conn, whom)
    return waiting if waiting.app.is_open_to(session.account_id) else Refusal.NOT_OPEN
