"""What an import refuses while the client waits. Source: contract, bulk-activities.md §3.1, §3.2, §8."""

from typing import Any
from uuid import uuid4

import pytest

from everpost.activities import import_requests, ledger
from everpost.activities.ledger import New
from everpost.ids import ActivityId, new_id

FILE = "/v3/activities/contacts_file_import"
JSON = "/v3/activities/contacts_json_import"


@pytest.mark.parametrize(
    ("content", "parts", "message"),
    [
        ("", {}, "file is empty"),
        ("\r\n \n", {}, "file is empty"),
        ("first_name\nAda\n", {}, "Validation failed: The file must contain an email or sms_number column"),
        ("email,E-Mail\na@x.example,b\n", {}, None),
        ("email,Email_Address\na@x.example,b\n", {}, "Validation failed: The file contains the email column twice"),
        ("email,cf:a b,cf:A_B\n", {}, "Validation failed: The file contains the cf:a_b column twice"),
        (
            "sms_number\n2125550100\n", {},
            "sms_permission_to_send is missing, sms_permission_to_send does not have a valid value",
        ),
        (
            "sms_number\n2125550100\n", {"sms_permission_to_send": "explicit"},
            "Validation failed: The file must contain an sms_consent_date column",
        ),
        ("sms_number\n2125550100\n", {"sms_permission_to_send": "not_set"}, None),
        ("email\n", {"sms_permission_to_send": "yes"}, "sms_permission_to_send does not have a valid value"),
        ("email\n", {"list_ids": None}, "list_ids is missing"),
        ("email\n", {"list_ids": " "}, "list_ids is empty"),
        ("email\n", {"list_ids": "nonsense"}, "list_ids is invalid"),
        ("email\n", {"list_ids": '["a",'}, "list_ids is invalid"),
        ("email\n", {"list_ids": "[1]"}, "list_ids is invalid"),
        (
            "email\n", {"list_ids": ",".join(str(uuid4()) for _ in range(51))},
            "list_ids has too many items (maximum is 50)",
        ),
    ],
)  # fmt: skip
async def test_a_file_is_accepted_by_its_headings_and_parts(import_file, content, parts, message):
    answer = await import_file(content, **parts)
    if message is None:
        assert answer.status == 201, answer
    else:
        assert (400, "contacts.api.validation.error", message) == (
            answer.status, answer.error_key, answer.error_message,
        )  # fmt: skip
        assert isinstance(answer.body, list)


async def test_a_list_that_does_not_exist_is_404(import_file):
    answer = await import_file("email\n", list_ids=str(uuid4()))
    assert (404, "contacts.api.not_found") == (answer.status, answer.error_key)


async def test_a_missing_file_is_named_with_the_other_missing_part(api):
    answer = await api.post(FILE, data={"x": "y"}, files={"other": ("a.csv", b"email\n")})
    assert (400, "file is missing, list_ids is missing") == (answer.status, answer.error_message)


@pytest.mark.parametrize("name", ["people.txt", "people.csv.exe", "people"])
async def test_a_file_by_another_name_is_415(import_file, name):
    answer = await import_file("email\n", name=name)
    assert (415, "contacts.api.unsupported_media_type") == (answer.status, answer.error_key)


async def test_the_name_may_be_in_any_case(import_file):
    assert (await import_file("email\n", name="PEOPLE.CSV")).status == 201


@pytest.mark.parametrize("media_type", ["application/json", "text/csv", "application/x-www-form-urlencoded"])
async def test_anything_but_multipart_is_415(api, media_type):
    answer = await api.post(FILE, content=b"email\n", headers={"Content-Type": media_type})
    assert (415, "contacts.api.unsupported_media_type") == (answer.status, answer.error_key)


async def test_multipart_without_a_boundary_is_400(api):
    answer = await api.post(FILE, content=b"--x\r\n", headers={"Content-Type": "multipart/form-data"})
    assert 400 == answer.status
    assert isinstance(answer.body, list)


async def test_lists_may_come_in_repeated_parts(api, account, finished, contacts):
    other = (await api.post("/v3/contact_lists", {"name": "Other"})).body["list_id"]
    lists = [str(account.list_id), other, other]
    answer = await api.post(FILE, data={"list_ids": lists}, files={"file": ("a.csv", b"email\nada@x.example\n")})
    await finished(answer)
    assert set((await contacts())["ada@x.example"]["list_memberships"]) == set(lists)


