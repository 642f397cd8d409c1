"""What holds for every operation alike: who may, what a path and a body must be. Source: contract, conventions.md §4, §5, §15."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from everpost import app as web
from everpost.accounts import privileges
from everpost.platform import openapi
from everpost.platform.config import Settings
from everpost.platform.http import Door
from tests.support.api import Api, Reply
from tests.support.fixtures import AccountApi

UNKNOWN = "01890000-0000-7000-8000-000000000000"
UNKNOWN_NUMBER = "987654"
MALFORMED = "not-a-uuid"
NO_SCOPE = {"error_key": "access_denied", "error_message": "Request forbidden due to insufficient scope."}
NO_RIGHT = {"error_key": "access_denied", "error_message": "Request forbidden due to insufficient user privileges."}
TYPES = {
    "contacts": "Unsupported Media Type",
    "": "The payload must be JSON and Content-Type must be application/json.",
}
NO_METHOD = "The requested resource does not support the method used."

# §5.2: the schema lists no 400 for these, so their malformed ids are not found.
NOT_FOUND_INSTEAD = {("GET", "contact_lists"), ("DELETE", "contact_lists"), ("DELETE", "contact_custom_fields")}
EMAIL = {"from_name": "N", "from_email": "a@b.example", "reply_to_email": "a@b.example", "subject": "S"}
# Campaign doors judge the shape of a body before they look for what the path names.
ACCEPTABLE = {
    ("PATCH", "/v3/emails/{campaign_id}"): {"name": "Spring"},
    ("PUT", "/v3/emails/activities/{campaign_activity_id}"): EMAIL,
    ("POST", "/v3/emails/activities/{campaign_activity_id}/schedules"): {"scheduled_date": "0"},
    ("POST", "/v3/emails/activities/{campaign_activity_id}/tests"): {"email_addresses": ["a@b.example"]},
    ("POST", "/v3/emails/activities/{campaign_activity_id}/non_opener_resends"): {
        "resend_subject": "S",
        "delay_days": 2,
    },
    ("POST", "/v3/emails/activities/{campaign_activity_id}/abtest"): {
        "alternative_subject": "S",
        "test_size": 10,
        "winner_wait_duration": 24,
    },
}


def doors() -> list[Door]:
    return [door for door in web.all_doors() if door.kind == "api"]


def of_one_thing() -> list[Door]:
    """Doors whose path names something by an id."""
    return [door for door in doors() if "_id}" in door.path]


def path_of(door: Door, value: str = UNKNOWN) -> str:
    """With one id for all; those of segments and resends are numbers."""
    number = UNKNOWN_NUMBER if value.lower() == UNKNOWN else value
    path = re.sub(r"\{(segment_id|resend_request_id)\}", number, door.path)
    return re.sub(r"\{\w+\}", value, path)


def is_of_contacts(door: Door) -> bool:
    return door.path.split("/")[2] in (
        "contacts",
        "contact_lists",
        "contacts_lists",
        "contact_tags",
        "contact_custom_fields",
        "contact_exports",
        "contacts_exports",
        "activities",
        "segments",
    )


def key_of(door: Door, kind: str) -> str:
    """§5.2: the platform's errors carry a prefix under contacts only."""
    return f"contacts.api.{kind}" if is_of_contacts(door) else kind


def not_found_key(door: Door) -> str:
    family = door.path.split("/")[2]
    if is_of_contacts(door) and family != "segments":
        return "contacts.api.not_found"
    keys = {"segments": "segments.api", "emails": "emails.api", "reports": "reportingsvc"}
    return f"{keys[family]}.not_found"


async def ask(api: Api, door: Door, path: str, body: Any = None) -> Reply:
    """With a body and a period where they are needed, so that nothing but what is tested can be wrong."""
    if path.endswith(("/open_and_click_rates", "/activity_summary")):
        path += "?start=2031-01-01&end=2031-02-01"
    is_json = door.data_kind is not None
    return await api.request(door.method, path, json=(body if body is not None else {}) if is_json else None)


def differences(found: Iterator[tuple[Door, Any, Any]]) -> list[str]:
    return [
        f"{door.method} {door.path}: {actual} instead of {expected}"
        for door, expected, actual in found
        if expected != actual
    ]


