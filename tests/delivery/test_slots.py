"""How many connections are busy at once: for an account, to a relay, to a receiving domain, over all workers."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from everpost.delivery import claims, outbox, shifts, slots, submission
from everpost.delivery.slots import Cap
from everpost.ids import new_id
from everpost.platform import config
from everpost.platform.db import Db, many
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import ScriptedServer
from tests.delivery.test_outbox import Forgetful

CAP = 2


class Crowd:
    """A relay that sees how many messages are on their way to it at once, and waits a moment for those it expects."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, expected: int, counts: Callable[[str], bool] = lambda recipient: True
    ) -> None:
        self.server = ScriptedServer(self._answer)
        self.most = 0
        self._counts = counts
        self._now = 0
        say = self.server._say

        async def say_slowly(writer: Any, said: str) -> bool:
            if not said.endswith("taken"):
                return await say(writer, said)
            recipient = said.split()[2]
            self._now += self._counts(recipient)
            self.most = max(self.most, self._now)
            for _ in range(100):
                await asyncio.sleep(0.02)
                if self.most >= expected:
                    break
            self._now -= self._counts(recipient)
            return await say(writer, said)

        monkeypatch.setattr(self.server, "_say", say_slowly)

    @staticmethod
    def _answer(verb: str, line: str) -> str | None:
        return f"250 2.0.0 {line} taken" if verb == "TEXT" else None


@pytest.fixture(autouse=True)
def many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, and several drains of one mailing in this process, as if they were in several."""
    # A loop keeps as many carriers as the first test on it had.
    monkeypatch.setattr(submission, "_semaphores", WeakKeyDictionary())
    monkeypatch.setattr(outbox, "_worked_on", Forgetful())
    monkeypatch.setattr(shifts, "BATCH", 4)
    monkeypatch.setattr(shifts, "_SLOT_SECONDS", 0.3)


async def drain_at_once(sending: Sending, new: Any) -> None:
    await asyncio.gather(*(outbox.drain(sending.db, sending.account_id, new.mailing_id) for _ in range(3)))


async def held(db: Db) -> int:
    async with db.reader() as conn:
        return (await many(conn, int, "SELECT count(*) FROM send_slots"))[0]


LIMITS: dict[str, dict[str, Any]] = {
    "relay": {"query": f"?connections={CAP}"},
    "account": {"account_connections": CAP},
    "none": {},
}


@pytest.mark.parametrize(("limit", "expected"), [("relay", CAP), ("account", CAP), ("none", 6)])
async def test_all_workers_together_keep_so_many_connections(
    sending: Sending, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int
) -> None:
    await sending.contacts(40)
    crowd = Crowd(monkeypatch, expected)
    options = dict(LIMITS[limit])
    async with crowd.server.running():
        url = f"smtp://127.0.0.1:{crowd.server.port}{options.pop('query', '')}"
        config.override(smtp_url=url, smtp_connections=6, **options)
        new, _ = await sending.open()
        await drain_at_once(sending, new)
        assert (expected, 40) == (crowd.most, (await sending.progress(new)).sent)
    assert 0 == await held(sending.db)


async def test_a_receiving_domain_gets_so_many_at_once_and_does_not_keep_the_others_waiting(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        for domain in ("busy.example", "calm.example", "free.example"):
            await sending.contact(f"reader{number}@{domain}")
    crowd = Crowd(monkeypatch, 1, lambda recipient: recipient.endswith("@busy.example"))
    async with crowd.server.running():
        config.override(
            smtp_url=f"smtp://127.0.0.1:{crowd.server.port}", smtp_connections=6, domain_connections=CAP,
            domain_connection_limits="BUSY.example=1, free.example=0",
        )  # fmt: skip
        new, _ = await sending.open()
        await drain_at_once(sending, new)
        first = [recipient.partition("@")[2] for recipient, _ in crowd.server.taken]
        for _ in range(20):
            clock.move(timedelta(seconds=5))
            await work()
    assert (1, 10) == (crowd.most, first.count("free.example"))
    assert ("finished", 30) == (await sending.state(new), (await sending.progress(new)).sent)
    assert [1] * 30 == [row.attempts for row in await sending.rows(new)]
    assert 0 == await held(sending.db)


async def test_a_mailing_that_finds_no_slot_looks_again_in_a_second(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a dead worker held is free again when its lease runs out."""
    await sending.contacts(3)
    config.override(account_connections=1)
    cap = Cap(f"account:{sending.account_id}", 1)
    async with sending.db.transaction() as conn:
        assert {cap.name} == await slots.take(conn, new_id(), [cap], now=clock.now())
    new, _ = await sending.open()
    await work()
    async with sending.db.reader() as conn:
        (look_at,) = await many(conn, str, "SELECT look_at::text FROM mailing_directory WHERE look_at IS NOT NULL")
    assert (0, f"{clock.now() + timedelta(seconds=1):%H:%M:%S}") == ((await sending.progress(new)).sent, look_at[11:19])
    clock.move(claims.LEASE + timedelta(seconds=1))
    await work()
    assert ("finished", 3, 0) == (
        await sending.state(new),
        (await sending.progress(new)).sent,
        await held(sending.db),
    )


