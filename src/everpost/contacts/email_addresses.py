"""What an e-mail address looks like and when two are the same.

Rules: trimmed; at most 80 characters; one @, a dot in the domain, no dot at either end of a part. Compared without
case, shown as entered. Characters that an address could only carry in quotes are refused: they have no business in an
SMTP command. Source: contract, contacts.md §3.3.
"""

import re
from typing import Final

MAX_LENGTH: Final = 80

# Without look-around, so that the import's column-wise check (Rust's regular expressions) can use the very same text.
PATTERN: Final = (
    r'^[^\s\x00-\x1f\x7f@.<>(),;:\\"\[\]]+(?:\.+[^\s\x00-\x1f\x7f@.<>(),;:\\"\[\]]+)*'
    r'@[^\s\x00-\x1f\x7f@.<>(),;:\\"\[\]]+(?:\.[^\s\x00-\x1f\x7f@.<>(),;:\\"\[\]]+)+$'
)
_LOOKS_RIGHT = re.compile(PATTERN)


def is_valid(address: str) -> bool:
    """Whether a trimmed text looks like an address."""
    return len(address) <= MAX_LENGTH and _LOOKS_RIGHT.fullmatch(address) is not None


def key(address: str) -> str:
    """Identity within the account: what `contacts.email_key` stores."""
    return address.strip().lower()
