import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from everpost.ids import AccountId, new_id
from everpost.platform import config, mail
from everpost.platform.db import Db
from everpost.platform.mailbox import Mail
from tests.support.smtp import SmtpServer

Mailbox = Callable[[], Awaitable[list[Mail]]]
Work = Callable[[], Awaitable[int]]


class ChoosyServer(SmtpServer):
    """Answers the next recipients with these replies, and everybody after them with yes."""

    def __init__(self, *replies: str) -> None:
        super().__init__()
        self.replies = list(replies)

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.pop(0) if self.replies else "250 2.1.5 fine"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply


@pytest.fixture
async def choosy() -> AsyncIterator[Callable[..., ChoosyServer]]:
    started: list[ChoosyServer] = []

    def start(*replies: str) -> ChoosyServer:
        server = ChoosyServer(*replies)
        server.start()
        started.append(server)
        config.override(smtp_url=server.url)
        return server

    yield start
    for server in started:
        server.stop()


async def send(db: Db, **options: Any) -> None:
    mail_of_test: dict[str, Any] = {"to": "jo@example.org", "subject": "Grüße", "text": "Hello Jürgen\n"}
    async with db.transaction() as conn:
        await mail.send(conn, **(mail_of_test | options))


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, _class=EmailMessage, policy=default)


async def test_without_a_relay_the_mail_ends_in_the_mailbox(db: Db, work: Work, mailbox: Mailbox) -> None:
    await send(db, html="<p>Hello Jürgen</p>", headers={"Reply-To": "desk@example.org"})
    assert await mailbox() == []
    await work()
    (kept,) = await mailbox()
    message = read(kept.content)
    assert (kept.recipient, kept.subject, kept.sender) == ("jo@example.org", "Grüße", "everpost@localhost")
    assert (message["Subject"], message["To"], message["Reply-To"]) == ("Grüße", "jo@example.org", "desk@example.org")
    assert message["Message-ID"].endswith("@localhost>")
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert (text.get_content(), html.get_content()) == ("Hello Jürgen\r\n", "<p>Hello Jürgen</p>\r\n")
    assert kept.content.isascii(), "relays without 8BITMIME exist"


async def test_a_mail_belongs_to_its_account(db: Db, work: Work) -> None:
    account_id = AccountId(new_id())
    await send(db, account_id=account_id)
    await work()
    async with db.reader() as conn:
        assert 1 == await conn.fetchval("SELECT count(*) FROM mailbox_messages WHERE account_id = $1", account_id)


async def test_what_is_rolled_back_is_not_sent(db: Db, work: Work, mailbox: Mailbox) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with db.transaction() as conn:
            await mail.send(conn, to="jo@example.org", subject="Hello", text="Hello")
            raise ZeroDivisionError
    await work()
    assert await mailbox() == []


async def test_nobody_adds_headers_by_a_line_break(db: Db, mailbox: Mailbox, work: Work) -> None:
    await send(db, subject="Hello\r\nBcc: all@example.org\n")
    await work()
    (kept,) = await mailbox()
    received = read(kept.content)
    assert ("Hello Bcc: all@example.org", kept.subject, None) == (
        received["Subject"],
        received["Subject"],
        received["Bcc"],
    )
    with pytest.raises(ValueError, match=r"(?i)cr or lf|linefeed"):
        await send(db, to="jo@example.org\nBcc: all@example.org")


async def test_a_job_that_runs_twice_leaves_one_mail(db: Db, work: Work, mailbox: Mailbox) -> None:
    await send(db)
    async with db.reader() as conn:
        mail_id = await conn.fetchval("SELECT mail_id FROM outgoing_mails")
    await mail.submit(db, mail_id=mail_id)
    await work()
    assert 1 == len(await mailbox())


async def test_a_relay_gets_the_mail(db: Db, work: Work, mailbox: Mailbox, choosy: Callable[..., ChoosyServer]) -> None:
    server = choosy()
    await send(db)
    await work()
    assert server.mail_to("jo@example.org")["Subject"] == "Grüße"
    assert await mailbox() == []


async def test_a_mail_put_off_comes_later_with_the_same_message_id(
    db: Db, work: Work, choosy: Callable[..., ChoosyServer], clock: Any
) -> None:
    server = choosy("451 4.7.1 greylisted", "421 4.3.2 busy")
    await send(db)
    async with db.reader() as conn:
        message_id = read(await conn.fetchval("SELECT content FROM outgoing_mails"))["Message-ID"]
    await work()
    assert server.messages == []
    clock.move(timedelta(seconds=15))
    await work()
    assert server.messages == []
    clock.move(timedelta(seconds=15))
    assert 0 == await work(), "the second delay is longer"
    clock.move(timedelta(seconds=15))
    await work()
    assert message_id == server.mail_to("jo@example.org")["Message-ID"]


async def test_a_refused_mail_is_not_tried_again(
    db: Db, work: Work, choosy: Callable[..., ChoosyServer], clock: Any
) -> None:
    server = choosy("550 5.1.1 no such user")
    await send(db)
    await work()
    clock.move(timedelta(days=1))
    assert (0, []) == (await work(), server.messages)
    async with db.reader() as conn:
        assert 0 == await conn.fetchval("SELECT count(*) FROM outgoing_mails")


async def test_an_unreachable_relay_is_tried_for_two_days(db: Db, work: Work, clock: Any) -> None:
    config.override(smtp_url="smtp://127.0.0.1:1")
    await send(db)
    attempts = 0
    for _ in range(6 * 24 * 4):
        attempts += await work()
        clock.move(timedelta(minutes=10))
    assert 15 < attempts < 30
    async with db.reader() as conn:
        assert 0 == await conn.fetchval("SELECT count(*) FROM outgoing_mails")


async def test_a_mail_waits_until_the_relay_offers_the_encryption_that_is_required(
    db: Db, work: Work, choosy: Callable[..., ChoosyServer]
) -> None:
    server = choosy()
    config.override(smtp_url=f"{server.url}?starttls=required")
    await send(db)
    await work()
    assert server.messages == []
    async with db.reader() as conn:
        assert 1 == await conn.fetchval("SELECT attempts FROM outgoing_mails")
