"""Submission over SMTP against servers that behave in every way; aiosmtplib as the reference."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller

from everpost.delivery.smtp import Connection, ConnectionFailed, Outcome, Stage, Verdict
from everpost.delivery.submission import RelayCarrier
from everpost.platform.relays import BadRelay, Relay, Security, read
from tests.delivery.smtp_servers import SINK, ScriptedServer, message, relay, sent, smtp_sink
from tests.support import certificates
from tests.support.instance import free_port

CLOSE = ScriptedServer.CLOSE


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody vouches for, with its key in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(certificates.make("localhost"))
    return path


@pytest.fixture(scope="session")
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("extensions", ["PIPELINING", "8BITMIME", ""])
async def test_messages_arrive_in_order_over_one_connection(extensions: str) -> None:
    async with ScriptedServer(extensions=extensions).running() as server:
        outcomes = await sent(relay(server.port), iter([message(number) for number in range(50)]))
    assert [f"reader{number}@example.com" for number in range(50)] == [recipient for recipient, _ in server.taken]
    assert [(number, Verdict.ACCEPTED) for number in range(50)] == [(key, each.verdict) for key, each in outcomes]
    assert 1 == server.connections


@pytest.mark.parametrize("extensions", ["PIPELINING", ""])
@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\r\n\r\n.\r\n",
        b".starts\r\n..two\r\n.\r\nend\r\n",
        b"no line end",
        b"\r\n.",
        b"",
        b"x" * 5000 + b"\r\n" + b"y\r\n" * 60_000,
    ],
)
async def test_a_text_arrives_byte_for_byte(data: bytes, extensions: str) -> None:
    async with ScriptedServer(extensions=extensions).running() as server:
        await sent(relay(server.port), iter([message(1, data=b"S: x\r\n\r\n" + data), message(2)]))
    expected = b"S: x\r\n\r\n" + data
    assert (expected if expected.endswith(b"\r\n") else expected + b"\r\n") == server.taken[0][1]


@pytest.mark.parametrize("extensions", ["PIPELINING", ""])
@pytest.mark.parametrize(
    ("verb", "said", "expected"),
    [
        ("MAIL", "550 5.7.1 not you", Outcome(Verdict.PERMANENT, Stage.MAIL, 550, "5.7.1 not you")),
        ("MAIL", "451 4.3.0 later", Outcome(Verdict.TEMPORARY, Stage.MAIL, 451, "4.3.0 later")),
        ("MAIL", "530 sign in first", Outcome(Verdict.TEMPORARY, Stage.MAIL, 530, "sign in first")),
        (
            "RCPT",
            "550-5.1.1 no\r\n550 5.1.1 such user",
            Outcome(Verdict.PERMANENT, Stage.RCPT, 550, "5.1.1 no 5.1.1 such user"),
        ),
        ("RCPT", "450 4.2.0 greylisted", Outcome(Verdict.TEMPORARY, Stage.RCPT, 450, "4.2.0 greylisted")),
        ("DATA", "554 5.7.1 no", Outcome(Verdict.PERMANENT, Stage.DATA, 554, "5.7.1 no")),
        ("TEXT", "554 5.6.0 content", Outcome(Verdict.PERMANENT, Stage.DATA, 554, "5.6.0 content")),
        ("TEXT", "452 4.3.1 full", Outcome(Verdict.TEMPORARY, Stage.DATA, 452, "4.3.1 full")),
    ],
)
async def test_a_refused_message_does_not_disturb_the_others(
    verb: str, said: str, expected: Outcome, extensions: str
) -> None:
    refused = {"left": 1, "seen": 0}

    def answer(asked: str, line: str) -> str | None:
        # The second message is refused; every command of a pipelined group gets its answer all the same.
        if asked == verb:
            refused["seen"] += 1
            if refused["seen"] == 2:
                return said
        return None

    async with ScriptedServer(answer, extensions=extensions).running() as server:
        outcomes = await sent(relay(server.port), iter([message(number) for number in range(4)]))
    assert {0: Verdict.ACCEPTED, 2: Verdict.ACCEPTED, 3: Verdict.ACCEPTED} == {
        key: each.verdict for key, each in outcomes if key != 1
    }
    assert expected == dict(outcomes)[1]
    arrived = [recipient for recipient, _ in server.taken]
    assert ["reader0@example.com", "reader2@example.com", "reader3@example.com"] == [
        recipient for recipient in arrived if recipient != "reader1@example.com"
    ]
    assert 1 == server.connections


async def test_every_recipient_refused_after_354_gets_an_empty_text_only() -> None:
    async with ScriptedServer(lambda verb, line: "550 no" if verb == "RCPT" else None).running() as server:
        outcomes = await sent(relay(server.port), iter([message(number) for number in range(3)]))
    assert [Verdict.PERMANENT] * 3 == [each.verdict for _, each in outcomes]
    assert [] == server.taken


@pytest.mark.parametrize("extensions", ["PIPELINING", ""])
async def test_a_connection_lost_after_the_final_dot_leaves_the_message_unknown(extensions: str) -> None:
    def answer(verb: str, line: str) -> str | None:
        return CLOSE if verb == "TEXT" and line == "reader1@example.com" else None

    async with ScriptedServer(answer, extensions=extensions).running() as server:
        outcomes = dict(await sent(relay(server.port), iter([message(number) for number in range(3)])))
    assert (Verdict.ACCEPTED, Verdict.UNKNOWN) == (outcomes[0].verdict, outcomes[1].verdict)
    assert 2 not in outcomes or outcomes[2].verdict is Verdict.UNSENT


@pytest.mark.parametrize("extensions", ["PIPELINING", ""])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_text_leaves_it_unsent(verb: str, extensions: str) -> None:
    async with ScriptedServer(
        lambda asked, line: CLOSE if asked == verb else None, extensions=extensions
    ).running() as server:
        outcomes = await sent(relay(server.port), iter([message(1)]))
    assert Verdict.UNSENT is outcomes[0][1].verdict


async def test_421_is_temporary_and_ends_the_connection() -> None:
    async with ScriptedServer(lambda verb, line: "421 4.7.0 too much" if verb == "TEXT" else None).running() as server:
        outcomes = await sent(relay(server.port), iter([message(1), message(2)]))
    assert (Verdict.TEMPORARY, 421) == (outcomes[0][1].verdict, outcomes[0][1].code)
    assert [Verdict.UNSENT] == [each.verdict for _, each in outcomes[1:]]


async def test_a_carrier_goes_on_over_a_new_connection_and_sends_nothing_twice() -> None:
    """The server hangs up after every third message."""
    count = {"texts": 0}

    def answer(verb: str, line: str) -> str | None:
        if verb == "MAIL" and count["texts"] == 3:
            count["texts"] = 0
            return CLOSE
        if verb == "TEXT":
            count["texts"] += 1
        return None

    outcomes: list[Any] = []
    async with ScriptedServer(answer).running() as server:
        carrier = RelayCarrier([relay(server.port)])
        messages = iter([message(number) for number in range(20)])
        await carrier.carry(messages, lambda each, outcome: outcomes.append((each.key, outcome.verdict)))
        await carrier.close()
    assert sorted(f"reader{number}@example.com" for number in range(20)) == sorted(each for each, _ in server.taken)
    assert {(number, Verdict.ACCEPTED) for number in range(20)} == set(outcomes)
    assert 20 == len(outcomes)


async def test_a_carrier_gives_up_on_a_server_that_always_hangs_up() -> None:
    outcomes: list[Any] = []
    async with ScriptedServer(lambda verb, line: CLOSE if verb == "MAIL" else None).running() as server:
        carrier = RelayCarrier([relay(server.port)])
        await carrier.carry(iter([message(1)]), lambda each, outcome: outcomes.append(outcome))
    assert [(Verdict.TEMPORARY, Stage.MAIL)] == [(each.verdict, each.stage) for each in outcomes]
    assert 3 == server.connections


@pytest.mark.parametrize(
    ("verb", "said", "stage", "code"),
    [
        ("BANNER", "554 go away", Stage.BANNER, 554),
        ("BANNER", CLOSE, Stage.BANNER, 0),
        ("BANNER", "nonsense", Stage.BANNER, 0),
        ("EHLO", "421 closing", Stage.BANNER, 0),
        ("AUTH", "535 5.7.8 wrong", Stage.AUTH, 535),
    ],
)
async def test_a_connection_that_cannot_be_opened_says_where_it_failed(
    verb: str, said: str, stage: Stage, code: int
) -> None:
    async with ScriptedServer(
        lambda asked, line: said if asked == verb else None, extensions="AUTH=x AUTH"
    ).running() as server:
        with pytest.raises(ConnectionFailed) as caught:
            await Connection.open(relay(server.port, user="u", password="p"))
    assert (Verdict.TEMPORARY, stage, code) == (
        caught.value.outcome.verdict,
        caught.value.outcome.stage,
        caught.value.outcome.code,
    )


async def test_nobody_there_is_temporary() -> None:
    with pytest.raises(ConnectionFailed) as caught:
        await Connection.open(relay(free_port()))
    assert (Verdict.TEMPORARY, Stage.CONNECT) == (caught.value.outcome.verdict, caught.value.outcome.stage)


async def test_starttls_is_used_when_it_is_offered(server_tls: ssl.SSLContext) -> None:
    async with ScriptedServer(extensions="STARTTLS PIPELINING", tls=server_tls).running() as server:
        outcomes = await sent(relay(server.port, host="localhost"), iter([message(1), message(2)]))
    assert [Verdict.ACCEPTED] * 2 == [each.verdict for _, each in outcomes]
    assert server.is_encrypted
    assert 2 == sum(line.startswith("EHLO") for line in server.lines)


async def test_a_certificate_nobody_vouches_for_stops_a_verified_relay(server_tls: ssl.SSLContext) -> None:
    async with ScriptedServer(extensions="STARTTLS", tls=server_tls).running() as server:
        with pytest.raises(ConnectionFailed) as caught:
            await Connection.open(relay(server.port, host="localhost", security=Security.REQUIRED, is_verified=True))
    assert Stage.TLS is caught.value.outcome.stage
    assert not any(line.startswith("MAIL") for line in server.lines)


async def test_required_starttls_that_is_not_offered_stops() -> None:
    async with ScriptedServer().running() as server:
        with pytest.raises(ConnectionFailed):
            await Connection.open(relay(server.port, security=Security.REQUIRED))
    assert not any(line.startswith("MAIL") for line in server.lines)


async def test_words_before_tls_are_not_believed(server_tls: ssl.SSLContext) -> None:
    """Somebody on the way adds a reply to the one that starts TLS."""
    async with ScriptedServer(
        lambda verb, line: "220 go on\r\n250 injected" if verb == "STARTTLS" else None, extensions="STARTTLS"
    ).running() as server:
        with pytest.raises(ConnectionFailed):
            await Connection.open(relay(server.port, host="localhost"))


@pytest.mark.parametrize(("ways", "expected"), [("AUTH", "AUTH PLAIN AHUAcA=="), ("LOGIN", "AUTH LOGIN")])
async def test_a_user_signs_in(ways: str, expected: str) -> None:
    def answer(verb: str, line: str) -> str | None:
        if verb == "EHLO":
            return "250-scripted\r\n250 AUTH PLAIN LOGIN" if ways == "AUTH" else "250-scripted\r\n250 AUTH LOGIN"
        if line == "AUTH LOGIN":
            return "334 VXNlcm5hbWU6"
        return {"dQ==": "334 UGFzc3dvcmQ6", "cA==": "235 welcome"}.get(line)

    async with ScriptedServer(answer).running() as server:
        outcomes = await sent(relay(server.port, user="u", password="p"), iter([message(1)]))
    assert Verdict.ACCEPTED is outcomes[0][1].verdict
    assert expected in server.lines


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    umlaut = "jürgen@example.com"
    async with ScriptedServer().running() as server:
        outcomes = await sent(relay(server.port), iter([message(1), message(2, umlaut), message(3)]))
    assert [Verdict.ACCEPTED, Verdict.PERMANENT, Verdict.ACCEPTED] == [each.verdict for _, each in outcomes]
    async with ScriptedServer(extensions="SMTPUTF8 PIPELINING").running() as server:
        outcomes = await sent(relay(server.port), iter([message(1), message(2, umlaut)]))
    assert umlaut in [recipient for recipient, _ in server.taken]
    assert "MAIL FROM:<news@harborlane.example> SMTPUTF8" in server.lines


class _Handler:
    """aiosmtpd's: refuses some recipients, keeps the texts of the others."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        if "refused" in address:
            return "550 5.1.1 No such user here"
        if "later" in address:
            return "451 4.7.1 Greylisted, try again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.texts[envelope.rcpt_tos[0]] = bytes(envelope.original_content)
        return "554 5.6.0 Content refused" if b"unwanted" in envelope.original_content else "250 2.0.0 Taken"


