"""How published clients page, filter and write dates. Source: contract, clients.md; the numbers are its rows."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest

from tests.support.api import Api
from tests.support.fixtures import Account

PEOPLE = 120


@pytest.fixture
async def readers(api: Api, account: Account, work: Any) -> str:
    """A list of 120 people."""
    list_id = (await api.post("/v3/contact_lists", {"name": "Readers"})).body["list_id"]
    rows = [{"email": f"n{number}@example.com"} for number in range(PEOPLE)]
    started = await api.post("/v3/activities/contacts_json_import", {"import_data": rows, "list_ids": [list_id]})
    assert started.status == 201, started
    await work()
    return str(list_id)


def addresses_of(page: dict[str, Any]) -> list[str]:
    return [each["email_address"]["address"] for each in page["contacts"]]


async def test_the_link_is_followed_with_the_host_in_front_until_there_is_none(api: Api, readers: str) -> None:  # 8
    sizes, seen, href = [], set(), f"/v3/contacts?limit=50&lists={readers}"
    while href:
        page = (await api.get(f"http://everpost.test{href}")).body
        assert "_links" not in page or page["_links"]["next"]["href"].startswith("/v3/contacts?")  # 41: or KeyError
        href = page.get("_links", {}).get("next", {}).get("href", "")
        sizes.append(len(page["contacts"]))
        seen |= set(addresses_of(page))
    assert ([50, 50, 20], PEOPLE) == (sizes, len(seen))


async def test_the_last_page_has_no_links(api: Api, readers: str) -> None:  # 8, 41
    for path in ("contacts?limit=500", "contact_lists", "contact_custom_fields", "emails", "activities"):
        assert "_links" not in (await api.get(f"/v3/{path}")).body


async def next_cursor(api: Api, readers: str) -> str:
    page = (await api.get("/v3/contacts", {"limit": "50", "lists": readers, "include": "list_memberships"})).body
    return str(page["_links"]["next"]["href"]).split("cursor=")[1]


async def test_the_cursor_is_the_only_parameter_and_needs_no_escaping(api: Api, readers: str) -> None:  # 9
    page = (await api.get("/v3/contacts", {"limit": "50", "lists": readers})).body
    href = page["_links"]["next"]["href"]
    assert ["cursor"] == list(parse_qs(urlsplit(href).query))
    assert set("%+/ &") & set(href.split("cursor=")[1]) == set()


async def test_a_cursor_may_come_with_the_filters_it_already_knows(api: Api, readers: str) -> None:  # 9
    cursor = await next_cursor(api, readers)
    alone = (await api.get("/v3/contacts", {"cursor": cursor})).body
    repeated = {"limit": "50", "lists": readers, "include": "list_memberships", "page": "0", "cursor": cursor}
    assert alone == (await api.get("/v3/contacts", repeated)).body
    assert [readers] == alone["contacts"][0]["list_memberships"]


@pytest.mark.parametrize(
    "carelessly",
    [
        lambda cursor: quote(cursor, safe=""),
        lambda cursor: quote(quote(cursor, safe=""), safe=""),
        unquote,
        lambda cursor: cursor.rstrip("="),
        lambda cursor: cursor.replace("-", "+").replace("_", "/"),
        lambda cursor: quote(cursor.replace("-", "+").replace("_", "/"), safe=""),
    ],
    ids=["encoded", "encoded twice", "decoded", "without padding", "other alphabet", "other alphabet, encoded"],
)
async def test_a_cursor_survives_careless_hands(api: Api, readers: str, carelessly: Any) -> None:  # 9
    cursor = await next_cursor(api, readers)
    answer = await api.get(f"/v3/contacts?cursor={carelessly(cursor)}")
    assert (200, 50) == (answer.status, len(answer.body["contacts"]))


async def test_an_altered_cursor_is_refused(api: Api, readers: str) -> None:
    cursor = await next_cursor(api, readers)
    answer = await api.get("/v3/contacts", {"cursor": cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:]})
    assert (400, "cursor is invalid") == (answer.status, answer.error_message)


async def test_whoever_comes_between_two_pages_is_seen_once(api: Api, readers: str) -> None:
    first = (await api.get("/v3/contacts", {"limit": "100"})).body
    await api.post("/v3/contacts", {"create_source": "Account", "email_address": {"address": "late@example.com"}})
    second = (await api.get(first["_links"]["next"]["href"])).body
    seen = addresses_of(first) + addresses_of(second)
    assert len(seen) == len(set(seen)) == PEOPLE + 2  # and the account's owner


# 11: one moment in every language's way of writing it.


@pytest.mark.parametrize(
    "written",
    [
        "%Y-%m-%dT%H:%M:%S.000000+0000",  # the official Python package, unescaped
        "%Y-%m-%dT%H:%M:%S+00:00",  # phpfui: the plus arrives as a space
        "%Y-%m-%dT%H%%3A%M%%3A%S%%2B00%%3A00",
        "%Y-%m-%dT%H:%M:%S.000Z",  # moment and JSON.stringify
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S",
    ],
)
@pytest.mark.parametrize("parameter", ["updated_after", "created_after"])
async def test_a_moment_is_read_however_it_is_written(api: Api, clock: Any, written: str, parameter: str) -> None:
    clock.move(timedelta(hours=1))
    moment = format(clock.now(), written)
    clock.move(timedelta(seconds=1))
    await api.post("/v3/contacts", {"create_source": "Account", "email_address": {"address": "new@example.com"}})
    answer = await api.get(f"/v3/contacts?{parameter}={moment}")
    assert (200, ["new@example.com"]) == (answer.status, addresses_of(answer.body)), answer


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%S.000Z"])
async def test_campaigns_read_the_same_dates(api: Api, clock: Any, written: str) -> None:
    answer = await api.get(f"/v3/emails?after_date={format(clock.now() - timedelta(days=2), written)}")
    assert (200, {"campaigns": []}) == (answer.status, answer.body)


# 26: parameters that nobody defined.


@pytest.mark.parametrize(
    "unknown",
    [{"page": "0"}, {"sort": "contacts.created_at.desc"}, {"include": "sms_channel"}, {"_": "1"}, {"tags": ""}],
)
async def test_parameters_that_nobody_defined_change_nothing(api: Api, unknown: dict[str, str]) -> None:
    plain, decorated = await api.get("/v3/contacts"), await api.get("/v3/contacts", unknown)
    assert (200, plain.body) == (decorated.status, decorated.body)


async def test_a_get_may_carry_a_body(api: Api) -> None:  # 26, 34
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "application/json; charset=utf-8"}):
        answer = await api.request("GET", "/v3/contact_lists", content=b'{"limit": 1}', headers=headers)
        assert 200 == answer.status
        assert 200 == (await api.get("/v3/contact_lists", headers=headers)).status


async def test_a_list_of_values_may_be_one_parameter_or_several(api: Api, account: Account) -> None:
    both = ["list_memberships", "phone_numbers"]
    ways = [
        "include=" + ",".join(both),
        "include=" + "%2C".join(both),
        urlencode([("include", each) for each in both]),
        "include=Phone_Numbers&include=list_membership",
    ]
    answers = [(await api.get(f"/v3/contacts?{way}")).body for way in ways]
    assert all(answer == answers[0] for answer in answers)
    assert set(both) <= set(answers[0]["contacts"][0])
