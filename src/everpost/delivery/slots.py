"""How much goes on at once, over all workers: connections to a relay, for an account, to a receiving domain.

A slot is a lease: a row that says who holds it and until when. One statement takes a slot of each name that is wanted,
or finds that they are all held; what is held is prolonged with the claim that it belongs to. An account's slot and a
relay's are held for a shift, a receiving domain's for a batch with messages to it.

Rules: whoever finds none leaves the work to those who hold one. What a dead worker held is free when its lease runs
out. Where nothing is limited, nothing is asked. A relay that takes over from another one in the middle of a batch is
asked for a slot in the next shift.
Source: contract, campaigns.md §5.4; distributed.md, "Shared state of many nodes".
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from everpost.delivery import claims, throttles
from everpost.ids import AccountId
from everpost.platform import config
from everpost.platform.db import Conn, many, run
from everpost.platform.relays import Relay


class Cap(Struct, frozen=True):
    """Whatever may only have so many slots."""

    name: str
    at_most: int


class Slots:
    """What one hand of a shift holds."""

    def __init__(self, account_id: AccountId, holder: UUID, relay: Relay | None) -> None:
        self.is_crowded_out = False  # most of what it was given needs slots that others hold
        self._holder = holder
        self._relay = relay
        self._shared = _shared(account_id, relay)
        self._domains: set[str] = set()

    @property
    def are_needed(self) -> bool:
        """Whether the account or the relay is limited."""
        return bool(self._shared)

    def fit(self, relay: Relay | None) -> bool:
        """Whether what is held is for this relay."""
        return relay == self._relay or not (relay is not None and relay.connections)

    async def begin(self, conn: Conn, *, now: datetime) -> bool:
        """Hold one of the account's and one of the relay's; nothing when one of them has none free."""
        if len(await take(conn, self._holder, self._shared, now=now)) == len(self._shared):
            return True
        await _drop(conn, self._holder, [cap.name for cap in self._shared])
        return False

    async def admit(self, conn: Conn, domains: Collection[str], *, now: datetime) -> set[str]:
        """Hold one slot of each of these domains that is limited, and no others; returns those that have none free."""
        wanted = {f"domain:{domain}": domain for domain in domains if _of_domain(domain)}
        if dropped := self._domains - wanted.keys():
            await _drop(conn, self._holder, sorted(dropped))
        caps = [Cap(name, _of_domain(wanted[name])) for name in sorted(wanted.keys() - self._domains)]
        taken = await take(conn, self._holder, caps, now=now) if caps else set[str]()
        self._domains = (self._domains & wanted.keys()) | taken
        return {domain for name, domain in wanted.items() if name not in self._domains}

    def forget(self) -> None:
        """The transaction failed; what it took is not held, and what it dropped only runs out."""
        self._domains.clear()

    async def end(self, conn: Conn) -> None:
        """Give all of it back."""
        if self._shared or _limits_domains():
            await run(conn, "DELETE FROM send_slots WHERE holder = :holder", holder=self._holder)


async def take(conn: Conn, holder: UUID, caps: Sequence[Cap], *, now: datetime) -> set[str]:
    """The names of which the holder has got a slot."""
    # Each holder tries the numbers in an order of its own, so that those who begin together seldom meet; where two do,
    # the second waits for the first, finds the slot taken, and has none. In the order of the names, against deadlocks.
    taken = await many(
        conn,
        str,
        """
        INSERT INTO send_slots AS slot (name, number, holder, lease_until)
        SELECT cap.name, free.number, :holder, :lease_until
          FROM unnest(:names::text[], :sizes::int[]) AS cap (name, size)
         CROSS JOIN LATERAL (
               SELECT number
                 FROM generate_series(0, cap.size - 1) AS number
                WHERE NOT EXISTS (SELECT FROM send_slots AS held
                                   WHERE held.name = cap.name AND held.number = number.number
                                     AND held.lease_until >= :now)
                ORDER BY md5(:salt || number::text)
                LIMIT 1) AS free
         ORDER BY cap.name
            ON CONFLICT (name, number) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
         WHERE slot.lease_until < :now
        RETURNING name""",
        holder=holder,
        salt=holder.hex,
        names=[cap.name for cap in caps],
        sizes=[cap.at_most for cap in caps],
        lease_until=now + claims.LEASE,
        now=now,
    )
    return set(taken)


async def keep(conn: Conn, holders: Iterable[UUID], *, now: datetime) -> None:
    """Prolong the leases of holders who live."""
    await run(
        conn,
        "UPDATE send_slots SET lease_until = :lease_until WHERE holder = ANY (:holders)",
        holders=sorted(holders),
        lease_until=now + claims.LEASE,
    )


def _shared(account_id: AccountId, relay: Relay | None) -> list[Cap]:
    caps = []
    if at_most := config.current().account_connections:
        caps.append(Cap(f"account:{account_id}", at_most))
    if relay is not None and relay.connections:
        caps.append(Cap(f"relay:{relay.name}", relay.connections))
    return caps


def _limits_domains() -> bool:
    settings = config.current()
    return bool(settings.domain_connections or settings.domain_connection_limits)


def _of_domain(domain: str) -> int:
    """0 is no limit."""
    settings = config.current()
    return throttles.overrides(settings.domain_connection_limits).get(domain, settings.domain_connections)


async def _drop(conn: Conn, holder: UUID, names: list[str]) -> None:
    await run(
        conn,
        "DELETE FROM send_slots WHERE holder = :holder AND name = ANY (:names)",
        holder=holder,
        names=names,
    )
