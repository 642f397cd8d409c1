"""Every operation of the API, from its own document, with a valid body for each that takes one."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

from tests.support.api import Api

CRITERIA: Final = (
    '{"version":"1.0.0","criteria":{"type":"and","group":[{"source":"tracking","field":"not_opened","op":"contains-any",'
    '"const_value":"last-n-campaigns","param":"8"}]}}'
)
# What each operation takes; `{list_id}` stands for an id and `{sender}` for a confirmed address.
VALID: Final[dict[str, dict[str, Any]]] = {
    "create_contact": {
        "create_source": "Account", "first_name": "Ann", "birthday_month": 2, "birthday_day": 29, "anniversary": "2020-02-29",
        "email_address": {"address": "new@example.com", "permission_to_send": "implicit"}, "list_memberships": [],
        "phone_numbers": [{"phone_number": "1", "kind": "home"}], "custom_fields": [], "taggings": [],
        "street_addresses": [{"kind": "home", "city": "Salem", "country": "US", "state": "ME", "postal_code": "04101"}],
        "notes": [{"content": "n"}], "company_name": "C", "job_title": "J",
    },
    "resubscribe_contact": {"list_ids": ["{list_id}"]},
    "replace_contact": {
        "update_source": "Account", "first_name": "Ann", "birthday_month": 2, "birthday_day": 29, "anniversary": "2020-02-29",
        "email_address": {"address": "ann@example.com", "permission_to_send": "explicit"},
        "phone_numbers": [{"phone_number": "1", "kind": "home"}], "street_addresses": [{"kind": "home", "city": "Salem"}],
    },
    "sign_up": {"email_address": "ann@example.com", "first_name": "A", "list_memberships": ["{list_id}"], "anniversary": "2020-02-29",
                "phone_number": "1", "birthday_month": 2, "birthday_day": 29, "street_address": {"kind": "home", "city": "Salem"}},
    "change_list": {"name": "My list", "favorite": True, "description": "D"},
    "create_custom_field": {"label": "Shoe size", "type": "string"},
    "change_custom_field": {"label": "Hat size", "type": "string"},
    "import_contacts_json": {"list_ids": ["{list_id}"], "import_data": [{"email": "b@example.com", "first_name": "B"}]},
    "create_tag": {"name": "VIP", "tag_source": "Fair"},
    "rename_tag": {"name": "Friend"},
    "create_segment": {"name": "Sleepers", "segment_criteria": CRITERIA},
    "replace_segment": {"name": "Sleepers", "segment_criteria": CRITERIA},
    "rename_segment": {"name": "Dreamers"},
    "add_list_memberships": {"source": {"all_active_contacts": True}, "exclude": {"contact_ids": []}, "list_ids": ["{list_id}"]},
    "remove_list_memberships": {"source": {"new_subscriber": True}, "list_ids": ["{list_id}"]},
    "add_taggings": {"source": {"list_ids": ["{list_id}"]}, "tag_ids": ["{tag_id}"]},
    "remove_taggings": {"source": {"contact_ids": ["{contact_id}"]}, "tag_ids": ["{tag_id}"]},
    "delete_contacts": {"contact_ids": ["{contact_id}"]},
    "delete_tags": {"tag_ids": ["{tag_id}"]},
    "delete_custom_fields": {"custom_field_ids": ["{custom_field_id}"]},
    "create_campaign": {"name": "C", "email_campaign_activities": [{
        "format_type": 5, "from_name": "N", "from_email": "{sender}", "reply_to_email": "{sender}", "subject": "S", "preheader": "P",
        "html_content": "<html><body><p>x</p><a href='https://a.example/?a=b'>y</a></body></html>"}]},
    "replace_activity": {
        "contact_list_ids": ["{list_id}"], "current_status": "DRAFT", "format_type": 5, "from_name": "N", "from_email": "{sender}",
        "reply_to_email": "{sender}", "subject": "S", "html_content": "<html><body><p>x</p></body></html>", "preheader": "P",
        "physical_address_in_footer": {"address_line1": "1 Main St", "city": "Salem", "country_code": "US",
                                       "state_code": "ME", "organization_name": "O"}},
    "rename_campaign": {"name": "Renamed"},
    "create_schedule": {"scheduled_date": "2031-04-05T06:07:08Z"},
    "create_resend": {"resend_subject": "Again", "delay_days": 2},
    "create_ab_test": {"alternative_subject": "Or so", "test_size": 10, "winner_wait_duration": 6},
    "send_test": {"email_addresses": ["a@example.com"], "personal_message": "Look"},
    "update_summary": {"first_name": "F", "last_name": "L", "organization_name": "O", "time_zone_id": "US/Eastern", "website": "a.example",
                       "contact_phone": "1", "country_code": "US", "state_code": "ME", "contact_email": "{sender}"},
    "replace_physical_address": {"address_line1": "1 Main St", "city": "Salem", "country_code": "US", "state_code": "ME",
                                 "postal_code": "04101"},
    "add_email": {"email_address": "more@example.com"},
}  # fmt: skip


async def document(api: Api) -> Any:
    return (await api.get("/v3/openapi.json")).body


def of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), f"/v3{path}", operation


def at(path: str, ids: Mapping[str, str]) -> str:
    """A path with ids where its parameters stand."""
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    return path


def filled(valid: Any, ids: Mapping[str, str]) -> Any:
    """A valid body with ids where `{list_id}` and the like stand."""
    if isinstance(valid, dict):
        return {name: filled(value, ids) for name, value in valid.items()}
    if isinstance(valid, list):
        return [filled(value, ids) for value in valid]
    return ids.get(valid.strip("{}"), valid) if isinstance(valid, str) else valid


def unknown(ids: Mapping[str, str]) -> dict[str, str]:
    """Ids that lead nowhere, of the same forms."""
    return {name: "999" if value.isdigit() else str(uuid4()) for name, value in ids.items()}


async def existing(api: Api, sender: str) -> dict[str, str]:
    """One of each, for paths that shall lead somewhere."""
    address = {"address": "ann@example.com"}
    contact = await api.post("/v3/contacts", {"create_source": "Account", "email_address": address})
    field = await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "string"})
    tag = await api.post("/v3/contact_tags", {"name": "Known"})
    segment = await api.post("/v3/segments", {"name": "Known", "segment_criteria": CRITERIA})
    new = filled(VALID["create_campaign"], {"sender": sender}) | {"name": "Known"}
    campaign = (await api.post("/v3/emails", new)).body
    activity_id = campaign["campaign_activities"][0]["campaign_activity_id"]
    return {
        "contact_id": contact.body["contact_id"],
        "custom_field_id": field.body["custom_field_id"],
        "tag_id": tag.body["tag_id"],
        "segment_id": str(segment.body["segment_id"]),
        "campaign_id": campaign["campaign_id"],
        "campaign_ids": campaign["campaign_id"],
        "campaign_activity_id": activity_id,
        "campaign_activity_ids": activity_id,
    }
