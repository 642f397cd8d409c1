"""The mail server at the bounce domain as others meet it: TLS, and what people try who want to hold it up.

What its mails do is in test_inbound.py. Source: contract, campaigns §5.5; RFC 5321, RFC 3207.
"""

import asyncio
import smtplib
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from everpost.delivery import inbound_smtp, inbound_tls
from everpost.delivery.inbound_tls import Certificate
from everpost.platform import config
from everpost.platform.config import BadSetting
from everpost.platform.db import Db
from tests.support import certificates

COMPLAINTS = "fbl@bounces.example"
SOON = 5


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "mail.pem"
    path.write_bytes(certificates.make("localhost"))
    return path


@pytest.fixture(autouse=True)
def bounce_domain(settings: Any) -> None:
    config.override(bounce_domain="bounces.example")


class Client:
    """Says lines to the server, and reads what it answers."""

    greeting = ""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *lines: str) -> list[str]:
        """The code of the answer to each line; empty when the server hung up."""
        codes = []
        for line in lines:
            self.writer.write(f"{line}\r\n".encode())
            codes.append(await self.answer())
        return codes

    async def answer(self) -> str:
        line = b"250-"
        with suppress(ConnectionError):
            while line[3:4] == b"-":
                line = await asyncio.wait_for(self.reader.readline(), SOON)
            return line[:3].decode()
        return ""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client that was greeted, or sent away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Client(reader, writer)
    client.greeting = await client.answer()
    yield client
    writer.close()


@asynccontextmanager
async def writing(port: int) -> AsyncIterator[Client]:
    """A client that is about to send a mail's content."""
    async with connected(port) as client:
        said = await client.say("EHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{COMPLAINTS}>", "DATA")
        assert ["250", "250", "250", "354"] == said
        yield client


def submit(port: int, context: ssl.SSLContext) -> tuple[set[str], set[str], int]:
    """What is offered before and after STARTTLS, and the certificate's number; then a mail is taken."""
    with smtplib.SMTP("localhost", port, timeout=SOON) as client:
        client.ehlo()
        before = set(client.esmtp_features)
        client.starttls(context=context)
        client.ehlo()
        assert {} == client.sendmail("", [COMPLAINTS], "Subject: Hello\n\nHello\n")
        assert isinstance(client.sock, ssl.SSLSocket)
        shown = x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True) or b"")
        return before, set(client.esmtp_features), shown.serial_number


async def test_mail_is_taken_over_tls_where_there_is_a_certificate(db: Db, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    async with inbound_smtp.listening(db, "127.0.0.1", 0, Certificate(certificate, None)) as port:
        before, after, _ = await asyncio.to_thread(submit, port, trusting)
    assert "starttls" in before
    assert set() == {"starttls", "auth"} & after
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port, connected(port) as client:
        assert ["250", "454"] == await client.say("EHLO mx.example", "STARTTLS")


async def test_words_before_tls_are_not_believed(db: Db, certificate: Path) -> None:
    async with (
        inbound_smtp.listening(db, "127.0.0.1", 0, Certificate(certificate, None)) as port,
        connected(port) as client,
    ):
        assert ["250", "250", "220"] == await client.say("EHLO mx.example", "MAIL FROM:<>", "STARTTLS")
        await client.writer.start_tls(ssl.create_default_context(cafile=certificate), server_hostname="localhost")
        assert ["503", "250", "503"] == await client.say(
            f"RCPT TO:<{COMPLAINTS}>", "EHLO mx.example", f"RCPT TO:<{COMPLAINTS}>"
        )


async def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(db: Db, certificate: Path) -> None:
    old, new = certificate.read_bytes(), certificates.make("localhost", number=2)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    numbers = []
    async with inbound_smtp.listening(db, "127.0.0.1", 0, Certificate(certificate, certificate)) as port:
        for content in (old, b"half of", new):
            certificate.write_bytes(content)
            numbers.append((await asyncio.to_thread(submit, port, trusting))[2])
    assert [1, 1, 2] == numbers


def test_a_certificate_that_cannot_be_read_is_said_at_the_start(settings: Any, certificate: Path) -> None:
    assert inbound_tls.configured(settings) is None
    assert inbound_tls.configured(config.override(inbound_certificate_file=certificate)) is not None
    for wrong in (certificate.with_name("nowhere.pem"), Path(__file__)):
        with pytest.raises(BadSetting, match="INBOUND_CERTIFICATE_FILE"):
            inbound_tls.configured(config.override(inbound_certificate_file=wrong))
        with pytest.raises(BadSetting, match="INBOUND_CERTIFICATE_FILE"):
            inbound_tls.configured(config.override(inbound_certificate_file=certificate, inbound_key_file=wrong))


@pytest.mark.parametrize("piece", [b"x" * 50_000, b"\r\n" * 1_500], ids=["a line without end", "lines without end"])
async def test_of_what_is_too_much_nothing_is_kept(db: Db, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_smtp, "_MOST_BYTES", 100_000)
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port, writing(port) as client:
        tracemalloc.start()
        for _ in range(40):
            client.writer.write(piece)
            await client.writer.drain()
        assert ["552", "250"] == await client.say("\r\n.", "NOOP")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 2_000_000


async def test_a_command_that_is_too_long_is_refused(db: Db) -> None:
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port, connected(port) as client:
        assert ["250", "500", "250"] == await client.say("EHLO mx.example", "NOOP " + "x" * 500_000, "NOOP")


async def test_who_is_slow_has_a_minute_for_a_mail(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_smtp, "_TIMEOUT_SECONDS", 0.3)
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port, writing(port) as client:
        for _ in range(3):
            client.writer.write(b"X: y\r\n")
            await asyncio.sleep(0.02)
        assert "" == await client.answer()


async def test_who_is_busy_doing_nothing_has_ten(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_smtp, "_LONGEST_SECONDS", 0.2)
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port, connected(port) as client:
        async with asyncio.timeout(SOON):
            while await client.say("NOOP") == ["250"]:
                await asyncio.sleep(0.01)


async def test_one_address_cannot_take_all_connections(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_smtp, "_MOST_CONNECTIONS_OF_ADDRESS", 1)
    async with inbound_smtp.listening(db, "127.0.0.1", 0) as port:
        async with connected(port) as first, connected(port) as second:
            assert ["220", "421"] == [first.greeting, second.greeting]
            assert ["221"] == await first.say("QUIT")
            assert b"" == await first.reader.read()
        async with connected(port) as third:
            assert "220" == third.greeting
