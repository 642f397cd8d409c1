"""How fast mail leaves: per account, relay and receiving domain; slower where a domain asks for it; new domains slowly."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from everpost.delivery import outbox, throttles
from everpost.delivery.smtp import Outcome, Stage, Verdict
from everpost.platform import config, relays
from everpost.platform.db import many
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import ScriptedServer
from tests.delivery.test_outbox import Forgetful


async def sent_after(sending: Sending, new: Any, work: Work, clock: Any, *seconds: int) -> list[int]:
    """How many have left at each of these moments after the start; jobs run every second until then."""
    counts = []
    for second in range(max(seconds) + 1):
        await work()
        if second in seconds:
            counts.append((await sending.progress(new)).sent)
        clock.move(timedelta(seconds=1))
    return counts


async def test_an_account_sends_no_faster_than_its_limit(sending: Sending, work: Work, clock: Any) -> None:
    config.override(account_per_minute=120)
    await sending.contacts(45)
    new, _ = await sending.open()
    # Two a second, and at most the ten of five seconds at once.
    assert [10, 20, 30, 45] == await sent_after(sending, new, work, clock, 4, 9, 14, 24)
    assert "finished" == await sending.state(new)


async def test_all_workers_together_keep_to_the_limit_of_a_relay(
    sending: Sending, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_worked_on", Forgetful())
    await sending.contacts(60)
    async with ScriptedServer().running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}?per_minute=120", smtp_connections=4)
        new, _ = await sending.open()
        await asyncio.gather(*(outbox.drain(sending.db, sending.account_id, new.mailing_id) for _ in range(4)))
        assert 10 == len(server.taken)


async def test_a_slow_domain_does_not_keep_the_others_waiting(sending: Sending, work: Work, clock: Any) -> None:
    config.override(domain_per_minute=60, domain_limits="FAST.example=0, slower.example=12")
    for number in range(12):
        for domain in ("slow.example", "slower.example", "fast.example"):
            await sending.contact(f"reader{number}@{domain}")
    new, _ = await sending.open()
    sent = await sent_after(sending, new, work, clock, 0, 5, 10, 60)
    # 12 at once, with 5 of a second each and one of five seconds each.
    assert [18, 24, 27] == sent[:3]
    assert 36 == sent[3]
    assert [1] * 36 == [row.attempts for row in await sending.rows(new)]


async def test_without_limits_nothing_is_written_about_them(sending: Sending, work: Work) -> None:
    await sending.contacts(5)
    await sending.open()
    await work()
    async with sending.db.reader() as conn:
        assert [0] == await many(
            conn, int, "SELECT (SELECT count(*) FROM send_budgets) + (SELECT count(*) FROM warm_ups)"
        )


@pytest.mark.parametrize(
    ("verdict", "stage", "code", "text", "expected"),
    [
        (Verdict.TEMPORARY, Stage.RCPT, 421, "slow down", "domain:busy.example"),
        (Verdict.TEMPORARY, Stage.DATA, 451, "4.7.28 unusual rate", "domain:busy.example"),
        (Verdict.TEMPORARY, Stage.RCPT, 450, "4.2.0 greylisted", None),
        (Verdict.TEMPORARY, Stage.BANNER, 421, "4.7.0 not so many of you", "relay:relay.example:25"),
        (Verdict.TEMPORARY, Stage.MAIL, 450, "4.7.1 more than your quota", "relay:relay.example:25"),
        (Verdict.TEMPORARY, Stage.MAIL, 451, "4.3.0 later", None),
        (Verdict.TEMPORARY, Stage.AUTH, 454, "4.7.0 no database", None),
        (Verdict.PERMANENT, Stage.RCPT, 550, "5.7.1 never", None),
        (Verdict.ACCEPTED, Stage.DATA, 250, "4.7.0 is our number", None),
    ],
)
def test_which_refusals_ask_for_less_and_of_whom(
    verdict: Verdict, stage: Stage, code: int, text: str, expected: str | None
) -> None:
    relay = relays.read("smtp://relay.example")
    assert expected == throttles.who_wants_less(Outcome(verdict, stage, code, text), "ann@BUSY.example", relay)


async def test_a_domain_that_asks_for_less_gets_less_and_recovers(sending: Sending, work: Work, clock: Any) -> None:
    is_angry = True

    def answer(verb: str, line: str) -> str | None:
        return "451 4.7.28 too fast" if is_angry and verb == "RCPT" and "busy.example" in line else None

    async def rates() -> dict[str, float]:
        async with sending.db.reader() as conn:
            found = await throttles.Throttles.find(conn, sending.account_id, now=clock.now())
        limits = found.of_domains(["busy.example", "calm.example"])
        return {domain: round(limit.per_second * 60) for domain, limit in limits.items()}

    await sending.contact("ann@busy.example")
    await sending.contact("bob@calm.example")
    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")
        new, _ = await sending.open()
        await work()
        assert {"busy.example": 600} == await rates()
        clock.move(timedelta(minutes=5))
        await work()
        # It had doubled again before it asked for less a second time.
        assert {} == {name: rate for name, rate in (await rates()).items() if name != "busy.example"}
        assert 600 == (await rates())["busy.example"]
        is_angry = False
        clock.move(timedelta(minutes=15))
        await work()
        assert {} == await rates()
    assert 2 == (await sending.progress(new)).sent


async def test_a_relay_that_asks_for_less_gets_less_and_recovers(sending: Sending, work: Work, clock: Any) -> None:
    is_angry = True

    def answer(verb: str, line: str) -> str | None:
        return "450 4.7.1 too much from you" if is_angry and verb == "MAIL" else None

    async def rate() -> int:
        async with sending.db.reader() as conn:
            found = await throttles.Throttles.find(conn, sending.account_id, now=clock.now())
        return round(sum(limit.per_second * 60 for limit in found.shared(relays.read(config.current().smtp_url or ""))))

    await sending.contacts(3)
    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}?per_minute=60", smtp_connections=1)
        new, _ = await sending.open()
        assert 60 == await rate()
        rates = []
        for _ in range(4):
            # A second refusal within the minute changes nothing.
            for _ in range(2):
                async with sending.db.transaction() as conn:
                    await conn.execute("UPDATE outbox SET next_attempt_at = $1", clock.now())
                await work()
                await outbox.drain(sending.db, sending.account_id, new.mailing_id)
            rates.append(await rate())
            clock.move(timedelta(minutes=1))
        assert [30, 15, 8, 6] == rates
        is_angry = False
        clock.move(timedelta(minutes=4))
        assert 12 == await rate()
        clock.move(timedelta(minutes=15))
        assert 60 == await rate()
        for _ in range(4):
            clock.move(timedelta(minutes=30))
            await work()
    assert (3, 0) == ((await sending.progress(new)).sent, (await sending.progress(new)).bounced)


async def test_a_new_sending_domain_is_warmed_up_day_by_day(sending: Sending, work: Work, clock: Any) -> None:
    config.override(warm_up="5, 12")
    await sending.contacts(40)
    new, _ = await sending.open()
    await work()
    assert 5 == (await sending.progress(new)).sent
    clock.move(timedelta(hours=1))
    await work()
    sent = []
    for _ in range(3):
        clock.move(timedelta(days=1))
        await work()
        sent.append((await sending.progress(new)).sent)
    # On the day after the plan's last one there is no limit.
    assert [17, 40, 40] == sent


async def test_domains_that_are_not_named_are_not_warmed_up(sending: Sending, work: Work) -> None:
    config.override(warm_up="1", warm_up_domains="other.example")
    await sending.contacts(4)
    new, _ = await sending.open()
    await work()
    assert 4 == (await sending.progress(new)).sent


async def test_a_limit_that_nobody_asks_is_no_limit(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the tests above: without the budgets' rows everything leaves at once."""

    async def forget(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(throttles, "_save", forget)
    config.override(account_per_minute=120)
    await sending.contacts(45)
    new, _ = await sending.open()
    await work()
    assert 45 == (await sending.progress(new)).sent
