"""Amazon SES: its notifications of bounces and complaints, as they come through SNS.

Rules: the message is found by its return path, else by its headers, which SES only tells when its settings ask for it.
Deliveries and everything else are nothing. Source: Amazon SES Developer Guide, "SNS notification contents".
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from everpost.delivery import notices, notices_reports, webhooks, webhooks_sns
from everpost.delivery.notices import Notice
from everpost.delivery.webhooks import BadNotification
from everpost.platform.db import Db
from everpost.tracking.events import BounceCode

# What its own words mean where it does not quote the other server.
_SUBTYPES: Final[dict[str, BounceCode]] = {
    "NoEmail": "B", "MailboxFull": "F", "MessageTooLarge": "X", "ContentRejected": "Z", "AttachmentRejected": "Z",
}  # fmt: skip


class _Header(msgspec.Struct):
    name: str = ""
    value: str = ""


class _CommonHeaders(msgspec.Struct):
    message_id: str = msgspec.field(name="messageId", default="")


class _Mail(msgspec.Struct, rename="camel"):
    source: str = ""
    headers: list[_Header] = []
    common_headers: _CommonHeaders = msgspec.field(default_factory=_CommonHeaders)

    @property
    def about(self) -> str:
        headers = [f"{header.name}: {header.value}" for header in self.headers]
        return "\n".join([self.source, *headers, self.common_headers.message_id])


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: str = ""
    status: str = ""
    diagnostic_code: str = ""


class _Bounce(msgspec.Struct, rename="camel"):
    bounce_sub_type: str = ""
    bounced_recipients: list[_Recipient] = []


class _Complaint(msgspec.Struct, rename="camel"):
    complained_recipients: list[_Recipient] = []
    complaint_feedback_type: str | None = None
    complaint_sub_type: str | None = None


class _Notification(msgspec.Struct, rename="camel"):
    """A notification of an identity, or an event of a configuration set: the members are the same."""

    mail: _Mail
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None


async def receive(db: Db, body: bytes) -> None:
    """Raises: NotSetUp, BadNotification, BadSignature, Unavailable."""
    envelope = await webhooks_sns.open_envelope(body)
    if envelope.type == "SubscriptionConfirmation":
        await webhooks_sns.confirm(envelope)
    elif envelope.type == "Notification":
        await webhooks.apply(db, list(read(envelope.message)))


def read(message: str) -> Iterator[Notice]:
    """What a notification says. Raises: BadNotification."""
    if not message.lstrip().startswith("{"):
        return  # what SNS or SES writes to people, such as "Successfully validated SNS topic"
    try:
        notification = msgspec.json.decode(message, type=_Notification)
    except msgspec.DecodeError as error:
        raise BadNotification from error
    about = notification.mail.about
    if (bounce := notification.bounce) is not None:
        # Our messages have one recipient.
        for recipient in bounce.bounced_recipients[:1] or [_Recipient()]:
            yield Notice("bounce", about, _code(bounce, recipient), (recipient.email_address,))
    if (complaint := notification.complaint) is not None and complaint.complaint_sub_type is None:
        # With a subtype the message was kept back because of an earlier complaint.
        recipients = tuple(recipient.email_address for recipient in complaint.complained_recipients)
        found = notices.complaint(complaint.complaint_feedback_type or "abuse", about, recipients)
        if found is not None:
            yield found


def _code(bounce: _Bounce, recipient: _Recipient) -> BounceCode:
    said = f"{recipient.diagnostic_code.partition(';')[2] or recipient.diagnostic_code} {recipient.status}".strip()
    return notices_reports.classify(said) if said else _SUBTYPES.get(bounce.bounce_sub_type, "X")
