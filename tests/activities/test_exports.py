"""Exports of contacts, through the door, the worker and the download. Source: contract, bulk-activities.md §7."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.activities import exports
from everpost.oauth import tokens
from everpost.platform.db import run

EXPORTS = "/v3/activities/contact_exports"
EXAMPLE = (
    "Email address,Email status,Email permission status,Email update source,First name,Tags,Updated At\r\n"
    'odile@kestrelmarine.example,Active,Implied,Account,Odile,"Boat owner, Spring fair",2026-03-04 16:10:03 +0000\r\n'
)
DEFAULT = [
    "Email address", "Email status", "Email permission status", "Email update source", "Confirmed Opt-In Source",
    "Confirmed Opt-In Date", "Confirmed Opt-Out Source", "Confirmed Opt-Out Date", "Confirmed Opt-Out Reason",
    "First name", "Last name", "Company", "Job title", "Phone - home", "Phone - mobile", "Phone - work", "Phone - other",
    "Street address line 1 - Home", "City - Home", "State/Province - Home", "Zip/Postal Code - Home", "Country - Home",
    "Street address line 1 - Work", "City - Work", "State/Province - Work", "Zip/Postal Code - Work", "Country - Work",
    "Street address line 1 - Other", "City - Other", "State/Province - Other", "Zip/Postal Code - Other",
    "Country - Other", "Birthday", "Anniversary", "Notes", "SMS number", "SMS permission status", "SMS consent date",
    "Email Lists", "Tags", "Source Name", "Created At", "Updated At",
]  # fmt: skip

Download = Callable[..., Awaitable[str]]


@pytest.fixture
def download(api: Any, finished: Any) -> Download:
    """`await download(body)` exports, waits and returns the file's text."""

    async def fetch(body: Any = None) -> str:
        done = await finished(await api.post(EXPORTS, body))
        assert done["state"] == "completed", done
        answer = await api.get(done["_links"]["results"]["href"])
        assert answer.status == 200, answer
        return answer.content.decode()

    return fetch


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def post_contact(api: Any, address: str | None, **members: Any) -> str:
    body: dict[str, Any] = {"create_source": "Account", **members}
    if address:
        body["email_address"] = {"address": address, "permission_to_send": members.pop("permission", "implicit")}
        body = {**body, **members}
        body.pop("permission", None)
    made = await api.post("/v3/contacts", body)
    assert made.status == 201, made
    return str(made.body["contact_id"])


async def test_the_contracts_example_is_exported_as_it_says(api, download, clock, account, new_list):
    clock.stop(clock.now().replace(year=2026, month=3, day=4, hour=16, minute=10, second=3))
    fair = await new_list("Fair")
    tags = [
        (await api.post("/v3/contact_tags", {"name": name})).body["tag_id"] for name in ("Spring fair", "Boat owner")
    ]
    await post_contact(api, "odile@kestrelmarine.example", first_name="Odile", list_memberships=[fair], taggings=tags)
    asked = {"list_ids": [fair], "status": "active", "fields": ["email_address", "first_name", "tags", "updated_at"]}
    assert await download(asked) == EXAMPLE


async def test_the_activity_links_to_its_file_from_the_beginning(api, finished):
    posted = await api.post(EXPORTS, {})
    activity_id = posted.body["activity_id"]
    assert 201 == posted.status
    assert {
        "self": {"href": f"/v3/activities/{activity_id}"},
        "results": {"href": f"/v3/contact_exports/{activity_id}"},
    } == (posted.body["_links"])
    assert ({}, 1, []) == (posted.body["status"], posted.body["percent_done"], posted.body["activity_errors"])
    assert 404 == (await api.get(f"/v3/contact_exports/{activity_id}")).status
    done = await finished(posted)
    assert {"items_total_count": 1, "items_completed_count": 1} == done["status"]
    for path in ("contact_exports", "contacts_exports"):
        answer = await api.get(f"/v3/{path}/{activity_id}", headers={"Accept": "application/json"})
        assert 200 == answer.status
        assert "text/csv; charset=utf-8" == answer.headers["content-type"]
        assert f'attachment; filename="contact_export_{activity_id}.csv"' == answer.headers["content-disposition"]
        assert str(len(answer.content)) == answer.headers["content-length"]
    assert b"" == (await api.request("HEAD", f"/v3/contact_exports/{activity_id}")).content


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"fields": [], "list_ids": []}}])
async def test_asking_for_nothing_exports_everybody_and_nearly_everything(api, finished, options, account):
    done = await finished(await api.request("POST", "/v3/activities/contacts_export", **options))
    text = (await api.get(done["_links"]["results"]["href"])).text
    assert DEFAULT == next(csv.reader(io.StringIO(text)))
    assert [account.email] == [row["Email address"] for row in rows(text)]


