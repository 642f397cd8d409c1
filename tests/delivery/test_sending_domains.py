"""DKIM keys of an account's own domains, and what the DNS says of them. Source: contract, campaigns.md §5.3, §9."""

from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import dkim
import pytest

from everpost.delivery import dns_checks, sending_domains
from everpost.delivery.dns_checks import NoAnswer
from everpost.delivery.sending_domains import BadDomain
from everpost.platform import config
from tests.delivery.conftest import Sending
from tests.support.dns import DnsServer

DOMAIN = "harborlane.example"


@pytest.fixture
async def name_server(settings: Any) -> AsyncIterator[DnsServer]:
    async with DnsServer() as server:
        config.override(dns_server=server.address, spf_include="relay.example", dkim_ed25519=True)
        yield server


async def add(sending: Sending, name: str = DOMAIN) -> list[sending_domains.Key]:
    made = await sending_domains.new_keys()
    async with sending.db.transaction() as conn:
        domain = await sending_domains.add(conn, sending.account_id, name, made)
        return await sending_domains.keys(conn, sending.account_id, domain)


async def keys(sending: Sending) -> list[sending_domains.Key]:
    async with sending.db.reader() as conn:
        return await sending_domains.keys(conn, sending.account_id, DOMAIN)


def publish(server: DnsServer, published: list[sending_domains.Key]) -> None:
    for key in published:
        server.texts[key.name] = [key.record]


async def test_a_domain_gets_keys_that_sign_nothing_before_they_are_seen(
    sending: Sending, name_server: DnsServer, work: Any, mailbox: Any
) -> None:
    made = await add(sending, "HarborLane.example.")
    assert {"rsa-sha256", "ed25519-sha256"} == {key.algorithm for key in made}
    assert made == await add(sending)
    await sending.contacts(1)
    await sending.open()
    await work()
    (mail,) = await mailbox()
    assert "DKIM-Signature" not in message_from_bytes(mail.content)


async def test_mail_is_signed_with_every_algorithm_once_the_records_are_there(
    sending: Sending, name_server: DnsServer, work: Any, mailbox: Any
) -> None:
    made = await add(sending)
    publish(name_server, made)
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    await sending.contacts(1)
    await sending.open()
    await work()
    (mail,) = await mailbox()

    def text_record(name: bytes, timeout: int = 5) -> bytes:
        return name_server.texts[name.decode().rstrip(".")][0].encode()

    signatures = message_from_bytes(mail.content).get_all("DKIM-Signature") or []
    assert 2 == len([each for each in signatures if f"d={DOMAIN};" in each])
    verifier = dkim.DKIM(mail.content)
    assert [True, True] == [verifier.verify(idx=number, dnsfunc=text_record) for number in (0, 1)]


async def test_new_keys_take_over_when_they_are_seen_and_the_old_ones_go(
    sending: Sending, name_server: DnsServer
) -> None:
    old = await add(sending)
    publish(name_server, old)
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    async with sending.db.transaction() as conn:
        await sending_domains.rotate(conn, sending.account_id, DOMAIN, await sending_domains.new_keys())
    both = await keys(sending)
    assert (4, 2) == (len(both), len([key for key in both if key.seen_at]))
    publish(name_server, both)
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    left = await keys(sending)
    assert {key.selector for key in both} - {key.selector for key in old} == {key.selector for key in left}


async def test_a_record_that_disappears_stops_the_signing(sending: Sending, name_server: DnsServer) -> None:
    publish(name_server, await add(sending))
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    name_server.texts.clear()
    name_server.is_broken = True
    with pytest.raises(NoAnswer):
        await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    assert all(key.seen_at for key in await keys(sending))
    name_server.is_broken = False
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    assert not any(key.seen_at for key in await keys(sending))


@pytest.mark.parametrize(
    ("spf", "problem"),
    [
        ([], "The domain has no SPF record."),
        (["v=spf1 mx -all"], "The SPF record does not include relay.example."),
        (
            ["v=spf1 a ~all", "v=spf1 mx ~all"],
            "The domain has more than one SPF record; servers then ignore all of them.",
        ),
        (["google-site-verification=1", "v=spf1 include:relay.example ~all"], ""),
    ],
)
async def test_the_check_tells_what_is_wrong_with_spf_and_dmarc(
    sending: Sending, name_server: DnsServer, spf: list[str], problem: str
) -> None:
    await add(sending)
    if spf:
        name_server.texts[DOMAIN] = spf
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    async with sending.db.reader() as conn:
        found = await sending_domains.find(conn, sending.account_id, DOMAIN)
    assert found is not None
    assert (problem, "The domain has no DMARC record; large mailbox providers ask for one.") == (
        found.spf_problem,
        found.dmarc_problem,
    )
    name_server.texts[f"_dmarc.{DOMAIN}"] = ["v=DMARC1; p=reject"]
    await dns_checks.check(sending.db, sending.account_id, DOMAIN)
    async with sending.db.reader() as conn:
        records = await dns_checks.records(conn, sending.account_id, DOMAIN)
    assert [("DKIM", False), ("DKIM", False), ("SPF", not problem), ("DMARC", True)] == [
        (record.purpose, record.is_there) for record in records
    ]


async def test_the_sweep_asks_for_new_keys_soon_and_for_old_ones_daily(
    sending: Sending, name_server: DnsServer, clock: Any, work: Any
) -> None:
    publish(name_server, await add(sending))
    await dns_checks.check_all(sending.db)
    await work()
    assert all(key.seen_at for key in await keys(sending))
    name_server.texts.clear()
    await dns_checks.check_all(sending.db)
    await work()
    assert all(key.seen_at for key in await keys(sending))
    clock.move(timedelta(days=1, seconds=1))
    await dns_checks.check_all(sending.db)
    await work()
    assert not any(key.seen_at for key in await keys(sending))


@pytest.mark.parametrize("name", ["", "localhost", "a b.example", "-a.example", "exa mple.com", "x" * 64 + ".example"])
def test_a_domain_must_be_one(name: str) -> None:
    with pytest.raises(BadDomain):
        sending_domains.normal(name)


def test_a_domain_is_kept_in_ascii() -> None:
    assert "xn--bcher-kva.example" == sending_domains.normal(" Bücher.Example. ")


async def test_a_domain_without_a_key_makes_way_for_the_shared_one(sending: Sending, work: Any, mailbox: Any) -> None:
    config.override(shared_sending_domain="mail.everpost.example")
    await sending.contacts(1)
    await sending.open()
    await work()
    (mail,) = await mailbox()
    message = message_from_bytes(mail.content)
    local_part, _, domain = sending.email.partition("@")
    assert f"{local_part}-{domain.replace('.', '-')}@mail.everpost.example" in str(message["From"])
    assert sending.email == message["Reply-To"]
    assert str(message["Message-ID"]).endswith("@mail.everpost.example>")
