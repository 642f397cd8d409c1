"""What a send promises while something breaks at a chosen point, and that these tests would see a broken promise.

Source: distributed.md, "What a send promises".
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from everpost.delivery import claims, failover, outbox, outcomes, shifts, smtp
from everpost.delivery.mailings import NewMailing, Progress
from everpost.delivery.outcomes import Attempt, Result, result
from everpost.delivery.smtp import Connection, Outcome, Stage, Verdict
from everpost.ids import CampaignActivityId, MailingId, new_id
from everpost.platform import clock as platform_clock
from everpost.platform import config
from everpost.platform.db import Db, many
from tests.delivery.conftest import Sending, Work
from tests.delivery.drain_forever import POINTS, REPLIES
from tests.delivery.smtp_servers import ScriptedServer

RECIPIENTS = 50
BATCH = shifts.BATCH


class Killed(BaseException):
    """A worker that is gone in the middle of what it did; what it had not committed is rolled back."""


@pytest.fixture(autouse=True)
def nothing_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_aside_until", {})


def relay_to(server: ScriptedServer) -> None:
    config.override(smtp_url=f"smtp://127.0.0.1:{server.port}", smtp_connections=1)


async def fill(db: Db, sending: Sending, count: int) -> None:
    """Contacts on the list, the fast way."""
    async with db.transaction() as conn:
        await conn.execute(
            """
            WITH made AS (
                INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send,
                                      confirm_status, create_source, created_at, updated_at)
                SELECT $1, gen_random_uuid(), 'reader' || n || '@example.com', 'reader' || n || '@example.com',
                       'implicit', 'off', 'Account', now(), now()
                  FROM generate_series(1, $3::int) AS n
                RETURNING contact_id)
            INSERT INTO list_memberships SELECT $1, $2, contact_id, now() FROM made""",
            sending.account_id,
            sending.list_id,
            count,
        )


def arrived(server: ScriptedServer, activity_id: CampaignActivityId) -> list[str]:
    """Who got this activity, as often as they did."""
    header = f"X-Campaign-Activity-Id: {activity_id}\r\n".encode()
    return [recipient for recipient, content in server.taken if header in content]


async def broken_promises(sending: Sending, new: NewMailing, server: ScriptedServer, *, in_flight: int) -> list[str]:
    progress, got = await sending.progress(new), arrived(server, new.campaign_activity_id)
    ends = progress.sent + progress.bounced + progress.suppressed + progress.unknown
    checks = {
        "somebody got it twice": len(got) == len(set(got)),
        "somebody has no outcome": ends == RECIPIENTS,
        "it is not finished": await sending.state(new) == "finished",
        "more are unknown than were under way": progress.unknown <= in_flight,
        "something was called sent that did not arrive": progress.sent <= len(got),
        "the ledger of sends disagrees": (await sending.ledger(new))[0] == ends - progress.suppressed,
    }
    return [promise for promise, is_kept in checks.items() if not is_kept]


async def heal(sending: Sending, *mailings: NewMailing) -> None:
    """Leases run out, and another worker comes."""
    platform_clock.stop(platform_clock.now() + claims.LEASE + timedelta(seconds=1))
    for new in mailings:
        for _ in range(5):
            await outbox.drain(sending.db, sending.account_id, new.mailing_id)


async def test_a_worker_may_be_killed_at_any_point(sending: Sending, database_url: str) -> None:
    await fill(sending.db, sending, RECIPIENTS)
    async with ScriptedServer().running() as server:
        relay_to(server)
        opened = {point: (await sending.open())[0] for point in POINTS}
        await asyncio.gather(*(die_at(point, new, sending, database_url) for point, new in opened.items()))
        await heal(sending, *opened.values())
        found = {}
        for point, new in opened.items():
            assert [] == await broken_promises(sending, new, server, in_flight=BATCH), point
            found[point] = (await sending.progress(new)).unknown
        lost = opened["after the final dot"]
        reached = len(arrived(server, lost.campaign_activity_id))
    assert {
        "before the claim": 0,
        "before the claim is committed": 0,
        "between ledger and DATA": BATCH,
        "between the ledger of sends and the outcomes": BATCH,
        "after the final dot": BATCH,
    } == found
    # They had arrived, nobody had written it down, and nobody sent them again.
    assert RECIPIENTS - BATCH + REPLIES <= reached <= RECIPIENTS - BATCH + REPLIES + 1


async def die_at(point: str, new: NewMailing, sending: Sending, url: str) -> None:
    worker = await start(point, new, sending, url)
    async with asyncio.timeout(60):
        assert -signal.SIGKILL == await worker.wait()


async def start(point: str, new: NewMailing, sending: Sending, url: str) -> asyncio.subprocess.Process:
    """A worker of its own, which kills itself at this point."""
    settings = config.current()
    environment = {
        **os.environ,
        "PYTHONPATH": "src:.",
        "EVERPOST_DATA": str(settings.data),
        "EVERPOST_SMTP_URL": settings.smtp_url or "",
        "EVERPOST_SMTP_CONNECTIONS": "1",
        "EVERPOST_PUBLIC_URL": "http://everpost.test",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery.drain_forever", url, str(sending.account_id), str(new.mailing_id), point,
        env=environment, stdout=asyncio.subprocess.DEVNULL, cwd=Path(__file__).parents[2],
    )  # fmt: skip


async def test_two_processes_share_a_mailing_and_no_recipient(
    sending: Sending, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(sending.db, sending, RECIPIENTS)
    server = ScriptedServer()
    serve = server._say

    async def say_slowly(writer: Any, said: str) -> bool:
        await asyncio.sleep(0.02 if said.endswith("taken") else 0)
        return await serve(writer, said)

    monkeypatch.setattr(server, "_say", say_slowly)
    async with server.running():
        relay_to(server)
        new, _ = await sending.open()
        workers = [await start("", new, sending, database_url) for _ in range(2)]
        async with asyncio.timeout(30):
            while await sending.state(new) != "finished":
                await asyncio.sleep(0.02)
        for worker in workers:
            worker.kill()
            await worker.wait()
        assert [] == await broken_promises(sending, new, server, in_flight=0)
    async with sending.db.reader() as conn:
        assert [2] == await many(conn, int, "SELECT count(DISTINCT claim_id) FROM outbox")


async def test_a_process_works_on_a_mailing_once_at_a_time(sending: Sending) -> None:
    """A second job for it is offered to other processes."""
    await fill(sending.db, sending, RECIPIENTS)
    async with ScriptedServer().running() as server:
        relay_to(server)
        new, _ = await sending.open()
        await asyncio.gather(*(outbox.drain(sending.db, sending.account_id, new.mailing_id) for _ in range(3)))
        assert (1, RECIPIENTS) == (server.connections, len(server.taken))
    async with sending.db.reader() as conn:
        # Two that were offered again, beside the first one's, which nobody took from the queue here.
        assert [3] == await many(conn, int, "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'outbox.drain'")


async def test_a_process_with_many_mailings_leaves_room_for_other_jobs(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is offered again later, and nobody takes it for forgotten meanwhile."""
    await fill(sending.db, sending, RECIPIENTS)
    new, _ = await sending.open()
    monkeypatch.setattr(outbox, "_worked_on", {MailingId(new_id()) for _ in range(outbox._MOST_MAILINGS)})
    await work()
    clock.move(timedelta(minutes=1))
    await work()
    await outbox.sweep(sending.db)
    async with sending.db.reader() as conn:
        assert [1] == await many(conn, int, "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'outbox.drain'")
    assert RECIPIENTS == (await sending.progress(new)).queued
    outbox._worked_on.pop()
    clock.move(timedelta(seconds=2))
    await work()
    assert "finished" == await sending.state(new)


