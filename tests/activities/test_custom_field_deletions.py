"""Deleting custom fields in the background. Source: contract, bulk-activities.md §4.3."""

from datetime import timedelta

from everpost.platform.db import many
from tests.activities.bulk import UNKNOWN


async def test_fields_go_and_their_values_with_them(bulk, api, clock, db):
    fields = [
        (await api.post("/v3/contact_custom_fields", {"label": label, "type": "string"})).body["custom_field_id"]
        for label in ("Boat", "Berth", "Colour")
    ]
    values = [{"custom_field_id": field, "value": "something"} for field in fields]
    ann, bob = await bulk.contact("ann", custom_fields=values), await bulk.contact("bob")
    before = await bulk.read(ann)
    clock.move(timedelta(minutes=1))
    posted = await bulk.post("custom_fields_delete", custom_field_ids=[fields[0], UNKNOWN, fields[2], fields[0]])
    assert posted.status == 201
    assert "status" not in posted.body
    await bulk.work()
    done = await bulk.activity(posted)
    assert (done["state"], done["percent_done"]) == ("completed", 100)
    assert done["status"] == {"items_total_count": 3, "items_completed_count": 2}
    assert done["activity_errors"] == [f"Custom field {UNKNOWN} was not found"]
    assert [value["custom_field_id"] for value in (await bulk.read(ann, "custom_fields"))["custom_fields"]] == [
        fields[1]
    ]
    assert await bulk.read(ann) == before, "updated_at of contacts does not move"
    left = (await api.get("/v3/contact_custom_fields")).body["custom_fields"]
    assert [field["custom_field_id"] for field in left] == [fields[1]]
    async with db.reader() as conn:
        stored = await many(conn, str, "SELECT custom_values::text FROM contacts WHERE email_key LIKE 'ann%'")
    assert stored == ['{"2": "something"}']
    assert (await bulk.read(bob, "custom_fields"))["custom_fields"] == []


async def test_404_only_when_none_of_the_fields_exists(bulk, api):
    answer = await bulk.post("custom_fields_delete", custom_field_ids=[UNKNOWN])
    assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
    for body, message in (
        ({}, "custom_field_ids is missing"),
        ({"custom_field_ids": []}, "custom_field_ids is empty"),
        ({"custom_field_ids": [UNKNOWN] * 101}, "custom_field_ids has too many items (maximum is 100)"),
        ({"custom_field_ids": ["x"]}, "custom_field_ids[0] is invalid"),
    ):
        refused = await bulk.post("custom_fields_delete", **body)
        assert (400, message) == (refused.status, refused.error_message)
