"""The references that ride inside a mail: pixel, tracked link, unsubscribe, web copy, profile, forward.

A token carries its ids itself, so that reading one needs no look-up, and a keyed hash over its kind and ids, so that
nobody can make or alter one. Tokens never expire: a mail keeps its unsubscribe link for as long as it exists.

Layout, in URL-safe base64 without padding: account, activity and contact (16 bytes each), the link's number (8 bytes,
clicks only), the hash (18 bytes, 16 for clicks). Every part is a multiple of three bytes together with its neighbours,
so the long common prefix is encoded once per recipient and each character of a token matters.
"""

import binascii
import hmac
import string
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId
from everpost.platform import crypto

_IDS_BYTES = 48
_HASH_BYTES = 18
_CLICK_HASH_BYTES = 16
_URL_ID_BYTES = 8
_CLICK_LENGTH = (_URL_ID_BYTES + _CLICK_HASH_BYTES) // 3 * 4  # of what is a link's own in base64

# Everything outside the URL-safe alphabet, the plain alphabet's own two characters and padding included, becomes
# invalid: no token has two spellings, and Python's decoder forgives a trailing newline even when strict.
_PLAIN = (string.ascii_letters + string.digits + "+/").encode()
_URL_SAFE = _PLAIN.translate(bytes.maketrans(b"+/", b"-_"))
_TO_PLAIN = bytes(_PLAIN[_URL_SAFE.index(byte)] if byte in _URL_SAFE else ord("!") for byte in range(256))
_TO_URL_SAFE = bytes.maketrans(_PLAIN, _URL_SAFE)


def signer() -> "Signer":
    """The signer of this instance, on its own key."""
    return _signer(crypto.derive_key("tracking tokens"))


class Kind(Enum):
    """What a token may be used for; a token of one kind is worthless at another door."""

    OPEN = b"o"
    CLICK = b"c"
    UNSUBSCRIBE = b"u"
    VIEW = b"w"
    PROFILE = b"p"
    FORWARD = b"f"


class Reference(msgspec.Struct, frozen=True):
    """The message a token belongs to; `url_id` is 0 unless the token is a click."""

    account_id: AccountId
    campaign_activity_id: CampaignActivityId
    contact_id: ContactId
    url_id: UrlId = UrlId(0)


class Signer:
    """Mints and reads tokens with one secret `key` of 16 to 64 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a signing key has at least 16 bytes")
        self._keyed = blake2b(key=key, digest_size=_HASH_BYTES)

    def recipient(
        self, account_id: AccountId, campaign_activity_id: CampaignActivityId, contact_id: ContactId
    ) -> "Recipient":
        """The mint for one message; each token of it costs about a microsecond."""
        ids = account_id.bytes + campaign_activity_id.bytes + contact_id.bytes
        hashed = self._keyed.copy()
        hashed.update(ids)
        return Recipient(hashed, _encode(ids))

    def read(self, kind: Kind, token: str) -> Reference | None:
        """None for anything that this signer did not mint for `kind`, after the same time whatever is wrong with it."""
        raw = _decode(token)
        url_id_bytes, hash_bytes = (_URL_ID_BYTES, _CLICK_HASH_BYTES) if kind is Kind.CLICK else (0, _HASH_BYTES)
        if raw is None or len(raw) != _IDS_BYTES + url_id_bytes + hash_bytes:
            return None
        hashed = self._keyed.copy()
        hashed.update(raw[:_IDS_BYTES])
        hashed.update(kind.value + raw[_IDS_BYTES:-hash_bytes])
        if not hmac.compare_digest(hashed.digest()[:hash_bytes], raw[-hash_bytes:]):
            return None
        account_id, campaign_activity_id = _campaign(raw[:32])
        contact_id = ContactId(UUID(bytes=raw[32:_IDS_BYTES]))
        url_id = UrlId(int.from_bytes(raw[_IDS_BYTES:-hash_bytes], "big"))
        return Reference(account_id, campaign_activity_id, contact_id, url_id)


class Recipient:
    """Mints the tokens of one message."""

    __slots__ = ("_hashed", "_prefix")

    def __init__(self, hashed: blake2b, prefix: str) -> None:
        self._hashed = hashed
        self._prefix = prefix

    def open(self) -> str:
        return self._token(Kind.OPEN)

    def click(self, url_id: UrlId) -> str:
        return self.clicks([url_id])[0]

    def clicks(self, url_ids: Sequence[UrlId]) -> list[str]:
        """The tokens of a message's links. Encoded together, they cost half of what they cost one by one."""
        copy, prefix = self._hashed.copy, self._prefix
        endings = []
        for url_id in url_ids:
            number = url_id.to_bytes(_URL_ID_BYTES, "big")
            hashed = copy()
            hashed.update(b"c" + number)
            endings += [number, hashed.digest()[:_CLICK_HASH_BYTES]]
        encoded = _encode(b"".join(endings))
        return [prefix + encoded[start : start + _CLICK_LENGTH] for start in range(0, len(encoded), _CLICK_LENGTH)]

    def unsubscribe(self) -> str:
        return self._token(Kind.UNSUBSCRIBE)

    def view(self) -> str:
        return self._token(Kind.VIEW)

    def profile(self) -> str:
        return self._token(Kind.PROFILE)

    def forward(self) -> str:
        return self._token(Kind.FORWARD)

    def _token(self, kind: Kind) -> str:
        hashed = self._hashed.copy()
        hashed.update(kind.value)
        return self._prefix + _encode(hashed.digest())


@lru_cache(maxsize=1)
def _signer(key: bytes) -> Signer:
    return Signer(key)


# A UUID is dear to make, and a mail's many recipients share these two.
@lru_cache(maxsize=10_000)
def _campaign(ids: bytes) -> tuple[AccountId, CampaignActivityId]:
    return AccountId(UUID(bytes=ids[:16])), CampaignActivityId(UUID(bytes=ids[16:]))


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL_SAFE).decode("ascii")


def _decode(token: str) -> bytes | None:
    try:
        return binascii.a2b_base64(token.encode("ascii").translate(_TO_PLAIN), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
