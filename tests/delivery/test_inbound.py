"""Mail to the bounce domain, through the door: what it does to contacts, holds and reports.

Source: contract, campaigns §5.5, §5.6, §5.7, §7.2.
"""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from everpost.contacts import stored
from everpost.delivery import holds, inbound, inbound_smtp, return_paths
from everpost.delivery.mailings import NewMailing
from everpost.ids import CampaignActivityId, ContactId, new_id
from everpost.platform import config
from everpost.platform import db as database
from everpost.platform.db import one, run
from everpost.tracking import counters
from tests.delivery.conftest import Sending, Work
from tests.delivery.notice_samples import complaint, dsn, mail
from tests.support.smtp import parse

DOMAIN = "bounces.example"


class Returns:
    """One mail that was sent to Ann, and the server that takes what comes back."""

    def __init__(self, sending: Sending, contact_id: ContactId, new: NewMailing, headers: Any, port: int) -> None:
        self.sending, self.contact_id, self.new, self.headers, self.port = sending, contact_id, new, headers, port
        unsubscribe = str(headers["List-Unsubscribe"])
        self.leave_address = unsubscribe.partition("mailto:")[2].strip("> ")
        path = return_paths.read(self.leave_address.partition("@")[0])
        assert path is not None
        self.address = f"{return_paths.mint('b', path.mailing_number, contact_id)}@{DOMAIN}"

    @property
    def returned(self) -> str:
        """The headers of the mail as they come back."""
        return "".join(f"{name}: {value}\n" for name, value in self.headers.items())

    async def send(self, recipient: str, source: bytes, sender: str = "") -> dict[str, tuple[int, bytes]]:
        def submit() -> dict[str, tuple[int, bytes]]:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                refused: dict[str, tuple[int, bytes]] = client.sendmail(sender, [recipient], source)
                return refused

        return await asyncio.to_thread(submit)

    async def counts(self) -> dict[str, int]:
        """What the reports count, without what is 0."""
        activity_id = self.new.campaign_activity_id
        async with self.sending.db.reader() as conn:
            found = (await counters.find(conn, self.sending.account_id, [activity_id]))[activity_id]
        names = [name for name in found.__struct_fields__ if name != "campaign_activity_id"]
        return {name: value for name in names if (value := getattr(found, name))}

    async def permission(self) -> tuple[Any, ...]:
        async with self.sending.db.reader() as conn:
            row = await stored.find(conn, self.sending.account_id, self.contact_id)
        assert row is not None
        return row.permission_to_send, row.opt_out_source, row.opt_out_reason

    async def is_held(self) -> bool:
        async with self.sending.db.reader() as conn:
            return await one(conn, int, "SELECT 1 FROM address_holds") is not None

    async def is_suppressed(self) -> bool:
        async with self.sending.db.reader() as conn:
            return bool(await holds.complained(conn, self.sending.account_id, ["ann@example.com"]))


@pytest.fixture
async def returns(sending: Sending, work: Work, mailbox: Any) -> AsyncIterator[Returns]:
    config.override(bounce_domain=DOMAIN)
    contact_id = await sending.contact("Ann@example.com")
    new, _ = await sending.open()
    await work()
    (sent,) = await mailbox()
    async with inbound_smtp.listening(sending.db, "127.0.0.1", 0) as port:
        yield Returns(sending, contact_id, new, parse(sent.content), port)


async def test_a_bounce_is_counted_once_and_holds_the_address(returns: Returns) -> None:
    for _ in range(2):
        await returns.send(returns.address.upper(), dsn(diagnostic="550 5.1.1 User unknown"))
    await returns.send(returns.address, dsn(diagnostic="552 5.2.2 Mailbox full"))
    assert {"sends": 1, "bounces_nonexistent_address": 1} == await returns.counts()
    assert await returns.is_held()
    assert ("implicit", None, None) == await returns.permission()