@pytest.fixture
async def aiosmtpd_server() -> AsyncIterator[tuple[int, _Handler]]:
    handler = _Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller.port, handler
    controller.stop()


async def test_outcomes_are_those_of_aiosmtplib(aiosmtpd_server: tuple[int, _Handler]) -> None:
    port, handler = aiosmtpd_server
    messages = [
        message(1),
        message(2, "refused@example.com"),
        message(3, "later@example.com"),
        message(4, data=b"Subject: unwanted\r\n\r\n.dots\r\n..\r\n"),
        message(5, data=b"Subject: x\r\n\r\n" + b"long line " * 90 + b"\r\n"),
    ]
    ours = {key: (each.code, each.text) for key, each in await sent(relay(port), iter(messages))}
    our_texts, handler.texts = handler.texts, {}
    theirs: dict[object, tuple[int, str]] = {}
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        for each in messages:
            try:
                _, text = await client.sendmail(each.sender.decode(), [each.recipient.decode()], each.data)
                theirs[each.key] = (250, text)
            except aiosmtplib.SMTPRecipientsRefused as error:
                theirs[each.key] = (error.recipients[0].code, error.recipients[0].message)
            except aiosmtplib.SMTPDataError as error:
                theirs[each.key] = (error.code, error.message)
    assert theirs == ours
    assert handler.texts == our_texts


