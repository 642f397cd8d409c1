"""Addresses that nothing is sent to for now. Source: contract, campaigns.md §5.6, §5.7."""

from datetime import timedelta
from typing import Any

from everpost.delivery import holds
from everpost.ids import ContactId
from everpost.platform import config
from everpost.platform.db import Db, many
from tests.delivery.conftest import Sending
from tests.delivery.smtp_servers import ScriptedServer

ADDRESS = "Gone@Example.com"


async def is_held(db: Db, at: Any) -> bool:
    async with db.reader() as conn:
        return bool(await holds.held(conn, ["gone@example.com"], now=at))


async def note(db: Db, at: Any) -> None:
    async with db.transaction() as conn:
        await holds.note_unknown(conn, [ADDRESS], now=at)


async def test_an_unknown_address_is_held_for_15_days_and_after_a_second_time_for_good(db: Db, clock: Any) -> None:
    start = clock.now()
    await note(db, start)
    await note(db, start + timedelta(days=14))  # a late bounce of an earlier mail
    assert [True, False] == [await is_held(db, start + timedelta(days=days)) for days in (14, 15)]
    await note(db, start + timedelta(days=15))
    assert await is_held(db, start + timedelta(days=4000))
    async with db.transaction() as conn:
        assert [True, False] == [await holds.lift(conn, " gone@EXAMPLE.com ") for _ in range(2)]
    assert not await is_held(db, start + timedelta(days=16))


async def bounce_codes(sending: Sending, contact_id: ContactId) -> list[str]:
    async with sending.db.reader() as conn:
        return await many(
            conn,
            str,
            """
            SELECT bounce_code FROM tracking_events
             WHERE account_id = :account_id AND contact_id = :contact_id AND kind = 'bounce' ORDER BY created_at""",
            account_id=sending.account_id,
            contact_id=contact_id,
        )


async def test_a_held_address_counts_as_sent_and_bounced_and_no_server_hears_of_it(
    sending: Sending, work: Any, clock: Any
) -> None:
    gone = await sending.contact("gone@example.com")
    await sending.contact("ann@example.com")

    def answer(verb: str, line: str) -> str | None:
        return "550 5.1.1 User unknown" if verb == "RCPT" and "gone@" in line else None

    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}")

        async def asked_for_gone() -> int:
            await sending.open()
            await work()
            return len([line for line in server.lines if "RCPT" in line and "gone@" in line])

        assert 1 == await asked_for_gone()
        clock.move(timedelta(days=14))
        assert 1 == await asked_for_gone()
        assert ["B", "S"] == await bounce_codes(sending, gone)
        clock.move(timedelta(days=1, seconds=1))
        assert 2 == await asked_for_gone()
        clock.move(timedelta(days=400))
        assert 2 == await asked_for_gone()
        assert ["B", "S", "B", "S"] == await bounce_codes(sending, gone)
        assert 4 == len(server.taken)


async def test_who_complained_gets_nothing_more_from_this_account(
    sending: Sending, work: Any, mailbox: Any, clock: Any
) -> None:
    await sending.contact("angry@example.com")
    await sending.contact("ann@example.com")
    async with sending.db.transaction() as conn:
        await holds.note_complaint(conn, sending.account_id, "Angry@example.com", now=clock.now())
    new, _ = await sending.open()
    await work()
    assert ["ann@example.com"] == [mail.recipient for mail in await mailbox()]
    assert ["sent", "suppressed"] == sorted(row.state for row in await sending.rows(new))
