"""Sends that are paused, resumed and cancelled, by people and by themselves."""

from datetime import timedelta
from typing import Any

import pytest

from everpost.accounts import sender_emails
from everpost.delivery import interruptions, mailings, outbox, shifts
from everpost.delivery.interruptions import NoMailing, NotPaused, NotRunning
from everpost.ids import EmailId, MailingId, new_id
from everpost.platform import config
from everpost.platform.db import one
from everpost.tracking import counters
from everpost.tracking.counters import Counters
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import ScriptedServer


async def act(sending: Sending, action: Any, new: Any, *more: Any) -> None:
    async with sending.db.transaction() as conn:
        await action(conn, sending.account_id, new.mailing_id, *more)


async def test_nothing_leaves_while_a_mailing_is_paused(sending: Sending, work: Work, clock: Any, mailbox: Any) -> None:
    await sending.contacts(5)
    new, _ = await sending.open()
    for _ in range(2):
        await act(sending, interruptions.pause, new)
    clock.move(timedelta(hours=1))
    await work()
    await outbox.sweep(sending.db)
    await work()
    assert ("paused", 5, []) == (await sending.state(new), (await sending.progress(new)).queued, await mailbox())
    await act(sending, outbox.resume, new)
    await work()
    assert ("finished", 5) == (await sending.state(new), (await sending.progress(new)).sent)


async def test_a_pause_stops_a_send_between_two_batches(sending: Sending, work: Work) -> None:
    """And what is under way ends as it would have."""
    await sending.contacts(100)
    paused = False

    async with ScriptedServer().running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}", smtp_connections=1)
        new, _ = await sending.open()
        keep = shifts.Shift._send

        async def send_and_pause(shift: Any, *arguments: Any) -> None:
            nonlocal paused
            await keep(shift, *arguments)
            if not paused:
                paused = True
                await act(sending, interruptions.pause, new)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shifts.Shift, "_send", send_and_pause)
            await work()
        progress = await sending.progress(new)
        assert ("paused", 32, 68) == (await sending.state(new), progress.sent, progress.queued)
        await act(sending, outbox.resume, new)
        await work()
    assert 100 == len({recipient for recipient, _ in server.taken}) == len(server.taken)


async def test_a_cancelled_mailing_goes_to_nobody_else(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_CANCELLED_AT_ONCE", 2)
    await sending.contacts(7)

    def answer(verb: str, line: str) -> str | None:
        return "450 4.2.0 later" if verb == "RCPT" and "reader0@" not in line else None

    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")
        new, _ = await sending.open()
        await work()
        await act(sending, interruptions.pause, new)
        await act(sending, outbox.cancel, new)
        await work()
        clock.move(timedelta(hours=12))
        await work()
    progress = await sending.progress(new)
    assert ("cancelled", 1, 6) == (await sending.state(new), progress.sent, progress.suppressed)
    assert ["reader0@example.com"] == [recipient for recipient, _ in server.taken]
    async with sending.db.reader() as conn:
        summary = await mailings.summary(conn, sending.account_id, new.mailing_id)
        listed = await mailings.newest(conn, sending.account_id, limit=5)
    assert summary is not None
    assert summary.finished_at is not None
    assert [summary] == listed


async def test_what_cannot_be_stopped_says_so(sending: Sending, work: Work) -> None:
    await sending.contacts(1)
    new, _ = await sending.open()
    with pytest.raises(NotPaused):
        await act(sending, outbox.resume, new)
    await work()
    for action in (interruptions.pause, outbox.cancel):
        with pytest.raises(NotRunning, match="finished"):
            await act(sending, action, new)
    with pytest.raises(NoMailing):
        async with sending.db.transaction() as conn:
            await interruptions.pause(conn, sending.account_id, MailingId(new_id()))


async def contact_address(sending: Sending) -> None:
    async with sending.db.transaction() as conn:
        email_id = await one(
            conn, int, "SELECT email_id FROM account_emails WHERE account_id = :id LIMIT 1", id=sending.account_id
        )
        await sender_emails.give_role(conn, sending.account_id, EmailId(email_id or 0), "CONTACT")


@pytest.mark.parametrize("what", ["bounces", "complaints"])
async def test_a_send_pauses_itself_when_too_many_bounce_or_complain(
    sending: Sending, work: Work, mailbox: Any, clock: Any, what: str
) -> None:
    await contact_address(sending)
    await sending.contacts(40)
    config.override(
        smtp_connections=1, pause_after_messages=10, account_per_minute=120, pause_complaint_percent=1,
        pause_bounce_percent=20,
    )  # fmt: skip
    new, _ = await sending.open()
    await work()
    assert 10 == (await sending.progress(new)).sent
    async with sending.db.transaction() as conn:
        await conn.execute(
            "UPDATE activity_counters SET abuse = 1, bounces_suspended = 9" if what == "complaints" else
            "UPDATE activity_counters SET bounces_nonexistent_address = 2"
        )  # fmt: skip
    clock.move(timedelta(seconds=5))
    await work()
    async with sending.db.reader() as conn:
        summary = await mailings.summary(conn, sending.account_id, new.mailing_id)
    assert summary is not None
    words = "1 of 10 messages were called spam" if what == "complaints" else "2 of 10 messages bounced"
    assert ("paused", f"Paused by itself: {words}.") == (summary.state, summary.pause_reason)
    told = next(mail for mail in await mailbox() if mail.subject == "A campaign was paused")
    assert (sending.email, True) == (told.recipient, words in told.content.decode())
    await act(sending, outbox.resume, new)
    for _ in range(4):
        clock.move(timedelta(seconds=5))
        await work()
    assert (40, "finished") == ((await sending.progress(new)).sent, await sending.state(new))


async def test_a_few_bounces_or_a_small_send_do_not_pause_it(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(40)
    config.override(account_per_minute=120, pause_after_messages=11, pause_bounce_percent=20)
    new, _ = await sending.open()
    await work()
    async with sending.db.transaction() as conn:
        await conn.execute("UPDATE activity_counters SET bounces_nonexistent_address = 3")
    clock.move(timedelta(seconds=5))
    await work()
    async with sending.db.transaction() as conn:
        await conn.execute("UPDATE activity_counters SET bounces_suspended = 9")
    clock.move(timedelta(seconds=5))
    await work()
    assert "sending" == await sending.state(new)


async def test_a_small_send_is_not_paused_for_what_its_activity_did_before(sending: Sending, work: Work) -> None:
    await sending.contacts(5)
    config.override(pause_after_messages=10, pause_bounce_percent=20)
    new, _ = await sending.open()
    async with sending.db.transaction() as conn:
        before = Counters(sends=100, bounces_nonexistent_address=50)
        await counters.add(conn, sending.account_id, new.campaign_activity_id, before)
    await work()
    assert (5, "finished") == ((await sending.progress(new)).sent, await sending.state(new))
