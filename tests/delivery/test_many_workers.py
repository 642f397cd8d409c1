"""Several worker processes at once, as people run them, while some are killed: what a send promises, fair shares, stops.

Source: distributed.md, "What a send promises".
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
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


class Workers:
    """`everpost work` with several processes, which it starts again when they are killed."""

    def __init__(self, relay: str) -> None:
        command = [sys.executable, "-m", "everpost", "work", "--processes", str(WORKERS)]
        self._parent = subprocess.Popen(command, env=environment(relay))

    def kill_one(self) -> None:
        os.kill(self.processes()[0], signal.SIGKILL)

    def processes(self) -> list[int]:
        pid = self._parent.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self) -> None:
        self._parent.terminate()
        self._parent.wait()


@pytest.fixture
def start_workers(settings: config.Settings) -> Iterator[Callable[[str], Workers]]:
    """Starts them for a relay; they end with the test."""
    started: list[Workers] = []

    def start(relay: str) -> Workers:
        started.append(Workers(relay))
        return started[-1]

    yield start
    for workers in started:
        workers.stop()


def environment(relay: str) -> dict[str, str]:
    settings = config.current()
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")},
        "EVERPOST_DATA": str(settings.data),
        "EVERPOST_DATABASE_URL": str(settings.database_url),
        "EVERPOST_PUBLIC_URL": "http://everpost.test",
        "EVERPOST_SMTP_URL": relay,
        "EVERPOST_SMTP_CONNECTIONS": str(CONNECTIONS),
        "EVERPOST_LOG_LEVEL": "error",
    }


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
    sending: Sending, new_account: Any, start_workers: Callable[[str], Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(sending.db, sending, LARGE)
    other = await second_account(sending, new_account)
    await fill(other.db, other, SMALL)
    server = ScriptedServer()
    slow(server, monkeypatch)
    async with server.running():
        relay = f"smtp://127.0.0.1:{server.port}"
        large, _ = await sending.open()
        workers = start_workers(relay)
        await until(lambda: len(server.taken) > 200)

        # A small campaign does not wait for the large one.
        small, _ = await other.open()
        await until(lambda: len(arrived(server, small.campaign_activity_id)) == SMALL, seconds=20)
        assert len(arrived(server, large.campaign_activity_id)) < LARGE - 300

        assert WORKERS == len(workers.processes())
        workers.kill_one()
        await act(sending, interruptions.pause, large)
        assert await until_quiet(server) < 3
        paused = await sending.progress(large)
        assert paused.queued > 0
        await act(sending, outbox.resume, large)
        await until(lambda: len(server.taken) > LARGE - paused.queued + SMALL + 100)

        workers.kill_one()
        await act(sending, outbox.cancel, large)
        assert await until_quiet(server) < 3
        workers.stop()
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