async def test_every_column_holds_what_the_contract_says(api, download, clock):
    tastes = {
        "label": "Tastes, all", "type": "multi_select", "metadata": {"display_type": "checkbox"},
        "choices": [{"choice_label": "Sweet"}, {"choice_label": "Salty"}],
    }  # fmt: skip
    choices = (await api.post("/v3/contact_custom_fields", tastes)).body["custom_field_id"]
    plan = (await api.post("/v3/contact_custom_fields", {"label": "Plan", "type": "string"})).body["custom_field_id"]
    await post_contact(
        api, "Ada@X.example", first_name='A "da"', last_name="Love\nlace", company_name="a, b", job_title="=1+1",
        birthday_month=4, birthday_day=30, anniversary="2001-02-03",
        phone_numbers=[{"kind": kind, "phone_number": number} for kind, number in (("home", "1"), ("work", "2"), ("home", "3"))],
        street_addresses=[{"kind": "work", "street": "Elm 1", "city": "Salem", "state": "OR", "postal_code": "97301", "country": "US"}],
        notes=[{"content": "first"}, {"content": "second"}],
        custom_fields=[{"custom_field_id": plan, "value": "gold"}, {"custom_field_id": choices, "choice_ids": ["1", "2"]}],
        sms_channel={"full_sms_address": "14155550134", "sms_channel_consents": [{"sms_consent_permission": "explicit", "consent_type": "promotional_sms"}]},
    )  # fmt: skip
    text = await download(
        {"fields": [*_ALL, "website", "social_profiles", "contact_ids", "birthday_day", "birthday_month"]}
    )
    head = next(csv.reader(io.StringIO(text)))
    assert "Contact ID" == head[0]
    assert ["Birthday", "Birthday Month", "Birthday Day", "Anniversary", "Website", "Social profiles", "Notes"] == (
        head[head.index("Birthday") : head.index("Notes") + 1]
    )
    assert ["SMS consent date", "Tastes, all", "Plan", "Email Lists"] == (
        head[head.index("SMS consent date") : head.index("Email Lists") + 1]
    )
    row = rows(text)[-1]
    today = clock.now().strftime("%Y-%m-%d")
    expected = {
        "Email address": "Ada@X.example", "Email status": "Active", "Email permission status": "Implied",
        "Email update source": "Account", "Confirmed Opt-In Source": "Account",
        "Confirmed Opt-In Date": clock.now().strftime("%Y-%m-%d %H:%M:%S +0000"), "Confirmed Opt-Out Source": "",
        "First name": 'A "da"', "Last name": "Love\nlace", "Company": "a, b", "Job title": "=1+1",
        "Phone - home": "1, 3", "Phone - work": "2", "Phone - mobile": "", "Phone - other": "",
        "Street address line 1 - Work": "Elm 1", "City - Work": "Salem", "State/Province - Work": "Oregon",
        "Zip/Postal Code - Work": "97301", "Country - Work": "United States", "City - Home": "",
        "Birthday": "4/30", "Birthday Month": "4", "Birthday Day": "30", "Anniversary": "2001-02-03", "Website": "",
        "Social profiles": "", "Notes": "first | second", "SMS number": "+14155550134",
        "SMS permission status": "Explicit", "SMS consent date": today, "Tastes, all": "Sweet; Salty", "Plan": "gold",
        "Email Lists": "", "Tags": "", "Source Name": "API",
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert '"A ""da""","Love\nlace","a, b",=1+1,' in text


_ALL = [
    "updated_at", "created_at", "source_name", "tags", "email_lists", "custom_fields", "sms_consent_date",
    "sms_permission", "sms_number", "notes", "anniversary", "birthday", "country", "zip", "state", "city", "street",
    "phone_number", "job_title", "company_name", "last_name", "first_name", "email_optout_reason", "email_optout_date",
    "email_optout_source", "email_optin_date", "email_optin_source", "email",
]  # fmt: skip


async def test_addresses_show_only_the_parts_asked_for_of_all_three_kinds(download):
    text = await download({"fields": ["zip", "street"]})
    assert (
        "Street address line 1 - Home,Zip/Postal Code - Home,Street address line 1 - Work,Zip/Postal Code - Work,"
        in text
    )
    assert "City" not in text


async def test_opt_out_columns_need_the_address(download):
    assert (
        "First name\r\n" == (await download({"fields": ["email_optout_date", "first_name"]}))[: len("First name\r\n")]
    )


async def test_one_custom_field_is_asked_for_by_name(api, download):
    for label in ("Plan", "Boat length (m)"):
        await api.post("/v3/contact_custom_fields", {"label": label, "type": "string"})
    assert (await download({"fields": ["cf:boat_length_m", "email"]})).startswith(
        "Email address,Email status,Email permission status,Email update source,Boat length (m)\r\n"
    )


@pytest.fixture
async def people(api: Any, account: Any, clock: Any, new_list: Any, db: Any) -> dict[str, str]:
    """Contacts by their first names, and ids of a list and a tag that some have; the owner, Sample, is an old one."""
    async with db.transaction() as conn:
        before = clock.now() - timedelta(days=60)
        await run(conn, "UPDATE contacts SET created_at = :before, opt_in_date = :before", before=before)
    ids = {"list": await new_list("L"), "tag": (await api.post("/v3/contact_tags", {"name": "T"})).body["tag_id"]}
    clock.move(timedelta(seconds=1))
    for name, permission, members in (
        ("ann", "explicit", {"list_memberships": [ids["list"]], "taggings": [ids["tag"]]}),
        ("bob", "temp_hold", {"list_memberships": [ids["list"]]}),
        ("cid", "unsubscribed", {}),
        ("dee", "pending_confirmation", {}),
        ("eve", "implicit", {"list_memberships": [ids["list"]]}),
        ("fay", "not_set", {"taggings": [ids["tag"]]}),
    ):
        ids[name] = await post_contact(api, f"{name}@x.example", first_name=name, permission=permission, **members)
        clock.move(timedelta(seconds=1))
    assert (await api.delete(f"/v3/contacts/{ids['eve']}")).status == 204
    return ids


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"contact_ids": ["cid", "ann", "ann"]}, "ann cid"),
        ({"contact_ids": ["cid", "ann"], "status": "unsubscribed"}, "cid"),
        ({"list_ids": ["list"]}, "ann bob"),
        ({"list_ids": ["list"], "status": "active"}, "ann"),
        ({"list_ids": ["list"], "exclude": {"contact_ids": ["ann"]}}, "bob"),
        ({"list_ids": ["list"], "new_subscriber": True, "exclude": {"contact_ids": ["bob"]}}, "ann"),
        ({"tag_ids": ["tag"]}, "ann fay"),
        ({"new_subscriber": True}, "ann"),
        ({"status": "active"}, "Sample ann"),
        ({"all_active_contacts": True}, "Sample ann"),
        ({"status": "removed"}, "eve"),
        ({"status": "deleted"}, "eve"),
        ({"status": "all"}, "Sample ann bob cid dee fay"),
        ({"status": "not_set"}, "fay"),
        ({"status": "pending_confirmation"}, "dee"),
        ({"status": "temp_hold"}, "bob"),
        ({"exclude": {"contact_ids": ["ann", "cid", "dee"]}}, "Sample bob fay"),
        ({"contact_ids": ["eve"], "status": "removed"}, "eve"),
    ],
)  # fmt: skip
async def test_selectors_choose_who_is_exported(download, people, asked, expected):
    text = await download({**_named(asked, people), "fields": ["first_name"]})
    assert expected.split() == [row["First name"] for row in rows(text)]


