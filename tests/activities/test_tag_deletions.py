"""Deleting tags in the background. Source: contract, bulk-activities.md §5, contacts.md §8."""

from datetime import timedelta

from everpost.platform.db import one
from tests.activities.bulk import UNKNOWN


async def test_one_tag_is_deleted_with_an_activity_and_its_contacts_stay(bulk, api, clock, db):
    red, blue = await bulk.tag("Red"), await bulk.tag("Blue")
    ann, gone = await bulk.contact("ann", taggings=[red, blue]), await bulk.contact("gone", taggings=[red])
    await api.delete(f"/v3/contacts/{gone}")
    before = await bulk.read(ann)
    clock.move(timedelta(minutes=1))
    answer = await api.delete(f"/v3/contact_tags/{red}")
    assert (202, {}, []) == (answer.status, answer.body["status"], answer.body["activity_errors"])
    assert answer.headers["location"] == answer.body["_links"]["self"]["href"]
    assert list(answer.body) == [
        "activity_id", "state", "created_at", "updated_at", "percent_done", "activity_errors", "status", "_links",
    ]  # fmt: skip
    await bulk.work()
    done = await bulk.activity(answer)
    assert (done["state"], done["percent_done"]) == ("completed", 100)
    assert done["status"] == {"items_total_count": 1, "items_completed_count": 1}
    assert await bulk.tags_of(ann) == {blue}
    assert (await bulk.read(ann))["updated_at"] > before["updated_at"]
    assert (await api.get(f"/v3/contact_tags/{red}")).status == 404
    assert (await api.delete(f"/v3/contact_tags/{red}")).status == 404
    assert (await api.post("/v3/contact_tags", {"name": "red"})).status == 201
    async with db.reader() as conn:
        assert await one(conn, int, "SELECT count(*) FROM contact_taggings") == 1


async def test_a_deleted_tag_is_seen_by_nobody_while_its_activity_waits_for_its_turn(bulk, api):
    red = await bulk.tag("Red")
    ann = await bulk.contact("ann", taggings=[red])
    await api.delete(f"/v3/contact_tags/{red}")
    # Until then it is a tag like any other.
    assert await bulk.tags_of(ann) == {red}
    assert (await api.delete(f"/v3/contact_tags/{red}")).status == 202
    await bulk.work()
    states = [activity["activity_errors"] for activity in (await api.get("/v3/activities")).body["activities"]]
    assert states == [[f"Tag {red} was not found"], []]


async def test_several_tags_are_deleted_and_the_unknown_ones_told(bulk, api):
    red, blue, green = [await bulk.tag(name) for name in ("Red", "Blue", "Green")]
    ann = await bulk.contact("ann", taggings=[red, blue, green])
    posted = await bulk.post("contacts_tags_delete", tag_ids=[red, UNKNOWN, blue, red])
    assert (201, {}) == (posted.status, posted.body["status"])
    await bulk.work()
    done = await bulk.activity(posted)
    assert done["status"] == {"items_total_count": 3, "items_completed_count": 2}
    assert done["activity_errors"] == [f"Tag {UNKNOWN} was not found"]
    assert await bulk.tags_of(ann) == {green}
    assert [tag["tag_id"] for tag in (await api.get("/v3/contact_tags")).body["tags"]] == [green]


async def test_the_request_is_checked(bulk):
    for body, message in (
        ({}, "tag_ids is missing"),
        ({"tag_ids": []}, "tag_ids is empty"),
        ({"tag_ids": [UNKNOWN] * 501}, "tag_ids has too many items (maximum is 500)"),
    ):
        answer = await bulk.post("contacts_tags_delete", **body)
        assert (400, message) == (answer.status, answer.error_message)
