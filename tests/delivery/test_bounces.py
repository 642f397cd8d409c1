"""One letter for whatever a server said. Source: contract, reporting §4.2, with all its vectors."""

import pytest

from everpost.delivery.bounces import classify
from everpost.delivery.smtp import Stage


@pytest.mark.parametrize(
    ("code", "text", "stage", "expected"),
    [
        # The contract's own vectors.
        (550, "5.1.1 <x@y>: Recipient address rejected: User unknown", Stage.RCPT, "B"),
        (550, "5.7.26 unauthenticated mail from example", Stage.DATA, "Z"),
        (552, "5.2.2 Mailbox full", Stage.RCPT, "F"),
        (452, "4.2.2 over quota", Stage.RCPT, "F"),
        (421, "4.7.0 temporarily rate limited", Stage.MAIL, "Z"),
        (0, "TimeoutError", Stage.CONNECT, "D"),
        (0, "Name or service not known", Stage.CONNECT, "D"),
        (554, "5.6.0 message content error", Stage.DATA, "X"),
        (550, "5.4.1 Recipient address rejected: Access denied", Stage.RCPT, "B"),
        (500, "5.2.1", Stage.RCPT, "B"),
        # Texts.
        (550, "Mailbox is full", Stage.RCPT, "F"),
        (550, "sorry, no such recipient here", Stage.DATA, "B"),
        (550, "The account doesn't exist", Stage.RCPT, "B"),
        (450, "user unknown, perhaps later", Stage.RCPT, "D"),
        (550, "5.1.10 Recipient address rejected: x", Stage.RCPT, "B"),
        (554, "Message looks like spam", Stage.DATA, "Z"),
        (550, "Your host is listed at some.rbl.example", Stage.RCPT, "Z"),
        (451, "Greylisted, come back later", Stage.RCPT, "Z"),
        (550, "SPF check failed", Stage.MAIL, "Z"),
        # Domains that are not there.
        (550, "5.1.2 <x@nx.example>: Recipient address rejected: Domain not found", Stage.RCPT, "D"),
        (556, "5.1.10 <x@y.example>: Recipient address rejected: Domain has a null MX", Stage.RCPT, "D"),
        (550, "5.1.0 Domain y.example does not accept mail (nullMX)", Stage.RCPT, "D"),
        (550, "5.4.4 Host or domain name not found. Name service error for name=nx.example", Stage.RCPT, "D"),
        (550, "The domain nx.example does not exist", Stage.RCPT, "D"),
        (554, "5.4.4 unable to route: no mx hosts for nx.example", Stage.DATA, "D"),
        (553, "NXDOMAIN", Stage.RCPT, "D"),
        (450, "4.1.2 <x@nx.example>: Recipient address rejected: Domain not found", Stage.RCPT, "D"),
        (550, "5.1.10 Recipient not found by SMTP address lookup", Stage.RCPT, "B"),
        (550, "5.1.8 <news@nx.example>: Sender address rejected: Domain not found", Stage.MAIL, "Z"),
        # Enhanced status.
        (550, "5.1.0 x", Stage.RCPT, "B"),
        (550, "5.1.0 x", Stage.DATA, "X"),
        (550, "5.1.2 x", Stage.RCPT, "D"),
        (550, "5.1.8 x", Stage.MAIL, "Z"),
        (554, "5.3.0 x", Stage.DATA, "X"),
        (552, "5.3.4 x", Stage.DATA, "X"),
        (451, "4.4.2 x", Stage.DATA, "D"),
        (451, "4.4.3 x", Stage.RCPT, "D"),
        (554, "5.4.14 x", Stage.RCPT, "X"),
        (554, "5.5.4 x", Stage.MAIL, "X"),
        (554, "5.7.1 x", Stage.DATA, "Z"),
        # Basic codes.
        (421, "closing", Stage.MAIL, "D"),
        (450, "later", Stage.RCPT, "D"),
        (452, "too much", Stage.RCPT, "F"),
        (550, "no", Stage.RCPT, "B"),
        (551, "no", Stage.RCPT, "B"),
        (550, "no", Stage.DATA, "Z"),
        (554, "no", Stage.DATA, "Z"),
        (552, "no", Stage.RCPT, "F"),
        (552, "no", Stage.DATA, "X"),
        (554, "no", Stage.BANNER, "Z"),
        (521, "no", Stage.BANNER, "Z"),
        (571, "no", Stage.RCPT, "Z"),
        (556, "no", Stage.RCPT, "D"),
        (500, "what", Stage.MAIL, "X"),
    ],
)
def test_a_reply_gets_its_letter(code: int, text: str, stage: Stage, expected: str) -> None:
    assert expected == classify(code, text, stage)
