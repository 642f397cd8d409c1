"""Who signs an account's mail, and what stands in From when nobody can sign for its domain.

Rules: keys of the account's own domain come first, else the instance's key signs. A domain that neither covers is
replaced by the shared sending domain where there is one (`news@shop.example` becomes `news-shop-example@shared…`), so
that From and signature agree; Reply-To is never touched. Source: contract, campaigns.md §5.3, §9.
"""

import re
from functools import lru_cache
from typing import Final

from everpost.delivery import sending_domains
from everpost.delivery.dkim import Signer
from everpost.ids import AccountId
from everpost.platform import config
from everpost.platform.db import Conn

_MOST_IN_LOCAL_PART: Final = 64
_NOT_IN_LOCAL_PART: Final = re.compile(r"[^A-Za-z0-9_]+")


class NoKey(Exception):
    """Mail must be signed here, and no key covers the sender's domain."""


async def signers(conn: Conn, account_id: AccountId, from_email: str) -> tuple[Signer, ...]:
    """Whoever signs a mail with this address in From. Raises: BadKey."""
    own = await sending_domains.signers(conn, account_id, from_email)
    instance = _instance_signer()
    return own or (() if instance is None else (instance,))


async def visible_sender(conn: Conn, account_id: AccountId, from_email: str) -> str:
    """What stands in From. Raises: NoKey."""
    settings = config.current()
    if await is_covered(conn, account_id, from_email):
        return from_email
    if settings.shared_sending_domain:
        local_part = _NOT_IN_LOCAL_PART.sub("-", from_email).strip("-")[:_MOST_IN_LOCAL_PART]
        return f"{local_part}@{settings.shared_sending_domain}"
    if settings.dkim_required:
        raise NoKey(from_email)
    return from_email


async def is_covered(conn: Conn, account_id: AccountId, from_email: str) -> bool:
    """Whether a key signs for the domain of this address, so that it passes DMARC."""
    if await sending_domains.signers(conn, account_id, from_email):
        return True
    domain, ours = from_email.rpartition("@")[2].lower(), (config.current().dkim_domain or "").lower()
    return bool(ours) and _instance_signer() is not None and (domain == ours or domain.endswith(f".{ours}"))


def _instance_signer() -> Signer | None:
    settings = config.current()
    if not (settings.dkim_domain and settings.dkim_selector and settings.dkim_key_file):
        return None
    return _signer(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file.read_bytes())


@lru_cache(maxsize=4)
def _signer(domain: str, selector: str, pem: bytes) -> Signer:
    return Signer(domain, selector, pem)
