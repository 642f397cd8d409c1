"""Reports that are made for programs: delivery status notifications (RFC 3464) and complaints (ARF, RFC 5965).

Rules: a recipient's block with `Action: failed` is a bounce; delayed, delivered, relayed and expanded ones are not. A
report may be forwarded as an attached message, so these are looked into as well.
"""

import re
from collections.abc import Iterator
from email import message_from_string
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from typing import Final

from msgspec import Struct

from everpost.delivery import bounces
from everpost.delivery.smtp import Stage
from everpost.tracking.events import BounceCode

_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FEEDBACK_TYPE: Final = "message/feedback-report"
_REPORTS: Final = frozenset({*_STATUS_TYPES, _FEEDBACK_TYPE})
_DEEPEST: Final = 8
_MOST_PARTS: Final = 50
_MOST_BLOCKS: Final = 100
_MOST_REPORTED: Final = 5

_BASIC_CODE: Final = re.compile(r"(?<![\w.])([245]\d\d)(?=[\s\-:#]|$)")
_FAILED: Final = ("fail", "error")  # OpenSMTPD writes `error`
_IN_DATA: Final = re.compile(r"end of data|reply to (?:end of )?data", re.IGNORECASE)


class Failure(Struct, frozen=True):
    """A recipient whom a message did not reach, and why."""

    recipient: str
    bounce_code: BounceCode


class Report(Struct, frozen=True):
    """What a mail holds of reports; none of it when it is no report."""

    is_delivery_status: bool = False
    failures: tuple[Failure, ...] = ()
    feedback_type: str | None = None
    reported: tuple[str, ...] = ()

    @property
    def failure(self) -> Failure | None:
        """Our messages have one recipient; where more are reported it was expanded on its way."""
        return self.failures[0] if self.failures else None

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.reported or tuple(failure.recipient for failure in self.failures if failure.recipient)


def read(message: Message) -> Report:
    for part in parts(message):
        kind = part.get_content_type()
        if kind == _FEEDBACK_TYPE:
            feedback = _blocks(part)[0]
            reported = [_address(value) for value in feedback.get_all("Original-Rcpt-To", [])] or _addressed(message)
            return Report(feedback_type=header(feedback, "Feedback-Type"), reported=tuple(reported[:_MOST_REPORTED]))
        if kind in _STATUS_TYPES:
            blocks = _blocks(part)
            failures = tuple(_failures(blocks))
            # One without any action is none, whatever its type says: its words may tell more.
            is_status = bool(failures) or any(block.get("Action") is not None for block in blocks)
            return Report(is_delivery_status=is_status, failures=failures)
    return Report()


def header(message: Message, name: str) -> str:
    """A header as text, decoded; empty when there is none."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        return str(make_header(decode_header(value))).strip()
    except (LookupError, ValueError):
        return str(value).strip()


def classify(text: str, *, basic_code: int = 0) -> BounceCode:
    """The letter for what a server said somewhere on the way; without a number it was final."""
    found = _BASIC_CODE.search(text)
    stage = Stage.DATA if _IN_DATA.search(text) else Stage.RCPT
    return bounces.classify(int(found[1]) if found else basic_code or 500, text, stage)


def parts(message: Message, depth: int = 0) -> Iterator[Message]:
    """The parts of a mail and of the mails that it attaches, from the outside inwards."""
    yield message
    payload = message.get_payload()
    if depth == _DEEPEST or message.get_content_type() in _REPORTS:
        return
    for part in payload[:_MOST_PARTS] if isinstance(payload, list) else []:
        if isinstance(part, Message):
            yield from parts(part, depth + 1)


def _blocks(part: Message) -> list[Message]:
    """The groups of header lines that a report consists of; one at least."""
    payload = part.get_payload()
    if isinstance(payload, list):
        found = [block for block in payload if isinstance(block, Message)]
    else:
        decoded = part.get_payload(decode=True)
        text = decoded.decode("utf-8", "replace") if isinstance(decoded, bytes) else ""
        found = [message_from_string(block) for block in re.split(r"\r?\n\r?\n", text.strip())]
    return found[:_MOST_BLOCKS] or [Message()]


def _failures(blocks: list[Message]) -> Iterator[Failure]:
    for block in blocks:
        status, diagnostic = header(block, "Status"), header(block, "Diagnostic-Code")
        action = header(block, "Action").lower()
        if action.startswith(_FAILED) or (not action and status.startswith("5")):
            # What the server said tells more than the status that the reporter made of it.
            text = f"{diagnostic.partition(';')[2] or diagnostic} {status}".strip()
            yield Failure(_recipient(block), classify(text, basic_code=400 if status.startswith("4") else 500))


def _addressed(report: Message) -> list[str]:
    """To whom the message went that a report returns."""
    for part in parts(report):
        match part.get_content_type(), part.get_payload():
            case "message/rfc822", [Message() as returned, *_]:
                pass
            case "text/rfc822-headers", _:
                returned = _blocks(part)[0]
            case _:
                continue
        return [address for _, address in getaddresses(returned.get_all("To", [])) if address]
    return []


def _recipient(block: Message) -> str:
    return _address(header(block, "Original-Recipient") or header(block, "Final-Recipient"))


def _address(value: object) -> str:
    """Of `rfc822;ann@example.com`, or of an address in angle brackets."""
    return str(value).rpartition(";")[2].strip().strip("<>").strip()