async def test_reports_tell_what_came_back(sending: Sending, work: Work, api: Any, mailbox: Any) -> None:
    activity = {
        "format_type": 5, "from_name": "Harbor Lane Books", "from_email": sending.email,
        "reply_to_email": sending.email, "subject": "News", "html_content": "<html><body>Hello</body></html>",
    }  # fmt: skip
    made = await api.post("/v3/emails", {"name": "News", "email_campaign_activities": [activity]})
    activity_id = CampaignActivityId(UUID(made.body["campaign_activities"][0]["campaign_activity_id"]))
    await sending.contact("Ann@example.com")
    await sending.open(activity_id=activity_id)
    await work()
    (sent,) = await mailbox()
    returned = f"Message-ID: {parse(sent.content)['Message-ID']}\n"
    for source in (dsn(diagnostic="550 5.1.1 User unknown", returned=returned), complaint(returned=returned)):
        await inbound.receive(sending.db, "fbl@bounces.example", source)
    tracked = f"/v3/reports/email_reports/{activity_id}/tracking"
    report = (await api.get(f"{tracked}/bounces")).body["tracking_activities"]
    assert [("B", "Ann@example.com")] == [(each["bounce_code"], each["email_address"]) for each in report]
    stats = (await api.get(f"/v3/reports/stats/email_campaign_activities/{activity_id}")).body["results"][0]["stats"]
    names = ("em_bounces", "em_bounces_nonexistent_address", "em_abuse", "em_optouts")
    assert [1, 1, 1, 0] == [stats[name] for name in names]


async def test_a_failure_replaces_an_automatic_answer_and_not_the_other_way_round(returns: Returns) -> None:
    away, full = mail("Auto-Submitted: auto-replied\n", "Away"), dsn(diagnostic="552 5.2.2 Mailbox full")
    await returns.send(returns.address, away)
    assert {"sends": 1, "bounces_vacation": 1} == await returns.counts()
    await returns.send(returns.address, full)
    await returns.send(returns.address, away)
    assert {"sends": 1, "bounces_mailbox_full": 1} == await returns.counts()
    assert not await returns.is_held()


async def test_what_is_delayed_or_written_by_people_does_nothing(returns: Returns) -> None:
    await returns.send(returns.address, dsn(action="delayed", status="4.4.1"))
    await returns.send(returns.address, mail("Subject: Re: News\n", "Thank you"), "ann@example.com")
    assert {"sends": 1} == await returns.counts()


async def test_a_complaint_unsubscribes_for_good_and_is_no_opt_out(returns: Returns) -> None:
    for _ in range(2):
        await returns.send(returns.address, complaint("abuse"))
    assert {"sends": 1, "abuse": 1} == await returns.counts()
    assert ("unsubscribed", "Contact", "Marked as spam") == await returns.permission()
    assert await returns.is_suppressed()
    async with returns.sending.db.transaction() as conn:
        await run(
            conn, "UPDATE contacts SET permission_to_send = 'explicit' WHERE contact_id = :id", id=returns.contact_id
        )
    await returns.send(returns.address, complaint("abuse"))
    assert "explicit" == (await returns.permission())[0]


@pytest.mark.parametrize(
    "clue", ["Original-Mail-From", "List-Unsubscribe", "Message-ID", "Feedback-ID", "X-Campaign-Activity-Id"]
)
async def test_a_complaint_finds_its_message_by_what_came_back(returns: Returns, clue: str) -> None:
    if clue == "Original-Mail-From":
        source = complaint("fraud", mail_from=returns.address)
    else:
        source = complaint("fraud", returned=f"To: Ann <ANN@example.com>\n{clue}: {returns.headers[clue]}\n")
    await returns.send(f"fbl@{DOMAIN}", source)
    assert {"sends": 1, "abuse": 1} == await returns.counts()


async def test_an_activity_alone_says_nothing_without_its_recipient(returns: Returns) -> None:
    activity = f"Feedback-ID: {returns.headers['Feedback-ID']}\n"
    await returns.sending.contact("bob@example.com")  # who never got it
    for recipient in ("", "To: redacted@provider.example\n", "To: bob@example.com\n"):
        await returns.send(f"fbl@{DOMAIN}", complaint(returned=recipient + activity))
    unknown = f"To: ann@example.com\nFeedback-ID: {new_id()}:{new_id()}:{new_id()}:everpost\n"
    await returns.send(f"fbl@{DOMAIN}", complaint(returned=unknown))
    # A bounce may hold an address for everybody on the server, so it takes more than a complaint.
    await returns.send(f"fbl@{DOMAIN}", dsn(returned=f"To: ann@example.com\n{activity}"))
    assert {"sends": 1} == await returns.counts()


