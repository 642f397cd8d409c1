"""Submission over SMTP: connections that are reused and pipelined, and one outcome per message.

With PIPELINING a message costs one write and one wait: its text goes out together with the next message's MAIL, RCPT
and DATA (a group may begin with a message's text, RFC 2920 §3.1). Without it every command waits for its reply.

Rules: a message whose final dot was written and whose reply never came is UNKNOWN: it may have arrived, so nobody may
send it again. UNSENT means that no byte of its text was written and that the connection is lost: it may be sent over
another one at once.
"""

import base64
import ssl
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

from everpost.delivery.message import Message
from everpost.delivery.smtp_wire import Reply, Wire, connect
from everpost.platform.relays import Relay, Security

CONNECT_SECONDS: Final = 30
REPLY_SECONDS: Final = 120
# A server may scan a message before it answers the final dot; RFC 5321 §4.5.3.2.6 asks clients for ten minutes.
TEXT_SECONDS: Final = 600

# Refusals of us, not of the message: the operator has to mend the relay's settings, so the message waits.
_OUR_FAULT = frozenset([530, 534, 535, 538])


class Verdict(Enum):
    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


class Stage(Enum):
    """How far a message came."""

    CONNECT = "connect"
    TLS = "tls"
    BANNER = "banner"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


class Outcome(Struct, frozen=True):
    """What became of a message; `code` is 0 when no server said anything."""

    verdict: Verdict
    stage: Stage
    code: int = 0
    text: str = ""


