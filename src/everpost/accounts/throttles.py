"""Slow down whoever guesses: recent failures of one subject (a login, an address, an app), and a block after too many.

Rules: a failure counts for as long as its limit's window; the failure that reaches the limit starts the block. A try is
counted before its outcome is known, under a row lock, so a hundred guesses at once are not a hundred free ones.
Source: contract, auth.md §3.2, §5.3.
"""

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from everpost.platform import clock, crypto, gate
from everpost.platform.db import Conn, one, run


class Limit(msgspec.Struct, frozen=True):
    """How many failures within which time, and how long they block."""

    failures: int
    within: timedelta
    block_for: timedelta


class _Throttle(msgspec.Struct):
    failed_at: list[datetime]
    blocked_until: datetime | None


def subject(purpose: str, name: str) -> bytes:
    """What is stored instead of a login or an address: nobody needs to read them back.

    Of an IPv6 address its network counts, because whoever has one address there has 2^64 of them.
    """
    return crypto.mac(f"throttle:{purpose}", _network(name).lower().encode())


def address_of(peer: str, headers: Mapping[str, str]) -> str:
    """Where a request came from; a trusted proxy is asked whom it speaks for."""
    if gate.is_trusted_proxy(peer) and "x-forwarded-for" in headers:
        return headers["x-forwarded-for"].rpartition(",")[2].strip()
    return peer


async def is_blocked(conn: Conn, whom: bytes) -> bool:
    found = await one(
        conn, bytes, "SELECT subject FROM throttles WHERE subject = :whom AND blocked_until > :now",
        whom=whom, now=clock.now(),
    )  # fmt: skip
    return found is not None


async def count_try(conn: Conn, whom: bytes, limit: Limit) -> bool:
    """Count a try as a failure until `forget` or `take_back` says otherwise; False while blocked."""
    now = clock.now()
    held = await _lock(conn, whom, now)
    if held.blocked_until is not None and held.blocked_until > now:
        return False
    failed_at = [*(at for at in held.failed_at if at > now - limit.within), now]
    is_last = len(failed_at) >= limit.failures
    await _write(
        conn,
        whom,
        failed_at=failed_at,
        blocked_until=now + limit.block_for if is_last else None,
        expires_at=now + max(limit.within, limit.block_for),
    )
    return True


async def forget(conn: Conn, whom: bytes) -> None:
    """The subject proved itself: nothing is held against it any more."""
    await run(conn, "DELETE FROM throttles WHERE subject = :whom", whom=whom)


async def take_back(conn: Conn, whom: bytes) -> None:
    """The latest try was no failure; earlier ones still count, and if it was what began a block there is none."""
    await run(
        conn,
        """
        UPDATE throttles
           SET failed_at = failed_at[1:cardinality(failed_at) - 1], blocked_until = NULL
         WHERE subject = :whom AND cardinality(failed_at) > 0""",
        whom=whom,
    )


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM throttles WHERE expires_at < :now", now=clock.now())


def _network(name: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    if isinstance(address, ipaddress.IPv4Address):
        return name
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))


async def _lock(conn: Conn, whom: bytes, now: datetime) -> _Throttle:
    await run(
        conn,
        """
        INSERT INTO throttles (subject, failed_at, expires_at) VALUES (:whom, '{}', :now)
        ON CONFLICT (subject) DO NOTHING""",
        whom=whom,
        now=now,
    )
    held = await one(
        conn,
        _Throttle,
        "SELECT failed_at, blocked_until FROM throttles WHERE subject = :whom FOR UPDATE",
        whom=whom,
    )
    # A sweep may delete the row between the two statements; then nothing was held against the subject.
    return held or _Throttle([], None)


async def _write(
    conn: Conn, whom: bytes, *, failed_at: list[datetime], blocked_until: datetime | None, expires_at: datetime
) -> None:
    await run(
        conn,
        """
        INSERT INTO throttles (subject, failed_at, blocked_until, expires_at)
        VALUES (:whom, :failed_at, :blocked_until, :expires_at)
        ON CONFLICT (subject) DO UPDATE
           SET failed_at = excluded.failed_at,
               blocked_until = excluded.blocked_until,
               expires_at = excluded.expires_at""",
        whom=whom,
        failed_at=failed_at,
        blocked_until=blocked_until,
        expires_at=expires_at,
    )
