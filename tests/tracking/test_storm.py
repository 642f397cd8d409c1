"""A storm of clicks on two web processes, one of which is killed in the middle of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform.config import Settings
from everpost.platform.db import Db, many
from everpost.tracking import counters, ingest, links, recount, tokens
from tests.support.instance import free_port

pytestmark = pytest.mark.anyio

CONNECTIONS = 24
CLICKS_BEFORE_THE_KILL = 1_500
CLICKS_AFTER_IT = 500
SECONDS = 20


class Storm:
    """Every click is another contact's, so that each can be looked for afterwards."""

    def __init__(self, account_id: AccountId, activity_id: CampaignActivityId, url_id: UrlId) -> None:
        self.acknowledged: list[ContactId] = []
        self._of, self._url_id = (account_id, activity_id), url_id
        self._is_over = False

    async def rage(self, port: int) -> None:
        """Until `end`, or until the other side is gone."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(OSError, asyncio.IncompleteReadError):
            while not self._is_over:
                contact_id = ContactId(new_id())
                token = tokens.signer().recipient(*self._of, contact_id).click(self._url_id)
                writer.write(f"GET /c/{token} HTTP/1.1\r\nHost: mail.example\r\n\r\n".encode())
                answer = await reader.readuntil(b"\r\n\r\n")
                if answer.startswith(b"HTTP/1.1 302"):
                    self.acknowledged.append(contact_id)
        writer.close()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.acknowledged) < count:
                await asyncio.sleep(0.01)

    def end(self) -> None:
        self._is_over = True


@pytest.fixture
def nodes(settings: Settings) -> Iterator[list[tuple[int, "subprocess.Popen[bytes]"]]]:
    """Two web processes on the test's database, with their ports."""
    environment = {
        **os.environ,
        "EVERPOST_DATA": str(settings.data),
        "EVERPOST_DATABASE_URL": str(settings.database_url),
    }
    command = [sys.executable, "-P", "-m", "everpost", "serve", "--port"]
    ports = [free_port(), free_port()]
    started = [(port, subprocess.Popen([*command, str(port)], env=environment)) for port in ports]
    yield started
    for _, process in started:
        process.kill()
        process.wait()


async def test_every_acknowledged_click_is_counted_once_though_a_process_is_killed(
    db: Db, nodes: list[tuple[int, "subprocess.Popen[bytes]"]], clock: Any
) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    async with db.transaction() as conn:
        (url_id,) = (await links.register(conn, account_id, activity_id, ["https://shop.example/"])).values()
    storm, (doomed_port, doomed), (port, survivor) = Storm(account_id, activity_id, url_id), *nodes
    await asyncio.gather(_answers(doomed_port), _answers(port))
    raging = [asyncio.create_task(storm.rage(to)) for to in (doomed_port, port) for _ in range(CONNECTIONS)]
    await storm.reach(CLICKS_BEFORE_THE_KILL)
    doomed.kill()
    await storm.reach(len(storm.acknowledged) + CLICKS_AFTER_IT)
    storm.end()
    await asyncio.gather(*raging)
    survivor.send_signal(signal.SIGTERM)
    await asyncio.to_thread(survivor.wait, SECONDS)
    clock.move(2 * ingest.ORPHANED_AFTER)
    await ingest.fold_orphans(db)
    clicks = await _clicks(db, account_id)
    assert {1} == set(clicks.values())
    assert set(storm.acknowledged) <= set(clicks)
    async with db.reader() as conn:
        assert len(clicks) == (await counters.find(conn, account_id, [activity_id]))[activity_id].clicks
        assert [] == await recount.differences(conn, account_id, activity_id)


async def _answers(port: int) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def _clicks(db: Db, account_id: AccountId) -> Counter[UUID]:
    async with db.reader() as conn:
        found = await many(
            conn,
            UUID,
            "SELECT contact_id FROM tracking_events WHERE account_id = :account_id AND kind = 'click'",
            account_id=account_id,
        )
    return Counter(found)
