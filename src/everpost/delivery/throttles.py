"""How fast mail may leave: budgets per account, per relay and per receiving domain, shared by all workers.

A budget is a rate; its row says up to which moment the rate was given out. Messages are granted as long as that moment
lies less than `WINDOW_SECONDS` ahead, so nobody asks for each single one, and after a quiet time at most that much goes
out at once. Whoever sends locks the rows for one short transaction.

Rules: the limit of an account and of a relay bounds how many recipients are taken at all. Those of a domain over its
limit are put back, each to a moment at which its turn will probably be. A domain or a relay that answers 421 or 4.7.x
is slowed down to half its rate, at most once a minute, and doubles again every five minutes until it is as fast as
before: a refusal of the sender is the relay's, one of the recipient or the text the domain's.
Where nothing is limited, nothing is asked.
Source: contract, campaigns.md §5.4; distributed.md, "Shared state of many nodes".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from everpost.delivery.smtp import Outcome, Stage, Verdict
from everpost.ids import AccountId
from everpost.platform import config, logs, relays
from everpost.platform.db import Conn, many, run
from everpost.platform.relays import Relay

WINDOW_SECONDS: Final = 5.0
# What a domain or a relay without a limit is taken to have had when it asks for less; recovered, it has none again.
_UNLIMITED_PER_MINUTE: Final = {"domain": 1200.0, "relay": 12_000.0}
_SLOWEST_PER_MINUTE: Final = 6.0
_RECOVERY: Final = timedelta(minutes=5)
_BETWEEN_SLOWDOWNS: Final = timedelta(minutes=1)
_WANTS_LESS: Final = re.compile(r"\b4\.7\.\d")

log = logs.get(__name__)


class Limit(Struct, frozen=True):
    """A budget's name and its rate."""

    name: str
    per_second: float


class Free(Struct, frozen=True):
    """How many messages may leave now; if none, when to ask again."""

    messages: int
    at: datetime


class Throttles:
    """The limits that concern one account's mail for a few seconds."""

    def __init__(self, account_id: AccountId, slowed: Mapping[str, float]) -> None:
        self._account_per_minute = config.current().account_per_minute
        self._account_id = account_id
        self._slowed = dict(slowed)

    @classmethod
    async def find(cls, conn: Conn, account_id: AccountId, *, now: datetime) -> "Throttles":
        return cls(account_id, await slowed(conn, now))

    def shared(self, relay: Relay | None) -> list[Limit]:
        """What bounds every message that goes to this relay."""
        limits = []
        if self._account_per_minute:
            limits.append(Limit(f"account:{self._account_id}", self._account_per_minute / 60))
        if relay is not None and (rate := self._per_minute(f"relay:{relay.name}", relay.per_minute)):
            limits.append(Limit(f"relay:{relay.name}", rate / 60))
        return limits

    def of_domains(self, domains: Iterable[str]) -> dict[str, Limit]:
        """The limits of those of the domains that have one."""
        if not self._limits_domains:
            return {}
        rates = {domain: self._per_minute(f"domain:{domain}", _configured(domain)) for domain in domains}
        return {domain: Limit(f"domain:{domain}", rate / 60) for domain, rate in rates.items() if rate}

    async def slow_down(self, conn: Conn, names: Iterable[str], *, now: datetime) -> None:
        """These asked for less: `domain:...` or `relay:...`."""
        for name in sorted(names):
            rate = max(_SLOWEST_PER_MINUTE, self._slowed.get(name, _usual(name)) / 2)
            if await _slow_down(conn, name, rate, now):
                log.warning("throttles.slowed", name=name, per_minute=round(rate, 1))
                self._slowed[name] = rate

    @property
    def _limits_domains(self) -> bool:
        settings = config.current()
        return bool(self._slowed or settings.domain_per_minute or settings.domain_limits)

    def _per_minute(self, name: str, configured: float) -> float:
        """0 is no limit."""
        slowed = self._slowed.get(name)
        return configured if slowed is None else min(slowed, _usual(name))


def who_wants_less(outcome: Outcome, recipient: str, relay: Relay | None) -> str | None:
    """The name of whoever says with a refusal that too much came; None when nobody does."""
    if outcome.verdict is not Verdict.TEMPORARY:
        return None
    if outcome.code != 421 and _WANTS_LESS.search(outcome.text) is None:
        return None
    if outcome.stage in (Stage.RCPT, Stage.DATA):
        return f"domain:{domain_of(recipient)}"
    return f"relay:{relay.name}" if relay is not None and outcome.stage in (Stage.BANNER, Stage.MAIL) else None


async def free(conn: Conn, limits: Sequence[Limit], *, at_most: int, now: datetime) -> Free:
    """What all of these allow together. Locks their rows until the transaction ends."""
    if not limits:
        return Free(at_most, now)
    budgets = await _lock(conn, limits, now)
    allowed = min(budgets[limit.name].free(limit, now.timestamp()) for limit in limits)
    at = max(budgets[limit.name].spent_until for limit in limits)
    return Free(min(allowed, at_most), datetime.fromtimestamp(at, UTC))


async def spend(conn: Conn, limits: Sequence[Limit], messages: int, *, now: datetime) -> None:
    """Take what `free` allowed, or less of it."""
    if limits and messages:
        budgets = await _lock(conn, limits, now)
        await _save(conn, [budgets[limit.name].less(messages, limit, now.timestamp()) for limit in limits])


