"""Bad requests and what they are told: status, envelope, key and message, word for word from the contract."""

from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.support.fixtures import Account, AccountApi

UNKNOWN = "01890000-0000-7000-8000-000000000000"
JSON = "Bad request. The JSON was malformed."
FOUND = "The requested resource was not found."


class Bad(NamedTuple):
    """One bad request; `{list}`, `{contact}`, `{campaign}`, `{activity}` stand for things that exist."""

    name: str
    method: str
    path: str
    body: Any
    status: int
    key: str
    message: str
    headers: dict[str, str] = {}


INVALID = "contacts.api.validation.error"
SENDER = {"from_name": "N", "from_email": "owner@harborlane.example", "reply_to_email": "owner@harborlane.example"}
CONTENT = {"format_type": 5, **SENDER, "subject": "S", "html_content": "<p>x</p>"}
EMAIL_INVALID = "emails.api.validation.error"
FIRST = "email_campaign_activities[0]"


def _campaign(**changes: Any) -> dict[str, Any]:
    content = {name: value for name, value in (CONTENT | changes).items() if value is not ...}
    return {"name": "New", "email_campaign_activities": [content]}


CONTACTS = [
    Bad("no source", "POST", "/contacts", {"first_name": "A"}, 400, INVALID,
        "create_source is missing, create_source does not have a valid value"),
    Bad("a source in the wrong case", "POST", "/contacts", {"first_name": "A", "create_source": "contact"}, 400, INVALID,
        "create_source does not have a valid value"),
    Bad("nothing that names a person", "POST", "/contacts", {"create_source": "Account"}, 400, INVALID,
        "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided"),
    Bad("a first name of 51", "POST", "/contacts", {"create_source": "Account", "first_name": "a" * 51}, 400, INVALID,
        "first_name is too long (maximum is 50 characters)"),
    Bad("an email object without address", "POST", "/contacts", {"create_source": "Account", "email_address": {}}, 400,
        INVALID, "email_address[address] is missing"),
    Bad("an unknown permission", "POST", "/contacts", {"create_source": "Account", "email_address": {
        "address": "a@b.example", "permission_to_send": "maybe"}}, 400, INVALID,
        "email_address[permission_to_send] does not have a valid value"),
    Bad("four phone numbers", "POST", "/contacts", {"create_source": "Account", "first_name": "A",
        "phone_numbers": [{"phone_number": str(number)} for number in range(4)]}, 400, INVALID,
        "phone_numbers has too many items (maximum is 3)"),
    Bad("a phone of an unknown kind", "POST", "/contacts", {"create_source": "Account", "first_name": "A",
        "phone_numbers": [{"phone_number": "1"}, {"phone_number": "2", "kind": "boat"}]}, 400, INVALID,
        "phone_numbers[1][kind] does not have a valid value"),
    Bad("an address without kind", "POST", "/contacts", {"create_source": "Account", "first_name": "A",
        "street_addresses": [{"city": "Salem"}]}, 400, INVALID,
        "street_addresses[0][kind] is missing, street_addresses[0][kind] does not have a valid value"),
    Bad("a list that does not exist", "POST", "/contacts", {"create_source": "Account", "first_name": "A",
        "list_memberships": [UNKNOWN]}, 400, INVALID, f"list_memberships contains an invalid id: {UNKNOWN}"),
    Bad("fifty-one lists", "POST", "/contacts", {"create_source": "Account", "first_name": "A",
        "list_memberships": [str(UUID(int=number)) for number in range(51)]}, 400, INVALID,
        "list_memberships has too many items (maximum is 50)"),
    Bad("a name that is a number", "POST", "/contacts", {"create_source": "Account", "first_name": 7}, 400, INVALID,
        "first_name is invalid"),
    Bad("a month of 13", "POST", "/contacts", {"create_source": "Account", "first_name": "A", "birthday_month": 13,
        "birthday_day": 1}, 400, INVALID, "birthday_month does not have a valid value"),
    Bad("a broken body", "POST", "/contacts", b'{"create_source":', 400, INVALID, JSON),
    Bad("a body that is null", "POST", "/contacts", b"null", 400, INVALID, JSON),
    Bad("a body that is an array", "POST", "/contacts", b"[]", 400, INVALID, JSON),
    Bad("an empty body", "POST", "/contacts", b"", 400, INVALID, JSON),
    Bad("a body of plain text", "POST", "/contacts", b"{}", 415, "contacts.api.unsupported_media_type",
        "Unsupported Media Type", {"Content-Type": "text/plain"}),
    Bad("a compressed body", "POST", "/contacts", b"{}", 415, "contacts.api.unsupported_media_type",
        "Unsupported Media Type", {"Content-Encoding": "gzip", "Content-Type": "application/json"}),
    Bad("an address that is taken", "POST", "/contacts", {"create_source": "Account", "email_address": {
        "address": "OWNER@harborlane.example"}}, 409, "contacts.api.conflict",
        "Validation failed: Email already exists for contact {contact}"),
    Bad("a contact id that is a word", "GET", "/contacts/odile", None, 400, "contacts.api.not_found",
        "contact_id is in an invalid format."),
    Bad("an unknown contact", "GET", f"/contacts/{UNKNOWN}", None, 404, "contacts.api.not_found", FOUND),
    Bad("an unknown subresource", "GET", "/contacts/{contact}?include=boats", None, 400, INVALID,
        "include does not have a valid value"),
    Bad("a bad body for an unknown contact", "PUT", f"/contacts/{UNKNOWN}", {}, 404, "contacts.api.not_found", FOUND),
    Bad("an update without source", "PUT", "/contacts/{contact}", {"first_name": "A"}, 400, INVALID,
        "update_source is missing, update_source does not have a valid value"),
    Bad("explicit back to implicit", "PUT", "/contacts/{explicit}", {"update_source": "Account", "email_address": {
        "address": "explicit@reader.example", "permission_to_send": "implicit"}}, 400, INVALID,
        "Validation failed: permission_to_send cannot be changed from explicit to implicit"),
    Bad("deleting an unknown contact", "DELETE", f"/contacts/{UNKNOWN}", None, 404, "contacts.api.not_found", FOUND),
    Bad("a method that is not served", "PATCH", "/contacts", {}, 405, "contacts.api.method_not_allowed",
        "The requested resource does not support the method used."),
    Bad("a limit of none", "GET", "/contacts?limit=0", None, 400, INVALID, "limit does not have a valid value"),
    Bad("a limit over the most", "GET", "/contacts?limit=501", None, 400, INVALID, "limit does not have a valid value"),
    Bad("an unknown status", "GET", "/contacts?status=asleep", None, 400, INVALID, "status does not have a valid value"),
    Bad("a list filter that is no id", "GET", "/contacts?lists=readers", None, 400, INVALID, "lists is invalid"),
    Bad("an unreadable date", "GET", "/contacts?updated_after=yesterday", None, 400, INVALID, "updated_after is invalid"),
    Bad("a made-up cursor", "GET", "/contacts?cursor=bGltaXQ9NQ==", None, 400, INVALID, "cursor is invalid"),
    Bad("counts of something else", "GET", "/contacts/counts?include=boats", None, 400, INVALID,
        "include does not have a valid value"),
    Bad("a sign-up without list", "POST", "/contacts/sign_up_form", {"email_address": "a@b.example"}, 400, INVALID,
        "list_memberships is missing"),
    Bad("a sign-up without identity", "POST", "/contacts/sign_up_form", {"list_memberships": ["{list}"]}, 400, INVALID,
        "email_address, sms_channel are missing, at least one parameter must be provided"),
]  # fmt: skip

