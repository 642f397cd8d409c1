"""GET /contacts, counts and xrefs, through the door. Source: contract, contacts.md §5.1, §5.7, §5.8."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.platform.db import Db
from tests.support.api import Api
from tests.support.fixtures import Account, AccountApi

VALIDATION = "contacts.api.validation.error"


async def make(api: Api, name: str, permission: str | None = None, **members: Any) -> dict[str, Any]:
    body = {
        "create_source": "Account",
        "email_address": {"address": f"{name}@example.com", "permission_to_send": permission},
        **members,
    }
    answer = await api.post("/v3/contacts", body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def names(api: Api, **params: Any) -> list[str]:
    """Local parts of the addresses found, without the account's owner; `-` for a contact without one."""
    answer = await api.get("/v3/contacts", params=params)
    assert answer.status == 200, answer
    found = [contact.get("email_address", {}).get("address", "-").split("@")[0] for contact in answer.body["contacts"]]
    return [name for name in found if name != "owner"]


@pytest.fixture
async def everybody(api: Api, clock: Any) -> dict[str, dict[str, Any]]:
    """One contact in every state, a second apart."""
    made = {}
    for name, permission in {
        "implicit": None,
        "explicit": "explicit",
        "unset": "not_set",
        "waiting": "pending_confirmation",
        "held": "temp_hold",
        "out": "unsubscribed",
        "deleted": None,
    }.items():
        clock.move(timedelta(seconds=1))
        made[name] = await make(api, name, permission)
    clock.move(timedelta(seconds=1))
    await api.delete(f"/v3/contacts/{made['deleted']['contact_id']}")
    await api.post("/v3/contacts", {"create_source": "Account", "first_name": "Nobody"})
    return made


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ["implicit", "explicit", "unset", "waiting", "held", "out", "-"]),
        ("all", ["implicit", "explicit", "unset", "waiting", "held", "out", "deleted", "-"]),
        ("ALL", ["implicit", "explicit", "unset", "waiting", "held", "out", "deleted", "-"]),
        ("active", ["implicit", "explicit"]),
        ("deleted", ["deleted"]),
        ("not_set", ["unset", "-"]),
        ("pending_confirmation", ["waiting"]),
        ("temp_hold", ["held"]),
        ("unsubscribed", ["out"]),
        ("active,unsubscribed", ["implicit", "explicit", "out"]),
        ("unsubscribed,all", ["implicit", "explicit", "unset", "waiting", "held", "out", "deleted", "-"]),
    ],
)
async def test_status_selects(api: Api, everybody: object, status: str | None, expected: list[str]) -> None:
    assert expected == await names(api, **({"status": status} if status else {}))


async def test_an_address_is_found_exactly_in_any_case_with_a_lost_plus(api: Api, everybody: object) -> None:
    await make(api, "plus+tag")

    assert ["explicit"] == await names(api, email="EXPLICIT@example.com")
    assert ["plus+tag"] == (await names(api, email=" plus tag@example.com "))
    assert ["out"] == await names(api, email="out@example.com")
    assert [] == await names(api, email="expl@example.com")
    assert [] == await names(api, email="deleted@example.com")
    assert ["deleted"] == await names(api, email="deleted@example.com", status="all")


async def test_an_unknown_address_gives_an_empty_page_and_a_count_of_none(api: Api) -> None:
    answer = await api.get("/v3/contacts", params={"email": "nobody@example.com", "include_count": "1"})

    assert (200, {"contacts": [], "contacts_count": 0}) == (answer.status, answer.body)


async def test_lists_select_members_of_any(api: Api, account: Account, clock: Any) -> None:
    first, second = [(await api.post("/v3/contact_lists", {"name": name})).body["list_id"] for name in "AB"]
    for name, joined in {"one": [first], "two": [second], "both": [first, second], "none": []}.items():
        clock.move(timedelta(seconds=1))
        await make(api, name, list_memberships=joined)

    assert ["one", "both"] == await names(api, lists=first)
    assert ["one", "two", "both"] == await names(api, lists=f"{first},{second}")
    answer = await api.get("/v3/contacts", params=[("lists", first), ("lists", second.upper())])
    assert 3 == len(answer.body["contacts"])
    assert [] == await names(api, lists=str(uuid4()))
    assert ["one"] == await names(api, lists=first, email="one@example.com", status="active")


async def test_dates_select_strictly_later_and_earlier(api: Api, clock: Any) -> None:
    start = clock.now()
    for name in ("a", "b", "c"):
        clock.move(timedelta(hours=1))
        made = await make(api, name)
    await api.put(
        f"/v3/contacts/{made['contact_id']}",
        {
            "update_source": "Account",
            "email_address": {"address": "c@example.com", "permission_to_send": "unsubscribed"},
        },
    )

    def at(hours: int) -> str:
        return f"{start + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S.000000+0000}"

    assert ["b", "c"] == await names(api, created_after=at(1))
    assert ["a"] == await names(api, created_after=at(0), created_before=at(2))
    assert ["a", "b"] == await names(api, **{"created-before": at(3)})
    assert ["c"] == await names(api, updated_after=at(2))
    assert ["c"] == await names(api, optout_after=at(2))
    assert [] == await names(api, optout_before=at(3))
    assert [] == await names(api, created_after=at(3), created_before=at(0))


