"""Bulk taggings, through the door. Source: contract, bulk-activities.md §5."""

from datetime import timedelta

from everpost.platform.db import run
from tests.activities.bulk import UNKNOWN


async def test_the_answer_is_an_activity_without_counters_or_results(bulk):
    ann, red = await bulk.contact("ann"), await bulk.tag("Red")
    for kind in ("contacts_taggings_add", "contacts_taggings_remove"):
        answer = await bulk.post(kind, source={"contact_ids": [ann]}, tag_ids=[red])
        assert (201, {}, ["self"]) == (answer.status, answer.body["status"], list(answer.body["_links"]))


async def test_tags_are_put_on_and_taken_off(bulk, clock):
    red, blue = await bulk.tag("Red"), await bulk.tag("Blue")
    ann, bob = await bulk.contact("ann", taggings=[red, blue]), await bulk.contact("bob")
    before = await bulk.read(ann)
    clock.move(timedelta(minutes=1))
    both = {"source": {"contact_ids": [ann, bob]}, "tag_ids": [red, blue, red]}
    done = await bulk.finish("contacts_taggings_add", **both)
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 2}
    assert await bulk.tags_of(bob) == {red, blue}
    assert await bulk.read(ann) == before, "nothing changed, so nobody was touched"
    clock.move(timedelta(minutes=1))
    done = await bulk.finish("contacts_taggings_remove", source={"tag_ids": [red]}, tag_ids=[red])
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 2}
    assert ({blue}, {blue}) == (await bulk.tags_of(ann), await bulk.tags_of(bob))
    assert (await bulk.read(ann))["updated_at"] > before["updated_at"]


async def test_nobody_carries_more_than_50_tags(bulk, account, db):
    full, nearly = await bulk.contact("full"), await bulk.contact("nearly")
    for contact_id, count in ((full, 50), (nearly, 49)):
        async with db.transaction() as conn:
            await run(
                conn,
                """INSERT INTO contact_taggings (account_id, tag_id, contact_id, created_at)
                   SELECT :account_id, gen_random_uuid(), :contact_id, now() FROM generate_series(1, :count)""",
                account_id=account.account_id,
                contact_id=contact_id,
                count=count,
            )
    red, blue = await bulk.tag("Red"), await bulk.tag("Blue")
    done = await bulk.finish("contacts_taggings_add", source={"contact_ids": [full, nearly]}, tag_ids=[blue, red])
    assert done["status"] == {"items_total_count": 2, "items_completed_count": 0}
    assert done["activity_errors"] == [f"Contact {each} already has 50 tags" for each in (full, nearly)]
    assert (set(), {blue}) == (await bulk.tags_of(full), await bulk.tags_of(nearly))


async def test_the_tags_must_exist(bulk):
    source, red = {"source": {"all_active_contacts": True}}, await bulk.tag("Red")
    for kind in ("contacts_taggings_add", "contacts_taggings_remove"):
        answer = await bulk.post(kind, tag_ids=[red, UNKNOWN], **source)
        assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
        answer = await bulk.post(kind, tag_ids=[red], source={"tag_ids": [UNKNOWN]})
        assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)
        for tags, message in (
            (None, "tag_ids is missing"),
            ([], "tag_ids is empty"),
            ([UNKNOWN] * 51, "tag_ids has too many items (maximum is 50)"),
            (["x"], "tag_ids[0] is invalid"),
        ):
            answer = await bulk.post(kind, tag_ids=tags, **source)
            assert (400, message) == (answer.status, answer.error_message)
