"""Which contacts a bulk activity works on. Source: contract, bulk-activities.md §2, §4.4."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from everpost.platform import clock as platform_clock
from everpost.platform.db import run
from tests.activities.bulk import UNKNOWN

SELECTORS = (
    "source[contact_ids], source[list_ids], source[tag_ids], source[segment_id], source[all_active_contacts], "
    "source[new_subscriber], source[engagement_level]"
)
A, B = "0193a1c2-0000-7000-8000-000000000001", "0193a1c2-0000-7000-8000-000000000002"


@pytest.mark.parametrize("kind", ["add_list_memberships", "remove_list_memberships"])
@pytest.mark.parametrize(
    ("source", "exclude", "message"),
    [
        (None, None, "source is missing"),
        ({}, None, f"{SELECTORS} are missing, exactly one parameter must be provided"),
        ({"contact_ids": [], "all_active_contacts": False}, {},
         f"{SELECTORS} are missing, exactly one parameter must be provided"),
        ({"contact_ids": [A], "list_ids": [B]}, None,
         "source[contact_ids], source[list_ids] are mutually exclusive"),
        ({"list_ids": [A], "tag_ids": [B], "new_subscriber": True}, None,
         "source[list_ids], source[tag_ids], source[new_subscriber] are mutually exclusive"),
        ({"contact_ids": [A]}, {"contact_ids": [B]},
         "source[contact_ids], exclude[contact_ids] are mutually exclusive"),
        ({"tag_ids": [A]}, {"contact_ids": [B]}, "source[tag_ids], exclude[contact_ids] are mutually exclusive"),
        ({"engagement_level": "low"}, {"contact_ids": [B]},
         "source[engagement_level], exclude[contact_ids] are mutually exclusive"),
        ({"engagement_level": "huge"}, None, "source[engagement_level] does not have a valid value"),
        ({"contact_ids": [A] * 501}, None,
         "source[contact_ids] has too many items (maximum is 500)"),
        ({"list_ids": [A] * 51}, None, "source[list_ids] has too many items (maximum is 50)"),
        ({"tag_ids": [A] * 51}, None, "source[tag_ids] has too many items (maximum is 50)"),
        ({"all_active_contacts": True}, {"contact_ids": [A] * 501},
         "exclude[contact_ids] has too many items (maximum is 500)"),
        ({"contact_ids": ["x"]}, None, "source[contact_ids][0] is invalid"),
        ({"all_active_contacts": "yes"}, None, "source[all_active_contacts] is invalid"),
        ({"segment_id": "x"}, None, "source[segment_id] is invalid"),
    ],
)  # fmt: skip
async def test_exactly_one_selector(bulk, account, kind, source, exclude, message):
    body = {"list_ids": [str(account.list_id)], "source": source, "exclude": exclude}
    answer = await bulk.post(kind, **{name: value for name, value in body.items() if value is not None})
    assert (400, "contacts.api.validation.error", message) == (answer.status, answer.error_key, answer.error_message)


async def test_what_a_source_names_must_exist(bulk, account):
    targets = {"list_ids": [str(account.list_id)]}
    for source in ({"list_ids": [UNKNOWN]}, {"tag_ids": [UNKNOWN]}, {"segment_id": 4711}, {"segment_id": -(10**25)}):
        ((name, value),) = source.items()
        unknown = value[0] if isinstance(value, list) else value
        answer = await bulk.post("add_list_memberships", source=source, **targets)
        assert (400, f"source[{name}] contains an invalid id: {unknown}") == (answer.status, answer.error_message)
        answer = await bulk.post("remove_list_memberships", source=source, **targets)
        assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)


async def test_each_selector_selects_its_contacts_and_never_deleted_ones(bulk, account, api, db):
    owner = (await api.get("/v3/contacts", {"email": account.email})).body["contacts"][0]["contact_id"]
    first, second = await bulk.contact_list("First"), await bulk.contact_list("Second")
    red, blue = await bulk.tag("Red"), await bulk.tag("Blue")
    async with db.transaction() as conn:
        long_ago = platform_clock.now() - timedelta(days=30, seconds=1)
        await run(conn, "UPDATE contacts SET opt_in_date = :long_ago", long_ago=long_ago)
    ann = await bulk.contact("ann", list_memberships=[first, second], taggings=[red])
    bob = await bulk.contact("bob", list_memberships=[second])
    cid = await bulk.contact("cid", taggings=[red, blue])
    cold = {"address": "dee@x.example", "permission_to_send": "unsubscribed"}
    dee = await bulk.contact("dee", email_address=cold, taggings=[blue])
    gone = await bulk.contact("gone", taggings=[red])
    await api.delete(f"/v3/contacts/{gone}")
    target = await bulk.tag("Target")
    rule = {"source": "contact", "field": "email", "op": "starts-with", "value": "c"}
    criteria = {"version": "1.0.0", "criteria": {"type": "and", "group": [rule]}}
    made = await api.post("/v3/segments", {"name": "C", "segment_criteria": json.dumps(criteria)})
    assert made.status == 201, made
    segment_id = made.body["segment_id"]
    for source, exclude, expected in (
        ({"contact_ids": [ann, ann, bob]}, [], {ann, bob}),
        ({"list_ids": [first, second]}, [], {ann, bob}),
        ({"list_ids": [first, second]}, [ann], {bob}),
        ({"tag_ids": [red, blue]}, [], {ann, cid, dee}),
        ({"all_active_contacts": True}, [], {owner, ann, bob, cid}),
        ({"all_active_contacts": True}, [bob, cid, gone, UNKNOWN], {owner, ann}),
        ({"new_subscriber": True}, [], {ann, bob, cid}),
        ({"new_subscriber": True, "contact_ids": [], "all_active_contacts": False}, [cid], {ann, bob}),
        ({"segment_id": segment_id}, [], {cid}),
        ({"engagement_level": "unqualified"}, [], {owner, ann, bob, cid, dee}),
    ):
        body = {"source": source, "exclude": {"contact_ids": exclude}, "tag_ids": [target]}
        done = await bulk.finish("contacts_taggings_add", **body)
        assert done["status"] == {"items_total_count": len(expected), "items_completed_count": len(expected)}, source
        carriers = (await api.get("/v3/contacts", {"tags": target})).body["contacts"]
        assert {contact["contact_id"] for contact in carriers} == expected, source
        await bulk.finish("contacts_taggings_remove", source={"tag_ids": [target]}, tag_ids=[target])
        assert [] == (await api.get("/v3/contacts", {"tags": target})).body["contacts"]


async def test_named_contacts_who_are_not_there_are_told(bulk, api):
    ann, gone, tag = await bulk.contact("ann"), await bulk.contact("gone"), await bulk.tag("Red")
    await api.delete(f"/v3/contacts/{gone}")
    named = [UNKNOWN, ann, gone]
    done = await bulk.finish("contacts_taggings_add", source={"contact_ids": named}, tag_ids=[tag])
    assert done["status"] == {"items_total_count": 3, "items_completed_count": 1}
    assert done["activity_errors"] == [f"Contact {UNKNOWN} was not found", f"Contact {gone} was not found"]


async def test_nobody_selected_is_completed_with_a_total_of_0(bulk):
    empty, tag = await bulk.contact_list("Empty"), await bulk.tag("Red")
    done = await bulk.finish("contacts_taggings_add", source={"list_ids": [empty]}, tag_ids=[tag])
    assert (done["state"], done["percent_done"], done["status"]) == ("completed", 100, {"items_total_count": 0})


async def test_the_selection_is_made_when_the_activity_begins(bulk):
    ann, red, blue = await bulk.contact("ann"), await bulk.tag("Red"), await bulk.tag("Blue")
    await bulk.post("contacts_taggings_add", source={"contact_ids": [ann]}, tag_ids=[red])
    done = await bulk.finish("contacts_taggings_add", source={"tag_ids": [red]}, tag_ids=[blue])
    assert done["status"] == {"items_total_count": 1, "items_completed_count": 1}
    assert await bulk.tags_of(ann) == {red, blue}


@pytest.mark.parametrize(
    ("sent", "engaged", "level"),
    [(4, 4, "unqualified"), (5, 4, "high"), (5, 3, "medium"), (10, 4, "medium"), (10, 3, "low"), (5, 0, "low")],
)
async def test_engagement_is_the_share_of_mails_with_a_reaction(bulk, account, db, clock, sent, engaged, level):
    ann, red = await bulk.contact("ann"), await bulk.tag("Red")
    async with db.transaction() as conn:
        await _send(conn, account, ann, sent, engaged=engaged, days_ago=364)
        await _send(conn, account, ann, 10, engaged=10 if level == "low" else 0, days_ago=366)
    for each in ("unqualified", "low", "medium", "high"):
        done = await bulk.finish("contacts_taggings_add", source={"engagement_level": each}, tag_ids=[red])
        # The owner was sent nothing.
        assert done["status"]["items_total_count"] == (each == level) + (each == "unqualified"), each


async def _send(conn, account, contact_id, count, *, engaged, days_ago):
    for number in range(count):
        mail = {"account_id": account.account_id, "mail_id": uuid4(), "contact_id": contact_id}
        await run(
            conn,
            """INSERT INTO sends (account_id, campaign_activity_id, contact_id, sent_at, email_address)
               VALUES (:account_id, :mail_id, :contact_id, :sent_at, 'ann@x.example')""",
            sent_at=platform_clock.now() - timedelta(days=days_ago),
            **mail,
        )
        await run(
            conn,
            """INSERT INTO engagement (account_id, campaign_activity_id, contact_id, opens, clicks)
               VALUES (:account_id, :mail_id, :contact_id, :opens, :clicks)""",
            opens=int(number < engaged and number % 2 == 0),
            clicks=int(number < engaged and number % 2 == 1),
            **mail,
        )