async def test_paging_shows_everyone_once_while_contacts_come_and_go(api: Api, clock: Any) -> None:
    for number in range(7):
        clock.move(timedelta(seconds=number % 2))
        await make(api, f"n{number}")
    everyone = (await api.get("/v3/contacts")).body["contacts"]
    page = (await api.get("/v3/contacts", params={"limit": 3, "include_count": "true", "include": "taggings"})).body
    seen = [contact["contact_id"] for contact in page["contacts"]]
    await api.delete(f"/v3/contacts/{everyone[3]['contact_id']}")  # the one that the cursor names
    clock.move(timedelta(seconds=1))
    late = await make(api, "late")

    while "_links" in page:
        href = page["_links"]["next"]["href"]
        assert href.startswith("/v3/contacts?cursor=")
        page = (await api.get(href)).body
        assert len(page["contacts"]) <= 3
        assert all("taggings" in contact for contact in page["contacts"])
        seen += [contact["contact_id"] for contact in page["contacts"]]

    assert [contact["contact_id"] for contact in [*everyone[:3], *everyone[4:], late]] == seen


async def test_a_cursor_wins_over_everything_beside_it(api: Api, clock: Any) -> None:
    for number in range(3):
        clock.move(timedelta(seconds=1))
        await make(api, f"n{number}")
    href = (await api.get("/v3/contacts", params={"limit": 1})).body["_links"]["next"]["href"]
    cursor = href.split("cursor=")[1]

    answer = await api.get("/v3/contacts", params={"limit": 500, "email": "x", "cursor": cursor})

    assert ["n0@example.com"] == [contact["email_address"]["address"] for contact in answer.body["contacts"]]


