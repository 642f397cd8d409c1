"""Addresses that nothing is sent to for now: those that do not exist, for everybody, and those that complained.

Rules: an address that a server called unknown (bounce B) is on hold for 15 days, for every account of this server;
when it is unknown again after that, it stays on hold until the operator lifts it. Mail for it counts as sent and as a
bounce S, and no server hears of it. An account whose contact it is may end a hold early, which is not forgotten: found
unknown once more, the address stays on hold. Nothing here changes a contact. A complaint concerns one account only, and
there for good. Addresses are kept as hashes: whether one is held can be asked, which ones are cannot.
Source: contract, campaigns.md §5.6, §5.7.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from msgspec import Struct

from everpost.ids import AccountId
from everpost.platform.db import Conn, many, one, run

FIRST_HOLD: Final = timedelta(days=15)


class Hold(Struct, frozen=True):
    """Since when an address is left in peace, and until when; None is until somebody lifts it."""

    noted_at: datetime
    held_until: datetime | None


async def note_unknown(conn: Conn, addresses: Iterable[str], *, now: datetime) -> None:
    """Servers said that these addresses do not exist."""
    # In one order, so that two who note the same addresses never wait for each other.
    hashes = sorted({address_hash(address) for address in addresses})
    await run(
        conn,
        """
        INSERT INTO address_holds (address_hash, held_until, noted_at)
        SELECT address_hash, :held_until, :now FROM unnest(:hashes::bytea[]) AS unknown (address_hash)
            ON CONFLICT (address_hash) DO UPDATE
           SET held_until = 'infinity', noted_at = excluded.noted_at
         WHERE address_holds.held_until <= excluded.noted_at""",
        hashes=hashes,
        now=now,
        held_until=now + FIRST_HOLD,
    )


async def note_complaint(conn: Conn, account_id: AccountId, address: str, *, now: datetime) -> None:
    """Never mail this address for this account again."""
    await run(
        conn,
        """
        INSERT INTO complaint_suppressions (account_id, address_hash, complained_at)
        VALUES (:account_id, :address_hash, :now)
            ON CONFLICT (account_id, address_hash) DO NOTHING""",
        account_id=account_id,
        address_hash=address_hash(address),
        now=now,
    )


async def held(conn: Conn, addresses: Iterable[str], *, now: datetime) -> set[str]:
    """Which of these are on hold."""
    hashes = {address_hash(address): address for address in addresses}
    found = await many(
        conn,
        bytes,
        "SELECT address_hash FROM address_holds WHERE address_hash = ANY (:hashes) AND held_until > :now",
        hashes=list(hashes),
        now=now,
    )
    return {hashes[each] for each in found}


async def complained(conn: Conn, account_id: AccountId, addresses: Iterable[str]) -> set[str]:
    """Which of these complained about this account."""
    hashes = {address_hash(address): address for address in addresses}
    found = await many(
        conn,
        bytes,
        """
        SELECT address_hash
          FROM complaint_suppressions
         WHERE account_id = :account_id AND address_hash = ANY (:hashes)""",
        account_id=account_id,
        hashes=list(hashes),
    )
    return {hashes[each] for each in found}


async def are_any(conn: Conn, account_id: AccountId, *, now: datetime) -> bool:
    """Whether anybody at all is held; most of the time nobody is, and then nobody need ask."""
    found = await one(
        conn,
        bool,
        """
        SELECT EXISTS (SELECT FROM address_holds WHERE held_until > :now)
               OR EXISTS (SELECT FROM complaint_suppressions WHERE account_id = :account_id)""",
        account_id=account_id,
        now=now,
    )
    return bool(found)


async def find(conn: Conn, address: str, *, now: datetime) -> Hold | None:
    """None when the address is not on hold (any more)."""
    return await one(
        conn,
        Hold,
        """
        SELECT noted_at, NULLIF(held_until, 'infinity') AS held_until
          FROM address_holds
         WHERE address_hash = :address_hash AND held_until > :now""",
        address_hash=address_hash(address),
        now=now,
    )


async def complained_at(conn: Conn, account_id: AccountId, address: str) -> datetime | None:
    """When this address complained about this account, if it did."""
    return await one(
        conn,
        datetime,
        """
        SELECT complained_at
          FROM complaint_suppressions
         WHERE account_id = :account_id AND address_hash = :address_hash""",
        account_id=account_id,
        address_hash=address_hash(address),
    )


async def end(conn: Conn, address: str, *, now: datetime) -> bool:
    """Try an address again from now on; whether it was on hold."""
    ended = await run(
        conn,
        """
        UPDATE address_holds SET held_until = :now
         WHERE address_hash = :address_hash AND held_until > :now""",
        address_hash=address_hash(address),
        now=now,
    )
    return ended > 0


async def lift(conn: Conn, address: str) -> bool:
    """Forget that an address was on hold; whether it was. Complaints stay."""
    lifted = await run(
        conn, "DELETE FROM address_holds WHERE address_hash = :address_hash", address_hash=address_hash(address)
    )
    return lifted > 0


def address_hash(address: str) -> bytes:
    return sha256(address.strip().lower().encode()).digest()