async def test_without_a_token_every_operation_is_unauthorized(api: AccountApi) -> None:
    found = [(door, await ask(api.anonymous(), door, path_of(door))) for door in doors()]
    expected = (401, {"error_key": "unauthorized", "error_message": "Unauthorized"})
    assert [] == differences((door, expected, (answer.status, answer.body)) for door, answer in found)
    assert all("Bearer" in answer.headers["www-authenticate"] for _, answer in found)


async def test_without_its_scope_every_operation_is_forbidden(api: AccountApi) -> None:
    nothing = await api.with_scopes("offline_access")
    found = [(door, await ask(nothing, door, path_of(door))) for door in doors() if door.scopes]
    assert [] == differences((door, (403, NO_SCOPE), (answer.status, answer.body)) for door, answer in found)
    assert ["/v3/account/user/privileges", "/v3/token_info"] == [door.path for door in doors() if not door.scopes]
    assert 200 == (await nothing.get("/v3/account/user/privileges")).status


@pytest.mark.parametrize("role", ["campaign_creator", "account_manager"])
async def test_what_a_role_may_not_is_forbidden_and_nothing_else(api: AccountApi, role: Any) -> None:
    colleague = await api.as_role(role)
    rights = privileges.of_role(role)
    found = [(door, await ask(colleague, door, path_of(door))) for door in doors()]
    assert [] == differences(
        (door, door.privilege is None or door.privilege in rights, answer.status != 403) for door, answer in found
    )
    assert [] == differences((door, NO_RIGHT, answer.body) for door, answer in found if answer.status == 403)
    assert any(answer.status == 403 for _, answer in found)


async def test_an_id_that_is_none_is_told_with_its_name(api: AccountApi) -> None:
    found = [(door, await ask(api, door, path_of(door, MALFORMED))) for door in of_one_thing()]

    def expected(door: Door) -> tuple[int, list[dict[str, str]]]:
        status = 404 if (door.method, door.path.split("/")[2]) in NOT_FOUND_INSTEAD else 400
        name = re.findall(r"\{(\w+)\}", door.path)[0]
        message = f"{name} is in an invalid format."
        return status, [{"error_key": not_found_key(door), "error_message": message}]

    assert [] == differences((door, expected(door), (answer.status, answer.body)) for door, answer in found)
    assert len(found) > 20


async def test_an_id_that_nothing_has_is_not_found(api: AccountApi) -> None:
    found = [
        (door, await ask(api, door, path_of(door), ACCEPTABLE.get((door.method, door.path)))) for door in of_one_thing()
    ]

    def expected(door: Door) -> tuple[int, list[dict[str, str]]]:
        message = "The requested resource was not found."
        return 404, [{"error_key": not_found_key(door), "error_message": message}]

    assert [] == differences((door, expected(door), (answer.status, answer.body)) for door, answer in found)


async def test_a_method_that_a_path_does_not_know_is_told_those_it_knows(api: AccountApi) -> None:
    methods: dict[str, set[str]] = {}
    for door in doors():
        methods.setdefault(door.path, set()).add(door.method)
    checked = 0
    for door in doors():
        known = methods[door.path]
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            answer = await api.request(method, path_of(door), json={})
            if answer.status != 405:
                # A literal path that a door with a parameter serves as well, such as /contacts/counts.
                assert any(is_served_as_well(other, door.path, method) for other in doors()), (method, door.path)
                continue
            checked += 1
            assert [{"error_key": key_of(door, "method_not_allowed"), "error_message": NO_METHOD}] == answer.body
            assert known | ({"HEAD"} if "GET" in known else set()) == set(answer.headers["allow"].split(", "))
    assert checked > 60


def is_served_as_well(door: Door, path: str, method: str) -> bool:
    pattern = re.sub(r"\{\w+\}", "[^/]+", door.path)
    return door.method == method and re.fullmatch(pattern, path) is not None


