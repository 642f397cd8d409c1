"""The links report counts contacts per link."""

from typing import Any

import pytest

from everpost.ids import ContactId, new_id
from everpost.tracking import links
from tests.reports.conftest import Mail

pytestmark = pytest.mark.anyio

URLS = [f"https://harborlane.example/{letter}" for letter in "abcd"]


async def shown(api: Any, mail: Mail, **params: Any) -> list[tuple[str, int]]:
    body = (await api.get(mail.links, params=params)).body
    assert str(mail.activity_id) == body["campaign_activity_id"]
    assert {"campaign_activity_id", "link_click_counts"} == set(body)
    return [(each["link_url"][-1], each["unique_clicks"]) for each in body["link_click_counts"]]


async def test_most_contacts_first_then_in_order_of_appearance(api: Any, mail: Mail) -> None:
    people = [ContactId(new_id()) for _ in range(3)]
    await mail.send({person: f"{person}@reader.example" for person in people})
    a, b, c, _ = await mail.register(*URLS)
    for person, url_id in ((people[0], a), (people[0], a), (people[0], c), (people[1], c), (people[0], b)):
        await mail.hit(person, 10, url_id=url_id)
    assert [("c", 2), ("a", 1), ("b", 1)] == await shown(api, mail)
    assert [("c", 2), ("a", 1), ("b", 1), ("d", 0)] == await shown(api, mail, no_clicks="true")
    body = (await api.get(mail.links)).body
    assert str(c) == body["link_click_counts"][0]["url_id"]


async def test_a_mail_that_was_never_sent_has_no_links(api: Any, mail: Mail) -> None:
    await mail.register(*URLS)
    assert [] == await shown(api, mail, no_clicks="true")


async def test_equal_links_are_one_and_keep_their_number(api: Any, mail: Mail) -> None:
    first = await mail.register(URLS[0], URLS[1], URLS[0])
    again = await mail.register(URLS[1], URLS[2], URLS[0])
    assert 2 == len(first)
    assert [first[1], first[0]] == [again[0], again[2]]
    await mail.send({ContactId(new_id()): "ann@reader.example"})
    assert [("a", 0), ("b", 0), ("c", 0)] == await shown(api, mail, no_clicks="true")


async def test_the_hidden_link_is_in_no_report(api: Any, mail: Mail) -> None:
    await mail.send({ContactId(new_id()): "ann@reader.example"})
    async with mail.db.transaction() as conn:
        await links.register_honeypot(conn, mail.account_id, mail.activity_id, URLS[0])
    assert [] == await shown(api, mail, no_clicks="true")


async def test_a_link_longer_than_an_index_entry_is_kept_whole(api: Any, mail: Mail) -> None:
    url = "https://harborlane.example/?q=" + "ü" * 970
    (url_id,) = await mail.register(url)
    person = ContactId(new_id())
    await mail.send({person: "ann@reader.example"})
    await mail.hit(person, 10, url_id=url_id)
    assert url == (await api.get(mail.links)).body["link_click_counts"][0]["link_url"]


async def test_no_clicks_is_a_boolean(api: Any, mail: Mail) -> None:
    answer = await api.get(mail.links, params={"no_clicks": "maybe"})
    assert (400, "reportingsvc.validation.error", "no_clicks does not have a valid value") == (
        answer.status,
        answer.error_key,
        answer.error_message,
    )