class ConnectionFailed(Exception):
    """There is no server to talk to, for now: what that means for a message is `outcome`, always temporary."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.stage.value}: {outcome.code or ''} {outcome.text}")
        self.outcome = outcome


Report = Callable[[Message, Outcome], None]


class Connection:
    """A session with one server; for one task at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._extensions: dict[str, str] = {}
        self._needs_reset = False

    @classmethod
    async def open(cls, relay: Relay) -> "Connection":
        """Connect, greet, encrypt, sign in. Raises: ConnectionFailed."""
        steps = _Steps()
        try:
            tls = relay.tls() if relay.security is Security.FROM_START else None
            connection = cls(await connect(relay.host, relay.port, tls, timeout_seconds=CONNECT_SECONDS))
        except (OSError, TimeoutError) as error:
            raise steps.failed(error) from error
        try:
            await connection._begin(relay, steps)
        except (OSError, TimeoutError, EOFError) as error:
            raise steps.failed(error) from error
        finally:
            if steps.stage is not Stage.MAIL:
                connection._wire.close()
        return connection

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    def offers(self, extension: str) -> bool:
        return extension in self._extensions

    async def submit(self, messages: Iterator[Message], report: Report) -> None:
        """Send messages until there are no more or the connection is lost; `report` hears of every one that was taken.

        The next message is taken before the fate of the last one is known.
        """
        while self.is_open and (message := next(messages, None)) is not None:
            if self.offers("PIPELINING"):
                await self._send_pipelined(message, messages, report)
            else:
                await self._send_stepwise(message, report)

    async def close(self) -> None:
        """Say goodbye, and do not insist on an answer."""
        if self.is_open:
            self._wire.write(b"QUIT\r\n")
            self._wire.close()

    # Pipelined: `message` is in hand, its envelope is written, and each text takes the next envelope along.

    async def _send_pipelined(self, message: Message, messages: Iterator[Message], report: Report) -> None:
        if (refusal := self._refusal(message)) is not None:
            report(message, refusal)
            return
        self._wire.write(self._reset() + self._envelope(message))
        while True:
            refused = await self._read_envelope()
            if refused is not None:
                report(message, refused)
                return
            following = next(messages, None)
            refusal = self._refusal(following) if following else None
            envelope = self._envelope(following) if following is not None and refusal is None else b""
            self._wire.write(_text(message, envelope))
            report(message, await self._read_text_reply())
            if following is None:
                return
            if refusal is not None:
                report(following, refusal)
                return
            message = following

    async def _read_envelope(self) -> Outcome | None:
        """None when the server waits for the text; otherwise why it does not."""
        refused: Outcome | None = None
        stage = Stage.MAIL
        try:
            for stage in ([Stage.MAIL] if self._needs_reset else []) + [Stage.MAIL, Stage.RCPT, Stage.DATA]:
                reply = await self._wire.reply(REPLY_SECONDS)
                if self._needs_reset:
                    self._needs_reset = False
                elif refused is None and not _is_good(reply, stage):
                    refused = _outcome(reply, stage)
                elif refused is not None and stage is Stage.DATA and reply.code == 354:
                    # The server wants a text although it refused the recipient: it gets an empty one (RFC 2920 §3.1).
                    self._wire.write(b".\r\n")
                    await self._wire.reply(REPLY_SECONDS)
        except (OSError, EOFError, TimeoutError) as error:
            self._wire.close()
            return refused or Outcome(Verdict.UNSENT, stage, 0, _said(error))
        self._needs_reset = refused is not None
        self._close_after(refused)
        return refused

    async def _read_text_reply(self) -> Outcome:
        try:
            reply = await self._wire.reply(TEXT_SECONDS)
        except (OSError, EOFError, TimeoutError) as error:
            self._wire.close()
            return Outcome(Verdict.UNKNOWN, Stage.DATA, 0, _said(error))
        outcome = Outcome(Verdict.ACCEPTED, Stage.DATA, reply.code, reply.text)
        if not _is_good(reply, None):
            outcome = _outcome(reply, Stage.DATA)
        self._close_after(outcome)
        return outcome

    # Stepwise: a server without PIPELINING gets one command at a time.

    async def _send_stepwise(self, message: Message, report: Report) -> None:
        outcome = self._refusal(message)
        if outcome is None:
            outcome = await self._step_envelope(message)
        if outcome is None:
            self._wire.write(_text(message))
            outcome = await self._read_text_reply()
        report(message, outcome)

    async def _step_envelope(self, message: Message) -> Outcome | None:
        mail, recipient, data = self._envelope(message).splitlines(keepends=True)
        stage = Stage.MAIL
        try:
            if self._needs_reset:
                await self._command(b"RSET\r\n")
                self._needs_reset = False
            for stage, line in [(Stage.MAIL, mail), (Stage.RCPT, recipient), (Stage.DATA, data)]:
                reply = await self._command(line)
                if not _is_good(reply, stage):
                    self._needs_reset = True
                    outcome = _outcome(reply, stage)
                    self._close_after(outcome)
                    return outcome
        except (OSError, EOFError, TimeoutError) as error:
            self._wire.close()
            return Outcome(Verdict.UNSENT, stage, 0, _said(error))
        return None

    def _envelope(self, message: Message) -> bytes:
        utf8 = b"" if message.recipient.isascii() and message.sender.isascii() else b" SMTPUTF8"
        return b"MAIL FROM:<%b>%b\r\nRCPT TO:<%b>\r\nDATA\r\n" % (message.sender, utf8, message.recipient)

    def _refusal(self, message: Message) -> Outcome | None:
        """An address beyond ASCII needs a server that says it can (RFC 6531)."""
        if message.recipient.isascii() or self.offers("SMTPUTF8"):
            return None
        return Outcome(Verdict.PERMANENT, Stage.RCPT, 553, "5.6.7 The relay does not take addresses beyond ASCII")

    def _reset(self) -> bytes:
        return b"RSET\r\n" if self._needs_reset else b""

    def _close_after(self, outcome: Outcome | None) -> None:
        """421 announces that the server is about to hang up."""
        if outcome is not None and outcome.code == 421:
            self._wire.close()

    # Opening.

    async def _begin(self, relay: Relay, steps: "_Steps") -> None:
        steps.stage = Stage.BANNER
        steps.check(await self._wire.reply(CONNECT_SECONDS), 220)
        await self._hello(relay, steps)
        if relay.security in (Security.OFFERED, Security.REQUIRED):
            steps.stage = Stage.TLS
            await self._start_tls(relay, steps)
        if relay.user:
            steps.stage = Stage.AUTH
            await self._sign_in(relay, steps)
        steps.stage = Stage.MAIL

    async def _hello(self, relay: Relay, steps: "_Steps") -> None:
        reply = await self._command(b"EHLO %b\r\n" % relay.hello.encode("idna"))
        if reply.code == 250:
            words = [line.partition(" ") for line in reply.lines[1:]]
            self._extensions = {name.upper(): values for name, _, values in words}
        else:
            steps.check(await self._command(b"HELO %b\r\n" % relay.hello.encode("idna")), 250)
            self._extensions = {}

    async def _start_tls(self, relay: Relay, steps: "_Steps") -> None:
        if not self.offers("STARTTLS"):
            if relay.security is Security.REQUIRED:
                raise ConnectionFailed(Outcome(Verdict.TEMPORARY, Stage.TLS, 0, "The relay does not offer STARTTLS"))
            return
        steps.check(await self._command(b"STARTTLS\r\n"), 220)
        await self._wire.start_tls(relay.tls(), relay.host, CONNECT_SECONDS)
        await self._hello(relay, steps)

    async def _sign_in(self, relay: Relay, steps: "_Steps") -> None:
        if not (self._wire.is_encrypted or relay.is_loopback):
            raise ConnectionFailed(Outcome(Verdict.TEMPORARY, Stage.AUTH, 0, "No password goes out unencrypted"))
        ways = self._extensions.get("AUTH", "").upper().split()
        if "PLAIN" in ways or "LOGIN" not in ways:
            secret = _base64(f"\0{relay.user}\0{relay.password}")
            steps.check(await self._command(b"AUTH PLAIN %b\r\n" % secret), 235)
            return
        steps.check(await self._command(b"AUTH LOGIN\r\n"), 334)
        steps.check(await self._command(_base64(relay.user) + b"\r\n"), 334)
        steps.check(await self._command(_base64(relay.password) + b"\r\n"), 235)

    async def _command(self, line: bytes) -> Reply:
        self._wire.write(line)
        return await self._wire.reply(REPLY_SECONDS)


