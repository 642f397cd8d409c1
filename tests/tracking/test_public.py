"""The pixel and the tracked links: what a recipient's program gets, and what is on record afterwards."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform.db import Db
from everpost.tracking import counters, links, machines, recount, tokens
from everpost.tracking.counters import Counters
from everpost.tracking.public import PIXEL, Ingest
from everpost.tracking.tokens import Recipient, Reference

pytestmark = pytest.mark.anyio

IPHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"}
TARGET = "https://shop.example/spring?size=2&color=green#top"


@dataclass
class Mail:
    """One recipient's mail, and the program that shows it."""

    client: httpx.AsyncClient
    mint: Recipient
    account_id: AccountId
    activity_id: CampaignActivityId
    url_id: UrlId
    db: Db

    async def counters(self) -> Counters:
        async with self.db.reader() as conn:
            found = await counters.find(conn, self.account_id, [self.activity_id])
        values = found.get(self.activity_id, Counters())
        return Counters(**{name: getattr(values, name) for name in Counters.__struct_fields__})

    async def add_link(self, url: str, *, stand_for_opens: bool = False) -> str:
        async with self.db.transaction() as conn:
            numbered = await links.register(
                conn, self.account_id, self.activity_id, [url], stand_for_opens=stand_for_opens
            )
        return f"/c/{self.mint.click(numbered[url])}"


async def _personalise(db: Db, reference: Reference, url: str) -> str:
    return url.replace("[[FirstName]]", "Ren%C3%A9").replace("[[HOST]]", "javascript:alert(1)")


@pytest.fixture
async def mail(db: Db) -> AsyncIterator[Mail]:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    async with db.transaction() as conn:
        numbered = await links.register(conn, account_id, activity_id, [TARGET])
    doors = Ingest(_personalise)
    await doors.start(db)
    mint = tokens.signer().recipient(account_id, activity_id, ContactId(new_id()))
    transport = httpx.ASGITransport(app=doors)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://everpost.test") as client:
        yield Mail(client, mint, account_id, activity_id, numbered[TARGET], db)
    await doors.stop()


async def test_loading_the_pixel_is_an_open(mail: Mail) -> None:
    answer = await mail.client.get(f"/o/{mail.mint.open()}.gif", headers=IPHONE)
    assert (200, "image/gif", "no-store, max-age=0", PIXEL) == (
        answer.status_code,
        answer.headers["content-type"],
        answer.headers["cache-control"],
        answer.content,
    )
    assert len(PIXEL) == 43
    assert Counters(opens=1, opens_mobile=1) == await mail.counters()


async def test_without_a_user_agent_no_device_is_captured(mail: Mail) -> None:
    await mail.client.get(f"/o/{mail.mint.open()}.gif", headers={"User-Agent": ""})
    assert Counters(opens=1, opens_none=1) == await mail.counters()


async def test_following_a_link_is_a_click_and_leads_to_the_authored_target(mail: Mail) -> None:
    answer = await mail.client.get(f"/c/{mail.mint.click(mail.url_id)}", headers=IPHONE)
    assert (302, TARGET) == (answer.status_code, answer.headers["location"])
    assert Counters(opens=1, opens_mobile=1, clicks=1, clicks_mobile=1) == await mail.counters()


async def test_in_a_mail_without_a_pixel_each_click_is_an_open_too(mail: Mail) -> None:
    path = await mail.add_link("https://shop.example/autumn", stand_for_opens=True)
    for _ in range(3):
        assert 302 == (await mail.client.get(path, headers=IPHONE)).status_code
    assert Counters(opens=1, opens_mobile=3, clicks=1, clicks_mobile=3) == await mail.counters()


async def test_a_program_that_follows_every_link_has_not_opened_a_mail_without_a_pixel(mail: Mail) -> None:
    for number in range(machines.BURST_LINKS):
        await mail.client.get(await mail.add_link(f"https://shop.example/{number}", stand_for_opens=True))
    left_out = machines.BURST_LINKS
    assert Counters(opens_left_out=left_out, clicks_left_out=left_out) == await mail.counters()
    async with mail.db.reader() as conn:
        assert [] == await recount.differences(conn, mail.account_id, mail.activity_id)


async def test_tags_in_a_target_are_filled_for_the_recipient(mail: Mail) -> None:
    path = await mail.add_link("https://shop.example/hello?name=[[FirstName]]")
    answer = await mail.client.get(path)
    assert (302, "https://shop.example/hello?name=Ren%C3%A9") == (answer.status_code, answer.headers["location"])


async def test_a_target_that_is_no_web_address_after_filling_is_not_found(mail: Mail) -> None:
    answer = await mail.client.get(await mail.add_link("[[HOST]]/x"))
    assert 404 == answer.status_code


async def test_characters_that_a_header_may_not_hold_are_escaped(mail: Mail) -> None:
    answer = await mail.client.get(await mail.add_link("https://shop.example/größe\r\nSet-Cookie: a=b"))
    assert (302, "https://shop.example/gr%C3%B6%C3%9Fe%0D%0ASet-Cookie:%20a=b") == (
        answer.status_code,
        answer.headers["location"],
    )
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("extra", ["", "?url=https://evil.example", "?location=//evil.example"])
async def test_an_altered_click_is_a_page_and_goes_nowhere(mail: Mail, extra: str) -> None:
    token = mail.mint.click(mail.url_id)
    altered = ("A" if token[70] != "A" else "B").join((token[:70], token[71:]))
    answer = await mail.client.get(f"/c/{altered}{extra}")
    assert (404, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert "location" not in answer.headers
    assert Counters() == await mail.counters()


async def test_a_link_of_another_activity_is_not_found(mail: Mail) -> None:
    mint = tokens.signer().recipient(mail.account_id, CampaignActivityId(new_id()), ContactId(new_id()))
    assert 404 == (await mail.client.get(f"/c/{mint.click(UrlId(999_999_999))}")).status_code


@pytest.mark.parametrize("path", ["/o/nonsense.gif", "/o/.gif", "/o/", "/o/nonsense"])
async def test_an_invalid_open_still_shows_the_pixel(mail: Mail, path: str) -> None:
    answer = await mail.client.get(path)
    assert (200, PIXEL) == (answer.status_code, answer.content)


async def test_a_click_token_opens_nothing_and_an_open_token_clicks_nothing(mail: Mail) -> None:
    await mail.client.get(f"/o/{mail.mint.click(mail.url_id)}.gif")
    assert 404 == (await mail.client.get(f"/c/{mail.mint.open()}")).status_code
    assert Counters() == await mail.counters()


async def test_head_and_prefetch_record_nothing(mail: Mail) -> None:
    pixel, link = f"/o/{mail.mint.open()}.gif", f"/c/{mail.mint.click(mail.url_id)}"
    for path in (pixel, link):
        head = await mail.client.head(path)
        prefetch = await mail.client.get(path, headers={"Sec-Purpose": "prefetch;prerender"})
        assert head.status_code == prefetch.status_code
        assert b"" == head.content
        for early in ({"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {"X-Purpose": "preview"}):
            await mail.client.get(path, headers=early)
    assert Counters() == await mail.counters()


async def test_other_methods_are_refused(mail: Mail) -> None:
    answer = await mail.client.post(f"/o/{mail.mint.open()}.gif")
    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])
    assert 405 == (await mail.client.options(f"/c/{mail.mint.click(mail.url_id)}")).status_code
    assert Counters() == await mail.counters()
