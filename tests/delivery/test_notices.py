"""What a mail to a return path says. Source: contract, campaigns §5.5, §5.7 and reporting §4.2."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everpost.delivery import notices
from tests.delivery.notice_samples import complaint, dsn, mail

AWAY = "I am on holiday until Monday."


@pytest.mark.parametrize(
    ("status", "diagnostic", "expected"),
    [
        # The contract's own vectors.
        ("5.1.1", "550 5.1.1 <x@y>: Recipient address rejected: User unknown", "B"),
        ("5.7.26", "550-5.7.26 unauthenticated mail from example", "Z"),
        ("5.2.2", "552 5.2.2 Mailbox full", "F"),
        ("4.2.2", "452 4.2.2 over quota", "F"),
        ("4.7.0", "421 4.7.0 temporarily rate limited", "Z"),
        ("4.4.1", "connect to mx.example.com[192.0.2.5]:25: Connection timed out", "D"),
        ("5.4.4", "Host or domain name not found. Name service error", "D"),
        ("5.6.0", "554 5.6.0 message content error", "X"),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "B"),
        ("5.2.1", "", "B"),
        # What the server said tells more than the reporter's status.
        ("5.0.0", "550 5.1.1 no", "B"),
        ("5.0.0", "550 No thanks", "B"),
        ("5.0.0", "550 no thanks (in reply to end of DATA command)", "Z"),
        ("5.0.0", "554 5.7.1 refused from 5.1.1.9", "Z"),
        ("4.4.7", "", "D"),
        ("5.0.0", "", "X"),
    ],
)
def test_a_failed_delivery_gets_its_letter(status: str, diagnostic: str, expected: str) -> None:
    notice = notices.read(dsn(status=status, diagnostic=diagnostic))
    assert notice is not None
    assert ("bounce", expected, ("ann@example.com",)) == (notice.kind, notice.bounce_code, notice.recipients)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "Delayed (will retry)"])
def test_what_may_still_arrive_is_no_bounce(action: str) -> None:
    assert notices.read(dsn(status="4.4.1", action=action)) is None


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied\nSubject: Re: News\n",
        "Auto-Submitted: auto-replied (vacation)\nSubject: Re: News\n",
        "Auto-Submitted: auto-generated; owner-email=ann@example.com\nSubject: Re: News\n",
        "X-Autoreply: yes\nSubject: Re: News\n",
        "Precedence: auto_reply\nSubject: Re: News\n",
        "Subject: Out of Office: News\n",
        "Subject: Automatic reply: News\n",
        "Subject: Re: Auto-Reply\n",
        "Subject: =?utf-8?Q?R=C3=A9ponse_automatique=C2=A0: News?=\n",
        "Subject: Abwesenheitsnotiz: News\n",
    ],
)
def test_an_automatic_answer_says_that_the_mail_arrived(headers: str) -> None:
    notice = notices.read(mail(headers, AWAY), sender="")
    assert notice is not None and ("bounce", "V") == (notice.kind, notice.bounce_code)


@pytest.mark.parametrize("sender", ["", "From:\n", "From: (nobody)\n"])
def test_a_mail_that_does_not_say_who_wrote_it_is_read_all_the_same(sender: str) -> None:
    away = notices.read(f"{sender}Auto-Submitted: auto-replied\n\nAway\n".encode(), sender="")
    failed = notices.read(f"{sender}Subject: failure notice\n\nNo such user here\n".encode(), sender="<>")
    assert ["V", "B"] == [notice and notice.bounce_code for notice in (away, failed)]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ("Subject: Re: News\n", "Thank you, I liked it. Where is your office?"),
        ("Subject: Re: News\nAuto-Submitted: no\n", "The parcel could not be delivered to me."),
        ("Subject: Question about the office\nPrecedence: bulk\n", "Hello"),
        ("", ""),
    ],
)
def test_what_people_write_is_nothing(headers: str, text: str) -> None:
    assert notices.read(mail(headers, text), sender="ann@example.com") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Delivery to ann@example.com failed: 550 5.1.1 User unknown", "B"),
        ("The message could not be delivered: the mailbox is full.", "F"),
        ("Your mail could not be delivered. It was classified as spam.", "Z"),
        ("Your mail could not be delivered.", "X"),
        # Words of the message that came back say nothing about why.
        ("Your mail could not be delivered.\n\n--- Original message ---\n\nWin against spam filters!", "X"),
    ],
)
def test_a_bounce_in_words_gets_its_letter(text: str, expected: str) -> None:
    source = mail("Subject: Mail delivery problem\n", text, "MAILER-DAEMON@mx.example.com")
    notice = notices.read(source, sender="<>")
    assert notice is not None and ("bounce", expected) == (notice.kind, notice.bounce_code)


@pytest.mark.parametrize(
    ("feedback_type", "expected"),
    [
        ("abuse", "complaint"), ("Fraud", "complaint"), ("virus", "complaint"), ("other", "complaint"),
        ("opt-out", "opt_out"), ("not-spam", None), ("auth-failure", None), ("", None),
    ],
)  # fmt: skip
def test_a_complaint_is_read_by_its_type(feedback_type: str, expected: str | None) -> None:
    notice = notices.read(complaint(feedback_type))
    assert expected == (notice.kind if notice else None)


SEEDS = [dsn(), dsn(diagnostic="550 5.1.1 no"), complaint(), mail("Subject: Out of office\n")]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), number=st.integers(0, 10**6), noise=st.binary(max_size=40))
def test_nothing_that_is_mangled_makes_reading_fail(seed: bytes, number: int, noise: bytes) -> None:
    chance = random.Random(number)
    source = bytearray(seed)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(source) + 1)
        source[at : at + chance.randint(0, 30)] = noise or bytes(chance.randbytes(3))
    notice = notices.read(bytes(source), sender="")
    assert notice is None or notice.kind in ("bounce", "complaint", "opt_out")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=400))
def test_no_bytes_make_reading_fail(source: bytes) -> None:
    notices.read(source)


@pytest.mark.parametrize(
    "source",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
        b"Content-Type: message/rfc822\n\n" * 3000,
        b"Content-Type: text/plain; charset=no-such\nContent-Transfer-Encoding: base64\nSubject: =?x?b?=FF?=\n\n=\xff\n",
        b"Content-Type: multipart/report; report-type=delivery-status\n\nStatus: 5.1.1\n",
        b"Subject: Failed\n\nfailed addresses follow:\n" + b"a" * 200_000,
        b"Subject: Failed\n\n" + b"Your message to:\n" + (b"x" * 5_000 + b"\n") * 200,
        b"\0" * 300_000,
    ],
    ids=["parts in parts", "mails in mails", "unknown encodings", "no boundary", "one long line", "long lines", "zeros"],
)  # fmt: skip
def test_hostile_mails_are_read_in_no_time(source: bytes) -> None:
    notices.read(source, sender="")
