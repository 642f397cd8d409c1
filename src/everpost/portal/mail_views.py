"""A stored message taken apart for reading: its headers, its HTML and text parts, its source."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Final, Literal

import msgspec

View = Literal["html", "text", "source"]

_SHOWN_HEADERS: Final = ("From", "To", "Reply-To", "Subject")
_HEAD: Final = re.compile(r"\A\s*(<!doctype[^>]*>\s*)?(<html[^>]*>\s*)?(<head[^>]*>)?", re.IGNORECASE)

# The mail is somebody else's document. It may show pictures from anywhere, the open pixel among them, because an inbox
# does the same; scripts, forms and our cookies are out of its reach, since its origin is opaque.
FRAME_HEADERS: Final = {
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class MailView(msgspec.Struct, frozen=True):
    headers: list[tuple[str, str]]
    html: str | None
    text: str | None
    source: str

    @property
    def views(self) -> list[View]:
        """What there is to look at, the richest first."""
        parts: list[tuple[View, str | None]] = [("html", self.html), ("text", self.text), ("source", self.source)]
        return [name for name, part in parts if part is not None]


def read(content: bytes) -> MailView:
    message = message_from_bytes(content, _class=EmailMessage, policy=default)
    headers = [(name, str(message[name])) for name in _SHOWN_HEADERS if message[name] is not None]
    return MailView(headers, _part(message, "html"), _part(message, "plain"), content.decode("utf-8", "replace"))


def framed(html: str) -> bytes:
    """The HTML part as its own document whose links open in a new tab, as they do in an inbox."""
    head = _HEAD.match(html)
    position = head.end() if head else 0
    return f'{html[:position]}<base target="_blank">{html[position:]}'.encode()


def _part(message: EmailMessage, kind: Literal["html", "plain"]) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes), "a text part is never multipart"
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        # A charset nobody knows: what is plain ASCII stays readable.
        return content.decode("ascii", "replace")
