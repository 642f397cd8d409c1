"""What the DNS says of a sending domain, and what should stand there.

Rules: DKIM records must hold our public keys; SPF must name whoever submits our mail, which only the operator knows
(`spf_include`); DMARC must exist. SPF and DMARC are advice, only DKIM decides whether we sign. A server that cannot be
asked changes nothing. Source: RFC 6376 §3.6.1, RFC 7208 §3, RFC 7489 §6.6.3.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver
from msgspec import Struct

from everpost.delivery import sending_domains
from everpost.delivery.sending_domains import Key
from everpost.ids import AccountId
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, many
from everpost.platform.jobs import every, job

_SECONDS: Final = 5.0
# New keys are looked for until their records have had time to spread; later once a day, in case one disappears.
_EAGER: Final = timedelta(days=3)
_DAILY: Final = timedelta(days=1)

log = logs.get(__name__)


class NoAnswer(Exception):
    """The name servers could not be asked; nothing is known."""


class Record(Struct, frozen=True):
    """A record to publish, and whether it is there."""

    purpose: str
    name: str
    value: str
    is_there: bool


async def records(conn: Conn, account_id: AccountId, domain: str) -> list[Record]:
    """What the domain's owner should publish, as of the last check."""
    found = await sending_domains.find(conn, account_id, domain)
    published = await sending_domains.keys(conn, account_id, domain)
    was_checked = found is not None and found.checked_at is not None
    return [
        *(Record("DKIM", key.name, key.record, key.seen_at is not None) for key in published),
        Record("SPF", domain, spf_record(), was_checked and found is not None and not found.spf_problem),
        Record(
            "DMARC",
            f"_dmarc.{domain}",
            "v=DMARC1; p=none",
            was_checked and found is not None and not found.dmarc_problem,
        ),
    ]


def spf_record() -> str:
    """A whole SPF record that allows what we submit to; whoever has one adds the middle to it."""
    include = config.current().spf_include
    return f"v=spf1 include:{include} ~all" if include else "v=spf1 a mx ~all"


async def check(db: Db, account_id: AccountId, domain: str) -> None:
    """Look at the DNS now and write down what is there. Raises: NoAnswer."""
    async with db.reader() as conn:
        published = await sending_domains.keys(conn, account_id, domain)
    seen = [key.selector for key in published if await _is_published(key)]
    spf_problem, dmarc_problem = await _spf_problem(domain), await _dmarc_problem(domain)
    async with db.transaction() as conn:
        await sending_domains.note_check(
            conn, account_id, domain, seen=seen, spf_problem=spf_problem, dmarc_problem=dmarc_problem
        )


@job("sending_domains.check")
async def check_later(db: Db, account_id: AccountId, domain: str) -> None:
    """As `check`; when nobody answers, the next round asks again."""
    try:
        await check(db, account_id, domain)
    except NoAnswer:
        log.warning("dns.no_answer", domain=domain)


@every(timedelta(minutes=30))
async def check_all(db: Db) -> None:
    """Ask for domains whose keys were not seen yet, and once a day for all others."""
    now = clock.now()
    async with db.transaction() as conn:
        for due in await _due(conn, before=now - _DAILY, eager_since=now - _EAGER):
            await check_later.later(
                conn, only_once=f"sending_domains:{due.domain}", account_id=due.account_id, domain=due.domain
            )


class _Due(Struct, frozen=True):
    account_id: AccountId
    domain: str


async def _due(conn: Conn, **times: object) -> list[_Due]:
    """Spans accounts on purpose."""
    return await many(
        conn,
        _Due,
        """
        SELECT account_id, domain
          FROM sending_domains
         WHERE checked_at IS NULL OR checked_at < :before
            OR EXISTS (SELECT FROM dkim_keys
                        WHERE dkim_keys.account_id = sending_domains.account_id
                          AND dkim_keys.domain = sending_domains.domain
                          AND dkim_keys.seen_at IS NULL AND dkim_keys.created_at > :eager_since)""",
        **times,
    )


async def _is_published(key: Key) -> bool:
    for text in await _texts(key.name):
        tags = [part.strip().partition("=") for part in text.split(";")]
        if any(name == "p" and "".join(value.split()) == key.public_key for name, _, value in tags):
            return True
    return False


async def _spf_problem(domain: str) -> str:
    found = [text for text in await _texts(domain) if text.lower().split(" ", 1)[0] == "v=spf1"]
    include = config.current().spf_include
    if not found:
        return "The domain has no SPF record."
    if len(found) > 1:
        return "The domain has more than one SPF record; servers then ignore all of them."
    if include and f"include:{include}" not in found[0].lower().split():
        return f"The SPF record does not include {include}."
    return ""


async def _dmarc_problem(domain: str) -> str:
    # A subdomain without a record of its own inherits that of the domain above it.
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        found = await _texts("_dmarc." + ".".join(labels[start:]))
        if any(text.replace(" ", "").lower().startswith("v=dmarc1") for text in found):
            return ""
    return "The domain has no DMARC record; large mailbox providers ask for one."


async def _texts(name: str) -> Sequence[str]:
    """The TXT records of a name. Raises: NoAnswer."""
    try:
        answer = await _resolver().resolve(name, "TXT", search=False, lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NoAnswer(str(error)) from error
    return [b"".join(record.strings).decode("latin-1") for record in answer]


def _resolver() -> dns.asyncresolver.Resolver:
    server = config.current().dns_server
    if not server:
        return dns.asyncresolver.Resolver()
    host, _, port = server.rpartition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [host]
    resolver.port = int(port)
    return resolver
