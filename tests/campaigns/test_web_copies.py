"""The public web copy. Source: contract, campaigns.md §3.7, §6.5."""

from typing import Any
from urllib.parse import urlsplit

import pytest

HTML = (
    '<html><body>[[trackingImage]]<p>Hello [[FirstName OR "friend"]] [[LastName]] from [[account.OrganizationName]]</p>'
    "<a href='https://harborlane.example/new'>New</a><a href='[[unsubscribe]]'>Leave</a></body></html>"
)


@pytest.fixture
async def sent(api: Any, list_id: str, new_campaign: Any, new_contact: Any, work: Any) -> Any:
    """A campaign that went out to one contact."""
    await new_contact("ann@example.com", first_name="Ann", last_name="Secret")
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    return campaign


async def url_of(api: Any, campaign: Any) -> str:
    found = (await api.get(campaign.activity, {"include": "permalink_url"})).body["permalink_url"]
    assert found == (await api.get(campaign.permalink, {"include": "permalink_url"})).body["permalink_url"]
    return str(found)


async def test_the_web_copy_shows_what_was_sent_and_nobodys_data(api: Any, sent: Any) -> None:
    url = await url_of(api, sent)
    assert url.startswith("http://everpost.test/p/")
    page = await api.anonymous().get(urlsplit(url).path)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Hello friend  from Harbor Lane Books" in page.text
    assert 'href="https://harborlane.example/new"' in page.text
    for trace in ("Ann", "Secret", "ann@example.com", "/o/", "/c/", "/u/", "Unsubscribe"):
        assert trace not in page.text


async def test_before_the_first_send_there_is_no_web_copy(api: Any, new_campaign: Any, db: Any) -> None:
    campaign = await new_campaign()
    assert "permalink_url" not in (await api.get(campaign.activity, {"include": "permalink_url"})).body
    async with db.reader() as conn:
        permalink_id = await conn.fetchval("SELECT permalink_id FROM permalinks")
    assert (await api.anonymous().get(f"/p/{permalink_id}")).status == 404


async def test_after_the_removal_there_is_no_web_copy(api: Any, sent: Any) -> None:
    url = await url_of(api, sent)
    assert (await api.delete(sent.path)).status == 204
    assert (await api.anonymous().get(urlsplit(url).path)).status == 404


async def test_a_change_shows_after_the_next_send(api: Any, sent: Any, new_contact: Any, work: Any) -> None:
    path = urlsplit(await url_of(api, sent)).path
    content = (await api.get(sent.activity)).body
    await api.put(sent.activity, {**content, "html_content": "<p>Second edition</p>"})
    assert "Second edition" not in (await api.anonymous().get(path)).text
    await new_contact("bob@example.com")
    await api.post(sent.schedules, {"scheduled_date": "0"})
    await work()
    assert "Second edition" in (await api.anonymous().get(path)).text


async def test_an_unknown_address_is_a_page_not_found(api: Any) -> None:
    page = await api.anonymous().get("/p/nothing-here")
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