@pytest.mark.parametrize("member", [lambda number: {"segment_id": number}, lambda number: {"segment_ids": [number]}])
async def test_a_segment_chooses_too(api, download, people, member):
    criterion = {"source": "contact", "field": "first_name", "op": "eq", "value": "bob"}
    criteria = {"version": "1.0.0", "criteria": {"type": "and", "group": [criterion]}}
    made = await api.post("/v3/segments", {"name": "B", "segment_criteria": json.dumps(criteria)})
    assert 201 == made.status, made
    text = await download({**member(made.body["segment_id"]), "fields": ["first_name"]})
    assert ["bob"] == [row["First name"] for row in rows(text)]


async def test_states_have_words_of_their_own(download, people):
    found = {
        row["First name"]: tuple(row.values())[1:3] for row in rows(await download({"fields": ["first_name", "email"]}))
    }
    assert {
        "Sample": ("Active", "Implied"), "ann": ("Active", "Express"), "bob": ("Temporary hold", "None"),
        "cid": ("Unsubscribed", "None"), "dee": ("Awaiting confirmation", "Pending"), "fay": ("Not set", "None"),
    } == found  # fmt: skip
    removed = rows(await download({"status": "removed", "fields": ["email"]}))
    assert "Removed" == removed[0]["Email status"]