class _Steps:
    """How far the opening of a connection came, for the error if it fails."""

    def __init__(self) -> None:
        self.stage = Stage.CONNECT

    def check(self, reply: Reply, expected: int) -> None:
        """Raises: ConnectionFailed."""
        if reply.code != expected:
            raise ConnectionFailed(Outcome(Verdict.TEMPORARY, self.stage, reply.code, reply.text))

    def failed(self, error: Exception) -> ConnectionFailed:
        stage = Stage.TLS if isinstance(error, ssl.SSLError) else self.stage
        return ConnectionFailed(Outcome(Verdict.TEMPORARY, stage, 0, _said(error)))


def _is_good(reply: Reply, stage: Stage | None) -> bool:
    return reply.code == 354 if stage is Stage.DATA else 200 <= reply.code < 300


def _outcome(reply: Reply, stage: Stage) -> Outcome:
    if reply.code == 421 and stage is Stage.MAIL:
        # The session is over, whatever the message: some servers take only so many over one connection.
        return Outcome(Verdict.UNSENT, stage, reply.code, reply.text)
    is_permanent = 500 <= reply.code < 600 and reply.code not in _OUR_FAULT
    return Outcome(Verdict.PERMANENT if is_permanent else Verdict.TEMPORARY, stage, reply.code, reply.text)


def _text(message: Message, after: bytes = b"") -> bytes:
    """The text as it goes over the wire, final dot included (RFC 5321 §4.5.2), and what follows it at once."""
    data = message.data
    if not message.has_no_dots:
        data = data.replace(b"\n.", b"\n..")
        if data.startswith(b"."):
            data = b"." + data
    end = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
    return b"".join([data, end, after])


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())
