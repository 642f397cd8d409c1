"""New sending domains begin slowly: so many messages on the first day, more on each day after.

Rules: `EVERPOST_WARM_UP` lists what a sending domain of an account may send on its first, second, ... day, and after
the last one there is no limit. The first day is the one of its first message while the setting is there. Days are
UTC's. The rest of a send waits until tomorrow.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import Struct

from everpost.delivery.throttles import Free
from everpost.ids import AccountId
from everpost.platform import config
from everpost.platform.db import Conn, one, run

_BETWEEN: Final = re.compile(r"[\s,]+")


def concerns(domain: str) -> bool:
    settings = config.current()
    chosen = _words(settings.warm_up_domains.lower())
    return bool(_words(settings.warm_up)) and (not chosen or domain in chosen)


async def free(conn: Conn, account_id: AccountId, domain: str, *, at_most: int, now: datetime) -> Free:
    """What is left of today. Locks the domain's row until the transaction ends."""
    today = now.astimezone(UTC).date()
    warm_up = await _lock(conn, account_id, domain, today)
    plan = _plan()
    days = (today - warm_up.began_on).days
    if days >= len(plan):
        return Free(at_most, now)
    sent = warm_up.sent if warm_up.day == today else 0
    tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
    return Free(max(0, min(plan[days] - sent, at_most)), tomorrow)


async def spend(conn: Conn, account_id: AccountId, domain: str, messages: int, *, now: datetime) -> None:
    """Count what leaves today."""
    await run(
        conn,
        """
        UPDATE warm_ups
           SET sent = CASE WHEN day = :today THEN sent ELSE 0 END + :messages, day = :today
         WHERE account_id = :account_id AND domain = :domain""",
        account_id=account_id,
        domain=domain,
        messages=messages,
        today=now.astimezone(UTC).date(),
    )


class Today(Struct, frozen=True):
    """What a domain sent today, and what it may send in all."""

    sent: int
    allowed: int


async def so_far_today(conn: Conn, account_id: AccountId, domain: str, *, now: datetime) -> Today | None:
    """For people who look; nothing is locked. None when the domain is not warmed up, or not any more."""
    found = await _find(conn, account_id, domain) if concerns(domain) else None
    if found is None:
        return None
    day = now.astimezone(UTC).date()
    plan, days = _plan(), (day - found.began_on).days
    return Today(found.sent if found.day == day else 0, plan[days]) if days < len(plan) else None


class _WarmUp(Struct, frozen=True):
    began_on: date
    day: date
    sent: int


def _plan() -> list[int]:
    return [int(word) for word in _words(config.current().warm_up)]


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(text) if word]


async def _find(conn: Conn, account_id: AccountId, domain: str) -> _WarmUp | None:
    return await one(
        conn,
        _WarmUp,
        "SELECT began_on, day, sent FROM warm_ups WHERE account_id = :account_id AND domain = :domain",
        account_id=account_id,
        domain=domain,
    )


async def _lock(conn: Conn, account_id: AccountId, domain: str, today: date) -> _WarmUp:
    await run(
        conn,
        """
        INSERT INTO warm_ups (account_id, domain, began_on, day, sent)
        VALUES (:account_id, :domain, :today, :today, 0)
            ON CONFLICT (account_id, domain) DO NOTHING""",
        account_id=account_id,
        domain=domain,
        today=today,
    )
    found = await one(
        conn,
        _WarmUp,
        """
        SELECT began_on, day, sent
          FROM warm_ups
         WHERE account_id = :account_id AND domain = :domain
           FOR UPDATE""",
        account_id=account_id,
        domain=domain,
    )
    assert found is not None
    return found