async def test_contacts_that_do_not_exist_are_told(api, finished, people):
    unknown = str(uuid4())
    done = await finished(await api.post(EXPORTS, {"contact_ids": [unknown, people["eve"], people["ann"]]}))
    assert {"items_total_count": 3, "items_completed_count": 1} == done["status"]
    assert [f"Contact {unknown} was not found", f"Contact {people['eve']} was not found"] == done["activity_errors"]


async def test_nothing_selected_is_a_file_of_headings(api, finished, new_list):
    empty = await new_list("Empty")
    done = await finished(await api.post(EXPORTS, {"list_ids": [empty], "fields": ["first_name", "last_name"]}))
    assert ("completed", 100, {"items_total_count": 0}) == (done["state"], done["percent_done"], done["status"])
    assert "First name,Last name\r\n" == (await api.get(done["_links"]["results"]["href"])).text


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"contact_ids": [uuid4()], "list_ids": [uuid4()]}, "contact_ids, list_ids are mutually exclusive"),
        ({"contact_ids": [uuid4()], "exclude": {"contact_ids": [uuid4()]}}, "contact_ids, exclude are mutually exclusive"),
        ({"tag_ids": [uuid4()], "status": "active"}, "tag_ids, status are mutually exclusive"),
        ({"status": "active", "exclude": {"contact_ids": [uuid4()]}}, "status, exclude are mutually exclusive"),
        ({"new_subscriber": True, "status": "active"}, "new_subscriber, status are mutually exclusive"),
        ({"segment_id": 1, "list_ids": [uuid4()]}, "list_ids, segment_id are mutually exclusive"),
        (
            {"list_ids": [uuid4()], "status": "active", "new_subscriber": True},
            "new_subscriber, status are mutually exclusive",
        ),
        ({"contact_ids": [uuid4()] * 501}, "contact_ids has too many items (maximum is 500)"),
        ({"list_ids": [uuid4()] * 51}, "list_ids has too many items (maximum is 50)"),
        ({"tag_ids": [uuid4()] * 51}, "tag_ids has too many items (maximum is 50)"),
        ({"exclude": {"contact_ids": [uuid4()] * 51}}, "exclude[contact_ids] has too many items (maximum is 50)"),
        ({"status": "gone"}, "status does not have a valid value"),
        ({"fields": ["first_name", "shoe_size"]}, "fields does not have a valid value"),
        ({"fields": ["cf:shoe_size"]}, "fields does not have a valid value"),
        ({"fields": ["email_optin_date"]}, "fields does not have a valid value"),
        ({"segment_ids": [1, 2]}, "segment_ids has too many items (maximum is 1)"),
        ({"list_ids": ["x"]}, "list_ids[0] is invalid"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for_is_refused(api, asked, message):
    answer = await api.post(EXPORTS, _as_text(asked))
    assert (400, "contacts.api.validation.error", message) == (answer.status, answer.error_key, answer.error_message)


@pytest.mark.parametrize(
    "asked",
    [{"list_ids": [uuid4()]}, {"tag_ids": [uuid4()]}, {"segment_id": 7}, {"segment_ids": 7}, {"segment_id": -(10**25)}],
)
async def test_an_unknown_list_tag_or_segment_is_not_found(api, asked):
    answer = await api.post(EXPORTS, _as_text(asked))
    assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)