async def test_complaints_above_a_thousandth_warn_the_operator(returns: Returns) -> None:
    with capture_logs() as lines:
        await inbound.receive(returns.sending.db, f"fbl@{DOMAIN}", complaint(returned=returns.returned))
    (line,) = lines
    assert ("warning", "many recipients complain", 1, 1) == (
        line["log_level"], line["event"], line["complaints"], line["sends"],
    )  # fmt: skip
    assert "example.com" not in str(line)


async def test_feedback_that_is_none_does_nothing_and_an_opt_out_unsubscribes(returns: Returns) -> None:
    await returns.send(returns.address, complaint("not-spam"))
    assert {"sends": 1} == await returns.counts()
    await returns.send(f"fbl@{DOMAIN}", complaint("opt-out", returned=returns.returned))
    assert {"sends": 1, "optouts": 1} == await returns.counts()
    assert ("unsubscribed", "Contact", None) == await returns.permission()
    assert not await returns.is_suppressed()


async def test_a_mail_to_the_unsubscribe_address_unsubscribes_once(returns: Returns) -> None:
    for _ in range(2):
        await returns.send(returns.leave_address, mail("Subject: unsubscribe\n", ""), "ann@example.com")
    assert {"sends": 1, "optouts": 1} == await returns.counts()
    assert ("unsubscribed", "Contact", None) == await returns.permission()


async def test_what_nobody_signed_does_nothing(returns: Returns) -> None:
    forged = return_paths.mint("b", 1, ContactId(new_id()))[:-4] + "aaaa"
    assert {} == await returns.send(f"{forged}@{DOMAIN}", dsn())
    assert {} == await returns.send(f"u-{forged[2:]}@{DOMAIN}", mail("Subject: unsubscribe\n"))
    assert {} == await returns.send(f"fbl@{DOMAIN}", dsn())
    # Nor does it help that what came back is real.
    assert {} == await returns.send(f"{forged}@{DOMAIN}", dsn(returned=returns.returned))
    assert {} == await returns.send(f"{forged}@{DOMAIN}", complaint(returned=returns.returned))
    assert {"sends": 1} == await returns.counts()


async def test_a_bounce_that_is_older_than_its_hold_does_not_prolong_it(returns: Returns, clock: Any) -> None:
    unknown = dsn(diagnostic="550 5.1.1 User unknown")
    await returns.send(returns.address, unknown)
    clock.move(timedelta(days=16))
    await returns.send(returns.address, unknown)
    async with returns.sending.db.reader() as conn:
        assert set() == await holds.held(conn, ["ann@example.com"], now=clock.now())


async def test_unknown_addresses_are_refused_while_the_sender_is_connected(returns: Returns) -> None:
    for address in (f"info@{DOMAIN}", "b-x@elsewhere.example", f"postmaster@{DOMAIN}"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await returns.send(address, dsn())
        assert 550 == refused.value.recipients[address][0]


async def test_what_is_too_large_is_refused_and_long_lines_are_not(returns: Returns) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused):
        await returns.send(returns.address, dsn(returned="X: y\n" * 500_000))
    await returns.send(returns.address, dsn(returned="X: " + "y" * 20_000 + "\n"))
    assert {"sends": 1, "bounces_nonexistent_address": 1} == await returns.counts()


async def test_while_the_database_is_away_the_sender_keeps_the_mail(
    returns: Returns, settings: config.Settings
) -> None:
    assert settings.database_url is not None
    away = await database.connect(settings.database_url, size=2)
    away.terminate()
    async with inbound_smtp.listening(away, "127.0.0.1", 0) as returns.port:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await returns.send(returns.address, dsn())
    assert 451 == refused.value.smtp_code
    assert {"sends": 1} == await returns.counts()


async def test_too_many_connections_are_sent_away(returns: Returns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_smtp, "_MOST_CONNECTIONS", 2)
    open_ones = [await asyncio.open_connection("127.0.0.1", returns.port) for _ in range(3)]
    greetings = [await reader.readline() for reader, _ in open_ones]
    assert [b"220", b"220", b"421"] == [greeting[:3] for greeting in greetings]
    for _, writer in open_ones:
        writer.close()
