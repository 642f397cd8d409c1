"""PostgreSQL is killed while mail leaves. Source: distributed.md."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from everpost.accounts import accounts, addresses, demo
from everpost.contacts import lists, provisioning
from everpost.contacts.shapes import ContactListIn
from everpost.delivery import outbox, shifts
from everpost.platform import clock as platform_clock
from everpost.platform import config, migrate
from everpost.platform.db import connect, is_outage
from everpost.platform.postgres import Postgres
from tests.delivery.conftest import Sending
from tests.delivery.drain_forever import REPLIES
from tests.delivery.smtp_servers import ScriptedServer
from tests.delivery.test_faults import BATCH, RECIPIENTS, broken_promises, fill, heal, relay_to


@pytest.fixture
def postgres(tmp_path: Path, settings: config.Settings) -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, which it may kill."""
    tmp_path.chmod(0o755)
    server = Postgres(tmp_path / "killed")
    server.start()
    yield server
    server.stop()


async def prepare(postgres: Postgres) -> Sending:
    conn = await asyncpg.connect(postgres.dsn("postgres"))
    await conn.execute("CREATE DATABASE killed")
    await conn.close()
    conn = await asyncpg.connect(postgres.dsn("killed"))
    await migrate.create(conn)
    await conn.close()
    db = await connect(postgres.dsn("killed"), size=6)
    async with db.transaction() as conn:
        new = accounts.NewAccount(
            email="owner@harborlane.example", password="correct horse battery", organization_name="Harbor Lane Books",
            country_code="US", state_code="ME",
        )  # fmt: skip
        created = await accounts.create(conn, new)
        await addresses.replace(conn, created.account_id, demo.ADDRESS)
        await provisioning.provision(conn, created.account_id)
        made = await lists.create(conn, created.account_id, ContactListIn(name="Readers"))
    return Sending(db, created.account_id, made.list_id, "owner@harborlane.example")


async def test_the_database_may_be_killed_while_mail_leaves(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = await prepare(postgres)
    await fill(sending.db, sending, RECIPIENTS)
    # The worker waited for the database with what it knew, so nothing is unknown at all.
    assert 0 == await kill_the_database(postgres, sending)
    # One that does not wait loses it: the test would have seen that, unless the blow fell between two batches.
    monkeypatch.setattr(shifts, "is_outage", lambda error: False)
    lost = 0
    for _ in range(4):
        lost = lost or await kill_the_database(postgres, sending)
    assert 0 < lost <= BATCH
    await sending.db.close()


async def kill_the_database(postgres: Postgres, sending: Sending) -> int:
    """Kill it while a mailing leaves, start it again; how many recipients are unknown in the end."""
    postmaster = postgres._postmaster()
    assert postmaster is not None
    texts = 0

    def answer(verb: str, line: str) -> str | None:
        nonlocal texts
        texts += verb == "TEXT"
        if verb == "TEXT" and texts == REPLIES:
            os.kill(postmaster, signal.SIGKILL)
        return None

    async with ScriptedServer(answer).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        draining = asyncio.create_task(outbox.drain(sending.db, sending.account_id, new.mailing_id))
        while texts < REPLIES:
            await asyncio.sleep(0.01)
        while postgres.is_running_ours():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(postgres.start)
        (failure,) = await asyncio.gather(draining, return_exceptions=True)
        # Then the queue would run the job again.
        assert failure is None or (isinstance(failure, Exception) and is_outage(failure))
        await heal(sending, new)
        platform_clock.resume()
        assert [] == await broken_promises(sending, new, server, in_flight=BATCH)
    return (await sending.progress(new)).unknown
