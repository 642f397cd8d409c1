"""Domains that an account sends from, and the DKIM keys that its mail is signed with.

Rules: a key signs nothing before its public half was seen in the DNS (`dns_checks`), which also proves that the domain
belongs to the account. Every account has selectors of its own, so several may send from one domain. Rotating adds keys
beside the old ones; the newest that were seen sign, and the old ones are thrown away once they no longer do.
Source: contract, campaigns.md §9; account.md §9; RFC 6376, RFC 8463.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from msgspec import Struct

from everpost.delivery.dkim import Signer
from everpost.ids import AccountId, new_id
from everpost.platform import clock, config, crypto
from everpost.platform.db import Conn, many, one, run

Algorithm: TypeAlias = Literal["rsa-sha256", "ed25519-sha256"]

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_RSA_BITS: Final = 2048
_PURPOSE: Final = "dkim key"


class BadDomain(Exception):
    """This is not the name of a domain that mail can be sent from."""


class Domain(Struct, frozen=True):
    """A domain, and what its last look at the DNS found: texts for people, empty where nothing is wrong."""

    domain: str
    created_at: datetime
    checked_at: datetime | None
    spf_problem: str
    dmarc_problem: str
    is_signed: bool


class Key(Struct, frozen=True):
    """One key as it is published; it signs from the moment it was seen."""

    domain: str
    selector: str
    algorithm: Algorithm
    public_key: str
    created_at: datetime
    seen_at: datetime | None

    @property
    def name(self) -> str:
        """Where its record stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What its record says."""
        return f"v=DKIM1; k={self.algorithm.partition('-')[0]}; p={self.public_key}"


class NewKey(Struct, frozen=True):
    """A pair that was just made: the private key sealed, the public one as its record publishes it."""

    algorithm: Algorithm
    private_key: bytes
    public_key: str


async def new_keys() -> list[NewKey]:
    """One of each kind. Making them takes up to a second, so no transaction is open meanwhile."""
    algorithms: tuple[Algorithm, ...] = ("rsa-sha256", "ed25519-sha256")
    wanted = algorithms if config.current().dkim_ed25519 else algorithms[:1]
    return [await asyncio.to_thread(_new_key, algorithm) for algorithm in wanted]


async def add(conn: Conn, account_id: AccountId, name: str, made: Sequence[NewKey]) -> str:
    """Add a domain with its first keys; adding it again changes nothing. Returns its name. Raises: BadDomain."""
    domain = normal(name)
    added = await run(
        conn,
        """
        INSERT INTO sending_domains (account_id, domain, created_at)
        VALUES (:account_id, :domain, :now)
            ON CONFLICT (account_id, domain) DO NOTHING""",
        account_id=account_id,
        domain=domain,
        now=clock.now(),
    )
    if added:
        await rotate(conn, account_id, domain, made)
    return domain


async def rotate(conn: Conn, account_id: AccountId, domain: str, made: Sequence[NewKey]) -> None:
    """Add new keys; they take over when they are seen in the DNS."""
    stem = f"ep{new_id().hex[-8:]}"
    for key in made:
        await _insert_key(conn, account_id, domain, stem if key.algorithm == "rsa-sha256" else f"{stem}e", key)


async def remove(conn: Conn, account_id: AccountId, domain: str) -> None:
    """Forget a domain and its keys; mail from it is no longer signed with them."""
    for sql in (
        "DELETE FROM dkim_keys WHERE account_id = :account_id AND domain = :domain",
        "DELETE FROM sending_domains WHERE account_id = :account_id AND domain = :domain",
    ):
        await run(conn, sql, account_id=account_id, domain=domain)


async def listing(conn: Conn, account_id: AccountId) -> list[Domain]:
    return await many(
        conn,
        Domain,
        """
        SELECT domain, created_at, checked_at, spf_problem, dmarc_problem,
               EXISTS (SELECT FROM dkim_keys
                        WHERE dkim_keys.account_id = :account_id AND dkim_keys.domain = sending_domains.domain
                          AND dkim_keys.seen_at IS NOT NULL) AS is_signed
          FROM sending_domains
         WHERE account_id = :account_id
         ORDER BY domain""",
        account_id=account_id,
    )


async def find(conn: Conn, account_id: AccountId, domain: str) -> Domain | None:
    return await one(
        conn,
        Domain,
        """
        SELECT domain, created_at, checked_at, spf_problem, dmarc_problem,
               EXISTS (SELECT FROM dkim_keys
                        WHERE dkim_keys.account_id = :account_id AND dkim_keys.domain = sending_domains.domain
                          AND dkim_keys.seen_at IS NOT NULL) AS is_signed
          FROM sending_domains
         WHERE account_id = :account_id AND domain = :domain""",
        account_id=account_id,
        domain=domain,
    )


async def keys(conn: Conn, account_id: AccountId, domain: str) -> list[Key]:
    """Newest first."""
    return await many(
        conn,
        Key,
        """
        SELECT domain, selector, algorithm, public_key, created_at, seen_at
          FROM dkim_keys
         WHERE account_id = :account_id AND domain = :domain
         ORDER BY created_at DESC, selector""",
        account_id=account_id,
        domain=domain,
    )


async def note_check(
    conn: Conn, account_id: AccountId, domain: str, *, seen: Sequence[str], spf_problem: str, dmarc_problem: str
) -> None:
    """Write down what a look at the DNS found: the selectors that are published as they should be, and the rest."""
    now = clock.now()
    await run(
        conn,
        """
        UPDATE sending_domains
           SET checked_at = :now, spf_problem = :spf_problem, dmarc_problem = :dmarc_problem
         WHERE account_id = :account_id AND domain = :domain""",
        account_id=account_id,
        domain=domain,
        now=now,
        spf_problem=spf_problem,
        dmarc_problem=dmarc_problem,
    )
    await run(
        conn,
        """
        UPDATE dkim_keys
           SET seen_at = CASE WHEN selector = ANY (:seen) THEN coalesce(seen_at, :now) END
         WHERE account_id = :account_id AND domain = :domain""",
        account_id=account_id,
        domain=domain,
        seen=list(seen),
        now=now,
    )
    await _drop_replaced(conn, account_id, domain)


async def signers(conn: Conn, account_id: AccountId, from_email: str) -> tuple[Signer, ...]:
    """Who signs mail from this address: the newest key of each algorithm that was seen; nobody without one."""
    domain = from_email.rpartition("@")[2].lower()
    found = await many(
        conn,
        _Sealed,
        """
        SELECT DISTINCT ON (algorithm) domain, selector, private_key
          FROM dkim_keys
         WHERE account_id = :account_id AND domain = :domain AND seen_at IS NOT NULL
         ORDER BY algorithm DESC, created_at DESC""",
        account_id=account_id,
        domain=domain,
    )
    return tuple(_signer(sealed.domain, sealed.selector, sealed.private_key) for sealed in found)


def normal(name: str) -> str:
    """`Example.COM.` → `example.com`, in ASCII. Raises: BadDomain."""
    try:
        domain = name.strip().rstrip(".").lower().encode("idna").decode()
    except UnicodeError as error:
        raise BadDomain(name) from error
    labels = domain.split(".")
    if len(labels) < 2 or len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadDomain(name)
    return domain


class _Sealed(Struct, frozen=True):
    domain: str
    selector: str
    private_key: bytes


@lru_cache(maxsize=256)
def _signer(domain: str, selector: str, sealed: bytes) -> Signer:
    return Signer(domain, selector, crypto.unseal(_PURPOSE, sealed))


async def _insert_key(conn: Conn, account_id: AccountId, domain: str, selector: str, key: NewKey) -> None:
    await run(
        conn,
        """
        INSERT INTO dkim_keys (account_id, domain, selector, algorithm, private_key, public_key, created_at)
        VALUES (:account_id, :domain, :selector, :algorithm, :private, :public, :now)""",
        account_id=account_id,
        domain=domain,
        selector=selector,
        algorithm=key.algorithm,
        private=key.private_key,
        public=key.public_key,
        now=clock.now(),
    )


def _new_key(algorithm: Algorithm) -> NewKey:
    private, public = _new_pair(algorithm)
    return NewKey(algorithm, crypto.seal(_PURPOSE, private), b64encode(public).decode())


def _new_pair(algorithm: Algorithm) -> tuple[bytes, bytes]:
    """The private key as PEM, and what its record publishes."""
    key = (
        rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        if algorithm == "rsa-sha256"
        else ed25519.Ed25519PrivateKey.generate()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return private, public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


async def _drop_replaced(conn: Conn, account_id: AccountId, domain: str) -> None:
    await run(
        conn,
        """
        DELETE FROM dkim_keys AS old
         USING dkim_keys AS new
         WHERE old.account_id = :account_id AND old.domain = :domain
           AND new.account_id = :account_id AND new.domain = :domain
           AND new.algorithm = old.algorithm AND new.created_at > old.created_at AND new.seen_at IS NOT NULL""",
        account_id=account_id,
        domain=domain,
    )
