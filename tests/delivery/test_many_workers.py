"""Several worker processes at once, as people run them, while some are killed: what a send promises, fair shares, stops.

Source: distributed.md, "What a send promises".
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from everpost.contacts import lists
from everpost.contacts.shapes import ContactListIn
from everpost.delivery import interruptions, outbox, shifts
from everpost.delivery.mailings import NewMailing
from everpost.platform import config
from tests.delivery.conftest import Sending
from tests.delivery.smtp_servers import ScriptedServer
from tests.delivery.test_faults import arrived, fill, heal

WORKERS, CONNECTIONS = 3, 3
LARGE, SMALL = 2000, 40
# A relay that needs so long for a message, so that the large send takes several shifts of every connection.
SECONDS_PER_MESSAGE = 0.04


@pytest.fixture
def workers(settings: config.Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that a test started; they end with it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for worker in started:
        worker.kill()
        worker.wait()


def start_worker(relay: str) -> subprocess.Popen[bytes]:
    settings = config.current()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")},
        "EVERPOST_DATA": str(settings.data),
        "EVERPOST_DATABASE_URL": str(settings.database_url),
        "EVERPOST_PUBLIC_URL": "http://everpost.test",
        "EVERPOST_SMTP_URL": relay,
        "EVERPOST_SMTP_CONNECTIONS": str(CONNECTIONS),
        "EVERPOST_LOG_LEVEL": "error",
    }
    return subprocess.Popen([sys.executable, "-m", "everpost", "work"], env=environment)


def slow(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    say = server._say

    async def say_slowly(writer: Any, said: str) -> bool:
        await asyncio.sleep(SECONDS_PER_MESSAGE if said.endswith("taken") else 0)
        return await say(writer, said)

    monkeypatch.setattr(server, "_say", say_slowly)


async def until(is_so: Callable[[], bool], seconds: float = 60) -> float:
    """How long it took."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < seconds, "it does not come"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def until_quiet(server: ScriptedServer) -> float:
    """How long messages still came, when for half a second none does."""
    started = last_at = time.monotonic()
    seen = len(server.taken)
    while time.monotonic() - last_at < 0.5:
        await asyncio.sleep(0.02)
        if len(server.taken) != seen:
            seen, last_at = len(server.taken), time.monotonic()
        assert last_at - started < 20, "it does not stop"
    return last_at - started


async def act(sending: Sending, action: Any, new: NewMailing) -> None:
    async with sending.db.transaction() as conn:
        await action(conn, sending.account_id, new.mailing_id)


async def second_account(sending: Sending, new_account: Any) -> Sending:
    account = await new_account("other@example.com")
    async with sending.db.transaction() as conn:
        made = await lists.create(conn, account.account_id, ContactListIn(name="Few"))
    return Sending(sending.db, account.account_id, made.list_id, account.email)


async def test_three_workers_share_fairly_stop_at_once_and_may_be_killed(
    sending: Sending, new_account: Any, workers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(sending.db, sending, LARGE)
    other = await second_account(sending, new_account)
    await fill(other.db, other, SMALL)
    server = ScriptedServer()
    slow(server, monkeypatch)
    async with server.running():
        relay = f"smtp://127.0.0.1:{server.port}"
        large, _ = await sending.open()
        workers += [start_worker(relay) for _ in range(WORKERS)]
        await until(lambda: len(server.taken) > 200)

        # A small campaign does not wait for the large one.
        small, _ = await other.open()
        await until(lambda: len(arrived(server, small.campaign_activity_id)) == SMALL, seconds=20)
        assert len(arrived(server, large.campaign_activity_id)) < LARGE - 300

        workers[0].kill()
        workers[0].wait()

        await act(sending, interruptions.pause, large)
        assert await until_quiet(server) < 3
        paused = await sending.progress(large)
        assert paused.queued > 0
        await act(sending, outbox.resume, large)
        await until(lambda: len(server.taken) > LARGE - paused.queued + SMALL + 100)

        workers[1].kill()
        workers[1].wait()

        await act(sending, outbox.cancel, large)
        assert await until_quiet(server) < 3
        workers[2].terminate()
        workers[2].wait()
        config.override(smtp_url=relay, smtp_connections=CONNECTIONS)
        await heal(other, small)
        for _ in range(3):
            await outbox.drain(sending.db, sending.account_id, large.mailing_id)
        got = arrived(server, large.campaign_activity_id)
    progress = await sending.progress(large)
    assert len(got) == len(set(got))
    assert LARGE == progress.sent + progress.bounced + progress.suppressed + progress.unknown
    assert progress.sent <= len(got) <= progress.sent + progress.unknown
    # Pipelining has at most one message under way per connection beside the batch that is written down.
    assert progress.unknown <= 2 * CONNECTIONS * shifts.BATCH
    assert progress.suppressed > 0
    assert "cancelled" == await sending.state(large)
    assert (LARGE - progress.suppressed, {}) == await sending.ledger(large)
    done = await other.progress(small)
    assert ("finished", SMALL) == (await other.state(small), done.sent + done.unknown)
