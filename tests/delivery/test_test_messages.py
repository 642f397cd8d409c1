"""Proofs of a mail. Source: contract, campaigns §3.12."""

from datetime import timedelta
from typing import Any

from everpost.delivery import test_messages
from everpost.delivery.render import Content
from everpost.platform import config
from everpost.platform.db import many
from tests.delivery.conftest import HTML, Sending, Work
from tests.delivery.smtp_servers import ScriptedServer
from tests.support.smtp import parse


async def send(sending: Sending, *addresses: str) -> None:
    new = test_messages.TestMessage(
        from_name="Harbor",
        from_email=sending.email,
        reply_to_email=sending.email,
        content=Content(html=HTML, subject="Hi [[FirstName]]", personal_message="Please check"),
    )
    async with sending.db.transaction() as conn:
        await test_messages.send(conn, sending.account_id, new, addresses)


async def test_a_test_goes_to_each_address_unpersonalised_and_untracked(
    sending: Sending, work: Work, mailbox: Any
) -> None:
    await send(sending, "proof@example.com", "boss@example.com")
    await work()
    mails = await mailbox()
    assert {"proof@example.com", "boss@example.com"} == {mail.recipient for mail in mails}
    message = parse(mails[0].content)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert ("Hi [[FirstName]]", "true", None) == (
        message["Subject"],
        message["X-Campaign-Test"],
        message["List-Unsubscribe"],
    )
    assert '[[FirstName OR "Reader"]]' in html
    assert "Please check" in html
    assert 'href="https://shop.example/new"' in html
    assert "/o/" not in html
    assert "http://everpost.test/u/test" in html
    assert f"Unsubscribe {mails[0].recipient}" in html
    async with sending.db.reader() as conn:
        assert [0] == await many(conn, int, "SELECT count(*) FROM sends")


async def test_a_test_waits_for_a_server_and_keeps_its_message_id(sending: Sending, work: Work, clock: Any) -> None:
    config.override(smtp_url="smtp://127.0.0.1:9")
    await send(sending, "proof@example.com")
    await work()
    refusals = {"left": 1}

    def answer(verb: str, line: str) -> str | None:
        if verb == "TEXT" and refusals["left"]:
            refusals["left"] -= 1
            return "451 4.3.0 later"
        return None

    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")
        for _ in range(3):
            clock.move(timedelta(minutes=16))
            await work()
    attempts = [*server.refused, *server.taken]
    assert ["proof@example.com"] * 2 == [recipient for recipient, _ in attempts]
    assert 1 == len({parse(content)["Message-ID"] for _, content in attempts}) == len(server.taken)


async def test_a_refused_test_is_given_up(sending: Sending, work: Work, clock: Any) -> None:
    async with ScriptedServer(lambda verb, line: "550 5.1.1 no" if verb == "RCPT" else None).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")
        await send(sending, "proof@example.com")
        await work()
    async with sending.db.reader() as conn:
        assert [0] == await many(conn, int, "SELECT count(*) FROM test_messages")