async def admit(
    conn: Conn, limits: Mapping[str, Limit], domains: Sequence[str], *, now: datetime
) -> list[datetime | None]:
    """For each message its turn: None is now, for those whose domain has a budget left or no limit."""
    if not limits:
        return [None] * len(domains)
    budgets = await _lock(conn, list(limits.values()), now)
    turns: list[datetime | None] = []
    for domain in domains:
        limit = limits.get(domain)
        turn = None
        if limit is not None:
            budget = budgets[limit.name]
            if budget.free(limit, now.timestamp()):
                budgets[limit.name] = budget.less(1, limit, now.timestamp())
            else:
                turn = datetime.fromtimestamp(budget.next_turn, UTC)
                budgets[limit.name] = budget.planned(limit)
        turns.append(turn)
    await _save(conn, list(budgets.values()))
    return turns


async def slowed(conn: Conn, now: datetime) -> dict[str, float]:
    """Domains and relays that asked for less and have not recovered, by the names of their budgets, and their rates."""
    # An hour after it was halved last, even the slowest has doubled twelve times.
    found = await many(
        conn,
        _Slowed,
        "SELECT name, per_minute, slowed_at FROM slowdowns WHERE slowed_at > :since",
        since=now - timedelta(hours=1),
    )
    rates = {each.name: each.now(now) for each in found}
    return {name: rate for name, rate in rates.items() if rate < _usual(name)}


@lru_cache(maxsize=10_000)
def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


@lru_cache(maxsize=4)
def overrides(text: str) -> dict[str, int]:
    """Domains and numbers, of `gmail.com=600 example.net=0`."""
    pairs = [entry.partition("=") for entry in re.split(r"[\s,]+", text) if entry]
    return {domain.lower(): int(number) for domain, _, number in pairs}


class _Budget(Struct, frozen=True):
    name: str
    spent_until: float
    planned_until: float

    def free(self, limit: Limit, now: float) -> int:
        """Slow rates do not fit into the window: of them one message goes whenever the last one is paid for."""
        left = int((now + WINDOW_SECONDS - max(self.spent_until, now)) * limit.per_second + 1e-6)
        return max(left, 1) if self.spent_until <= now else max(left, 0)

    def less(self, messages: int, limit: Limit, now: float) -> "_Budget":
        spent_until = max(self.spent_until, now) + messages / limit.per_second
        return _Budget(self.name, spent_until, max(self.planned_until, spent_until))

    def planned(self, limit: Limit) -> "_Budget":
        """One more message is told to come back."""
        return _Budget(self.name, self.spent_until, self.planned_until + 1 / limit.per_second)

    @property
    def next_turn(self) -> float:
        """When the next one that is planned may come: together with its window, so that they are few drains."""
        windows = int((self.planned_until - self.spent_until) / WINDOW_SECONDS + 1e-6)
        return self.spent_until + windows * WINDOW_SECONDS


class _Slowed(Struct, frozen=True):
    name: str
    per_minute: float
    slowed_at: datetime

    def now(self, now: datetime) -> float:
        """Its rate, after what it recovered."""
        return self.per_minute * 2.0 ** min((now - self.slowed_at) // _RECOVERY, 32)


def _configured(domain: str) -> float:
    settings = config.current()
    return overrides(settings.domain_limits).get(domain, settings.domain_per_minute)


def _usual(name: str) -> float:
    """What it gets a minute as long as it does not ask for less."""
    kind, _, called = name.partition(":")
    if kind == "domain":
        return _configured(called) or _UNLIMITED_PER_MINUTE[kind]
    url = config.current().smtp_url
    limits = [relay.per_minute for relay in relays.read_all(url) if relay.name == called] if url else []
    return max(limits, default=0) or _UNLIMITED_PER_MINUTE[kind]


async def _lock(conn: Conn, limits: Sequence[Limit], now: datetime) -> dict[str, _Budget]:
    # In the order of their names, so that no two wait for each other.
    names = sorted({limit.name for limit in limits})
    await run(
        conn,
        """
        INSERT INTO send_budgets (name, spent_until, planned_until)
        SELECT name, 0, 0 FROM unnest(:names::text[]) AS wanted (name) ORDER BY name
            ON CONFLICT (name) DO NOTHING""",
        names=names,
    )
    found = await many(
        conn,
        _Budget,
        """
        SELECT name, spent_until, planned_until
          FROM send_budgets
         WHERE name = ANY (:names)
         ORDER BY name
           FOR UPDATE""",
        names=names,
    )
    # Nobody may save up for later, nor wait for turns that are over.
    past = now.timestamp()
    return {
        each.name: _Budget(each.name, each.spent_until, max(each.planned_until, each.spent_until, past))
        for each in found
    }


async def _save(conn: Conn, budgets: Sequence[_Budget]) -> None:
    await run(
        conn,
        """
        UPDATE send_budgets AS budget
           SET spent_until = spent.spent_until, planned_until = spent.planned_until
          FROM unnest(:names::text[], :spent::double precision[], :planned::double precision[])
            AS spent (name, spent_until, planned_until)
         WHERE budget.name = spent.name""",
        names=[budget.name for budget in budgets],
        spent=[budget.spent_until for budget in budgets],
        planned=[budget.planned_until for budget in budgets],
    )


async def _slow_down(conn: Conn, name: str, per_minute: float, now: datetime) -> int:
    return await run(
        conn,
        """
        INSERT INTO slowdowns AS slowed (name, per_minute, slowed_at)
        VALUES (:name, :per_minute, :now)
            ON CONFLICT (name) DO UPDATE SET per_minute = excluded.per_minute, slowed_at = excluded.slowed_at
         WHERE slowed.slowed_at <= :before""",
        name=name,
        per_minute=per_minute,
        now=now,
        before=now - _BETWEEN_SLOWDOWNS,
    )
