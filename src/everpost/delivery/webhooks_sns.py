"""Messages of Amazon SNS: whether one is really of our topic, and agreeing to get more of them.

Rules: anybody can have SNS sign anything, so only messages of the topic in the settings count; the certificate and the
confirmation are fetched from hosts of SNS only, whatever a message says.
Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

import asyncio
import base64
import binascii
import re
import urllib.request
from functools import lru_cache
from http.client import HTTPException
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from everpost.delivery.webhooks import BadNotification, BadSignature, NotSetUp
from everpost.platform import config
from everpost.platform.errors import Unavailable

_HOST: Final = r"https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE: Final = re.compile(_HOST + r"/SimpleNotificationService-[0-9a-zA-Z]+\.pem")
_CONFIRMATION: Final = re.compile(_HOST + r"/\?[^\s#]+")
_SIGNED: Final = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HANDLERS: Final = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)
_TIMEOUT_SECONDS: Final = 10
_MOST_BYTES: Final = 64 * 1024


class Envelope(msgspec.Struct, frozen=True, rename="pascal"):
    """What SNS puts around a message; it signs all members but the last three."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str
    message: str
    timestamp: str
    topic_arn: str
    signature: str
    signature_version: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)


async def open_envelope(body: bytes) -> Envelope:
    """An envelope of our topic. Raises: NotSetUp, BadNotification, BadSignature, Unavailable (no certificate)."""
    topic = config.current().ses_topic
    if topic is None:
        raise NotSetUp
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
    except msgspec.DecodeError as error:
        raise BadNotification from error
    if envelope.topic_arn != topic or not _CERTIFICATE.fullmatch(envelope.signing_cert_url):
        raise BadSignature
    _check(envelope, await _key(envelope.signing_cert_url))
    return envelope


async def confirm(envelope: Envelope) -> None:
    """Agree to a subscription. Raises: BadNotification, Unavailable."""
    if envelope.subscribe_url is None or not _CONFIRMATION.fullmatch(envelope.subscribe_url):
        raise BadNotification
    await _fetch(envelope.subscribe_url)


def _check(envelope: Envelope, key: RSAPublicKey) -> None:
    members = msgspec.to_builtins(envelope)
    # A notification has neither token nor address, and a confirmation has no subject; what is missing is not signed.
    lines = [f"{name}\n{members[name]}\n" for name in _SIGNED if members.get(name) is not None]
    # Version 1 is what a topic uses as long as its owner asks for nothing else.
    algorithm = hashes.SHA256() if envelope.signature_version == "2" else hashes.SHA1()  # noqa: S303
    try:
        signature = base64.b64decode(envelope.signature, validate=True)
        key.verify(signature, "".join(lines).encode(), padding.PKCS1v15(), algorithm)
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise BadSignature from error


async def _key(url: str) -> RSAPublicKey:
    """The key of the certificate at this address, which stays the same for months."""
    settings = config.current()
    if (known := _keys.get((settings.sns_mirror, url))) is None:
        known = _read(await _fetch(url))
        _keys.clear()
        _keys[settings.sns_mirror, url] = known
    return known


def _read(certificate: bytes) -> RSAPublicKey:
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise BadSignature from error
    if not isinstance(key, RSAPublicKey):
        raise BadSignature
    return key


async def _fetch(url: str) -> bytes:
    mirror = config.current().sns_mirror
    if mirror is not None:
        parts = urlsplit(url)
        url = f"{mirror.rstrip('/')}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    try:
        return await asyncio.to_thread(_get, url)
    except (OSError, HTTPException) as error:
        # SNS tries again for an hour and longer.
        raise Unavailable from error


def _get(url: str) -> bytes:
    with _opener().open(url, timeout=_TIMEOUT_SECONDS) as answer:
        content: bytes = answer.read(_MOST_BYTES)
        return content


@lru_cache
def _opener() -> urllib.request.OpenerDirector:
    """Without the handler that follows redirects: another host could be anybody's."""
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    return opener


_keys: dict[tuple[str | None, str], RSAPublicKey] = {}