async def test_a_slot_belongs_to_one_holder_until_it_is_given_back(db: Db, clock: Any) -> None:
    caps = [Cap("domain:a.example", 1), Cap("relay:b.example:25", 2)]
    first, second, third = new_id(), new_id(), new_id()

    async def take(holder: Any) -> set[str]:
        async with db.transaction() as conn:
            return await slots.take(conn, holder, caps, now=clock.now())

    assert {cap.name for cap in caps} == await take(first)
    assert {"relay:b.example:25"} == await take(second)
    assert set() == await take(third)
    clock.move(claims.LEASE)
    async with db.transaction() as conn:
        await slots.keep(conn, [first], now=clock.now())
    clock.move(timedelta(seconds=1))
    assert {"relay:b.example:25"} == await take(third)


@pytest.mark.parametrize("number", [1, 3])
async def test_of_many_at_once_no_more_than_the_limit_get_a_slot(db: Db, clock: Any, number: int) -> None:
    async def take() -> bool:
        async with db.transaction() as conn:
            return bool(await slots.take(conn, new_id(), [Cap("relay:b.example:25", number)], now=clock.now()))

    taken = 0
    for _ in range(4):
        taken += sum(await asyncio.gather(*(take() for _ in range(8))))
    assert number == taken


async def test_without_limits_nobody_asks_for_slots(
    sending: Sending, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(slots, "take")
    monkeypatch.delattr(slots, "_drop")
    await sending.contacts(5)
    new, _ = await sending.open()
    await work()
    assert 5 == (await sending.progress(new)).sent


async def test_slots_that_everybody_gets_are_no_limit(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the tests above."""

    async def take(_: Any, __: Any, caps: Any, *, now: Any) -> set[str]:
        return {cap.name for cap in caps}

    monkeypatch.setattr(slots, "take", take)
    await sending.contacts(40)
    crowd = Crowd(monkeypatch, CAP + 1)
    async with crowd.server.running():
        config.override(smtp_url=f"smtp://127.0.0.1:{crowd.server.port}?connections={CAP}", smtp_connections=6)
        new, _ = await sending.open()
        await drain_at_once(sending, new)
    assert crowd.most > CAP


async def test_a_slow_relay_gets_small_batches(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a pause is seconds away, and less is lost with a worker."""
    monkeypatch.setattr(shifts, "BATCH", 16)
    monkeypatch.setattr(shifts, "_BATCH_SECONDS", 0.06)
    sizes = []
    take = claims.take

    async def note(*arguments: Any, at_most: int, **named: Any) -> Any:
        sizes.append(at_most)
        return await take(*arguments, at_most=at_most, **named)

    monkeypatch.setattr(claims, "take", note)
    await sending.contacts(24)
    crowd = Crowd(monkeypatch, 1)
    async with crowd.server.running():
        config.override(smtp_url=f"smtp://127.0.0.1:{crowd.server.port}", smtp_connections=1)
        new, _ = await sending.open()
        await outbox.drain(sending.db, sending.account_id, new.mailing_id)
    assert 16 == sizes[0]
    assert max(sizes[1:]) <= 3
    assert 24 == (await sending.progress(new)).sent
