"""Segments through their doors: what is kept, listed, renamed, deleted and refused."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi
from tests.support.official import misread, models

INVALID, MISSING, TAKEN = "segments.api.validation.error", "segments.api.not_found", "segments.api.conflict"
NOT_FOUND = "The requested resource was not found."
SLEEPERS = {
    "source": "tracking",
    "field": "not_opened",
    "op": "contains-any",
    "const_value": "last-n-campaigns",
    "param": "8",
}
CRITERIA = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": [SLEEPERS]}})


async def create(api: Api, name: str, criteria: Any = CRITERIA) -> Any:
    made = await api.post("/v3/segments", {"name": name, "segment_criteria": criteria})
    assert 201 == made.status, made
    return made.body


def refusal(reply: Reply) -> tuple[int, str, str]:
    assert isinstance(reply.body, list) and len(reply.body) == 1, "one element holds all problems"
    return reply.status, reply.error_key, reply.error_message


async def test_a_segment_shows_what_was_sent_to_the_last_blank(api: AccountApi, clock: Any) -> None:
    odd = '{ "version":"1.0.0",\n\t"criteria": {"group":[' + json.dumps(SLEEPERS) + '],"type":" AND "} }\n'
    made = await api.post("/v3/segments", {"name": "  Sleepers ", "segment_criteria": odd})
    assert 201 == made.status
    assert ["name", "segment_criteria", "segment_id", "created_at", "edited_at"] == list(made.body)
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    expected = {"name": "Sleepers", "segment_criteria": odd, "segment_id": 1, "created_at": now, "edited_at": now}
    assert expected == made.body
    read = await api.get("/v3/segments/1")
    assert (200, expected) == (read.status, read.body)


async def test_criteria_may_come_as_an_object_and_are_kept_compactly(api: AccountApi) -> None:
    document = {"version": "1.0.0", "criteria": {"type": "and", "group": [SLEEPERS]}}
    made = await create(api, "Sleepers", document)
    assert json.dumps(document, separators=(",", ":")) == made["segment_criteria"]


async def test_numbers_count_from_one_and_are_never_given_again(api: AccountApi) -> None:
    assert [1, 2] == [(await create(api, name))["segment_id"] for name in ("A", "B")]
    assert 204 == (await api.delete("/v3/segments/2")).status
    assert 3 == (await create(api, "B"))["segment_id"]


async def test_put_replaces_both_and_patch_the_name_alone(api: AccountApi, clock: Any) -> None:
    made = await create(api, "A")
    other = CRITERIA.replace('"8"', '"9"')
    clock.move(timedelta(seconds=5))
    put = await api.put("/v3/segments/1", {"name": "B", "segment_criteria": other})
    later = clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert {**made, "name": "B", "segment_criteria": other, "edited_at": later} == put.body
    clock.move(timedelta(seconds=5))
    patched = await api.patch("/v3/segments/1/name", {"name": "C"})
    latest = clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert (200, {**put.body, "name": "C", "edited_at": latest}) == (patched.status, patched.body)
    assert 200 == (await api.patch("/v3/segments/1/name", {"name": "c"})).status, "its own name is not taken"


async def test_a_deleted_segment_can_still_be_read_and_nothing_else(api: AccountApi) -> None:
    made = await create(api, "A")
    deleted = await api.delete("/v3/segments/1")
    assert (204, b"") == (deleted.status, deleted.content)
    assert made == (await api.get("/v3/segments/1")).body
    body = {"name": "B", "segment_criteria": CRITERIA}
    for reply in (
        await api.delete("/v3/segments/1"),
        await api.put("/v3/segments/1", body),
        await api.put("/v3/segments/1", {}),  # that it is gone comes before what is wrong with the body
        await api.patch("/v3/segments/1/name", {"name": "B"}),
    ):
        assert (404, MISSING, NOT_FOUND) == refusal(reply)
    assert [] == (await api.get("/v3/segments")).body["segments"]
    assert 2 == (await create(api, "a"))["segment_id"], "its name is free"


async def test_the_collection_is_sorted_by_date_or_name_and_has_no_criteria(api: AccountApi, clock: Any) -> None:
    for name in ("beta", "Alpha", "gamma"):
        await create(api, name)
        clock.move(timedelta(seconds=1))
    await api.patch("/v3/segments/1/name", {"name": "Beta"})
    by_date = (await api.get("/v3/segments")).body
    assert ["segments"] == list(by_date)
    assert ["Beta", "gamma", "Alpha"] == [each["name"] for each in by_date["segments"]]
    assert ["name", "segment_id", "created_at", "edited_at"] == list(by_date["segments"][0])
    by_name = await api.get("/v3/segments", {"sort_by": "NAME", "sort_order": "desc"})
    assert ["Alpha", "Beta", "gamma"] == [each["name"] for each in by_name.body["segments"]]


@pytest.mark.parametrize("sort_by", ["date", "name"])
async def test_pages_follow_each_other(api: AccountApi, sort_by: str) -> None:
    names = ["a", "B", "c", "D", "e"]
    for name in names:
        await create(api, name)
    seen, reply = [], await api.get("/v3/segments", {"limit": "2", "sort_by": sort_by})
    while True:
        seen += [each["name"] for each in reply.body["segments"]]
        if "_links" not in reply.body:
            break
        assert reply.body["_links"]["next"]["href"].startswith("/v3/segments?cursor=")
        reply = await api.get(reply.body["_links"]["next"]["href"])
    assert (names if sort_by == "name" else names[::-1]) == seen


async def test_a_hundred_segments_are_the_most(api: AccountApi) -> None:
    for number in range(100):
        await create(api, f"S{number}")
    full = await api.post("/v3/segments", {"name": "One more", "segment_criteria": CRITERIA})
    text = "Validation failed: The maximum number of segments (100) has been reached"
    assert (400, INVALID, text) == refusal(full)
    await api.delete("/v3/segments/50")
    assert 101 == (await create(api, "One more"))["segment_id"]


async def test_names_are_unique_whatever_their_case(api: AccountApi) -> None:
    await create(api, "Sleepers")
    await create(api, "Others")
    text = "Validation failed: Name already exists for segment 1"
    for reply in (
        await api.post("/v3/segments", {"name": " SLEEPERS", "segment_criteria": CRITERIA}),
        await api.put("/v3/segments/2", {"name": "sleepers", "segment_criteria": CRITERIA}),
        await api.patch("/v3/segments/2/name", {"name": "sleepers"}),
    ):
        assert (409, TAKEN, text) == refusal(reply)


BODIES = [
    ({}, "name is missing, segment_criteria is missing"),
    ({"name": None, "segment_criteria": None}, "name is missing, segment_criteria is missing"),
    ({"name": "A"}, "segment_criteria is missing"),
    ({"name": "A", "segment_criteria": ""}, "segment_criteria is empty"),
    ({"name": "A", "segment_criteria": " \n"}, "segment_criteria is empty"),
    ({"name": "A", "segment_criteria": 7}, "segment_criteria is invalid"),
    ({"name": "A", "segment_criteria": "x" * 20_001}, "segment_criteria is too long (maximum is 20000 characters)"),
    (
        {"name": "A", "segment_criteria": {"x": "x" * 20_000}},
        "segment_criteria is too long (maximum is 20000 characters)",
    ),
    ({"name": "", "segment_criteria": CRITERIA}, "name is empty"),
    ({"name": "  ", "segment_criteria": "{}"}, "name is empty, Validation failed: version must be 1.0.0"),
    ({"name": "n" * 256, "segment_criteria": CRITERIA}, "name is too long (maximum is 255 characters)"),
    ({"name": 7, "segment_criteria": CRITERIA}, "name is invalid"),
]


async def test_bad_bodies_are_told_what_is_wrong(api: AccountApi) -> None:
    await create(api, "Known")
    for body, text in BODIES:
        assert (400, INVALID, text) == refusal(await api.post("/v3/segments", body)), body
        assert (400, INVALID, text) == refusal(await api.put("/v3/segments/1", body)), body
    for body, text in (({}, "name is missing"), ({"name": " "}, "name is empty")):
        assert (400, INVALID, text) == refusal(await api.patch("/v3/segments/1/name", body))
    malformed = await api.post("/v3/segments", content=b"{", headers={"content-type": "application/json"})
    assert (400, INVALID, "Bad request. The JSON was malformed.") == refusal(malformed)
    assert ["Known"] == [each["name"] for each in (await api.get("/v3/segments")).body["segments"]]


async def test_bad_paths_and_queries_are_told_what_is_wrong(api: AccountApi) -> None:
    for path in ("/v3/segments/x", "/v3/segments/1.5", "/v3/segments/01890000-0000-7000-8000-000000000000"):
        assert (400, MISSING, "segment_id is in an invalid format.") == refusal(await api.get(path))
    for path in ("/v3/segments/1", "/v3/segments/0", "/v3/segments/-1"):
        assert (404, MISSING, NOT_FOUND) == refusal(await api.get(path))
    for query, text in {
        "limit=0": "limit does not have a valid value",
        "limit=1001": "limit does not have a valid value",
        "limit=many": "limit does not have a valid value",
        "sort_by=size": "sort_by does not have a valid value",
        "cursor=nonsense": "cursor is invalid",
    }.items():
        assert (400, INVALID, text) == refusal(await api.get(f"/v3/segments?{query}"))


async def test_what_the_platform_refuses_is_worded_as_for_contacts(api: AccountApi) -> None:
    media = await api.post("/v3/segments", content=b"x", headers={"content-type": "text/plain"})
    assert (415, "contacts.api.unsupported_media_type", "Unsupported Media Type") == refusal(media)
    method = await api.delete("/v3/segments")
    assert (405, "contacts.api.method_not_allowed") == refusal(method)[:2]
    assert 401 == (await api.anonymous().get("/v3/segments")).status
    assert 403 == (await (await api.with_scopes("campaign_data")).get("/v3/segments")).status


async def test_the_official_package_reads_every_answer(api: AccountApi, account: Account) -> None:
    made = await api.post("/v3/segments", models.CreateSegmentRequest(name="A", segment_criteria=CRITERIA).to_dict())
    assert [] == misread(models.CreateSegment201Response, made, 201)
    assert [] == misread(models.SegmentDetail, await api.get("/v3/segments/1"))
    await create(api, "B")
    assert [] == misread(models.GetAllSegments200Response, await api.get("/v3/segments", {"limit": "1"}))
    assert [] == misread(models.GetAllSegments200Response, await api.get("/v3/segments"))
    renamed = await api.patch("/v3/segments/1/name", models.UpdateSegmentNameRequest(name="C").to_dict())
    assert [] == misread(models.SegmentDetail, renamed)
    replaced = await api.put("/v3/segments/1", models.SegmentData(name="D", segment_criteria=CRITERIA).to_dict())
    assert [] == misread(models.SegmentDetail, replaced)
