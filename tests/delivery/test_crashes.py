"""A worker that is killed in the middle of a send: nobody gets a mail twice, nobody is lost. Source: distributed.md."""

import asyncio
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from everpost.delivery import claims, outbox, shifts
from everpost.platform import clock as platform_clock
from everpost.platform import config
from everpost.platform.db import many
from tests.delivery.conftest import Sending
from tests.delivery.smtp_servers import SINK, smtp_sink

RECIPIENTS = 1500
CARRIERS = 3

pytestmark = pytest.mark.skipif(SINK is None, reason="postfix is not installed")


async def _fill(sending: Sending) -> None:
    """Contacts by the thousand, the fast way."""
    async with sending.db.transaction() as conn:
        await conn.execute(
            """
            INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, confirm_status,
                                  create_source, created_at, updated_at)
            SELECT $1, gen_random_uuid(), 'reader' || n || '@example.com', 'reader' || n || '@example.com', 'implicit',
                   'off', 'Account', now(), now()
              FROM generate_series(0, $2::int - 1) AS n""",
            sending.account_id,
            RECIPIENTS,
        )
        await conn.execute(
            "INSERT INTO list_memberships SELECT account_id, $2, contact_id, now() FROM contacts"
            " WHERE account_id = $1 AND email_key LIKE 'reader%'",
            sending.account_id,
            sending.list_id,
        )


def _arrived(folder: Path) -> list[str]:
    """The recipients of whole messages; smtp-sink writes a file at a time."""
    marker = "X-Rcpt-Args: <"
    return [
        text.partition(marker)[2].partition(">")[0] for path in folder.iterdir() if marker in (text := path.read_text())
    ]


async def _start_worker(url: str, sending: Sending, mailing_id: Any, port: int) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "PYTHONPATH": "src:.",
        "EVERPOST_DATA": str(config.current().data),
        "EVERPOST_SMTP_URL": f"smtp://127.0.0.1:{port}?starttls=off",
        "EVERPOST_SMTP_CONNECTIONS": str(CARRIERS),
        "EVERPOST_PUBLIC_URL": "http://everpost.test",
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery.drain_forever", url, str(sending.account_id), str(mailing_id),
        env=environment, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert worker.stdout is not None
    assert b"ready\n" == await worker.stdout.readline()
    return worker


@pytest.mark.parametrize("is_safe", [True, False])
async def test_a_killed_worker_sends_nothing_twice(
    sending: Sending, database_url: str, monkeypatch: pytest.MonkeyPatch, is_safe: bool
) -> None:
    """With `is_safe` off, dead claims are sent again, as a naive queue does: then the test must see messages twice."""
    await _fill(sending)
    new, count = await sending.open()
    assert RECIPIENTS == count
    with smtp_sink() as (port, folder):
        config.override(smtp_url=f"smtp://127.0.0.1:{port}?starttls=off", smtp_connections=CARRIERS)
        for wanted in (200, 700):
            worker = await _start_worker(database_url, sending, new.mailing_id, port)
            await _wait_for(folder, wanted)
            os.kill(worker.pid, signal.SIGKILL)
            await worker.wait()
        if not is_safe:
            async with sending.db.transaction() as conn:
                await conn.execute("UPDATE outbox SET state = 'queued' WHERE state = 'sending'")
        platform_clock.stop(platform_clock.now() + claims.LEASE + timedelta(seconds=1))
        while await sending.state(new) != "finished":
            await outbox.drain(sending.db, sending.account_id, new.mailing_id)
        await asyncio.sleep(0.2)
        arrived = _arrived(folder)
    if not is_safe:
        assert len(arrived) > len(set(arrived))
        return
    assert len(arrived) == len(set(arrived))
    progress = await sending.progress(new)
    assert RECIPIENTS == progress.sent + progress.unknown
    assert progress.unknown <= 2 * CARRIERS * shifts.BATCH
    assert progress.sent <= len(arrived) <= RECIPIENTS
    async with sending.db.reader() as conn:
        sent = await many(
            conn,
            str,
            "SELECT c.email_key FROM outbox o JOIN contacts c USING (account_id, contact_id) WHERE o.state = 'sent'",
        )
    assert set(sent) <= set(arrived)
    assert (RECIPIENTS, {}) == await sending.ledger(new)


async def _wait_for(folder: Path, messages: int) -> None:
    deadline = time.monotonic() + 60
    while sum(1 for _ in folder.iterdir()) < messages:
        assert time.monotonic() < deadline, "nothing leaves"
        await asyncio.sleep(0.01)
