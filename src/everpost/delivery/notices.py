"""What a mail to a return path says: that a message failed, that somebody is away, that somebody complains, or nothing.

Rules: the first that fits decides: a complaint (ARF), a delivery status (DSN), a bounce in words, an automatic answer.
What is only delayed, and what people write, is nothing. A notice may come from anybody and be anything: only its
beginning is looked at, and nothing in it makes reading fail.
Source: contract, campaigns §5.5, §5.7 and reporting §4.2; RFC 3464, RFC 5965, RFC 3834.
"""

from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from everpost.delivery import notices_automatic, notices_reports, notices_wordings
from everpost.platform import logs
from everpost.tracking.events import BounceCode

Kind: TypeAlias = Literal["bounce", "complaint", "opt_out"]

# The report and the headers of the message come before the message itself, which may come back whole.
READ_BYTES: Final = 256 * 1024

_COMPLAINTS: Final = frozenset({"abuse", "fraud", "virus", "other"})
_OPT_OUTS: Final = frozenset({"opt-out", "opt-out-list"})

log = logs.get(__name__)


class Notice(Struct, frozen=True):
    """`about` is whatever may tell which message it is about; `recipients` are those that the notice names."""

    kind: Kind
    about: str
    bounce_code: BounceCode | None = None
    recipients: tuple[str, ...] = ()


def complaint(feedback_type: str, about: str, recipients: tuple[str, ...] = ()) -> Notice | None:
    """None for feedback that is none, such as `not-spam`, or about the sender, such as `auth-failure`."""
    feedback_type = feedback_type.strip().lower()
    if feedback_type in _COMPLAINTS:
        return Notice("complaint", about, recipients=recipients)
    return Notice("opt_out", about, recipients=recipients) if feedback_type in _OPT_OUTS else None


def read(source: bytes, *, sender: str | None = None) -> Notice | None:
    """`sender` is the envelope's where it is known; it is empty for what may not be answered, as bounces are."""
    source = source[:READ_BYTES]
    about = source.decode("utf-8", "replace")
    try:
        return _read(message_from_bytes(source, policy=compat32), source, about, sender)
    except Exception as error:
        # The parser and the detectors of odd bounces meet what strangers send; what they cannot read says nothing.
        log.warning("a mail could not be read", error=type(error).__name__)
        return None


def _read(message: Message, source: bytes, about: str, sender: str | None) -> Notice | None:
    report = notices_reports.read(message)
    if report.feedback_type is not None:
        return complaint(report.feedback_type, about, report.recipients)
    if report.is_delivery_status:
        failure = report.failure
        return None if failure is None else Notice("bounce", about, failure.bounce_code, report.recipients)
    wording = notices_wordings.find(source)
    if wording.failed:
        return Notice("bounce", about, notices_wordings.classify(message), wording.failed)
    code = None if wording.delayed else _code_without_recipient(message, sender)
    return None if code is None else Notice("bounce", about, code)


def _code_without_recipient(message: Message, sender: str | None) -> BounceCode | None:
    if notices_automatic.is_answer(message):
        return "V"
    if notices_wordings.is_from_machine(message, sender) and notices_wordings.tells_failure(message):
        return notices_wordings.classify(message)
    return "V" if notices_automatic.is_submitted(message) else None