async def test_includes_are_fetched_for_a_whole_page(api: Api, account: Account, clock: Any) -> None:
    clock.move(timedelta(seconds=1))
    one = await make(api, "one", list_memberships=[str(account.list_id)], phone_numbers=[{"phone_number": "1"}])
    clock.move(timedelta(seconds=1))
    await make(api, "two")

    params = {"include": "list_memberships,phone_numbers,custom_fields,notes,street_addresses"}
    _, first, second = (await api.get("/v3/contacts", params=params)).body["contacts"]

    assert ([str(account.list_id)], one["phone_numbers"]) == (first["list_memberships"], first["phone_numbers"])
    assert [[]] * 5 == [second[name] for name in params["include"].split(",")]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": "501"}, "limit does not have a valid value"),
        ({"limit": "0"}, "limit does not have a valid value"),
        ({"limit": "ten"}, "limit does not have a valid value"),
        ({"status": "explicit"}, "status does not have a valid value"),
        ({"lists": "x"}, "lists is invalid"),
        ({"lists": ",".join(str(uuid4()) for _ in range(26))}, "lists has too many items (maximum is 25)"),
        ({"tags": ",".join(str(uuid4()) for _ in range(51))}, "tags has too many items (maximum is 50)"),
        ({"updated_after": "yesterday"}, "updated_after is invalid"),
        ({"include": "everything"}, "include does not have a valid value"),
        ({"sms_status": "active"}, "sms_status does not have a valid value"),
        ({"cursor": "nonsense"}, "cursor is invalid"),
        ({"segment_id": "1", "status": "all"}, "segment_id, status are mutually exclusive"),
        ({"segment_id": "1", "include": "notes"}, "segment_id, include are mutually exclusive"),
        ({"segment_id": "1,2"}, "segment_id has too many items (maximum is 1)"),
        ({"segment_id": "x"}, "segment_id is invalid"),
        ({"segment_id": "٣"}, "segment_id is invalid"),
    ],
)
async def test_a_bad_parameter_is_refused(api: Api, params: dict[str, str], message: str) -> None:
    answer = await api.get("/v3/contacts", params=params)

    assert (400, [{"error_key": VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_filters_for_what_is_not_there_match_nobody(api: Api) -> None:
    await make(api, "one")

    assert [] == await names(api, tags=str(uuid4()))
    assert [] == await names(api, sms_status="explicit")
    assert ["one"] == await names(api, sms_status="not_set,explicit")
    for nobodys in ("7", "9" * 5000):
        assert 404 == (await api.get("/v3/contacts", params={"segment_id": nobodys, "limit": 5})).status


async def test_tags_select_who_carries_any_and_filters_are_combined(
    api: Api, account: Account, clock: Any, work: Any
) -> None:
    red, blue = [(await api.post("/v3/contact_tags", {"name": name})).body["tag_id"] for name in ("Red", "Blue")]
    joined = [str(account.list_id)]
    for name, members in {
        "red": {"taggings": [red]},
        "both": {"taggings": [blue, red, red.upper()], "list_memberships": joined},
        "blue": {"taggings": [blue], "list_memberships": joined},
        "none": {"list_memberships": joined},
    }.items():
        clock.move(timedelta(seconds=1))
        await make(api, name, **members)

    assert ["red", "both"] == await names(api, tags=red)
    assert ["red", "both", "blue"] == await names(api, tags=f"{red},{blue}")
    assert ["both"] == await names(api, tags=red, lists=joined[0], status="active,unsubscribed", sms_status="not_set")
    page = await api.get("/v3/contacts", {"tags": f"{blue}", "include": "taggings", "include_count": "1", "limit": "1"})
    assert (2, [{red, blue}]) == (
        page.body["contacts_count"],
        [set(each["taggings"]) for each in page.body["contacts"]],
    )
    following = (await api.get(page.body["_links"]["next"]["href"])).body
    assert ([[blue]], 2, False) == (
        [each["taggings"] for each in following["contacts"]],
        following["contacts_count"],
        "_links" in following,
    )
    await api.delete(f"/v3/contact_tags/{red}")
    await work()
    assert [] == await names(api, tags=red)


async def test_put_replaces_keeps_and_removes_tags(api: Api) -> None:
    red, blue = [(await api.post("/v3/contact_tags", {"name": name})).body["tag_id"] for name in ("Red", "Blue")]
    made = await make(api, "one", taggings=[red])
    path = f"/v3/contacts/{made['contact_id']}"

    async def put(**members: Any) -> list[str] | None:
        answer = await api.put(path, {"update_source": "Account", **members})
        assert answer.status == 200, answer
        tags: list[str] | None = answer.body.get("taggings")
        return tags

    assert [red] == made["taggings"]
    assert None is await put()
    assert [red] == (await api.get(path, {"include": "taggings"})).body["taggings"]
    assert [blue] == await put(taggings=[blue, blue])
    assert [] == await put(taggings=[])
    many = await api.put(path, {"update_source": "Account", "taggings": [str(uuid4()) for _ in range(51)]})
    assert (400, "taggings has too many items (maximum is 50)") == (many.status, many.error_message)


async def test_unknown_parameters_are_ignored(api: Api) -> None:
    assert 200 == (await api.get("/v3/contacts", params={"page": "0", "sort": "contacts.created_at.desc"})).status


async def test_counts_add_up_to_the_four_states(api: AccountApi, everybody: object, clock: Any) -> None:
    plain = (await api.get("/v3/contacts/counts")).body
    fresh = (await api.get("/v3/contacts/counts", params={"include": "new_subscribers"})).body
    clock.move(timedelta(days=31))
    later = await api.with_scopes("contact_data")
    stale = (await later.get("/v3/contacts/counts", params={"include": "new_subscriber"})).body

    # The account's owner is the second implicit contact.
    assert {"total": 5, "explicit": 1, "implicit": 2, "pending": 1, "unsubscribed": 1} == plain
    assert ({**plain, "new_subscriber": 3}, {**plain, "new_subscriber": 0}) == (fresh, stale)
    answer = await later.get("/v3/contacts/counts", params={"include": "everybody"})
    assert (400, "include does not have a valid value") == (answer.status, answer.error_message)


async def test_xrefs_number_contacts_in_order_of_creation_deleted_ones_too(api: Api, clock: Any) -> None:
    clock.move(timedelta(seconds=1))
    one = await make(api, "one")
    clock.move(timedelta(seconds=1))
    two = await make(api, "two")
    await api.delete(f"/v3/contacts/{one['contact_id']}")

    answer = await api.get("/v3/contacts/contact_id_xrefs", params={"sequence_ids": "3,2,77"})

    assert [("2", one["contact_id"]), ("3", two["contact_id"])] == [
        tuple(xref.values()) for xref in answer.body["xrefs"]
    ]
    answer = await api.get("/v3/contacts/contact_id_xrefs", params={"contact_sequence_numbers": "77"})
    assert (200, {"xrefs": []}) == (answer.status, answer.body)


async def test_a_deep_page_uses_the_index(api: Api, db: Db, account: Account) -> None:
    async with db.transaction() as conn:
        await conn.execute(
            """INSERT INTO contacts (account_id, contact_id, first_name, create_source, created_at, updated_at)
               SELECT $1, gen_random_uuid(), 'N', 'Account', now() + number * interval '1 second', now()
                 FROM generate_series(1, 20000) number""",
            account.account_id,
        )
        await conn.execute("ANALYZE contacts")
        plan = await conn.fetch(
            """EXPLAIN SELECT contact_id FROM contacts
                WHERE account_id = $1 AND deleted_at IS NULL
                  AND (created_at, contact_id) >= (now() + interval '3 hours', $2)
                ORDER BY created_at, contact_id LIMIT 501""",
            account.account_id,
            uuid4(),
        )

    text = "\n".join(line[0] for line in plan)
    assert "contacts_page" in text
    assert "Sort" not in text
