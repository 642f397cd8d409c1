"""One message, from its first header to its last byte.

Source: contract, campaigns §5.3.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from msgspec import Struct

from everpost.delivery import dkim
from everpost.delivery.headers import header_address, identifier, mailbox, unstructured
from everpost.delivery.personalise import Personaliser, Values
from everpost.delivery.render import Rendered
from everpost.ids import CampaignActivityId


class Message(Struct):
    """What is handed to a server. `key` is whatever its sender wants back with the outcome."""

    key: object
    sender: bytes
    recipient: bytes
    data: bytes
    # No line of `data` starts with a full stop. Looking for one costs more than writing the whole message.
    has_no_dots: bool = False


class Letterhead(Struct, frozen=True, kw_only=True):
    """The headers that all messages of a mailing share."""

    from_name: str
    from_email: str
    reply_to_email: str
    sending_domain: str
    list_id: str = ""
    feedback_id: str = ""
    campaign_activity_id: CampaignActivityId | None = None
    unsubscribe_address: str = ""  # https://…/u/ ; empty for a test send, which nobody unsubscribes from
    bounce_domain: str = ""
    is_test: bool = False
    is_automatic: bool = False


class Composer:
    """Writes the messages of one mailing."""

    def __init__(self, letterhead: Letterhead, rendered: Rendered, signers: Sequence[dkim.Signer] = ()) -> None:
        boundary = b"=_" + secrets.token_hex(12).encode()
        self._letterhead = letterhead
        self._signers = signers
        self._personaliser = Personaliser(rendered, boundary=boundary)
        self._above, self._below = _shared_headers(letterhead, boundary)
        # Most subjects are the same for everybody, or for everybody with the same first name.
        self._subjects: dict[str, bytes] = {}
        self._dated: tuple[datetime | None, bytes] = (None, b"")
        self._domain = letterhead.sending_domain.encode("idna")
        self._unsubscribe = letterhead.unsubscribe_address.encode()
        self._bounces = letterhead.bounce_domain.encode("idna")
        self._from = header_address(letterhead.from_email)

    @property
    def names(self) -> frozenset[str]:
        """The values that `compose` asks for."""
        return self._personaliser.names

    def compose(self, key: object, values: Values, *, message_id: str, at: datetime) -> Message:
        """The message for the recipient whose address is `$recipient` of `values`. Raises: BadAddress."""
        recipient = header_address(values["$recipient"])
        body = self._personaliser.body(values)
        headers = [
            *self._above,
            (b"To", recipient),
            (b"Subject", self._subject(values)),
            (b"Date", self._date(at)),
            (b"Message-ID", b"<%b@%b>" % (message_id.encode(), self._domain)),
            *self._list_headers(values),
            *self._below,
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        seconds = int(at.timestamp())
        signatures = [signer.sign(headers, body, at=seconds, is_canonical=True) for signer in self._signers]
        data = b"".join([*signatures, *lines, b"\r\n", body])
        return Message(key, self._sender(values), recipient, data, has_no_dots=True)

    def _date(self, at: datetime) -> bytes:
        dated = self._dated
        if dated[0] != at:
            dated = self._dated = (at, format_datetime(at).encode())
        return dated[1]

    def _subject(self, values: Values) -> bytes:
        subject = self._personaliser.subject(values)
        found = self._subjects.get(subject)
        if found is None:
            found = unstructured(subject, name="Subject")
            if len(self._subjects) < 1000:
                self._subjects[subject] = found
        return found

    def _list_headers(self, values: Values) -> list[tuple[bytes, bytes]]:
        if not self._unsubscribe:
            return []
        token = values["unsubscribe"].encode()
        ways = b"<%b%b>" % (self._unsubscribe, token)
        if self._bounces:
            ways += b",\r\n <mailto:%b@%b>" % (values["$unsubscribes"].encode(), self._bounces)
        return [(b"List-Unsubscribe", ways), (b"List-Unsubscribe-Post", b"List-Unsubscribe=One-Click")]

    def _sender(self, values: Values) -> bytes:
        """The envelope's sender: with a bounce domain one that names this send, so that its bounces find home."""
        if self._bounces:
            return b"%b@%b" % (values["$bounces"].encode(), self._bounces)
        return self._from


def _shared_headers(
    letterhead: Letterhead, boundary: bytes
) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    above = [
        (b"From", mailbox(letterhead.from_name, letterhead.from_email)),
        (b"Reply-To", header_address(letterhead.reply_to_email)),
    ]
    below = [
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", b'multipart/alternative; boundary="' + boundary + b'"'),
    ]
    if letterhead.list_id:
        below.append((b"List-ID", b"<%b>" % identifier(letterhead.list_id)))
    if letterhead.feedback_id:
        below.append((b"Feedback-ID", identifier(letterhead.feedback_id)))
    if letterhead.campaign_activity_id:
        below.append((b"X-Campaign-Activity-Id", str(letterhead.campaign_activity_id).encode()))
    if letterhead.is_automatic:
        below.append((b"Auto-Submitted", b"auto-generated"))
    if letterhead.is_test:
        below.append((b"X-Campaign-Test", b"true"))
    return above, below