async def test_files_are_for_their_account_and_for_ten_days(
    api, download, finished, new_account, clock, import_file, data
):
    exported = await finished(await api.post(EXPORTS, {}))
    path = exported["_links"]["results"]["href"]
    imported = await finished(await import_file("email\nada@x.example\n"))
    assert 404 == (await api.get(f"/v3/contact_exports/{imported['activity_id']}")).status
    assert 404 == (await api.get(f"/v3/contact_exports/{uuid4()}")).status
    malformed = await api.get("/v3/contact_exports/nonsense")
    assert (400, "file_export_id is in an invalid format.") == (malformed.status, malformed.error_message)
    other = await new_account("other@x.example")
    token = await tokens.mint_for_command_line(api._db, other.email, ["contact_data"])
    assert 404 == (await api.with_token(token).get(path)).status
    assert 200 == (await api.get(path)).status
    clock.move(timedelta(days=10, seconds=1))
    fresh = api.with_token(await tokens.mint_for_command_line(api._db, api._account.email, ["contact_data"]))
    assert 404 == (await fresh.get(path)).status


async def test_a_long_export_is_made_in_chunks_and_none_is_lost_or_double(
    api, download, finished, import_file, monkeypatch, clock, db, account
):
    lines = [f"person{number:04}@x.example,{'x' * (number % 50)}" for number in range(1234)]
    await finished(await import_file("email,first_name\n" + "\n".join(lines)))
    whole = await download({"fields": ["email", "contact_id"]})
    monkeypatch.setattr(exports, "_ROWS_PER_CHUNK", 100)
    assert whole == await download({"fields": ["email", "contact_id"]})
    assert sorted([account.email, *(line.split(",")[0] for line in lines)]) == sorted(
        row["Email address"] for row in rows(whole)
    )


async def test_who_is_made_after_the_beginning_is_not_exported(api, finished, clock, monkeypatch):
    gone = await post_contact(api, "ada@x.example")
    begin = exports._begin

    async def begin_and_be_late(turn: Any, request: Any) -> Any:
        progress = await begin(turn, request)
        await post_contact(api, "late@x.example")
        assert (await api.delete(f"/v3/contacts/{gone}")).status == 204
        return progress

    monkeypatch.setattr(exports, "_begin", begin_and_be_late)
    done = await finished(await api.post(EXPORTS, {"fields": ["email"]}))
    assert {"items_total_count": 2, "items_completed_count": 2} == done["status"]
    text = (await api.get(done["_links"]["results"]["href"])).text
    assert "late@" not in text
    assert "ada@x.example,Removed" in text


def test_line_ends_are_told_from_those_in_quotes_wherever_a_piece_ends():
    text = b'a,"b ""\n""",c\n"\n",\n\n"""",x\n'
    for size in range(1, len(text) + 1):
        file = io.BytesIO()
        lines = exports.Lines(file)

        async def write(lines: Any = lines, size: int = size) -> None:
            for start in range(0, len(text), size):
                await lines.take(text[start : start + size])
            await lines.flush()

        asyncio.run(write())
        assert b'a,"b ""\n""",c\r\n"\n",\r\n\r\n"""",x\r\n' == file.getvalue()


def _named(asked: dict[str, Any], people: dict[str, str]) -> dict[str, Any]:
    """With ids in the place of names."""
    return {
        name: [people[each] for each in value] if isinstance(value, list)
        else _named(value, people) if isinstance(value, dict) else value
        for name, value in asked.items()
    }  # fmt: skip


def _as_text(asked: Any) -> Any:
    if isinstance(asked, dict):
        return {name: _as_text(value) for name, value in asked.items()}
    if isinstance(asked, list):
        return [_as_text(value) for value in asked]
    return asked if isinstance(asked, bool | int | str) else str(asked)
