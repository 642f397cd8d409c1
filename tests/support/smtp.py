"""A real SMTP server that keeps what it was given, as slowly as a test wants it."""

import asyncio
import email
import email.policy
import threading
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.instance import free_port


class SmtpServer:
    """`messages` holds (recipient, source) in the order of their acceptance."""

    def __init__(self, *, delay_seconds: float = 0.0) -> None:
        self.delay_seconds = delay_seconds
        self.messages: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        content: Any = envelope.original_content or envelope.content
        with self._lock:
            self.messages.extend((recipient, bytes(content)) for recipient in envelope.rcpt_tos)
        return "250 2.0.0 accepted"

    def start(self) -> "SmtpServer":
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    @property
    def recipients(self) -> list[str]:
        with self._lock:
            return [recipient for recipient, _ in self.messages]

    def mail_to(self, recipient: str) -> EmailMessage:
        """The one mail to this address, parsed."""
        (source,) = [source for each, source in self.messages if each.lower() == recipient.lower()]
        return parse(source)


def parse(source: bytes) -> EmailMessage:
    message = email.message_from_bytes(source, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message
