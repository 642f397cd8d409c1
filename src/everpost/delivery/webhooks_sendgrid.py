"""SendGrid: its event web hook, signed with ECDSA over the time and the body.

Rules: the message is found by its Message-ID, the only thing of it that SendGrid tells. What was dropped because of an
earlier bounce is a bounce; other dropped mail and mail that is only delayed are nothing.
Source: Twilio SendGrid documentation, "Event Webhook Reference" and "Signed Event Webhook".
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from everpost.delivery import notices_reports, webhooks
from everpost.delivery.notices import Notice
from everpost.delivery.webhooks import BadNotification, BadSignature, NotSetUp
from everpost.platform import config
from everpost.platform.db import Db
from everpost.tracking.events import BounceCode

SIGNATURE_HEADER: Final = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER: Final = "X-Twilio-Email-Event-Webhook-Timestamp"

# Why mail was dropped that was not even tried, as far as it says something about the address.
_DROPPED: Final[dict[str, BounceCode]] = {"bounced address": "B", "invalid": "X"}


class _Event(msgspec.Struct):
    event: str = ""
    email: str = ""
    smtp_id: str = msgspec.field(name="smtp-id", default="")
    reason: str = ""
    status: str = ""
    type: str = ""


async def receive(db: Db, body: bytes, *, signature: str, timestamp: str) -> None:
    """Raises: NotSetUp, BadNotification, BadSignature."""
    _check(body, signature, timestamp)
    try:
        events = msgspec.json.decode(body, type=list[_Event])
    except msgspec.DecodeError as error:
        raise BadNotification from error
    await webhooks.apply(db, [notice for event in events for notice in _notices(event)])


def _check(body: bytes, signature: str, timestamp: str) -> None:
    key = config.current().sendgrid_webhook_key
    if key is None:
        raise NotSetUp
    try:
        _read_key(key).verify(
            base64.b64decode(signature, validate=True), timestamp.encode() + body, ECDSA(hashes.SHA256())
        )
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise BadSignature from error


def _read_key(text: str) -> EllipticCurvePublicKey:
    """Raises: ValueError."""
    try:
        key = load_der_public_key(base64.b64decode(text))
    except UnsupportedAlgorithm as error:
        raise ValueError("the verification key is of no known kind") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("the verification key is no elliptic curve's")  # noqa: TRY004
    return key


def _notices(event: _Event) -> Iterator[Notice]:
    about, recipients = event.smtp_id, (event.email,)
    match event.event:
        case "bounce":
            said = f"{event.reason} {event.status}".strip()
            # Mail that was blocked reached no mailbox: what is said without a number is no word about the address.
            otherwise: BounceCode = "Z" if event.type == "blocked" else "X"
            yield Notice("bounce", about, notices_reports.classify(said) if said else otherwise, recipients)
        case "dropped":
            if (code := _DROPPED.get(event.reason.lower())) is not None:
                yield Notice("bounce", about, code, recipients)
        case "spamreport":
            yield Notice("complaint", about, recipients=recipients)
        case "unsubscribe" | "group_unsubscribe":
            yield Notice("opt_out", about, recipients=recipients)
        case _:
            return
