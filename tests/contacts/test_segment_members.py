"""Who is in a segment: the compiler, in both of its forms, against a plain evaluator; and its uses by others."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from everpost.contacts import segment_members
from everpost.contacts.criteria import compiler, costs, documents, references
from everpost.ids import AccountId, SegmentId, new_id
from everpost.oauth import tokens
from everpost.platform import config
from everpost.platform.db import Conn, Db, many, one, run
from tests.contacts import segment_oracle, segment_world
from tests.contacts.segment_documents import DOCUMENTS
from tests.contacts.segment_world import NOW, World
from tests.support.fixtures import ALL_SCOPES, Account, AccountApi


class Worlds:
    """Accounts and what is in them; no dataclass, because hypothesis prints its arguments."""

    def __init__(self, conn: Conn, made: list[tuple[AccountId, World]]) -> None:
        self.conn, self.made = conn, made


@pytest.fixture
async def worlds(db: Db) -> AsyncIterator[Worlds]:
    """Three accounts side by side, whose lists, tags, fields and campaigns have the same ids; one was never mailed."""
    made = [(AccountId(new_id()), segment_world.make(seed, 60)) for seed in range(3)]
    async with db.transaction() as conn:
        for account_id, world in made:
            await segment_world.store(conn, account_id, world)
    async with db.reader() as conn:
        yield Worlds(conn, made)


async def found(conn: Conn, account_id: AccountId, document: dict[str, Any]) -> tuple[list[UUID], list[UUID]]:
    """Members by both forms."""
    tree = documents.read(json.dumps(document))
    await references.check(conn, account_id, tree)
    compiled = compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=NOW))
    one_by_one = await many(conn, UUID, compiled.one_by_one, account_id=account_id, **compiled.values)
    as_sets = await many(conn, UUID, compiled.as_sets, account_id=account_id, **compiled.values)
    return one_by_one, as_sets


@given(document=DOCUMENTS)
@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
async def test_both_forms_find_whom_the_contract_describes(worlds: Worlds, document: dict[str, Any]) -> None:
    for account_id, world in worlds.made:
        expected = segment_oracle.members(document, world)
        one_by_one, as_sets = await found(worlds.conn, account_id, document)
        assert expected == set(one_by_one), document
        assert expected == set(as_sets), document
        assert len(expected) == len(one_by_one) == len(as_sets), "nobody is found twice"


ANN = {
    "first_name": " Ann ", "last_name": "Quade", "job_title": "Captain", "company_name": "Tide & Co",
    "birthday_month": 2, "birthday_day": 29, "anniversary": "2020-12-31",
    "email_address": {"address": "Ann@Harbor.example", "permission_to_send": "explicit"},
    "phone_numbers": [{"phone_number": "555-0100", "kind": "work"}],
    "street_addresses": [
        {"kind": "home", "street": "1 Quay", "city": "Salem", "state": "MD", "postal_code": "20601", "country": "US"},
        {"kind": "work", "city": "Oslo", "country": "NO"},
    ],
    "notes": [{"content": "Likes boats"}], "create_source": "Contact",
    "sms_channel": {"full_sms_address": "14155550134", "sms_channel_consents": [
        {"sms_consent_permission": "explicit", "consent_type": "promotional_sms"}]},
}  # fmt: skip
BOB = {
    "first_name": "Bob", "birthday_month": 4, "birthday_day": 1, "create_source": "Account",
    "email_address": {"address": "bob@gmail.com", "permission_to_send": "unsubscribed"},
    "street_addresses": [{"kind": "other", "city": "Portland", "state": "Oregon", "country": "United States"}],
}  # fmt: skip
CAL = {"last_name": "Quade-Smith", "create_source": "Account"}

# A rule about a contact and who meets it. Today is 5 March 2026.
WHO: list[tuple[dict[str, Any], str]] = [
    ({"field": "first_name", "op": "eq", "value": "ANN"}, "Ann"),
    ({"field": "first_name", "op": "not-eq", "value": "ann"}, "Bob Cal"),
    ({"field": "first_name", "op": "empty"}, "Cal"),
    ({"field": "last_name", "op": "starts-with", "value": "quade"}, "Ann Cal"),
    ({"field": "last_name", "op": "ends-with", "value": "smith"}, "Cal"),
    ({"field": "last_name", "op": "not-contains", "value": "smith"}, "Ann Bob"),
    ({"field": "job_title", "op": "not-empty"}, "Ann"),
    ({"field": "company_name", "op": "contains", "value": "& c"}, "Ann"),
    ({"field": "email", "op": "eq", "value": "ann@harbor.EXAMPLE"}, "Ann"),
    ({"field": "email_address", "op": "empty"}, "Cal"),
    ({"field": "email_domain", "op": "contains-none", "value": ["gmail.com", "x.com"]}, "Ann Cal"),
    ({"field": "phone_number", "op": "contains", "value": "0100"}, "Ann"),
    ({"field": "phone_number", "op": "empty"}, "Bob Cal"),
    ({"field": "notes", "op": "contains", "value": "BOATS"}, "Ann"),
    ({"field": "street", "op": "eq", "value": "1 quay"}, "Ann"),
    ({"field": "city", "op": "in", "value": ["oslo", "portland"]}, "Ann Bob"),
    ({"field": "home_city", "op": "eq", "value": "oslo"}, ""),
    ({"field": "work_city", "op": "eq", "value": "oslo"}, "Ann"),
    ({"field": "state", "op": "eq", "value": "MD"}, "Ann"),
    ({"field": "state", "op": "not-eq", "value": "Maryland"}, "Bob Cal"),
    ({"field": "postal_code", "op": "starts-with", "value": 206}, "Ann"),
    ({"field": "country", "op": "eq", "value": "us"}, "Ann Bob"),
    ({"field": "country", "op": "contains-any", "value": ["Norway"]}, "Ann"),
    ({"field": "permission_to_send", "op": "eq", "value": "unsubscribed"}, "Bob"),
    ({"field": "email_status", "op": "empty"}, "Cal"),
    ({"field": "create_source", "op": "eq", "value": "Account"}, "Bob Cal"),
    ({"field": "update_source", "op": "empty"}, "Ann Bob Cal"),
    ({"field": "opt_in_source", "op": "eq", "value": "Contact"}, "Ann"),
    ({"field": "opt_out_source", "op": "not-empty"}, "Bob"),
    ({"field": "created_at", "op": "eq", "value": "2026-03-05"}, "Ann Bob Cal"),
    ({"field": "date_added", "op": "before", "value": "2026-03-05"}, ""),
    ({"field": "updated_at", "op": "after", "value": "2026-03-04"}, "Ann Bob Cal"),
    ({"field": "opt_in_date", "op": "in-period", "const_value": "last-n-days", "param": 1}, "Ann"),
    ({"field": "opt_out_date", "op": "between", "value": ["2026-03-01", "2026-03-05"]}, "Bob"),
    ({"field": "opt_out_date", "op": "not-eq", "value": "2026-03-05"}, "Ann Cal"),
    ({"field": "birthday", "op": "eq", "value": "02/29"}, "Ann"),
    ({"field": "birthday", "op": "month-eq", "value": ["4", 5]}, "Bob"),
    ({"field": "birthday", "op": "in-period", "const_value": "last-n-days", "param": "4"}, "Ann"),
    ({"field": "birthday", "op": "in-period", "const_value": "last-n-days", "param": "3"}, ""),
    ({"field": "birthday", "op": "in-period", "const_value": "next-n-days", "param": "27"}, "Bob"),
    ({"field": "birthday_month", "op": "gte", "value": 4}, "Bob"),
    ({"field": "birthday_day", "op": "between", "value": ["1", "28"]}, "Bob"),
    ({"field": "anniversary", "op": "eq", "value": "2001-12-31"}, "Ann"),
    ({"field": "anniversary", "op": "in-period", "const_value": "last-n-days", "param": 64}, "Ann"),
    ({"field": "anniversary", "op": "before", "value": "2021-01-01"}, "Ann"),
    ({"field": "anniversary", "op": "in-period", "const_value": "after", "param": "2021-01-01"}, ""),
    ({"field": "sms_status", "op": "eq", "value": "explicit"}, "Ann"),
    ({"field": "sms_status", "op": "eq", "value": "not_set"}, "Bob Cal"),
    ({"field": "engagement_level", "op": "eq", "value": "unqualified"}, "Ann Bob Cal"),
    ({"field": "list_membership", "op": "empty"}, "Bob Cal"),
    ({"field": "cf:boat", "op": "eq", "value": " sloop"}, "Ann"),
    ({"field": "cf:boat", "op": "not-eq", "value": "sloop"}, "Bob Cal"),
    ({"field": "cf:length", "op": "between", "value": ["8", "12"]}, "Ann"),
    ({"field": "cf:insured", "op": "eq", "value": True}, "Ann"),
    ({"field": "cf:level", "op": "contains-any", "value": ["gold", "Platinum"]}, "Ann"),
    ({"field": "cf:level", "op": "contains-none", "value": "Gold"}, "Bob Cal"),
    ({"field": "cf:hobbies", "op": "contains-all", "value": ["Sailing", "Diving"]}, "Ann"),
    ({"field": "cf:hobbies", "op": "contains-all", "value": ["Sailing", "Knitting"]}, ""),
    ({"field": "cf:launched", "op": "in-period", "const_value": "last-n-days", "param": 30}, "Ann"),
    ({"field": "cf:seen", "op": "in-period", "const_value": "on", "param": "2026-03-01"}, "Ann"),
    ({"field": "cf:nothing", "op": "eq", "value": "x"}, ""),
    ({"field": "cf:nothing", "op": "not-eq", "value": "x"}, "Ann Bob Cal"),
]
CUSTOM = [
    ({"label": "Boat", "type": "string"}, "Sloop"),
    ({"label": "Length", "type": "number", "metadata": {"integer": False, "decimal_places": 1}}, "9.5"),
    ({"label": "Insured", "type": "boolean"}, "yes"),
    ({"label": "Launched", "type": "date", "version": 2}, "02/14/2026"),
    ({"label": "Seen", "type": "datetime"}, "2026-03-01T23:30:00Z"),
    ({"label": "Level", "type": "single_select", "metadata": {"display_type": "dropdown"},
      "choices": [{"choice_label": "Gold"}, {"choice_label": "Silver"}]}, "Gold"),
    ({"label": "Hobbies", "type": "multi_select", "metadata": {"display_type": "checkbox"},
      "choices": [{"choice_label": "Sailing"}, {"choice_label": "Diving"}, {"choice_label": "Rowing"}]},
     "Sailing;Diving"),
]  # fmt: skip


async def test_contacts_made_through_the_doors_meet_what_they_should(
    api: AccountApi, db: Db, account: Account, clock: Any
) -> None:
    clock.stop(NOW)
    values = []
    for new, value in CUSTOM:
        made = await api.post("/v3/contact_custom_fields", new)
        values.append({"custom_field_id": made.body["custom_field_id"], "value": value})
    tag_id = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    list_id = str(account.list_id)
    names: dict[UUID, str] = {}
    parts = {"custom_fields": values, "taggings": [tag_id], "list_memberships": [list_id]}
    for name, new in (("Ann", {**ANN, **parts}), ("Bob", BOB), ("Cal", CAL)):
        made = await api.post("/v3/contacts", new)
        assert 201 == made.status, made
        names[UUID(made.body["contact_id"])] = name
    rules = [({"source": "contact", **rule}, who) for rule, who in WHO]
    rules += [
        ({"source": "tags", "op": "contains-any", "value": [tag_id]}, "Ann"),
        ({"source": "tags", "op": "empty"}, "Bob Cal"),
        ({"source": "list_membership", "op": "contains-all", "value": [list_id]}, "Ann"),
        ({"source": "list_membership", "op": "contains-none", "value": list_id}, "Bob Cal"),
    ]
    async with db.reader() as conn:
        for rule, who in rules:
            document = {"version": "1.0.0", "criteria": {"type": "and", "group": [rule]}}
            for form in await found(conn, account.account_id, document):
                assert who == " ".join(sorted(names[each] for each in form if each in names)), rule


SURNAME = {"source": "contact", "field": "last_name", "op": "eq", "value": "Quade"}
EVERYBODY = {"source": "contact", "field": "last_name", "op": "not-eq", "value": "Nobody"}


async def new_segment(api: AccountApi, *rules: dict[str, Any]) -> int:
    criteria = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": list(rules)}})
    made = await api.post("/v3/segments", {"name": f"S{new_id()}", "segment_criteria": criteria})
    assert 201 == made.status, made
    return int(made.body["segment_id"])


async def quades(api: AccountApi, how_many: int, clock: Any) -> list[str]:
    """Contacts of one name, oldest first."""
    made = []
    for _ in range(how_many):
        made.append(
            (await api.post("/v3/contacts", {"last_name": "Quade", "create_source": "Account"})).body["contact_id"]
        )
        clock.move(timedelta(seconds=1))
    return made


async def test_the_contacts_of_a_segment_come_in_pages(api: AccountApi, clock: Any) -> None:
    expected = await quades(api, 5, clock)
    gone = (await quades(api, 1, clock))[0]
    segment_id = await new_segment(api, SURNAME)
    assert 204 == (await api.delete(f"/v3/contacts/{gone}")).status
    seen, reply = [], await api.get("/v3/contacts", {"segment_id": str(segment_id), "limit": "2"})
    while True:
        assert (200, False) == (reply.status, "status" in reply.body)
        seen += [each["contact_id"] for each in reply.body["contacts"]]
        if "_links" not in reply.body:
            break
        reply = await api.get(reply.body["_links"]["next"]["href"])
    assert expected == seen


async def test_a_segment_that_is_not_there_has_no_contacts(
    api: AccountApi, db: Db, new_account: Callable[[str], Awaitable[Account]], clock: Any
) -> None:
    segment_id = await new_segment(api, EVERYBODY)
    other = await new_account("neighbour@example.com")
    theirs = api.with_token(await tokens.mint_for_command_line(db, other.email, ALL_SCOPES.split()))
    for client, named in ((api, "99"), (api, "9" * 40), (theirs, str(segment_id))):
        reply = await client.get("/v3/contacts", {"segment_id": named})
        assert (404, "contacts.api.not_found") == (reply.status, reply.error_key)
    await api.delete(f"/v3/segments/{segment_id}")
    assert 404 == (await api.get("/v3/contacts", {"segment_id": str(segment_id)})).status


async def test_members_are_counted(api: AccountApi, db: Db, account: Account, clock: Any) -> None:
    await quades(api, 3, clock)
    segment_id = await new_segment(api, SURNAME)
    async with db.reader() as conn:
        assert 3 == await segment_members.count(conn, account.account_id, SegmentId(segment_id))


async def test_a_segment_that_takes_long_is_answered_in_the_background(
    api: AccountApi, db: Db, clock: Any, work: Callable[[], Awaitable[int]]
) -> None:
    expected = await quades(api, 3, clock)
    segment_id = await new_segment(api, SURNAME)
    query = {"segment_id": str(segment_id), "limit": "2"}
    config.override(segment_seconds=0.05)
    async with db.transaction() as conn:
        await conn.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")  # nobody can read them now
        slow = await api.get("/v3/contacts", query)
        again = await api.get("/v3/contacts", query)
    assert (202, {"contacts": [], "status": "processing"}) == (slow.status, slow.body)
    assert (202, slow.body) == (again.status, again.body)
    config.override(segment_seconds=0)  # from here on only the job finds anybody
    assert 202 == (await api.get("/v3/contacts", query)).status
    assert 1 == await work(), "one search serves all who ask"
    first = await api.get("/v3/contacts", query)
    second = await api.get(first.body["_links"]["next"]["href"])
    assert (200, 200) == (first.status, second.status)
    assert expected == [each["contact_id"] for reply in (first, second) for each in reply.body["contacts"]]
    clock.move(timedelta(minutes=5, seconds=1))
    assert 202 == (await api.get("/v3/contacts", query)).status, "the result has served its time"


async def test_a_result_is_not_used_after_the_criteria_changed(
    api: AccountApi, clock: Any, work: Callable[[], Awaitable[int]]
) -> None:
    await quades(api, 1, clock)
    config.override(segment_seconds=0)
    segment_id = await new_segment(api, SURNAME)
    query = {"segment_id": str(segment_id)}
    assert 202 == (await api.get("/v3/contacts", query)).status
    await work()
    assert 1 == len((await api.get("/v3/contacts", query)).body["contacts"])
    clock.move(timedelta(seconds=1))
    nobody = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": [{**SURNAME, "value": "Nobody"}]}})
    assert 200 == (await api.put(f"/v3/segments/{segment_id}", {"name": "N", "segment_criteria": nobody})).status
    assert 202 == (await api.get("/v3/contacts", query)).status
    await work()
    assert [] == (await api.get("/v3/contacts", query)).body["contacts"]


async def test_a_search_that_runs_twice_or_too_late_changes_nothing(
    api: AccountApi, db: Db, account: Account, clock: Any, work: Callable[[], Awaitable[int]]
) -> None:
    await quades(api, 1, clock)
    config.override(segment_seconds=0)
    segment_id = SegmentId(await new_segment(api, SURNAME))
    asked_at = clock.now()
    await api.get("/v3/contacts", {"segment_id": str(segment_id)})
    await work()
    await segment_members.find(db, account.account_id, segment_id, asked_at)
    await segment_members.find(db, account.account_id, segment_id, asked_at - timedelta(seconds=1))
    assert 1 == len((await api.get("/v3/contacts", {"segment_id": str(segment_id)})).body["contacts"])
    clock.move(timedelta(hours=1))
    await segment_members.sweep(db)
    async with db.reader() as conn:
        assert 0 == await one(conn, int, "SELECT count(*) FROM segment_findings")
    await segment_members.find(db, account.account_id, segment_id, asked_at)


async def test_the_form_follows_from_how_many_contacts_are_asked(db: Db, account: Account) -> None:
    """Somebody known by the address is looked up; for a large part of everybody the sets are read as a whole."""
    async with db.transaction() as conn:
        await run(conn, _MANY_CONTACTS, account_id=account.account_id, now=NOW)
        for activity_id in segment_world.ACTIVITIES:
            await run(conn, _MANY_OPENS, account_id=account.account_id, activity_id=activity_id, now=NOW)
            await run(conn, _SENT, account_id=account.account_id, activity_id=activity_id, now=NOW)
    opened = {"source": "tracking", "op": "contains-any", "const_value": "campaigns"}
    engaged = [{"type": "or", "group": [{**opened, "field": field} for field in ("opened", "clicked", "forwarded")]}]
    rare = {"source": "contact", "field": "email", "op": "eq", "value": "many7@example.com"}
    common = {"source": "contact", "field": "create_source", "op": "eq", "value": "Account"}
    async with db.reader() as conn:
        await conn.execute("ANALYZE contacts, engagement, sent_activities, tracking_events")
        await conn.execute("SET work_mem = '64kB'")  # as if there were many more
        for rule, is_as_sets in ((rare, False), (common, True)):
            document = {"version": "1.0.0", "criteria": {"type": "and", "group": [rule, *engaged]}}
            tree = documents.read(json.dumps(document))
            looked_up = await references.look_up(conn, account.account_id, tree, now=NOW)
            compiled = compiler.compiled(tree, looked_up)
            chosen = await costs.cheaper(conn, account.account_id, compiled, now=NOW)
            assert (compiled.as_sets if is_as_sets else compiled.one_by_one) == chosen, rule
            first_page = await costs.cheaper(conn, account.account_id, compiled, now=NOW, at_most=10)
            assert compiled.one_by_one == first_page, "a page of many is full soon"
        await conn.execute("RESET work_mem")


_MANY_CONTACTS: LiteralString = """
    INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, create_source,
                          created_at, updated_at)
    SELECT :account_id, lpad(to_hex(number), 32, '0')::uuid, 'many' || number || '@example.com',
           'many' || number || '@example.com', 'implicit', 'Account', :now, :now
      FROM generate_series(1, 4000) AS number"""
_MANY_OPENS: LiteralString = """
    INSERT INTO engagement (account_id, campaign_activity_id, contact_id, opens, first_opened_at, last_opened_at)
    SELECT :account_id, :activity_id, lpad(to_hex(number), 32, '0')::uuid, 1, :now, :now
      FROM generate_series(1, 4000, 2) AS number"""
_SENT: LiteralString = """
    INSERT INTO sent_activities (account_id, campaign_activity_id, campaign_id, sent_at)
    VALUES (:account_id, :activity_id, :activity_id, :now)"""