async def test_a_json_import_takes_the_same_columns(api, account, finished, contacts):
    people = [
        {
            "email": "ada@x.example",
            "first_name": "Ada",
            "birthday_month": 12,
            "birthday_day": 10,
            "home_city": "London",
        },
        "nobody",
        {"Email Address": "bo@x.example", "First Name": " Bo ", "job_title": None, "cf:colour": "red"},
        {"email": "nonsense"},
        {"email": ["x"]},
        {},
    ]
    done = await finished(await api.post(JSON, {"import_data": people, "list_ids": [str(account.list_id)]}))
    assert "source_file_name" not in done
    assert done["status"] == {
        "items_total_count": 6, "person_count": 6, "error_count": 2, "correctable_count": 2,
        "cannot_add_to_list_count": 0,
    }  # fmt: skip
    assert done["activity_errors"] == [
        "Unknown custom field: cf:colour",
        "Item 2: Not an object",
        "Item 4: Invalid email address",
        "Item 5: Invalid value for email",
        "Item 6: No email address, SMS number or name",
    ]
    found = await contacts()
    assert (found["ada@x.example"]["birthday_month"], found["bo@x.example"]["first_name"]) == (12, "Bo")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "import_data is missing, list_ids is missing"),
        ({"import_data": [], "list_ids": [str(uuid4())]}, "import_data is empty"),
        ({"import_data": [{}], "list_ids": []}, "list_ids is empty"),
        ({"import_data": {}, "list_ids": ["x"]}, "import_data is invalid, list_ids[0] is invalid"),
        ({"import_data": [{}], "list_ids": [str(uuid4()) for _ in range(51)]}, "list_ids has too many items (maximum is 50)"),
        (
            {"import_data": [{}], "list_ids": ["00000000-0000-4000-8000-000000000001"]},
            "list_ids contains an invalid id: 00000000-0000-4000-8000-000000000001",
        ),
        (
            {"import_data": [{}], "list_ids": [str(uuid4())], "sms_permission_to_send": "maybe"},
            "sms_permission_to_send does not have a valid value",
        ),
    ],
)  # fmt: skip
async def test_a_json_import_says_what_is_wrong_with_it(api, body, message):
    answer = await api.post(JSON, body)
    assert (400, "contacts.api.validation.error", message) == (
        answer.status, answer.error_key, answer.error_message,
    )  # fmt: skip


async def test_items_are_counted_where_a_json_import_is_cut(api, account):
    lists = [str(account.list_id)]
    short = await api.post(JSON, {"import_data": [{}] * 40_001, "list_ids": lists})
    assert (400, "import_data has too many items (maximum is 40000)") == (short.status, short.error_message)
    long = [{"email": f"a{number}@x.example", "first_name": "x" * 150} for number in range(40_001)]
    assert 201 == (await api.post(JSON, {"import_data": long, "list_ids": lists})).status


async def test_more_than_1000_waiting_activities_are_refused_before_the_fields_are_looked_at(
    api, db, account, import_file
):
    async with db.transaction() as conn:
        for _ in range(1000):
            new = New(activity_id=ActivityId(new_id()), kind=import_requests.FILE, request={}, counters={})
            await ledger.open_entry(conn, account.account_id, new)
    for answer in (
        await import_file("", list_ids=None),
        await api.post(JSON, {}),
        await api.post("/v3/activities/list_delete", {}),
    ):
        assert (429, "contacts.api.too_many_activities") == (answer.status, answer.error_key)
        assert answer.error_message == "You exceeded 1,000 queued activities for this user account."
        assert isinstance(answer.body, list)
    assert (await api.delete(f"/v3/contact_lists/{account.list_id}")).status == 202


@pytest.mark.parametrize("method_and_path", [("POST", FILE), ("POST", JSON), ("GET", "/v3/activities")])
async def test_the_scope_is_asked_for(api: Any, method_and_path):
    other = await api.with_scopes("campaign_data")
    method, path = method_and_path
    answer = await other.request(method, path)
    assert (403, "access_denied") == (answer.status, answer.error_key)
