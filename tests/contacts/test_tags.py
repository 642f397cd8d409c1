"""Tags, through the door. Source: contract, contacts.md §8."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import tags
from everpost.platform.db import run

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


async def test_a_tag_is_made_read_renamed_and_listed(api, clock):
    made = await api.post("/v3/contact_tags", {"name": "  Boat owner ", "tag_source": "Spring fair", "tag_id": "x"})
    assert made.status == 201
    assert list(made.body) == ["tag_id", "name", "created_at", "updated_at", "tag_source"]
    assert (made.body["name"], made.body["tag_source"]) == ("Boat owner", "Spring fair")
    assert re.fullmatch(MOMENT, made.body["created_at"])
    path = f"/v3/contact_tags/{made.body['tag_id']}"
    assert (await api.get(path)).body == made.body
    clock.move(timedelta(minutes=1))
    renamed = await api.put(path, {"name": "Boat owners", "tag_source": "Other"})
    assert (200, "Boat owners", "Spring fair") == (renamed.status, renamed.body["name"], renamed.body["tag_source"])
    assert renamed.body["updated_at"] > made.body["updated_at"]
    clock.move(timedelta(minutes=1))
    assert (await api.put(path, {"name": "Boat owners"})).body == renamed.body
    assert (await api.get("/v3/contact_tags")).body == {"tags": [renamed.body]}


async def test_a_name_is_unique_whatever_its_case(api):
    first = (await api.post("/v3/contact_tags", {"name": "Größe"})).body["tag_id"]
    second = (await api.post("/v3/contact_tags", {"name": "Other"})).body["tag_id"]
    for answer in (
        await api.post("/v3/contact_tags", {"name": " gRÖSSE".replace("SS", "ß")}),
        await api.put(f"/v3/contact_tags/{second}", {"name": "GRÖßE"}),
    ):
        assert (409, "contacts.api.conflict") == (answer.status, answer.error_key)
        assert answer.error_message == f"Validation failed: Name already exists for tag {first}"
    assert (await api.put(f"/v3/contact_tags/{first}", {"name": "GRÖßE"})).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name is missing"),
        ({"name": None}, "name is missing"),
        ({"name": ""}, "name is empty"),
        ({"name": " \t "}, "name is empty"),
        ({"name": 5}, "name is invalid"),
        ({"name": "x" * 256}, "name is too long (maximum is 255 characters)"),
        ({"name": "x", "tag_source": "y" * 256}, "tag_source is too long (maximum is 255 characters)"),
    ],
)
async def test_what_is_wrong_with_a_tag_is_told(api, body, message):
    answer = await api.post("/v3/contact_tags", body)
    assert (400, "contacts.api.validation.error", message) == (answer.status, answer.error_key, answer.error_message)


async def test_the_longest_name_may_have_blanks_around_it(api):
    made = await api.post("/v3/contact_tags", {"name": f" {'é' * 255} ", "tag_source": ""})
    assert (201, "é" * 255) == (made.status, made.body["name"])
    assert "tag_source" not in made.body


async def test_at_most_500_tags(api, account, db):
    async with db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO contact_tags (account_id, tag_id, name, created_at, updated_at)
               SELECT :account_id, gen_random_uuid(), 'Tag ' || number, now(), now()
                 FROM generate_series(1, 500) AS number""",
            account_id=account.account_id,
        )
    answer = await api.post("/v3/contact_tags", {"name": "One more"})
    assert answer.error_message == "Validation failed: The maximum number of tags (500) has been reached"
    assert answer.status == 400
    assert len((await api.get("/v3/contact_tags", {"limit": "500"})).body["tags"]) == 500


async def test_pages_are_oldest_first_and_the_last_has_no_links(api, clock):
    for number in range(5):
        await api.post("/v3/contact_tags", {"name": f"Tag {number}"})
        clock.move(timedelta(seconds=1))
    names: list[str] = []
    answer = await api.get("/v3/contact_tags", {"limit": "2", "include_count": "1"})
    while True:
        names += [tag["name"] for tag in answer.body["tags"]]
        assert all(tag["contacts_count"] == 0 for tag in answer.body["tags"])
        if "_links" not in answer.body:
            break
        answer = await api.get(answer.body["_links"]["next"]["href"])
    assert names == [f"Tag {number}" for number in range(5)]
    for limit in ("0", "501", "x"):
        assert (await api.get("/v3/contact_tags", {"limit": limit})).status == 400
    assert (await api.get("/v3/contact_tags", {"cursor": "x"})).error_message == "cursor is invalid"


async def test_contacts_count_leaves_deleted_contacts_out(api, finished_tagging):
    tag_id, contact_ids = await finished_tagging(3)
    path = f"/v3/contact_tags/{tag_id}"
    assert "contacts_count" not in (await api.get(path)).body
    assert (await api.get(path, {"include_count": "true"})).body["contacts_count"] == 3
    await api.delete(f"/v3/contacts/{contact_ids[0]}")
    assert (await api.get(path, {"include_count": "true"})).body["contacts_count"] == 2
    listed = (await api.get("/v3/contact_tags", {"include_count": "true"})).body["tags"]
    assert [tag["contacts_count"] for tag in listed] == [2]


async def test_unknown_and_malformed_ids(api, new_account):
    unknown = f"/v3/contact_tags/{uuid4()}"
    for answer in (await api.get(unknown), await api.put(unknown, {}), await api.delete(unknown)):
        assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
    for answer in (
        await api.get("/v3/contact_tags/17"),
        await api.put("/v3/contact_tags/17", {"name": "x"}),
        await api.delete("/v3/contact_tags/17"),
    ):
        assert (400, "contacts.api.not_found") == (answer.status, answer.error_key)
        assert answer.error_message == "tag_id is in an invalid format."


async def test_tags_belong_to_their_account(api, new_account, db):
    other = await new_account("other@x.example")
    async with db.transaction() as conn:
        foreign = await tags.create(conn, other.account_id, tags.TagIn("Theirs"))
    assert (await api.get(f"/v3/contact_tags/{foreign.tag_id}")).status == 404
    assert (await api.get("/v3/contact_tags")).body == {"tags": []}
    assert (await api.post("/v3/contact_tags", {"name": "theirs"})).status == 201


async def test_deletion_needs_an_accept_header_that_allows_json(api):
    tag_id = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    refused = await api.delete(f"/v3/contact_tags/{tag_id}", headers={"Accept": "text/html"})
    assert (406, "contacts.api.not_acceptable", "Not Acceptable") == (
        refused.status, refused.error_key, refused.error_message,
    )  # fmt: skip
    assert (await api.delete(f"/v3/contact_tags/{tag_id}", headers={"Accept": "application/*"})).status == 202


@pytest.fixture
def finished_tagging(api: Any, work: Any) -> Any:
    """`await finished_tagging(3)` makes a tag and three contacts who carry it."""

    async def make(count: int) -> tuple[str, list[str]]:
        tag_id = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
        made = [
            await api.post("/v3/contacts", {"create_source": "Account", "first_name": f"Person {number}"})
            for number in range(count)
        ]
        contact_ids = [answer.body["contact_id"] for answer in made]
        asked = {"source": {"contact_ids": contact_ids}, "tag_ids": [tag_id]}
        assert (await api.post("/v3/activities/contacts_taggings_add", asked)).status == 201
        await work()
        return tag_id, contact_ids

    return make