LISTS = [
    Bad("a list without name", "POST", "/contact_lists", {}, 400, INVALID, "name is missing"),
    Bad("a list of blanks", "POST", "/contact_lists", {"name": "  "}, 400, INVALID, "name is empty"),
    Bad("a name of 256", "POST", "/contact_lists", {"name": "a" * 256}, 400, INVALID,
        "name is too long (maximum is 255 characters)"),
    Bad("a name that is taken", "POST", "/contact_lists", {"name": "my contacts"}, 409, "contacts.api.conflict",
        "Validation failed: Name already exists for list {list}"),
    Bad("a list id that is a number", "GET", "/contact_lists/171234", None, 404, "contacts.api.not_found",
        "list_id is in an invalid format."),
    Bad("an unknown list", "GET", f"/contact_lists/{UNKNOWN}", None, 404, "contacts.api.not_found", FOUND),
    Bad("members counted otherwise", "GET", "/contact_lists?include_membership_count=some", None, 400, INVALID,
        "include_membership_count does not have a valid value"),
    Bad("a limit over a thousand", "GET", "/contact_lists?limit=1001", None, 400, INVALID,
        "limit does not have a valid value"),
    Bad("deleting an unknown list", "DELETE", f"/contact_lists/{UNKNOWN}", None, 404, "contacts.api.not_found", FOUND),
    Bad("no sequence ids", "GET", "/contact_lists/list_id_xrefs", None, 400, INVALID, "sequence_ids is missing"),
]  # fmt: skip

