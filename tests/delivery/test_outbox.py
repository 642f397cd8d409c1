"""Recipients on their way out: once each, retried, bounced, suppressed, counted. Source: distributed.md; campaigns §5."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everpost.contacts import lists, opt_outs
from everpost.contacts.shapes import ContactListIn
from everpost.delivery import claims, mailings, outbox, recipients
from everpost.delivery.mailings import Progress
from everpost.ids import AccountId, CampaignActivityId, ListId, MailingId, new_id
from everpost.platform import config
from everpost.platform.db import Db, many
from everpost.platform.events import on
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import SINK, ScriptedServer, smtp_sink
from tests.support.smtp import parse

_finished: list[object] = []


@on("mailing.finished")
async def note_finished(db: Db, account_id: AccountId, mailing_id: MailingId) -> None:
    _finished.append(mailing_id)


@pytest.fixture(autouse=True)
def forget() -> None:
    _finished.clear()


class Forgetful(set[MailingId]):
    """Remembers nothing."""

    def add(self, element: MailingId) -> None:
        pass


def progress(**counts: int) -> Progress:
    return Progress(**{"queued": 0, "sending": 0, "sent": 0, "bounced": 0, "suppressed": 0, "unknown": 0, **counts})


def relay_to(server: ScriptedServer) -> None:
    config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")


async def test_everybody_on_the_list_gets_one_mail_in_the_mailbox(sending: Sending, work: Work, mailbox: Any) -> None:
    config.override(bounce_domain="bounces.example")
    await sending.contacts(45)
    new, count = await sending.open()
    assert 45 == count
    await work()
    assert progress(sent=45) == await sending.progress(new)
    mails = await mailbox()
    assert {f"reader{number}@example.com" for number in range(45)} == {mail.recipient for mail in mails}
    assert 45 == len(mails)
    assert "News for you" == mails[0].subject
    assert sending.email == mails[0].sender  # whom it is from, not where bounces go
    assert ("finished", [new.mailing_id]) == (await sending.state(new), _finished)
    assert (45, {}) == await sending.ledger(new)


async def test_a_mail_says_what_was_written_with_links_of_its_recipient(
    sending: Sending, work: Work, mailbox: Any, api: Any
) -> None:
    await sending.contact("ann@example.com", first_name="Ann & Co")
    await sending.open()
    await work()
    (mail,) = await mailbox()
    message = parse(mail.content)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "dear Ann &amp; Co" in html
    link = html.partition('href="http://everpost.test')[2].partition('"')[0]
    answer = await api.anonymous().get(link)
    assert (302, "https://shop.example/new") == (answer.status, answer.headers["location"])
    assert "News for Ann & Co" == message["Subject"]


async def test_a_contact_on_three_lists_gets_one_mail(sending: Sending, work: Work, mailbox: Any) -> None:
    list_ids = [sending.list_id]
    async with sending.db.transaction() as conn:
        for name in ("B", "C"):
            made = await lists.create(conn, sending.account_id, ContactListIn(name=name))
            list_ids.append(made.list_id)
    await sending.contact("ann@example.com", list_ids=list_ids)
    _, count = await sending.open(list_ids=list_ids)
    await work()
    assert (1, 1) == (count, len(await mailbox()))


@pytest.mark.parametrize("permission", ["unsubscribed", "not_set", "temp_hold", "pending_confirmation"])
async def test_who_may_not_be_mailed_is_not_a_recipient(sending: Sending, permission: str) -> None:
    contact_id = await sending.contact("ann@example.com", permission=permission)
    async with sending.db.transaction() as conn:
        await conn.execute(
            "INSERT INTO list_memberships SELECT account_id, $2, contact_id, now() FROM contacts WHERE contact_id = $1"
            " ON CONFLICT DO NOTHING",
            contact_id,
            sending.list_id,
        )
    _, count = await sending.open()
    assert 0 == count


async def test_an_activity_reaches_a_contact_once_in_its_life(sending: Sending, work: Work, mailbox: Any) -> None:
    await sending.contact("ann@example.com")
    activity_id = CampaignActivityId(new_id())
    _, first = await sending.open(activity_id=activity_id)
    await work()
    await sending.contact("bob@example.com")
    _, second = await sending.open(activity_id=activity_id)
    await work()
    assert (1, 1) == (first, second)
    assert ["ann@example.com", "bob@example.com"] == sorted(mail.recipient for mail in await mailbox())


async def test_nobody_to_send_to_finishes_at_once(sending: Sending, work: Work) -> None:
    new, count = await sending.open()
    await work()
    assert (0, "finished", [new.mailing_id]) == (count, await sending.state(new), _finished)


async def test_opening_and_releasing_twice_changes_nothing(sending: Sending, work: Work, mailbox: Any) -> None:
    await sending.contacts(3)
    new, _ = await sending.open()
    async with sending.db.transaction() as conn:
        await mailings.open_for(conn, sending.account_id, new)
        assert 0 == await recipients.add(
            conn, sending.account_id, new.mailing_id, recipients.of_lists([sending.list_id])
        )
        await outbox.release(conn, sending.account_id, new.mailing_id)
    await work()
    assert 3 == len(await mailbox())
    assert [new.mailing_id] == _finished


async def test_lists_of_another_account_add_nobody(sending: Sending, new_account: Any) -> None:
    await sending.contact("ann@example.com")
    other = await new_account("other@harborlane.example")
    stranger = Sending(sending.db, other.account_id, ListId(new_id()), other.email)
    _, count = await stranger.open(list_ids=[sending.list_id])
    assert 0 == count


async def test_who_unsubscribes_before_the_mail_leaves_gets_none(sending: Sending, work: Work, mailbox: Any) -> None:
    contact_ids = await sending.contacts(3)
    new, count = await sending.open()
    async with sending.db.transaction() as conn:
        await opt_outs.opt_out(conn, sending.account_id, contact_ids[1], source="Contact")
    await work()
    assert (3, progress(sent=2, suppressed=1)) == (count, await sending.progress(new))
    assert {"reader0@example.com", "reader2@example.com"} == {mail.recipient for mail in await mailbox()}
    assert (2, {}) == await sending.ledger(new)


async def test_a_permanent_refusal_is_a_bounce(sending: Sending, work: Work) -> None:
    await sending.contacts(3)

    def answer(verb: str, line: str) -> str | None:
        return "550 5.1.1 User unknown" if verb == "RCPT" and "reader1@" in line else None

    async with ScriptedServer(answer).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        await work()
    assert progress(sent=2, bounced=1) == await sending.progress(new)
    assert (3, {"B": 1}) == await sending.ledger(new)
    assert [new.mailing_id] == _finished


async def test_a_temporary_refusal_is_tried_again_with_growing_delay(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(2)
    refusals = {"left": 2}

    def answer(verb: str, line: str) -> str | None:
        if verb == "RCPT" and "reader1@" in line and refusals["left"]:
            refusals["left"] -= 1
            return "450 4.2.0 greylisted"
        return None

    async with ScriptedServer(answer).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        await work()
        assert progress(sent=1, queued=1) == await sending.progress(new)
        clock.move(timedelta(minutes=4))
        await work()
        assert 1 == refusals["left"]
        clock.move(timedelta(minutes=1))
        await work()
        assert (0, progress(sent=1, queued=1)) == (refusals["left"], await sending.progress(new))
        clock.move(timedelta(minutes=15))
        await work()
    assert progress(sent=2) == await sending.progress(new)
    assert ["reader0@example.com", "reader1@example.com"] == sorted(recipient for recipient, _ in server.taken)
    assert (2, {}) == await sending.ledger(new)


async def test_what_is_refused_for_72_hours_bounces_by_its_last_reply(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contact("ann@example.com")
    async with ScriptedServer(
        lambda verb, line: "452 4.2.2 over quota" if verb == "RCPT" else None
    ).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        for _ in range(72):
            await work()
            clock.move(timedelta(hours=1))
        assert progress(queued=1) == await sending.progress(new)
        await work()
    assert progress(bounced=1) == await sending.progress(new)
    assert (1, {"F": 1}) == await sending.ledger(new)
    assert [] == server.taken


@pytest.fixture
def summer_time(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Iterator[None]:
    """A machine in a zone whose clocks go forward within the next hours."""
    clock.stop(datetime(2026, 3, 28, 22, 0, tzinfo=UTC))
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def test_attempts_come_when_the_contract_says_whatever_the_zone(
    sending: Sending, work: Work, clock: Any, summer_time: None
) -> None:
    attempts: list[float] = []
    started = clock.now()

    def refuse(verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        attempts.append((clock.now() - started).total_seconds() / 60)
        return "450 4.2.0 later"

    await sending.contact("ann@example.com")
    async with ScriptedServer(refuse).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        while await sending.state(new) != "finished":
            await work()
            async with sending.db.reader() as conn:
                due = await many(conn, datetime, "SELECT next_attempt_at FROM outbox WHERE next_attempt_at IS NOT NULL")
            clock.stop(max(due, default=clock.now()))
    hours = 60
    assert [
        0, 5, 20, 50, 110, 230, 470, *range(470 + 8 * hours, 72 * hours, 8 * hours), 72 * hours,
    ] == attempts  # fmt: skip


async def test_a_lost_reply_is_unknown_counted_and_not_sent_again(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(3)

    def answer(verb: str, line: str) -> str | None:
        return ScriptedServer.CLOSE if verb == "TEXT" and line == "reader1@example.com" else None

    async with ScriptedServer(answer).running() as server:
        relay_to(server)
        new, _ = await sending.open()
        for _ in range(4):
            await work()
            clock.move(timedelta(hours=10))
    assert progress(sent=2, unknown=1) == await sending.progress(new)
    assert 1 == [recipient for recipient, _ in server.taken].count("reader1@example.com")
    assert (3, {}) == await sending.ledger(new)
    assert [new.mailing_id] == _finished


async def test_without_a_server_nobody_is_lost(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(5)
    config.override(smtp_url="smtp://127.0.0.1:9")
    new, _ = await sending.open()
    await work()
    assert progress(queued=5) == await sending.progress(new)
    async with ScriptedServer().running() as server:
        relay_to(server)
        clock.move(timedelta(minutes=6))
        await work()
    assert progress(sent=5) == await sending.progress(new)


async def test_an_address_no_message_can_carry_bounces(sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    async with sending.db.transaction() as conn:
        await conn.execute(
            "UPDATE contacts SET email_address = $2 WHERE contact_id = $1", contact_id, "a b@x.example\r\nBcc: c"
        )
    new, _ = await sending.open()
    await work()
    assert progress(bounced=1) == await sending.progress(new)


async def test_claims_of_a_dead_worker_become_unknown_when_their_lease_ends(
    sending: Sending, work: Work, clock: Any, mailbox: Any
) -> None:
    await sending.contacts(5)
    new, _ = await sending.open()
    async with sending.db.transaction() as conn:
        mailing = await mailings.find(conn, sending.account_id, new.mailing_id)
        assert mailing is not None
        await conn.execute("UPDATE mailings SET state = 'sending' WHERE mailing_id = $1", new.mailing_id)
        taken = await claims.take(conn, sending.account_id, mailing, new_id(), at_most=2, now=clock.now())
    assert 2 == len(taken)
    await work()
    assert progress(sent=3, sending=2) == await sending.progress(new)
    assert [] == _finished
    clock.move(claims.LEASE + timedelta(seconds=1))
    await work()
    assert progress(sent=3, unknown=2) == await sending.progress(new)
    assert (5, {}) == await sending.ledger(new)
    assert 3 == len(await mailbox())
    assert [new.mailing_id] == _finished


async def test_a_lost_job_is_started_again_by_the_sweep(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(2)
    new, _ = await sending.open()
    async with sending.db.transaction() as conn:
        await conn.execute("DELETE FROM pgqueuer")
    clock.move(timedelta(minutes=2))
    await outbox.sweep(sending.db)
    await work()
    assert progress(sent=2) == await sending.progress(new)


@pytest.mark.skipif(SINK is None, reason="postfix is not installed")
async def test_many_drains_of_one_mailing_send_to_everybody_once(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_worked_on", Forgetful())  # as if each were in a process of its own
    await sending.contacts(300)
    with smtp_sink() as (port, folder):
        config.override(smtp_url=f"smtp://127.0.0.1:{port}?starttls=off", smtp_connections=6)
        new, _ = await sending.open()
        await asyncio.gather(*(outbox.drain(sending.db, sending.account_id, new.mailing_id) for _ in range(5)))
        arrived = "".join(path.read_text() for path in folder.iterdir())
    assert [1] * 300 == [arrived.count(f"X-Rcpt-Args: <reader{number}@example.com>") for number in range(300)]
    assert progress(sent=300) == await sending.progress(new)
    assert "finished" == await sending.state(new)


async def test_jobs_that_are_left_to_other_processes_come_up_soon_then_seldom(
    sending: Sending, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    await sending.contacts(1)
    new, _ = await sending.open()
    monkeypatch.setattr(outbox, "_worked_on", {new.mailing_id})
    async with sending.db.transaction() as conn:
        await conn.execute("DELETE FROM pgqueuer")
    for _ in range(7):
        await outbox.drain(sending.db, sending.account_id, new.mailing_id)
    async with sending.db.reader() as conn:
        due = await many(conn, datetime, "SELECT execute_after FROM pgqueuer ORDER BY execute_after")
    assert [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2] == [(at - clock.now()).total_seconds() for at in due]


async def test_every_row_ends_without_a_next_attempt_and_without_a_claim_left(sending: Sending, work: Work) -> None:
    await sending.contacts(40)
    await sending.open()
    await work()
    async with sending.db.reader() as conn:
        left = await many(conn, int, "SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL")
        held = await many(conn, int, "SELECT count(*) FROM outbox_claims")
        looked_at = await many(conn, int, "SELECT count(*) FROM mailing_directory WHERE look_at IS NOT NULL")
    assert ([0], [0], [0]) == (left, held, looked_at)
