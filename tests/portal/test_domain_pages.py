"""Sending domains as their owner sees them. Source: contract, campaigns.md §9."""

from typing import Any

from everpost.delivery import sending_domains
from everpost.platform import config
from tests.portal.window import Window
from tests.support.dns import DnsServer

DOMAIN = "harborlane.example"


async def test_an_owner_adds_a_domain_publishes_its_records_and_sees_it_signed(
    owner: Window, db: Any, account: Any
) -> None:
    async with DnsServer() as server:
        config.override(dns_server=server.address)
        await owner.open("/account/domains")
        await owner.press("Add the domain", domain="not a domain")
        assert "Is not a domain, such as example.com." == owner.problem_of("domain")
        await owner.press("Add the domain", domain="HarborLane.example")
        assert f"/account/domains/{DOMAIN}" == owner.page.url.path
        assert "Not seen yet" in owner.text
        async with db.reader() as conn:
            (key,) = await sending_domains.keys(conn, account.account_id, DOMAIN)
        assert key.record in owner.text
        server.texts[key.name] = [key.record]
        await owner.press("Check now")
        assert "DKIM Published" in owner.text
        assert "The domain has no SPF record." in owner.text
        server.is_broken = True
        await owner.press("Check now")
        assert "The name servers did not answer." in owner.text
        await owner.open("/account/domains")
        assert "Is signed" in owner.text
        await owner.open(f"/account/domains/{DOMAIN}")
        await owner.press("Make new keys")
        assert 2 == owner.text.count("v=DKIM1")
        await owner.open(f"/account/domains/{DOMAIN}/remove")
        await owner.press("Remove the domain")
        assert "No domain yet" in owner.text


async def test_a_domain_of_somebody_else_does_not_exist(owner: Window, db: Any, new_account: Any) -> None:
    other = await new_account("other@example.com")
    async with db.transaction() as conn:
        await sending_domains.add(conn, other.account_id, DOMAIN, await sending_domains.new_keys())
    for path in (DOMAIN, f"{DOMAIN}/remove", "not-a-domain"):
        await owner.open(f"/account/domains/{path}")
        assert 404 == owner.page.status_code