ACTIVITIES = [
    Bad("an unknown activity", "GET", f"/activities/{UNKNOWN}", None, 404, "contacts.api.not_found", FOUND),
    Bad("an activity id that is a word", "GET", "/activities/import", None, 400, "contacts.api.not_found",
        "activity_id is in an invalid format."),
    Bad("an unknown state", "GET", "/activities?state=asleep", None, 400, INVALID, "state does not have a valid value"),
    Bad("a CSV import by JSON", "POST", "/activities/contacts_file_import", {}, 415,
        "contacts.api.unsupported_media_type", "Unsupported Media Type"),
    Bad("no import data", "POST", "/activities/contacts_json_import", {"list_ids": ["{list}"]}, 400, INVALID,
        "import_data is missing"),
    Bad("no lists to import into", "POST", "/activities/contacts_json_import", {"import_data": [{"email": "a@b.example"}]},
        400, INVALID, "list_ids is missing"),
]  # fmt: skip

EMAILS = [
    Bad("a campaign without name", "POST", "/emails", {"email_campaign_activities": [CONTENT]}, 400, EMAIL_INVALID,
        "name is required."),
    Bad("a campaign without subject", "POST", "/emails", _campaign(subject=...), 400, EMAIL_INVALID,
        f"{FIRST}.subject is required."),
    Bad("a broken campaign", "POST", "/emails", b"{", 400, "emails.api.json.malformed",
        "The request body is not valid JSON."),
    Bad("a campaign of plain text", "POST", "/emails", b"{}", 415, "unsupported_media_type",
        "The payload must be JSON and Content-Type must be application/json.", {"Content-Type": "text/plain"}),
    Bad("an unknown campaign", "GET", f"/emails/{UNKNOWN}", None, 404, "emails.api.not_found", FOUND),
    Bad("a campaign id that is a word", "GET", "/emails/spring", None, 400, "emails.api.not_found",
        "campaign_id is in an invalid format."),
    Bad("a limit of 501", "GET", "/emails?limit=501", None, 400, EMAIL_INVALID, "limit does not have a valid value"),
    Bad("a bad cursor", "GET", "/emails?cursor=x", None, 400, EMAIL_INVALID, "cursor does not have a valid value"),
    Bad("a name that is used", "POST", "/emails", _campaign() | {"name": "TIDE TABLE"}, 409, "emails.api.conflict",
        "name is already used by another email campaign."),
    Bad("an unknown activity of a campaign", "GET", f"/emails/activities/{UNKNOWN}", None, 404, "emails.api.not_found",
        FOUND),
    Bad("an activity id of a campaign that is a word", "GET", "/emails/activities/x", None, 400, "emails.api.not_found",
        "campaign_activity_id is in an invalid format."),
    Bad("a bad body for an unknown campaign activity", "PUT", f"/emails/activities/{UNKNOWN}", {}, 400, EMAIL_INVALID,
        "from_name is required."),
    Bad("a method that campaigns do not serve", "PUT", "/emails", {}, 405, "method_not_allowed",
        "The requested resource does not support the method used."),
    Bad("a schedule without audience", "POST", "/emails/activities/{activity}/schedules", {"scheduled_date": "0"}, 400,
        "emails.api.invalid_state", "contact_list_ids or segment_ids must be set before scheduling."),
    Bad("a schedule without date", "POST", "/emails/activities/{activity}/schedules", {}, 400, EMAIL_INVALID,
        "scheduled_date is required."),
]  # fmt: skip

REPORTS = [
    Bad("a report on an unknown activity", "GET", f"/reports/email_reports/{UNKNOWN}/tracking/sends", None, 404,
        "reportingsvc.not_found", FOUND),
    Bad("a report on a word", "GET", "/reports/email_reports/x/tracking/opens", None, 400, "reportingsvc.not_found",
        "campaign_activity_id is in an invalid format."),
    Bad("a report page of 501", "GET", "/reports/email_reports/{activity}/tracking/clicks?limit=501", None, 400,
        "reportingsvc.validation.error", "limit does not have a valid value"),
    Bad("links with clicks of a kind", "GET", "/reports/email_reports/{activity}/links?no_clicks=perhaps", None, 400,
        "reportingsvc.validation.error", "no_clicks does not have a valid value"),
    Bad("statistics of an unknown campaign", "GET", f"/reports/stats/email_campaigns/{UNKNOWN}", None, 404,
        "reportingsvc.not_found.invalid_path_param.campaign_ids.",
        "Could not find any campaign stats for all requested campaigns."),
    Bad("statistics of a word", "GET", "/reports/stats/email_campaigns/x", None, 404,
        "reportingsvc.not_found.invalid_path_param.campaign_ids.",
        "Could not find any campaign stats for all requested campaigns."),
    Bad("activity statistics of a word", "GET", "/reports/stats/email_campaign_activities/x", None, 404,
        "reportingsvc.not_found.invalid_path_param.campaign_activity_ids.",
        "Could not find any campaign activity stats for all requested campaign activities."),
    Bad("a bounce code in small letters", "GET", "/reports/email_reports/{activity}/tracking/bounces?bounce_code=b", None,
        400, "reportingsvc.validation.error", "bounce_code does not have a valid value"),
]  # fmt: skip

