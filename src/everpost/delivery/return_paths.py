"""The addresses that answers to a message come back to: `b-...` for bounces, `u-...` for unsubscribing by mail.

Rules: a local part has at most 64 characters and may lose its capitals on the way, so it holds the mailing's number and
the contact in base32, and a hash over both that nobody can make without the instance key.

Source: contract, campaigns §5.3 and §5.5.
"""

from base64 import b32decode, b32encode
from binascii import Error
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from everpost.ids import ContactId
from everpost.platform import crypto

Kind: TypeAlias = Literal["b", "u"]

_NUMBER_BYTES: Final = 6
_HASH_BYTES: Final = 16
_PURPOSE: Final = "delivery.return_paths"


class ReturnPath(Struct, frozen=True):
    """Whose answer it is, and to which mailing."""

    kind: Kind
    mailing_number: int
    contact_id: ContactId


def mint(kind: Kind, mailing_number: int, contact_id: ContactId) -> str:
    """The local part of the address: 63 characters."""
    ids = mailing_number.to_bytes(_NUMBER_BYTES, "big") + contact_id.bytes
    signature = crypto.mac(_PURPOSE, kind.encode() + ids)[:_HASH_BYTES]
    return f"{kind}-{b32encode(ids + signature).decode().lower().rstrip('=')}"


def tokens(mailing_number: int, contact_id: ContactId) -> dict[str, str]:
    """The local parts of one message by the names under which a message asks for them."""
    return {
        "$bounces": mint("b", mailing_number, contact_id),
        "$unsubscribes": mint("u", mailing_number, contact_id),
    }


def is_one(local_part: str) -> bool:
    """Whether it looks like one, whoever made it."""
    return local_part.lower().startswith(("b-", "u-"))


def read(local_part: str) -> ReturnPath | None:
    """None for anything that is not ours."""
    prefix, _, text = local_part.lower().partition("-")
    if prefix not in ("b", "u"):
        return None
    try:
        raw = b32decode(text.upper() + "=" * (-len(text) % 8))
    except Error:
        return None
    ids, signature = raw[: _NUMBER_BYTES + 16], raw[_NUMBER_BYTES + 16 :]
    if len(signature) != _HASH_BYTES or not crypto.is_mac(_PURPOSE, prefix.encode() + ids, signature):
        return None
    kind: Kind = "b" if prefix == "b" else "u"
    return ReturnPath(kind, int.from_bytes(ids[:_NUMBER_BYTES], "big"), ContactId(UUID(bytes=ids[_NUMBER_BYTES:])))
