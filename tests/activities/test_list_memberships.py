"""Bulk list memberships, through the door. Source: contract, bulk-activities.md §4.1."""

from datetime import timedelta

from everpost.platform.db import run
from tests.activities.bulk import UNKNOWN


async def test_the_answer_is_an_activity_without_counters_yet(bulk, account):
    ann = await bulk.contact("ann")
    body = {"source": {"contact_ids": [ann]}, "list_ids": [str(account.list_id)]}
    for kind in ("add_list_memberships", "remove_list_memberships"):
        answer = await bulk.post(kind, **body)
        assert (201, "initialized", 1, [], {}) == (
            answer.status, answer.body["state"], answer.body["percent_done"], answer.body["activity_errors"],
            answer.body["status"],
        )  # fmt: skip
        assert list(answer.body) == [
            "activity_id", "state", "created_at", "updated_at", "percent_done", "activity_errors", "status", "_links",
        ]  # fmt: skip
        assert answer.body["_links"] == {"self": {"href": f"/v3/activities/{answer.body['activity_id']}"}}


async def test_contacts_join_lists_and_who_is_on_them_stays_as_it_was(bulk, clock):
    first, second = await bulk.contact_list("First"), await bulk.contact_list("Second")
    ann, bob = await bulk.contact("ann", list_memberships=[first, second]), await bulk.contact("bob")
    before = await bulk.read(ann)
    clock.move(timedelta(minutes=1))
    body = {"source": {"contact_ids": [ann, bob]}, "list_ids": [first, second, first]}
    done = await bulk.finish("add_list_memberships", **body)
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 2, "list_count": 2}
    assert await bulk.lists_of(bob) == {first, second}
    assert await bulk.read(ann) == before, "nothing changed, so nobody was touched"
    assert (await bulk.read(bob))["updated_at"] > before["updated_at"]


async def test_contacts_leave_lists_and_stay(bulk, clock):
    first, second, third = [await bulk.contact_list(name) for name in ("First", "Second", "Third")]
    ann = await bulk.contact("ann", list_memberships=[first, second])
    bob = await bulk.contact("bob", list_memberships=[third])
    before = await bulk.read(bob)
    clock.move(timedelta(minutes=1))
    done = await bulk.finish("remove_list_memberships", source={"contact_ids": [ann, bob]}, list_ids=[first, second])
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 2, "list_count": 2}
    assert (set(), {third}) == (await bulk.lists_of(ann), await bulk.lists_of(bob))
    assert await bulk.read(bob) == before
    assert (await bulk.read(ann))["updated_at"] > before["updated_at"]


async def test_removing_a_list_from_its_own_members_empties_it(bulk, account, api):
    people = [await bulk.contact(f"person{number}", list_memberships=[str(account.list_id)]) for number in range(3)]
    lists = [str(account.list_id)]
    done = await bulk.finish("remove_list_memberships", source={"list_ids": lists}, list_ids=lists)
    assert done["status"]["items_completed_count"] == 4, "the owner too"
    assert all([await bulk.lists_of(person) == set() for person in people])
    counted = await api.get(f"/v3/contact_lists/{account.list_id}", {"include_membership_count": "all"})
    assert counted.body["membership_count"] == 0


async def test_who_has_unsubscribed_joins_nothing_and_is_told(bulk, account):
    cold = {"address": "ann@x.example", "permission_to_send": "unsubscribed"}
    ann, bob = await bulk.contact("ann", email_address=cold), await bulk.contact("bob")
    body = {"source": {"contact_ids": [ann, bob]}, "list_ids": [str(account.list_id)]}
    done = await bulk.finish("add_list_memberships", **body)
    assert (done["state"], done["percent_done"]) == ("completed", 100)
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 1, "list_count": 1}
    assert done["activity_errors"] == [f"Contact {ann} has unsubscribed"]
    assert (set(), {str(account.list_id)}) == (await bulk.lists_of(ann), await bulk.lists_of(bob))
    done = await bulk.finish("remove_list_memberships", **body)
    assert done["status"]["items_completed_count"] == 2


async def test_nobody_is_on_more_than_50_lists(bulk, account, db):
    full, nearly = await bulk.contact("full"), await bulk.contact("nearly")
    for contact_id, count in ((full, 50), (nearly, 49)):
        async with db.transaction() as conn:
            await run(
                conn,
                """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
                   SELECT :account_id, gen_random_uuid(), :contact_id, now() FROM generate_series(1, :count)""",
                account_id=account.account_id,
                contact_id=contact_id,
                count=count,
            )
    first, second = await bulk.contact_list("First"), await bulk.contact_list("Second")
    body = {"source": {"contact_ids": [full, nearly]}, "list_ids": [second, first]}
    done = await bulk.finish("add_list_memberships", **body)
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 0, "list_count": 2}
    assert done["activity_errors"] == [f"Contact {each} already belongs to 50 lists" for each in (full, nearly)]
    assert first not in await bulk.lists_of(nearly), "only one more fitted"
    assert second in await bulk.lists_of(nearly), "the one named first"
    # Lists that a contact is on already take no more room.
    again = await bulk.finish("add_list_memberships", source={"contact_ids": [nearly]}, list_ids=[second])
    assert (again["status"]["items_completed_count"], again["activity_errors"]) == (1, [])


async def test_the_target_lists_must_exist(bulk, account, api):
    source = {"source": {"all_active_contacts": True}}
    gone = await bulk.contact_list("Gone")
    await api.delete(f"/v3/contact_lists/{gone}")
    await bulk.work()
    for unknown in (UNKNOWN, gone):
        lists = [str(account.list_id), unknown]
        added = await bulk.post("add_list_memberships", list_ids=lists, **source)
        assert (400, f"list_ids contains an invalid id: {unknown}") == (added.status, added.error_message)
        removed = await bulk.post("remove_list_memberships", list_ids=lists, **source)
        assert (404, "contacts.api.not_found") == (removed.status, removed.error_key)
    for lists, message in (
        (None, "list_ids is missing"),
        ([], "list_ids is empty"),
        ([UNKNOWN] * 51, "list_ids has too many items (maximum is 50)"),
    ):
        answer = await bulk.post("add_list_memberships", list_ids=lists, **source)
        assert (400, message) == (answer.status, answer.error_message)


async def test_a_list_that_goes_before_the_activity_begins_is_told(bulk, account, api):
    ann, going = await bulk.contact("ann"), await bulk.contact_list("Going")
    await api.delete(f"/v3/contact_lists/{going}")
    done = await bulk.finish(
        "add_list_memberships", source={"contact_ids": [ann]}, list_ids=[going, str(account.list_id)]
    )
    assert done["status"] == {"items_total_count": 1, "items_completed_count": 1, "list_count": 1}
    assert done["activity_errors"] == [f"List {going} was not found"]
    assert await bulk.lists_of(ann) == {str(account.list_id)}
