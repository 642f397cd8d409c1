"""Proof Key for Code Exchange: who redeems a code must know what its challenge was made from.

Source: RFC 7636; contract, auth.md §3, §6. Only SHA-256, never `plain`.
"""

import base64
import hashlib
import re
import secrets
from typing import Final

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    return _CHALLENGE.fullmatch(text) is not None


def is_verifier(text: str) -> bool:
    return _VERIFIER.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_match(verifier: str, challenge: str) -> bool:
    """Compared in constant time."""
    return secrets.compare_digest(challenge_of(verifier), challenge)