@pytest.mark.skipif(SINK is None, reason="postfix is not installed")
async def test_postfix_takes_a_thousand_messages_each_once() -> None:
    with smtp_sink() as (port, folder):
        outcomes = await sent(relay(port), iter([message(number) for number in range(1000)]))
        arrived = "".join(path.read_text() for path in folder.iterdir())
    assert {Verdict.ACCEPTED} == {each.verdict for _, each in outcomes}
    assert [1] * 1000 == [arrived.count(f"<reader{number}@example.com>") for number in range(1000)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 25, Security.OFFERED, False, "", "")),
        ("smtp://u%40x:p%3A@mail.example", ("mail.example", 587, Security.OFFERED, True, "u@x", "p:")),
        ("smtps://mail.example", ("mail.example", 465, Security.FROM_START, True, "", "")),
        ("smtp://mail.example:2525?starttls=required", ("mail.example", 2525, Security.REQUIRED, True, "", "")),
        ("smtp://mail.example?starttls=off", ("mail.example", 25, Security.NONE, True, "", "")),
        ("smtps://mail.example?verify=off", ("mail.example", 465, Security.FROM_START, False, "", "")),
        ("smtp://[::1]:26", ("::1", 26, Security.OFFERED, False, "", "")),
    ],
)
def test_a_relay_is_read_from_its_url(url: str, expected: tuple[Any, ...]) -> None:
    found: Relay = read(url)
    assert expected == (found.host, found.port, found.security, found.is_verified, found.user, found.password)


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://x:port", "smtp://x?starttls=maybe"]
)
def test_a_url_that_is_no_relay_is_refused(url: str) -> None:
    with pytest.raises(BadRelay):
        read(url)


async def test_no_password_leaves_unencrypted_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "is_loopback", False)
    async with ScriptedServer(extensions="AUTH").running() as server:
        with pytest.raises(ConnectionFailed) as caught:
            await Connection.open(relay(server.port, user="u", password="p", security=Security.NONE))
    assert Stage.AUTH is caught.value.outcome.stage
    assert not any(line.startswith("AUTH") for line in server.lines)
