"""Bounces in words: the many forms that mail servers had before, and beside, the standard one.

Rules: flufl.bounce knows the forms and finds the recipients; why it bounced is read from the words before the message
that came back. A mail of no known form is a bounce when a mail server sent it and it says that a delivery failed.
"""

import re
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from typing import Final

from flufl.bounce import all_failures
from msgspec import Struct

from everpost.delivery import notices_reports
from everpost.delivery.notices_reports import header
from everpost.tracking.events import BounceCode

# Its patterns take time with the square of a line's length, and whoever sends the mail decides about that.
_LONGEST_LINE: Final = 256
_MOST_LINES: Final = 1_000
_MOST_WORDS: Final = 4_000
_NOBODY: Final = "nobody@invalid"

_MACHINES: Final = re.compile(
    r"<>|\b(?:mailer-daemon|mdaemon|postmaster|mail\s?delivery\s?(?:sub)?system)\b", re.IGNORECASE
)
_FAILURE: Final = re.compile(
    r"undeliver|not (?:be |been )?deliver|(?:un|not )able to deliver|deliver(?:y|ing).{0,40}fail"
    r"|fail(?:ed|ure).{0,40}deliver|failure notice|mail (?:has )?fail|mail (?:system )?error"
    r"|return(?:ed|ing) (?:mail|message)|returned to sender|user unknown|no such user"
    r"|permanent(?:ly)? (?:error|fail)|rejected",
    re.IGNORECASE,
)
_ATTACHED: Final = frozenset({"message/rfc822", "text/rfc822-headers"})
# Where the words end and the message begins that came back.
_RETURNED: Final = re.compile(
    r"^(?:-{3,}.{0,80}(?:message|mail|headers|copy).{0,80}|return-path:.*|received: .*|x-[\w-]+: .*|message-id: .*)$",
    re.IGNORECASE | re.MULTILINE,
)


class Wording(Struct, frozen=True):
    """Recipients that the message did not reach, and those that it may still reach."""

    failed: tuple[str, ...]
    delayed: tuple[str, ...]


def find(source: bytes) -> Wording:
    lines = source.splitlines(keepends=True)[:_MOST_LINES]
    short = b"".join(line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + b"\n" for line in lines)
    message = message_from_bytes(short)
    if not getaddresses([str(message.get("From", ""))]):
        # One of the forms is known by its sender, and fails without any.
        del message["From"]
        message["From"] = _NOBODY
    delayed, failed = all_failures(message)
    return Wording(_texts(failed), _texts(delayed))


def is_from_machine(message: Message, sender: str | None) -> bool:
    """Whether a mail server wrote it: by the empty sender, by its name, or by the message that it attached."""
    return (
        sender in ("", "<>")
        or header(message, "Return-Path") == "<>"
        or _MACHINES.search(header(message, "From")) is not None
        or any(part.get_content_type() in _ATTACHED for part in notices_reports.parts(message))
    )


def tells_failure(message: Message) -> bool:
    return _FAILURE.search(header(message, "Subject")) is not None or _FAILURE.search(_words(message)) is not None


def classify(message: Message) -> BounceCode:
    """The letter for what the words say: X where they give no reason."""
    return notices_reports.classify(_words(message))


def _words(message: Message) -> str:
    """The beginning of the first text, up to the message that came back."""
    text = next((part for part in notices_reports.parts(message) if part.get_content_maintype() == "text"), None)
    payload = text.get_payload(decode=True) if text is not None else None
    words = payload[: 2 * _MOST_WORDS].decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    returned = _RETURNED.search(words)
    return words[: returned.start() if returned else _MOST_WORDS]


def _texts(addresses: frozenset[bytes]) -> tuple[str, ...]:
    return tuple(sorted(address.decode("ascii", "replace") for address in addresses if address))