def kill_in(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, calls: int = 1) -> None:
    """Die after so many calls, here and now."""
    original, left = getattr(owner, name), [calls]

    async def instead(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, instead)


async def nothing(*_: object, **__: object) -> None:
    return None


async def again(conn: Any, account_id: Any, mailing: Any, dead: list[Any]) -> list[Any]:
    """What a naive queue does with the work of the dead."""
    await conn.execute("UPDATE outbox SET state = 'queued' WHERE claim_id = ANY ($1) AND state = 'sending'", dead)
    return []


BREAKAGES = {
    "without leases": (claims, "_lease", nothing, "somebody has no outcome"),
    "with dead claims sent again": (claims, "_lose", again, "somebody got it twice"),
    "with all in one batch": (shifts, "BATCH", RECIPIENTS, "more are unknown than were under way"),
    "without the ledger of sends": (claims, "append_sends", nothing, "the ledger of sends disagrees"),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
async def test_a_broken_mechanism_is_seen(sending: Sending, monkeypatch: pytest.MonkeyPatch, breakage: str) -> None:
    owner, name, replacement, expected = BREAKAGES[breakage]
    monkeypatch.setattr(owner, name, replacement)
    await fill(sending.db, sending, RECIPIENTS)
    async with ScriptedServer().running() as server:
        relay_to(server)
        new, _ = await sending.open()
        kill_in(monkeypatch, Connection, "_read_text_reply", calls=REPLIES)
        with pytest.raises(Killed):
            await outbox.drain(sending.db, sending.account_id, new.mailing_id)
        await heal(sending, new)
        assert expected in await broken_promises(sending, new, server, in_flight=BATCH)


class Faulty:
    """A server that misbehaves at one point for some time, then never again."""

    def __init__(self, point: str, said: str, times: int) -> None:
        self._point, self._said, self._left = point, said, times

    def __call__(self, verb: str, line: str) -> str | None:
        if verb == self._point and self._left:
            self._left -= 1
            return self._said
        return None


class WithoutTls(Faulty):
    """Offers TLS, and fails as it begins; then it offers none."""

    def __call__(self, verb: str, line: str) -> str | None:
        if verb == "EHLO" and self._left:
            return "250-scripted\r\n250-PIPELINING\r\n250 STARTTLS"
        return super().__call__(verb, line)


FAULTS = [
    *(
        (stage, ScriptedServer.CLOSE)
        for stage in ("BANNER", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "TEXT")
    ),
    *((stage, "421 4.3.2 closing") for stage in ("BANNER", "MAIL", "RCPT", "DATA", "TEXT")),
    *((stage, "451 4.3.0 later") for stage in ("MAIL", "RCPT", "DATA", "TEXT")),
    ("STARTTLS", "454 4.7.0 no TLS at the moment"),
    ("AUTH", "535 5.7.8 wrong password"),
    GREYLISTING := ("RCPT", "450 4.2.0 greylisted"),
]


async def run_through(sending: Sending, work: Work, clock: Any, point: str, said: str) -> tuple[list[str], Progress]:
    faulty = (WithoutTls if point == "STARTTLS" else Faulty)(point, said, 7)
    async with ScriptedServer(faulty, extensions="PIPELINING AUTH").running() as server:
        config.override(smtp_url=f"smtp://news:secret@127.0.0.1:{server.port}?verify=off", smtp_connections=1)
        failover._aside_until.clear()
        new, _ = await sending.open()
        for _ in range(12):
            await work()
            clock.move(timedelta(minutes=30))
        return await broken_promises(sending, new, server, in_flight=7), await sending.progress(new)


async def test_a_relay_may_fail_at_any_stage(sending: Sending, work: Work, clock: Any) -> None:
    await fill(sending.db, sending, RECIPIENTS)
    for point, said in FAULTS:
        broken, progress = await run_through(sending, work, clock, point, said)
        unknown = 7 if (point, said) == ("TEXT", ScriptedServer.CLOSE) else 0
        assert ([], unknown, RECIPIENTS - unknown) == (broken, progress.unknown, progress.sent), (point, said)


async def test_a_lost_reply_that_counts_as_unsent_is_seen(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(connection: Any) -> Outcome:
        outcome = await original(connection)
        is_lost = outcome.verdict is Verdict.UNKNOWN
        return Outcome(Verdict.UNSENT, Stage.DATA) if is_lost else outcome

    original = Connection._read_text_reply
    monkeypatch.setattr(Connection, "_read_text_reply", read)
    await fill(sending.db, sending, RECIPIENTS)
    broken, _ = await run_through(sending, work, clock, "TEXT", ScriptedServer.CLOSE)
    assert "somebody got it twice" in broken


async def test_greylisting_that_counts_as_the_end_is_seen(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "GIVE_UP_AFTER", timedelta(0))
    await fill(sending.db, sending, RECIPIENTS)
    _, progress = await run_through(sending, work, clock, *GREYLISTING)
    assert (7, RECIPIENTS - 7) == (progress.bounced, progress.sent)


@pytest.mark.parametrize("is_safe", [True, False])
async def test_a_relay_that_is_too_slow_is_not_asked_twice(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch, is_safe: bool
) -> None:
    """With `is_safe` off, silence counts as a refusal: then the test must see messages twice."""
    monkeypatch.setattr(smtp, "TEXT_SECONDS", 0.2)
    if not is_safe:
        monkeypatch.setattr(outcomes, "result", impatient)
    await fill(sending.db, sending, RECIPIENTS)
    server, slow, answered = ScriptedServer(), [2], asyncio.Semaphore(0)
    serve = server._say

    async def say(writer: Any, said: str) -> bool:
        if said.endswith("taken") and slow[0]:
            slow[0] -= 1
            await asyncio.sleep(0.5)
            answered.release()
        return await serve(writer, said)

    monkeypatch.setattr(server, "_say", say)
    async with server.running():
        relay_to(server)
        new, _ = await sending.open()
        for _ in range(4):
            await work()
            clock.move(timedelta(minutes=30))
        broken = await broken_promises(sending, new, server, in_flight=2)
        unknown = (await sending.progress(new)).unknown
        for _ in range(2):
            await answered.acquire()
    assert ([], 2) == (broken, unknown) if is_safe else "somebody got it twice" in broken


def impatient(attempt: Attempt, outcome: Outcome, now: Any) -> Result:
    """What a sender thinks who takes silence for a refusal."""
    if outcome.verdict is Verdict.UNKNOWN:
        outcome = Outcome(Verdict.TEMPORARY, outcome.stage, outcome.code, outcome.text)
    return result(attempt, outcome, now)
