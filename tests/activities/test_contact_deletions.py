"""Deleting contacts in bulk, through the door. Source: contract, bulk-activities.md §6."""

import pytest

from tests.activities.bulk import UNKNOWN


@pytest.mark.parametrize("kind", ["contact_delete", "contacts_delete"])
async def test_named_contacts_are_deleted_as_one_by_one(bulk, account, api, clock, kind):
    lists, red = [str(account.list_id)], await bulk.tag("Red")
    members = {"list_memberships": lists, "taggings": [red]}
    cold = {"address": "cold@x.example", "permission_to_send": "unsubscribed"}
    singly, ann = await bulk.contact("one", **members), await bulk.contact("ann", **members)
    bob = await bulk.contact("bob", email_address=cold)
    nameless = await bulk.contact("x", email_address=None, first_name="Name Only")
    await api.delete(f"/v3/contacts/{singly}")
    posted = await bulk.post(kind, contact_ids=[ann, bob, nameless, UNKNOWN, singly, ann])
    assert (201, {}) == (posted.status, posted.body["status"])
    await bulk.work()
    done = await bulk.activity(posted)
    assert (done["state"], done["status"]) == ("completed", {"items_total_count": 5, "items_completed_count": 3})
    assert done["activity_errors"] == [f"Contact {each} was not found" for each in (UNKNOWN, singly)]
    deleted, alone = (
        await bulk.read(ann, "list_memberships,taggings"),
        await bulk.read(singly, "list_memberships,taggings"),
    )
    assert (deleted["list_memberships"], deleted["taggings"]) == ([], [red])
    for contact in (deleted, alone):
        del contact["contact_id"], contact["email_address"]["address"]
    assert deleted == alone
    assert "deleted_at" in await bulk.read(nameless)
    left = (await api.get("/v3/contacts")).body["contacts"]
    assert [contact["email_address"]["address"] for contact in left] == [account.email]
    revived = await api.put(f"/v3/contacts/{bob}", {"update_source": "Account"})
    assert revived.body["email_address"]["permission_to_send"] == "unsubscribed"


async def test_everybody_on_lists_is_deleted(bulk, account, api):
    first, second = await bulk.contact_list("First"), await bulk.contact_list("Second")
    for name, lists in (("ann", [first]), ("bob", [first, second]), ("cid", [second]), ("dee", [])):
        await bulk.contact(name, list_memberships=lists)
    posted = await bulk.post("contact_delete", list_ids=[first, second])
    assert (201, {"list_count": 2}) == (posted.status, posted.body["status"])
    await bulk.work()
    done = await bulk.activity(posted)
    assert done["status"] == {"items_total_count": 3, "items_completed_count": 3, "list_count": 2}
    counted = (await api.get("/v3/contacts", {"include_count": "true"})).body["contacts_count"]
    assert counted == 2, "dee and the owner"


async def test_exactly_one_selector(bulk, account):
    lists = [str(account.list_id)]
    for body, message in (
        ({}, "contact_ids, list_ids, segment_id are missing, exactly one parameter must be provided"),
        ({"contact_ids": []}, "contact_ids, list_ids, segment_id are missing, exactly one parameter must be provided"),
        ({"contact_ids": [UNKNOWN], "list_ids": lists}, "contact_ids, list_ids are mutually exclusive"),
        ({"list_ids": lists, "segment_id": 5}, "list_ids, segment_id are mutually exclusive"),
        ({"contact_ids": [UNKNOWN] * 501}, "contact_ids has too many items (maximum is 500)"),
        ({"list_ids": [UNKNOWN] * 51}, "list_ids has too many items (maximum is 50)"),
        ({"list_ids": [UNKNOWN]}, f"list_ids contains an invalid id: {UNKNOWN}"),
        ({"segment_id": 4711}, "segment_id contains an invalid id: 4711"),
        ({"segment_id": "4711"}, "segment_id is invalid"),
    ):
        answer = await bulk.post("contact_delete", **body)
        assert (400, message) == (answer.status, answer.error_message)
