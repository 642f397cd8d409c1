"""Several relays: the first that works takes the mail, and one that failed gets it back after a while."""

from typing import Any

import pytest

from everpost.delivery import failover
from everpost.delivery.submission import RelayCarrier
from everpost.platform import config, relays
from everpost.platform.relays import BadRelay
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import Answers, ScriptedServer, message


def only_at(wanted: str, said: str) -> Answers:
    return lambda verb, line: said if verb == wanted else None


@pytest.fixture(autouse=True)
def nothing_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_aside_until", {})


def relay_to(*servers: ScriptedServer) -> None:
    config.override(smtp_url=" ".join(f"smtp://127.0.0.1:{server.port}" for server in servers))


def test_addresses_are_separated_by_blanks_or_commas() -> None:
    read = relays.read_all("smtp://a:p,w@one.example, smtps://two.example\nsmtp://three.example:26?per_minute=60 ")
    assert ["one.example:587", "two.example:465", "three.example:26"] == [relay.name for relay in read]
    assert ("p,w", 60) == (read[0].password, read[2].per_minute)
    with pytest.raises(BadRelay):
        relays.read_all("smtp://one.example smtp//two.example")


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("BANNER", "554 go away"),
        ("BANNER", ScriptedServer.CLOSE),
        ("EHLO", ScriptedServer.CLOSE),
        ("MAIL", ScriptedServer.CLOSE),
        ("MAIL", "421 4.3.2 closing"),
        ("DATA", ScriptedServer.CLOSE),
    ],
)
async def test_the_second_relay_takes_what_the_first_does_not(
    sending: Sending, work: Work, stage: str, said: str
) -> None:
    await sending.contacts(5)
    async with ScriptedServer(only_at(stage, said)).running() as first, ScriptedServer().running() as second:
        relay_to(first, second)
        new, _ = await sending.open()
        await work()
    assert 5 == (await sending.progress(new)).sent
    assert ([], 5) == (first.taken, len(second.taken))


async def test_a_relay_that_nobody_answers_for_is_left_out_and_comes_back(
    sending: Sending, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sending.contacts(2)
    first = ScriptedServer()
    async with ScriptedServer().running() as second:
        relay_to(first, second)
        await sending.open()
        await work()
        assert 2 == len(second.taken)
        async with first.running():
            await sending.open()
            await work()
            assert (0, 4) == (first.connections, len(second.taken))
            monkeypatch.setattr(failover, "ASIDE_SECONDS", 0)
            failover.put_aside(relays.read_all(config.current().smtp_url or "")[0], None)
            await sending.open()
            await work()
    assert (2, 4) == (len(first.taken), len(second.taken))


async def test_where_all_are_aside_all_are_asked() -> None:
    async with ScriptedServer().running() as server:
        relay_to(server, ScriptedServer())
        configured = relays.read_all(config.current().smtp_url or "")
        for relay in configured:
            failover.put_aside(relay, None)
        outcomes: list[Any] = []
        carrier = RelayCarrier(configured)
        await carrier.carry(iter([message(1)]), lambda _, outcome: outcomes.append(outcome.verdict.value))
        await carrier.close()
    assert ["accepted"] == outcomes


async def test_a_message_that_may_have_arrived_is_not_handed_to_the_other_relay(sending: Sending, work: Work) -> None:
    await sending.contacts(3)
    dropping = ScriptedServer(only_at("TEXT", ScriptedServer.CLOSE))
    async with dropping.running() as first, ScriptedServer().running() as second:
        relay_to(first, second)
        new, _ = await sending.open()
        await work()
    assert 3 == (await sending.progress(new)).unknown
    assert (3, []) == (len(first.taken), second.taken)