ELSEWHERE = [
    Bad("a path that is not served", "GET", "/boats", None, 404, "not_found", FOUND),
    Bad("a sender without address", "POST", "/account/emails", {}, 400, "account.api.validation.error",
        "email_address is required."),
    Bad("two filters at once", "GET", "/account/emails?confirm_status=C&role_code=C", None, 400,
        "account.api.validation.error", ""),
]  # fmt: skip

TABLE = [*CONTACTS, *LISTS, *ACTIVITIES, *EMAILS, *REPORTS, *ELSEWHERE]


@pytest.fixture
async def things(api: AccountApi, account: Account) -> dict[str, str]:
    """What the table's paths and bodies name."""
    owner = await api.get("/v3/contacts", {"email": account.email})
    explicit = {"create_source": "Contact", "email_address": {"address": "explicit@reader.example"}}
    person = await api.post("/v3/contacts", explicit)
    campaign = await api.post("/v3/emails", _campaign() | {"name": "Tide Table"})
    return {
        "list": str(account.list_id),
        "contact": owner.body["contacts"][0]["contact_id"],
        "explicit": person.body["contact_id"],
        "campaign": campaign.body["campaign_id"],
        "activity": campaign.body["campaign_activities"][0]["campaign_activity_id"],
    }


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.name)
async def test_a_bad_request_is_told_what_is_wrong(api: AccountApi, things: dict[str, str], bad: Bad) -> None:
    path = "/v3" + filled(bad.path, things)
    if isinstance(bad.body, bytes):
        answer = await api.request(bad.method, path, content=bad.body, headers=bad.headers)
    else:
        answer = await api.request(bad.method, path, json=filled_body(bad.body, things), headers=bad.headers)
    assert (bad.status, bad.key) == (answer.status, answer.error_key), answer
    assert isinstance(answer.body, list)
    if bad.message:
        assert filled(bad.message, things) in [error["error_message"] for error in answer.errors]


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        ("campaign_data", "GET", "/v3/contacts"),
        ("campaign_data", "POST", "/v3/contact_lists"),
        ("contact_data", "GET", "/v3/emails"),
        ("contact_data", "GET", f"/v3/reports/email_reports/{UNKNOWN}/links"),
        ("contact_data", "GET", "/v3/account/summary"),
        ("account_read", "PUT", "/v3/account/summary"),
    ],
)
async def test_a_token_without_the_scope_is_forbidden(api: AccountApi, scopes: str, method: str, path: str) -> None:
    answer = await (await api.with_scopes(scopes)).request(method, path)
    expected = {"error_key": "access_denied", "error_message": "Request forbidden due to insufficient scope."}
    assert (403, expected) == (answer.status, answer.body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v3/contacts"),
        ("POST", "/v3/contact_lists"),
        ("GET", "/v3/activities"),
        ("DELETE", f"/v3/emails/{UNKNOWN}"),
        ("POST", f"/v3/emails/activities/{UNKNOWN}/schedules"),
        ("GET", "/v3/reports/summary_reports/email_campaign_summaries"),
        ("PUT", "/v3/account/summary"),
    ],
)
async def test_a_campaign_creator_is_forbidden_what_the_role_may_not(api: AccountApi, method: str, path: str) -> None:
    answer = await (await api.as_role("campaign_creator")).request(method, path)
    message = "Request forbidden due to insufficient user privileges."
    assert (403, {"error_key": "access_denied", "error_message": message}) == (answer.status, answer.body)


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "Bearer"])
async def test_a_token_that_is_none_is_unauthorized(api: AccountApi, token: str | None) -> None:
    answer = await api.with_token(token).get("/v3/contacts")
    assert (401, {"error_key": "unauthorized", "error_message": "Unauthorized"}) == (answer.status, answer.body)


def test_the_table_holds_at_least_sixty() -> None:
    assert len(TABLE) >= 60
    assert len({bad.name for bad in TABLE}) == len(TABLE)


def filled(text: str, things: dict[str, str]) -> str:
    for name, value in things.items():
        text = text.replace("{" + name + "}", value)
    return text


def filled_body(body: Any, things: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: filled_body(value, things) for name, value in body.items()}
    if isinstance(body, list):
        return [filled_body(value, things) for value in body]
    return filled(body, things) if isinstance(body, str) else body
