"""What published clients send to contacts and read out of them. Source: contract, clients.md; the numbers are its rows."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi

KNOWN = "tobin@fernwick.example"


@pytest.fixture
async def tobin(api: Api) -> str:
    """A contact that a client knows from before."""
    answer = await api.post("/v3/contacts", {"email_address": {"address": KNOWN}, "create_source": "Account"})
    assert answer.status == 201, answer
    return str(answer.body["contact_id"])


async def sign_up(api: Api, list_id: object, **members: Any) -> Reply:
    body = {"email_address": "jody@example.com", "list_memberships": [str(list_id)], **members}
    return await api.post("/v3/contacts/sign_up_form", body)


async def everything_of(api: Api, contact_id: str) -> dict[str, Any]:
    include = "custom_fields,list_memberships,phone_numbers,street_addresses,notes,taggings"
    return dict((await api.get(f"/v3/contacts/{contact_id}", {"include": include})).body)


# 2: the owner's id is cut out of a conflict in five ways.


async def conflict(api: Api) -> str:
    taken = {"email_address": {"address": KNOWN.upper()}, "create_source": "Account"}
    answer = await api.post("/v3/contacts", taken)
    assert (409, "contacts.api.conflict") == (answer.status, answer.error_key)
    return answer.error_message


async def test_the_owner_of_a_taken_address_stands_behind_already_exists_for_contact(api: Api, tobin: str) -> None:
    assert tobin == (await conflict(api)).split("already exists for contact")[-1].strip()


async def test_the_owner_of_a_taken_address_follows_the_first_word_contact(api: Api, tobin: str) -> None:
    message = await conflict(api)
    assert tobin == message[message.index("contact") + 8 :]
    assert "Email already exists" in message


@pytest.mark.parametrize(
    "pattern",
    [
        re.compile(r".{8}-.{4}-.{4}-.{4}-.{12}"),
        re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}", re.IGNORECASE),
    ],
)
async def test_the_owner_of_a_taken_address_is_the_only_id_there(
    api: Api, tobin: str, pattern: re.Pattern[str]
) -> None:
    assert [tobin] == pattern.findall(await conflict(api))


async def test_what_follows_a_conflict_is_a_put_to_the_id_that_was_cut_out(api: Api, tobin: str) -> None:
    message = await conflict(api)
    body = {"email_address": {"address": KNOWN}, "first_name": "Tobin", "update_source": "Account"}
    answer = await api.put(f"/v3/contacts/{message[message.index('contact') + 8 :]}", body)
    assert (200, "Tobin") == (answer.status, answer.body["first_name"])  # 23: exactly 200


# 13: members that an importer takes for granted, each a string.


async def test_every_part_of_a_contact_has_an_id_and_dates(api: Api) -> None:
    body = {
        "email_address": {"address": "marisol@example.com", "permission_to_send": "implicit"},
        "create_source": "Account",
        "phone_numbers": [{"phone_number": "555-0101", "kind": "home"}],
        "street_addresses": [{"kind": "home", "street": "77 Quarry Row", "city": "Salem"}],
        "notes": [{"content": "Met at the fair."}],
    }
    created = await api.post("/v3/contacts", body)
    assert 201 == created.status  # 23: exactly 201
    for found in (created.body, await everything_of(api, created.body["contact_id"])):
        (phone,), (address,), (note,) = found["phone_numbers"], found["street_addresses"], found["notes"]
        for part in (found, found["email_address"], phone, address):
            assert is_django_date(part["created_at"])
            assert is_django_date(part["updated_at"])
        assert is_django_date(note["created_at"])
        assert all(UUID(each) for each in (phone["phone_number_id"], address["street_address_id"], note["note_id"]))


def is_django_date(text: str) -> bool:
    """12: `%Y-%m-%dT%H:%M:%SZ`, with a fraction or without; `+00:00` raises."""
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ")
    return True


# 14: the answer is unpacked into two arguments, so a third member raises.


async def test_a_sign_up_answers_two_members_and_no_third(api: Api, account: Account) -> None:
    def unpack(*, contact_id: str, action: str) -> tuple[UUID, str]:
        return UUID(contact_id), action

    created = await sign_up(api, account.list_id)
    updated = await sign_up(api, account.list_id)
    assert (201, "created") == (created.status, unpack(**created.body)[1])
    assert (200, "updated") == (updated.status, unpack(**updated.body)[1])


# 15: what a client has read it sends back, and sends more than the schema knows.


async def test_a_contact_that_was_read_can_be_sent_back_with_a_note_more(api: Api, tobin: str) -> None:
    read = await everything_of(api, tobin)
    read["notes"].append({"content": "Asked for the catalogue.", "created_at": "2026-01-01T00:00:00+00:00"})
    read["deleted_at"] = ""
    answer = await api.put(f"/v3/contacts/{tobin}", {**read, "update_source": "Account"})
    assert 200 == answer.status, answer
    found = await everything_of(api, tobin)
    assert ["Asked for the catalogue."] == [note["content"] for note in found["notes"]]
    # 40: the official package writes `+00:00` into notes; what comes out ends in Z all the same.
    assert all(is_django_date(note["created_at"]) for note in found["notes"])


@pytest.mark.parametrize(
    "extra",
    [
        {"phoner_number": "555-0102"},
        {"create_source": "Contact", "notes": [{"content": "x"}], "permission_to_send": "explicit"},
        {"phone_numbers": [{"phone_number": "555-0103", "kind": "mobile"}], "street_addresses": []},
        {"source": {"name": "form"}, "contact_count": None},
    ],
)
async def test_members_that_a_form_does_not_know_are_left_aside(
    api: Api, account: Account, extra: dict[str, Any]
) -> None:
    answer = await sign_up(api, account.list_id, **extra)
    assert (201, "created") == (answer.status, answer.body["action"])


async def test_an_unknown_email_beside_the_address_is_left_aside(api: Api) -> None:  # 41
    body = {"email": "x@example.com", "email_address": {"address": "x@example.com"}, "create_source": "Account"}
    assert 201 == (await api.post("/v3/contacts", body)).status


# 16: parts that forms send although nobody filled them in.


@pytest.mark.parametrize(
    "street_address",
    [{}, {"kind": "home"}, {"kind": "home", "street": "", "city": "", "state": "", "postal_code": "", "country": ""}],
)
async def test_an_address_that_nobody_filled_in_is_no_address(
    api: Api, account: Account, street_address: dict[str, str]
) -> None:
    answer = await sign_up(api, account.list_id, street_address=street_address, first_name="", last_name="")
    assert 201 == answer.status, answer
    assert [] == (await everything_of(api, answer.body["contact_id"]))["street_addresses"]


async def test_an_empty_phone_number_and_empty_names_are_tolerated(api: Api, tobin: str) -> None:
    empty = {"first_name": "", "last_name": "", "phone_numbers": [{"phone_number": ""}]}
    created = await api.post(
        "/v3/contacts", {**empty, "email_address": {"address": "modx@example.com"}, "create_source": "Account"}
    )
    changed = await api.put(
        f"/v3/contacts/{tobin}", {**empty, "email_address": {"address": KNOWN}, "update_source": "Account"}
    )
    assert (201, []) == (created.status, created.body["phone_numbers"])
    assert (200, []) == (changed.status, changed.body["phone_numbers"])


# 17: an empty answer is really empty.


async def test_a_deleted_contact_answers_nothing_at_all(api: Api, tobin: str) -> None:
    answer = await api.delete(f"/v3/contacts/{tobin}")
    assert (204, b"", None) == (answer.status, answer.content, answer.headers.get("content-type"))


# 20: the one text that the vendor's plugin compares, in an array of one.


@pytest.mark.parametrize("address", ["jody", "jody@example", "jody@@example.com", "jo dy@example.com"])
async def test_a_bad_address_on_a_form_is_told_in_the_words_that_are_compared(
    api: Api, account: Account, address: str
) -> None:
    answer = await sign_up(api, account.list_id, email_address=address, street_address={})
    expected = [{"error_key": "contacts.api.validation.error", "error_message": "Email address is invalid"}]
    assert (400, expected) == (answer.status, answer.body)


# 21: who unsubscribed is told from other refusals by a word.


async def test_bringing_back_who_unsubscribed_is_refused_with_the_word_unsubscribed(api: Api, tobin: str) -> None:
    def change(source: str, permission: str) -> dict[str, Any]:
        return {"update_source": source, "email_address": {"address": KNOWN, "permission_to_send": permission}}

    await api.put(f"/v3/contacts/{tobin}", change("Contact", "unsubscribed"))
    answer = await api.put(f"/v3/contacts/{tobin}", change("Account", "implicit"))
    assert (400, 1) == (answer.status, len(answer.body))
    assert "unsubscribed" in answer.error_message


# 25: looking somebody up by address.


@pytest.mark.parametrize("typed", [KNOWN, "Tobin@Fernwick.EXAMPLE", f" {KNOWN} "])
async def test_an_address_is_looked_up_whatever_its_case(api: Api, tobin: str, typed: str) -> None:
    found = (await api.get("/v3/contacts", {"email": typed, "include_count": "true"})).body
    assert (1, [tobin]) == (found["contacts_count"], [each["contact_id"] for each in found["contacts"]])


async def test_an_address_with_a_plus_is_found_although_the_plus_came_raw(api: Api) -> None:
    body = {"email_address": {"address": "jody+news@example.com"}, "create_source": "Account"}
    created = await api.post("/v3/contacts", body)
    answer = await api.get("/v3/contacts?email=jody+news@example.com&status=all")
    assert [created.body["contact_id"]] == [each["contact_id"] for each in answer.body["contacts"]]


async def test_unsubscribed_contacts_are_found_and_deleted_ones_when_all_are_asked_for(api: Api, tobin: str) -> None:
    out = {"address": KNOWN, "permission_to_send": "unsubscribed"}
    await api.put(f"/v3/contacts/{tobin}", {"update_source": "Account", "email_address": out})
    unsubscribed = (await api.get("/v3/contacts", {"email": KNOWN})).body["contacts"]
    await api.delete(f"/v3/contacts/{tobin}")

    assert ["unsubscribed"] == [each["email_address"]["permission_to_send"] for each in unsubscribed]
    assert {"contacts": [], "contacts_count": 0} == (
        await api.get("/v3/contacts", {"email": KNOWN, "include_count": "1"})
    ).body
    for status in ("all", "deleted"):
        assert 1 == len((await api.get("/v3/contacts", {"email": KNOWN, "status": status})).body["contacts"])


# 36: the vendor's plugin posts every member of the previous API.


async def test_a_form_full_of_members_of_the_previous_api_is_a_sign_up(api: Api, account: Account) -> None:
    empty: dict[str, Any] = dict.fromkeys(
        (
            "id", "status", "confirmed", "source", "prefix_name", "middle_name", "home_phone", "work_phone",
            "cell_phone", "fax", "created_date", "modified_date", "source_details", "birthday_month", "birthday_day",
            "month_anniversary", "job_title", "company_name", "phone_number", "last_name",
        )
    )  # fmt: skip
    lists_of_old: dict[str, Any] = {
        "email_addresses": [],
        "addresses": [],
        "lists": [],
        "notes": [],
        "custom_fields": [],
    }
    answer = await sign_up(
        api, account.list_id, **empty, **lists_of_old, first_name="Jody", anniversary="2010/05/04", street_address={}
    )
    assert 201 == answer.status, answer
    found = await everything_of(api, answer.body["contact_id"])
    assert ("Jody", "2010-05-04") == (found["first_name"], found["anniversary"])


# 38: old and new lists merged without looking.


async def test_a_list_named_twice_in_a_change_is_joined_once(api: Api, account: Account, tobin: str) -> None:
    twice = [str(account.list_id), str(account.list_id).upper()]
    body = {"email_address": {"address": KNOWN}, "update_source": "Account", "list_memberships": twice}
    answer = await api.put(f"/v3/contacts/{tobin}", body)
    assert (200, [str(account.list_id)]) == (answer.status, answer.body["list_memberships"])


# 39: an id that leads nowhere ends an importer.


async def test_a_deleted_list_is_on_no_contact_any_more(api: Api, account: Account, work: Any) -> None:
    list_id = (await api.post("/v3/contact_lists", {"name": "Readers"})).body["list_id"]
    signed_up = await sign_up(api, list_id)
    await api.delete(f"/v3/contact_lists/{list_id}")
    await work()
    page = (await api.get("/v3/contacts", {"include": "list_memberships"})).body["contacts"]
    lists = {each["list_id"] for each in (await api.get("/v3/contact_lists")).body["lists"]}
    assert {joined for contact in page for joined in contact["list_memberships"]} <= lists
    assert [] == (await everything_of(api, signed_up.body["contact_id"]))["list_memberships"]


# 44: the narrowest scopes that integrations ask for.


@pytest.mark.parametrize(
    "path", ["contacts", "contact_lists", "contact_custom_fields", "activities", "contacts/counts"]
)
async def test_the_scope_of_contacts_alone_opens_the_contacts(api: AccountApi, path: str) -> None:
    narrow = await api.with_scopes("contact_data offline_access")
    assert 200 == (await narrow.get(f"/v3/{path}", {"limit": "50"})).status


# Section 2: a contact as it was seen in answers of the real service.


async def test_a_contact_has_the_form_of_captured_answers(api: Api, tobin: str) -> None:
    email = (await api.get(f"/v3/contacts/{tobin}")).body["email_address"]
    assert ["address", "permission_to_send", "created_at", "updated_at", "opt_in_source", "opt_in_date",
            "confirm_status"] == list(email)  # fmt: skip
    assert ("implicit", "Account", "off") == (
        email["permission_to_send"], email["opt_in_source"], email["confirm_status"]
    )  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", email["opt_in_date"])


async def test_errors_have_the_words_of_captured_answers(api: Api) -> None:
    malformed = await api.get("/v3/contacts/171234")
    missing = await api.post("/v3/contacts", {"first_name": "A"})
    assert [{"error_key": "contacts.api.not_found", "error_message": "contact_id is in an invalid format."}] == (
        malformed.body
    )
    assert "create_source is missing, create_source does not have a valid value" == missing.error_message