async def test_a_body_of_plain_text_is_refused_by_every_operation_that_reads_one(api: AccountApi) -> None:
    readers = [door for door in doors() if door.data_kind is not None or door.consumes == "multipart"]
    for door in readers:
        answer = await api.request(door.method, path_of(door), content=b"{}", headers={"Content-Type": "text/plain"})
        message = TYPES["contacts" if is_of_contacts(door) else ""]
        assert (415, [{"error_key": key_of(door, "unsupported_media_type"), "error_message": message}]) == (
            answer.status,
            answer.body,
        ), door.path
    assert len(readers) > 15


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"", b"{", b'{"name": "\xff"}', b"\xef\xbb\xbf["])
async def test_a_body_that_is_no_object_is_never_more_than_a_bad_request(api: AccountApi, body: bytes) -> None:
    """Some clients send `null` from every method whose argument they have misnamed."""
    for door in doors():
        if door.data_kind is None or (not body and door.is_data_optional):
            continue
        answer = await api.request(door.method, path_of(door), content=body)
        assert 400 == answer.status, (door.method, door.path, answer)
        assert isinstance(answer.body, list)
        if is_of_contacts(door):
            assert "Bad request. The JSON was malformed." == answer.error_message
        else:
            # Whatever is wrong with a request of this one has one key. Source: contract, auth.md §1.
            assert ".api.json.malformed" in answer.error_key or door.path == "/v3/token_info"


async def test_whatever_is_accepted_the_answer_is_json(api: AccountApi) -> None:
    for door in doors():
        if door.method != "GET" or "{" in door.path or "xrefs" in door.path:
            continue
        for accept in ("text/html", "image/png", "", "*/*"):
            answer = await api.get(door.path, {"start_at": "2026-01-01"}, headers={"Accept": accept})
            assert (200, "application/json") == (answer.status, answer.headers["content-type"]), door.path


async def test_a_slash_at_the_end_and_a_head_count_for_nothing(api: AccountApi) -> None:
    for door in doors():
        if door.method != "GET" or "{" in door.path:
            continue
        plain, slashed = await api.get(door.path), await api.get(door.path + "/")
        head = await api.request("HEAD", door.path)
        assert (plain.status, plain.body) == (slashed.status, slashed.body)
        assert (plain.status, b"", plain.headers["content-length"]) == (
            head.status,
            head.content,
            head.headers["content-length"],
        )


async def test_every_collection_refuses_a_limit_and_a_cursor_that_are_none(api: AccountApi) -> None:
    paged = [door for door in doors() if door.is_paged and "{" not in door.path]
    for door in paged:
        joined = "" if is_of_contacts(door) else " does not have a valid value"
        for limit in ("0", "-1", "1001", "ten", "", "1.5"):
            answer = await api.get(door.path, {"limit": limit})
            assert (400, "limit does not have a valid value") == (answer.status, answer.error_message), door.path
        answer = await api.get(door.path, {"cursor": "tampered"})
        assert (400, f"cursor{joined or ' is invalid'}") == (answer.status, answer.error_message), door.path
    assert len(paged) >= 6


async def test_a_body_that_is_too_large_is_refused_by_its_length(api: AccountApi) -> None:
    """Imports are cut instead, up to what any file of theirs can be."""
    for door in doors():
        if door.data_kind is None:
            continue
        headers = {"Content-Length": str(100 * 1024 * 1024), "Content-Type": "application/json"}
        answer = await api.request(door.method, path_of(door), content=b"{}", headers=headers)
        family = door.path.split("/")[2]
        family = "contacts" if is_of_contacts(door) and family != "segments" else family
        expected = [{"error_key": f"{family}.api.payload_too_large", "error_message": "The request body is too large."}]
        assert (413, expected) == (answer.status, answer.body), door.path


async def test_an_id_is_read_in_any_case(api: AccountApi) -> None:
    found = [
        (door, await ask(api, door, path_of(door, UNKNOWN.upper()), ACCEPTABLE.get((door.method, door.path))))
        for door in of_one_thing()
    ]
    assert [] == differences((door, 404, answer.status) for door, answer in found)


def test_the_document_tells_of_rarer_refusals(settings: Settings) -> None:
    document = openapi.document(web.all_doors(), web.ABOUT)
    assert "404" in document["paths"]["/account/summary/physical_address"]["get"]["responses"]
    # Of the application's limits as an object, of test sends and queued activities as an array.
    too_many = document["components"]["responses"]["429"]["content"]["application/json"]["schema"]
    assert {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("ErrorElement", "Errors")]} == too_many
