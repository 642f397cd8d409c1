"""Secrets: the instance key and what is derived from it.

One 32-byte instance key (setting `secret_key`, else a file in the data folder) is the root. Every use derives a key of
its own by purpose (HKDF-SHA256), so a signature made for one purpose is worthless for another.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from everpost.platform import config

_MAC_BYTES: Final = 16
_KEY_FILE: Final = "instance.key"


class BadSeal(Exception):
    """The sealed bytes were altered, or sealed with another instance key or for another purpose."""


def derive_key(purpose: str) -> bytes:
    """32 bytes that belong to one purpose."""
    return _derive(_instance_key(), purpose)


def mac(purpose: str, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(derive_key(purpose), data, "sha256")


def is_mac(purpose: str, data: bytes, given: bytes) -> bool:
    """Whether `given` is the MAC of `data`, compared in constant time; a prefix of at least 16 bytes will do."""
    return len(given) >= 16 and hmac.compare_digest(mac(purpose, data)[: len(given)], given)


def sign(purpose: str, data: bytes) -> str:
    """Data that anybody may read and only we can have written, as text that fits into a link."""
    return base64.urlsafe_b64encode(data + mac(purpose, data)[:_MAC_BYTES]).decode()


def read_signed(purpose: str, text: str) -> bytes | None:
    """The data of `sign`, or None when it was altered, or signed with another instance key or for another purpose."""
    try:
        signed = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    data = signed[:-_MAC_BYTES]
    return data if is_mac(purpose, data, signed[-_MAC_BYTES:]) else None


def seal(purpose: str, data: bytes) -> bytes:
    """Encrypt for storage: AES-256-GCM, nonce in front."""
    nonce = os.urandom(12)
    return nonce + AESGCM(derive_key(purpose)).encrypt(nonce, data, purpose.encode())


def unseal(purpose: str, sealed: bytes) -> bytes:
    """Raises: BadSeal."""
    try:
        return AESGCM(derive_key(purpose)).decrypt(sealed[:12], sealed[12:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise BadSeal(purpose) from error


def new_token() -> str:
    """43 URL-safe characters, 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a random token; 256 bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def own_key() -> bytes | None:
    """The instance key as its file holds it; None when a setting says it."""
    return None if config.current().secret_key else base64.b64encode(_instance_key())


def adopt(key: bytes) -> None:
    """Be an instance with this key, as `own_key` told it, unless there is a key already. Raises: BadSetting."""
    if not config.current().secret_key:
        _checked(key, "The instance key")
        _write_once(config.current().data / _KEY_FILE, key)


@functools.cache
def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"everpost:" + purpose.encode()).derive(key)


@functools.cache
def _instance_key() -> bytes:
    settings = config.current()
    if settings.secret_key:
        return _checked(settings.secret_key.encode(), "secret_key")
    return _key_of(settings.data / _KEY_FILE)


def _key_of(path: Path) -> bytes:
    if not path.exists():
        _write_once(path, base64.b64encode(os.urandom(32)))
    return _checked(path.read_bytes(), str(path))


def _write_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A hard link fails when another process was first, so all processes agree on one key.
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _checked(text: bytes, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise config.BadSetting(f"{origin} is not base64.") from error
    if len(key) != 32:
        raise config.BadSetting(f"{origin} must hold 32 bytes in base64, not {len(key)}.")
    return key
