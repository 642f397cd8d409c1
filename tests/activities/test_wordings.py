"""Every refusal and every line of `activity_errors`, word for word. Source: contract, bulk-activities.md §1.6, §2, §8."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.activities.bulk import UNKNOWN

INVALID, MISSING = "contacts.api.validation.error", "contacts.api.not_found"
NOT_FOUND = (404, MISSING, "The requested resource was not found.")
SELECTORS = (
    "contact_ids", "list_ids", "tag_ids", "segment_id", "all_active_contacts", "new_subscriber", "engagement_level",
)  # fmt: skip
SELECTED = [
    ("add_list_memberships", "list_ids", True),
    ("remove_list_memberships", "list_ids", False),
    ("contacts_taggings_add", "tag_ids", False),
    ("contacts_taggings_remove", "tag_ids", False),
]
EXPORTED = ["contact_ids", "list_ids", "tag_ids", "new_subscriber", "segment_id", "status", "exclude"]
PAIRS = {
    ("contact_ids", "status"), ("list_ids", "status"), ("list_ids", "exclude"), ("new_subscriber", "exclude"),
    ("list_ids", "new_subscriber"),
}  # fmt: skip


def ids(count: int) -> list[str]:
    return [f"0193a1c2-0000-7000-8000-{number:012x}" for number in range(count)]


def invalid(message: str) -> tuple[int, str, str]:
    return 400, INVALID, message


def too_many(name: str, maximum: int) -> tuple[int, str, str]:
    return invalid(f"{name} has too many items (maximum is {maximum})")


async def refused(bulk: Any, kind: str, body: Mapping[str, Any]) -> tuple[int, str, str]:
    answer = await bulk.post(kind, **body)
    assert isinstance(answer.body, list), (kind, body, answer)
    return answer.status, answer.error_key, answer.error_message


@pytest.mark.parametrize(("kind", "target", "unknown_is_400"), SELECTED)
async def test_what_work_on_selected_contacts_refuses(bulk, account, kind, target, unknown_is_400):
    targets = {target: [str(account.list_id) if target == "list_ids" else await bulk.tag("Red")]}
    one = {"contact_ids": [UNKNOWN]}

    def unknown(name: str, value: object) -> tuple[int, str, str]:
        return invalid(f"{name} contains an invalid id: {value}") if unknown_is_400 else NOT_FOUND

    none_of = ", ".join(f"source[{name}]" for name in SELECTORS)
    for body, expected in (
        ({}, invalid(f"source is missing, {target} is missing")),
        ({"source": one}, invalid(f"{target} is missing")),
        ({"source": one, target: []}, invalid(f"{target} is empty")),
        ({"source": one, target: ids(51)}, too_many(target, 50)),
        ({"source": one, target: [UNKNOWN]}, unknown(target, UNKNOWN)),
        ({"source": {}, **targets}, invalid(f"{none_of} are missing, exactly one parameter must be provided")),
        (
            {"source": {"list_ids": [], "new_subscriber": False}, **targets},
            invalid(f"{none_of} are missing, exactly one parameter must be provided"),
        ),
        (
            {"source": {**one, "new_subscriber": True}, **targets},
            invalid("source[contact_ids], source[new_subscriber] are mutually exclusive"),
        ),
        ({"source": {"contact_ids": ids(501)}, **targets}, too_many("source[contact_ids]", 500)),
        ({"source": {"list_ids": ids(51)}, **targets}, too_many("source[list_ids]", 50)),
        ({"source": {"tag_ids": ids(51)}, **targets}, too_many("source[tag_ids]", 50)),
        ({"source": {"engagement_level": "warm"}, **targets}, invalid("source[engagement_level] does not have a valid value")),
        ({"source": {"list_ids": [UNKNOWN]}, **targets}, unknown("source[list_ids]", UNKNOWN)),
        ({"source": {"tag_ids": [UNKNOWN]}, **targets}, unknown("source[tag_ids]", UNKNOWN)),
        ({"source": {"segment_id": 4711}, **targets}, unknown("source[segment_id]", 4711)),
        (
            {"source": one, "exclude": one, **targets},
            invalid("source[contact_ids], exclude[contact_ids] are mutually exclusive"),
        ),
        (
            {"source": {"all_active_contacts": True}, "exclude": {"contact_ids": ids(501)}, **targets},
            too_many("exclude[contact_ids]", 500),
        ),
    ):  # fmt: skip
        assert expected == await refused(bulk, kind, body), body


async def test_what_deletions_refuse(bulk, account):
    choose = "contact_ids, list_ids, segment_id are missing, exactly one parameter must be provided"
    for kind in ("contact_delete", "contacts_delete"):
        for body, expected in (
            ({}, invalid(choose)),
            ({"contact_ids": [], "list_ids": []}, invalid(choose)),
            (
                {"contact_ids": [UNKNOWN], "list_ids": [str(account.list_id)]},
                invalid("contact_ids, list_ids are mutually exclusive"),
            ),
            ({"contact_ids": ids(501)}, too_many("contact_ids", 500)),
            ({"list_ids": ids(51)}, too_many("list_ids", 50)),
            ({"list_ids": [UNKNOWN]}, invalid(f"list_ids contains an invalid id: {UNKNOWN}")),
            ({"segment_id": 4711}, invalid("segment_id contains an invalid id: 4711")),
        ):
            assert expected == await refused(bulk, kind, body), body
    for kind, name, most in (
        ("list_delete", "list_ids", 100),
        ("custom_fields_delete", "custom_field_ids", 100),
        ("contacts_tags_delete", "tag_ids", 500),
    ):
        assert invalid(f"{name} is missing") == await refused(bulk, kind, {})
        assert invalid(f"{name} is empty") == await refused(bulk, kind, {name: []})
        assert too_many(name, most) == await refused(bulk, kind, {name: ids(most + 1)})
    assert NOT_FOUND == await refused(bulk, "custom_fields_delete", {"custom_field_ids": [UNKNOWN]})


async def test_what_exports_refuse(bulk, account):
    for body, expected in (
        ({"contact_ids": ids(501)}, too_many("contact_ids", 500)),
        ({"list_ids": ids(51)}, too_many("list_ids", 50)),
        ({"tag_ids": ids(51)}, too_many("tag_ids", 50)),
        ({"exclude": {"contact_ids": ids(51)}}, too_many("exclude[contact_ids]", 50)),
        ({"segment_ids": [1, 2]}, too_many("segment_ids", 1)),
        ({"fields": ["email_address", "nope"]}, invalid("fields does not have a valid value")),
        ({"status": "nope"}, invalid("status does not have a valid value")),
        ({"list_ids": [UNKNOWN]}, NOT_FOUND),
        ({"tag_ids": [UNKNOWN]}, NOT_FOUND),
        ({"segment_id": 4711}, NOT_FOUND),
    ):
        for kind in ("contact_exports", "contacts_export"):
            assert expected == await refused(bulk, kind, body), body
    values = {
        "contact_ids": [UNKNOWN], "list_ids": [str(account.list_id)], "tag_ids": [await bulk.tag("Red")],
        "new_subscriber": True, "segment_id": 1, "status": "active", "exclude": {"contact_ids": [UNKNOWN]},
    }  # fmt: skip
    for place, first in enumerate(EXPORTED):
        for second in EXPORTED[place + 1 :]:
            answer = await bulk.post("contact_exports", **{first: values[first], second: values[second]})
            if (first, second) in PAIRS:
                assert 201 == answer.status, (first, second)
            else:
                message = f"{first}, {second} are mutually exclusive"
                assert invalid(message) == (answer.status, answer.error_key, answer.error_message)


async def test_what_looking_at_activities_refuses(api):
    for path, expected in (
        ("activities?state=done", invalid("state does not have a valid value")),
        ("activities?limit=501", invalid("limit does not have a valid value")),
        ("activities?limit=0", invalid("limit does not have a valid value")),
        ("activities?cursor=nonsense", invalid("cursor is invalid")),
        ("activities/nonsense", (400, MISSING, "activity_id is in an invalid format.")),
        (f"activities/{UNKNOWN}", NOT_FOUND),
        (f"activities/{UNKNOWN}/rejected_rows", NOT_FOUND),
        (f"contact_exports/{UNKNOWN}", NOT_FOUND),
        (f"contacts_exports/{UNKNOWN}", NOT_FOUND),
    ):
        answer = await api.get(f"/v3/{path}")
        assert expected == (answer.status, answer.error_key, answer.error_message), path
        assert isinstance(answer.body, list), path


async def test_what_is_wrong_before_the_body_is_read(api):
    body = {"content": b"list_ids=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    for kind in ("list_delete", "contacts_json_import", "contacts_file_import"):
        answer = await api.post(f"/v3/activities/{kind}", **body)
        assert (415, "contacts.api.unsupported_media_type") == (answer.status, answer.error_key), kind
        assert "Unsupported Media Type" == answer.error_message
    other = await api.with_scopes("campaign_data")
    for client, status, key in (
        (api.with_token(None), 401, "unauthorized"),
        (api.with_token("nonsense"), 401, "unauthorized"),
        (other, 403, "access_denied"),
    ):
        answer = await client.post("/v3/activities/list_delete", {})
        assert (status, key) == (answer.status, answer.error_key)
        assert isinstance(answer.body, dict), "the gateway's refusals are objects"


async def test_the_lines_about_rows_of_a_file(import_file, finished, bulk, api):
    field = {"label": "boat_length_m", "type": "number"}
    assert 201 == (await api.post("/v3/contact_custom_fields", field)).status
    rows = {
        "nobody,,,,,,,,": "Invalid email address",
        "a@x.example,,13,1,,,,,": "Invalid birthday",
        "b@x.example,,,,someday,,,,": "Invalid anniversary",
        ",,,,,,,555,": "No email address, SMS number or name",
        ",Name only,,,,,,555,": "No email address, SMS number or name",
        f"c@x.example,,,,,{'x' * 51},,,": "Value too long for job_title",
        "d@x.example,,,,,,long,,": "Invalid value for cf:boat_length_m",
        f"e@x.example,,,,,,,{'5' * 26},": "Value too long for phone",
        "f@x.example,,,,,,,1,2,3,4": "No room for mobile_phone",
        f"{'e' * 80}@x.example,,,,,,,,": "Value too long for email",
    }
    head = (
        "email,first_name,birthday_month,birthday_day,anniversary,job_title,cf:boat_length_m,phone,home_phone,"
        "work_phone,mobile_phone,cf:colour\n"
    )
    done = await finished(await import_file(head + "\n".join(rows)))
    lines = [f"Line {number}: {text}" for number, text in enumerate(rows.values(), start=2)]
    assert ["Unknown custom field: cf:colour", *lines] == done["activity_errors"]
    assert {
        "items_total_count": 11, "person_count": 10, "error_count": 4, "correctable_count": 5,
        "cannot_add_to_list_count": 0,
    } == done["status"]  # fmt: skip


async def test_the_lines_about_contacts_lists_and_tags(bulk, account, db):
    """Who is on 50 lists, or carries 50 tags, has no room for one more."""
    ann, gone = await bulk.contact("ann"), UNKNOWN
    tags = [await bulk.tag(f"Tag {number}") for number in range(51)]
    lists = [str(account.list_id), *[await bulk.contact_list(f"List {number}") for number in range(50)]]
    everyone = {"source": {"contact_ids": [gone, ann]}}
    await bulk.finish("contacts_taggings_add", source={"contact_ids": [ann]}, tag_ids=tags[:50])
    await bulk.finish("add_list_memberships", source={"contact_ids": [ann]}, list_ids=lists[:50])
    for kind, body, expected in (
        ("contacts_taggings_add", {**everyone, "tag_ids": tags[50:]}, f"Contact {ann} already has 50 tags"),
        ("add_list_memberships", {**everyone, "list_ids": lists[50:]}, f"Contact {ann} already belongs to 50 lists"),
    ):
        done = await bulk.finish(kind, **body)
        assert [f"Contact {gone} was not found", expected] == done["activity_errors"]
        assert ("completed", 0) == (done["state"], done["status"]["items_completed_count"])
    for kind, body in (("list_delete", {"list_ids": [gone]}), ("contacts_tags_delete", {"tag_ids": [gone]})):
        done = await bulk.finish(kind, **body)
        assert [f"{'List' if 'list_ids' in body else 'Tag'} {gone} was not found"] == done["activity_errors"]


async def test_at_most_500_lines_are_kept(import_file, finished):
    done = await finished(await import_file("email\n" + "nobody\n" * 600))
    assert 500 == len(done["activity_errors"])
    assert "Line 500: Invalid email address" == done["activity_errors"][498]
    assert "… and 101 more" == done["activity_errors"][499]
    assert 600 == done["status"]["correctable_count"]
