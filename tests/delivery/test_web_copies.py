"""A recipient's own copy of a mail. Source: contract, campaigns §6.5."""

from typing import Any

from everpost.ids import CampaignActivityId, new_id
from everpost.platform.db import many
from everpost.tracking import tokens
from tests.delivery.conftest import HTML, Sending, Work


async def test_a_recipient_reads_the_mail_as_a_page(api: Any, sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com", first_name="<Ann>")
    new, _ = await sending.open()
    await work()
    mint = tokens.signer().recipient(sending.account_id, new.campaign_activity_id, contact_id)
    answer = await api.anonymous().client.get(f"/w/{mint.view()}")
    assert 200 == answer.status_code
    assert "dear &lt;Ann&gt;" in answer.text
    assert f"/u/{mint.unsubscribe()}" in answer.text
    assert f"/o/{mint.open()}.gif" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    headers = ("x-robots-tag", "referrer-policy", "cache-control")
    assert ["noindex", "no-referrer", "no-store"] == [answer.headers[name] for name in headers]


async def test_without_a_pixel_looking_counts_as_an_open(api: Any, sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    new, _ = await sending.open(html=HTML.replace("[[trackingImage]]", ""))
    await work()
    mint = tokens.signer().recipient(sending.account_id, new.campaign_activity_id, contact_id)
    await api.anonymous().client.get(f"/w/{mint.view()}")
    async with sending.db.reader() as conn:
        opened = await many(conn, int, "SELECT opens FROM activity_counters")
    assert [1] == opened


async def test_who_only_asks_or_loads_ahead_opens_nothing(api: Any, sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    new, _ = await sending.open(html=HTML.replace("[[trackingImage]]", ""))
    await work()
    mint = tokens.signer().recipient(sending.account_id, new.campaign_activity_id, contact_id)
    client = api.anonymous().client
    assert 200 == (await client.head(f"/w/{mint.view()}")).status_code
    assert 200 == (await client.get(f"/w/{mint.view()}", headers={"Sec-Purpose": "prefetch;prerender"})).status_code
    async with sending.db.reader() as conn:
        assert [0] == await many(conn, int, "SELECT opens FROM activity_counters")


async def test_nobody_reads_a_mail_that_was_not_sent_to_them(api: Any, sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    mint = tokens.signer().recipient(sending.account_id, CampaignActivityId(new_id()), contact_id)
    client = api.anonymous().client
    assert 404 == (await client.get(f"/w/{mint.view()}")).status_code
    assert 404 == (await client.get(f"/w/{mint.open()}")).status_code
    assert 404 == (await client.get("/w/x")).status_code
