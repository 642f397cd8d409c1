"""DKIM signatures: rsa-sha256 or ed25519-sha256, relaxed/relaxed.

Signing is the last step, after every header is final. Bodies of ours are canonical already (see quoted_printable), and
whoever says so saves the search, which costs as much as a third of the signature.

Source: RFC 6376, RFC 8463; contract, campaigns §5.3 and §9 (the headers that must be covered).
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

Headers = Sequence[tuple[bytes, bytes]]

SIGNED = (
    b"From",
    b"Reply-To",
    b"To",
    b"Subject",
    b"Date",
    b"Message-ID",
    b"MIME-Version",
    b"Content-Type",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
    b"List-ID",
    b"Feedback-ID",
)

_RUNS = re.compile(rb"[ \t]+")
_LINE_ENDS = re.compile(rb"[ \t]+(?=\r\n)")
_FINAL_LINES = re.compile(rb"(?<!\r\n)(?:\r\n)+\Z")


class BadKey(Exception):
    """The DKIM key is not an RSA or Ed25519 private key in PEM."""


class Signer:
    """Signs with one key. Raises: BadKey."""

    def __init__(self, domain: str, selector: str, pem: bytes) -> None:
        self._key = _private_key(pem)
        kind = "rsa" if isinstance(self._key, rsa.RSAPrivateKey) else "ed25519"
        self._start = (
            f"v=1; a={kind}-sha256; c=relaxed/relaxed; d={domain.encode('idna').decode()}; s={selector};\r\n t="
        ).encode()

    def sign(self, headers: Headers, body: bytes, *, at: int, is_canonical: bool = False) -> bytes:
        """The DKIM-Signature line, to be put above `headers`; `at` is the time in Unix seconds."""
        signed = [(name, value) for name, value in headers if name in SIGNED]
        body_hash = b64encode(hashlib.sha256(body if is_canonical else relaxed_body(body)).digest())
        value = b"%b%d; h=%b;\r\n bh=%b;\r\n b=" % (
            self._start,
            at,
            b":".join([name for name, _ in signed]),
            body_hash,
        )
        # The signature covers its own header too, with b= empty and without the final CRLF.
        text = b"".join([relaxed_header(name, content) for name, content in signed])
        text += relaxed_header(b"DKIM-Signature", value)[:-2]
        signature = b64encode(self._signature(text))
        folded = b"\r\n ".join([signature[start : start + 72] for start in range(0, len(signature), 72)])
        return b"DKIM-Signature: %b%b\r\n" % (value, folded)

    def _signature(self, text: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(hashlib.sha256(text).digest())


def relaxed_header(name: bytes, value: bytes) -> bytes:
    """RFC 6376 §3.4.2. Our headers hold no other blanks than space, tab and folds."""
    return b"%b:%b\r\n" % (name.lower(), b" ".join(value.split()))


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4."""
    if b"  " in body or b"\t" in body or b" \r\n" in body:
        body = _LINE_ENDS.sub(b"", _RUNS.sub(b" ", body))
    if body.endswith(b"\r\n\r\n") or not body.endswith(b"\r\n"):
        body = _FINAL_LINES.sub(b"", body)
        body = body + b"\r\n" if body else b""
    return b"" if body == b"\r\n" else body


def _private_key(pem: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise BadKey(str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise BadKey(f"{type(key).__name__} is neither an RSA nor an Ed25519 key.")
    return key
