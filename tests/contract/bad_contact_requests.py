"""Bad requests about contacts, lists, tags, custom fields and contact reports, and what each is told.

`{name}` stands for something that the test makes. The error's key follows from status and message. Source: contract, contacts.md §2, §3, §5-§9; conventions.md §4, §5.
"""

from typing import Any, NamedTuple
from uuid import UUID

from tests.contract.test_bad_requests import FOUND, JSON, UNKNOWN

FAMILY = "contacts.api"
BLANK_SOURCE = "update_source is missing, update_source does not have a valid value"
NOBODY = "first_name, last_name, email_address, sms_channel are missing, at least one parameter must be provided"
MANY = [str(UUID(int=number)) for number in range(1, 52)]
FIELD, LIST, TAG, CONTACT = "/contact_custom_fields", "/contact_lists", "/contact_tags", "/contacts"
REPORTS = "/reports/contact_reports"
PROMOTION = {"sms_consent_permission": "explicit", "consent_type": "promotional_sms"}
FORM_CONSENT = {**PROMOTION, "consent_medium_type": "LF", "consent_medium_url": "u", "consent_medium_details": "d"}


class Row(NamedTuple):
    method: str
    path: str
    body: Any
    status: int
    message: str


def post(changes: dict[str, Any], message: str, status: int = 400) -> Row:
    """A new contact with something wrong."""
    return Row("POST", CONTACT, {"create_source": "Account", "first_name": "Ada", **changes}, status, message)


def put(changes: dict[str, Any], message: str, status: int = 400, who: str = "{ada}") -> Row:
    """A contact replaced with something wrong."""
    return Row("PUT", f"{CONTACT}/{who}", {"update_source": "Account", "first_name": "Ada", **changes}, status, message)


def permit(who: str, permission: str, source: str, message: str) -> Row:
    """A permission that a contact may not get in this way."""
    address = {"address": f"{who}@reader.example", "permission_to_send": permission}
    return put({"update_source": source, "email_address": address}, message, who="{" + who + "}")


def form(changes: dict[str, Any], message: str, status: int = 400) -> Row:
    """A sign-up form with something wrong."""
    body = {"email_address": "new@reader.example", "list_memberships": ["{list}"], **changes}
    return Row("POST", f"{CONTACT}/sign_up_form", {name: each for name, each in body.items() if each is not ...},
               status, message)  # fmt: skip


def get(path: str, message: str, status: int = 400) -> Row:
    return Row("GET", path, None, status, message)


def field(changes: dict[str, Any], message: str, status: int = 400) -> Row:
    """A new custom field with something wrong."""
    return Row("POST", FIELD, {"label": "Berth", "type": "string", **changes}, status, message)


def select(metadata: Any, choices: Any, message: str) -> Row:
    """A new custom field of choices with something wrong."""
    return field({"type": "single_select", "metadata": metadata, "choices": choices}, message)


def value(who: str, value: Any, message: str = "custom_fields[0][value] is invalid") -> Row:
    """A value that a custom field does not take."""
    return post({"custom_fields": [{"custom_field_id": "{" + who + "}", "value": value}]}, message)


def paths(path: str, name: str, methods: str, status: int = 400, body: Any = None) -> list[Row]:
    """An id that is a word, and one that nobody has."""
    words = [
        Row(method, f"{path}/word", body, status, f"{name} is in an invalid format.") for method in methods.split()
    ]
    return words + [Row(method, f"{path}/{UNKNOWN}", body, 404, FOUND) for method in methods.split()]


def too_long(name: str, maximum: int) -> str:
    return f"{name} is too long (maximum is {maximum} characters)"


def too_many(name: str, maximum: int) -> str:
    return f"{name} has too many items (maximum is {maximum})"


def no_choice(name: str) -> str:
    return f"{name} does not have a valid value"


def neither(name: str) -> str:
    return f"{name} is missing, {name} does not have a valid value"


def sms(**changes: Any) -> dict[str, Any]:
    return {"sms_channel": {"full_sms_address": "14155550134", "sms_channel_consents": [PROMOTION], **changes}}


def form_sms(**changes: Any) -> dict[str, Any]:
    parts = {"sms_address": "4155550134", "dial_code": "1", "country_code": "US"}
    return {"sms_channel": {**parts, "sms_channel_consents": [FORM_CONSENT], **changes}}


BODIES = [
    *(Row(method, path, body, 400, JSON)
      for method, path in (("POST", CONTACT), ("PUT", f"{CONTACT}/{{ada}}"), ("POST", LIST), ("PUT", f"{LIST}/{{list}}"),
                           ("POST", TAG), ("PUT", f"{TAG}/{{tag}}"), ("POST", FIELD), ("PUT", f"{FIELD}/{{text}}"),
                           ("POST", f"{CONTACT}/sign_up_form"), ("PUT", f"{CONTACT}/resubscribe/{{gone}}"))
      for body in (b"", b"{", b"null", b"[]", b"7")),
    *(Row(method, path, None, 405, "The requested resource does not support the method used.")
      for method, path in (("PATCH", CONTACT), ("POST", f"{CONTACT}/{{ada}}"), ("POST", f"{CONTACT}/counts"),
                           ("DELETE", LIST), ("PATCH", f"{TAG}/{{tag}}"), ("DELETE", FIELD))),
]  # fmt: skip

CREATIONS = [
    Row("POST", CONTACT, {"first_name": "Ada"}, 400, neither("create_source")),
    post({"create_source": None}, neither("create_source")),
    post({"create_source": "account"}, no_choice("create_source")),
    post({"create_source": "Landing Page"}, no_choice("create_source")),
    Row("POST", CONTACT, {"create_source": "Account"}, 400, NOBODY),
    post({"first_name": " "}, NOBODY),
    *(post({name: "x" * 51}, too_long(name, 50)) for name in ("first_name", "last_name", "job_title", "company_name")),
    *(post({name: 7}, f"{name} is invalid") for name in ("first_name", "last_name", "job_title", "company_name")),
    post({"email_address": {}}, "email_address[address] is missing"),
    post({"email_address": "ada@reader.example"}, "email_address is invalid"),
    post({"email_address": {"address": " "}}, "email_address[address] is empty"),
    post({"email_address": {"address": ""}}, "email_address[address] is empty"),
    post({"email_address": {"address": "x" * 80 + "@a.example"}}, too_long("email_address[address]", 80)),
    *(post({"email_address": {"address": address}}, "email_address[address] is invalid")
      for address in ("ada", "ada@", "@a.example", "a@b@c.example", "a b@c.example", "a@example", "a@.example", "a@b.")),
    post({"email_address": {"address": "a@b.example", "permission_to_send": "maybe"}},
         no_choice("email_address[permission_to_send]")),
    post({"birthday_month": 2}, "birthday_day is missing"),
    post({"birthday_day": 2}, "birthday_month is missing"),
    post({"birthday_month": 13, "birthday_day": 1}, no_choice("birthday_month")),
    post({"birthday_month": 2, "birthday_day": 30}, no_choice("birthday_day")),
    post({"birthday_month": "June", "birthday_day": 1}, "birthday_month is invalid"),
    *(post({"anniversary": text}, "anniversary is invalid")
      for text in ("soon", "31/12/2020", "2020-13-01", "1900-01-01", "2099-01-01", "02-30-2020")),
    post({"anniversary": "12/31/2020 "}, too_long("anniversary", 10)),
    post({"custom_fields": [{}]}, "custom_fields[0][custom_field_id] is missing"),
    post({"custom_fields": [{"custom_field_id": "x"}]}, "custom_fields[0][custom_field_id] is invalid"),
    post({"custom_fields": [{"custom_field_id": UNKNOWN, "value": "x"}]}, f"custom_fields contains an invalid id: {UNKNOWN}"),
    post({"custom_fields": [{"custom_field_id": each, "value": "x"} for each in MANY[:26]]}, too_many("custom_fields", 25)),
    post({"phone_numbers": [{}]}, "phone_numbers[0][phone_number] is missing"),
    post({"phone_numbers": [{"phone_number": "1" * 26}]}, too_long("phone_numbers[0][phone_number]", 25)),
    post({"phone_numbers": [{"phone_number": "1", "kind": "fax"}]}, no_choice("phone_numbers[0][kind]")),
    post({"phone_numbers": [{"phone_number": "1"}] * 4}, too_many("phone_numbers", 3)),
    post({"street_addresses": [{}]}, neither("street_addresses[0][kind]")),
    post({"street_addresses": [{"kind": "mobile"}]}, no_choice("street_addresses[0][kind]")),
    post({"street_addresses": [{"kind": "home", "street": "x" * 256}]}, too_long("street_addresses[0][street]", 255)),
    *(post({"street_addresses": [{"kind": "home", name: "x" * 51}]}, too_long(f"street_addresses[0][{name}]", 50))
      for name in ("city", "state", "postal_code", "country")),
    post({"street_addresses": [{"kind": "home"}] * 4}, too_many("street_addresses", 3)),
    post({"notes": [{}]}, "notes[0][content] is missing"),
    post({"notes": [{"content": " "}]}, "notes[0][content] is empty"),
    post({"notes": [{"content": "x" * 2001}]}, too_long("notes[0][content]", 2000)),
    post({"notes": [{"content": "x"}] * 151}, too_many("notes", 150)),
    post({"list_memberships": ["x"]}, "list_memberships[0] is invalid"),
    post({"list_memberships": "x"}, "list_memberships is invalid"),
    post({"list_memberships": [UNKNOWN]}, f"list_memberships contains an invalid id: {UNKNOWN}"),
    post({"list_memberships": ["{gone_list}"]}, "list_memberships contains an invalid id: {gone_list}"),
    post({"list_memberships": MANY}, too_many("list_memberships", 50)),
    post({"taggings": [UNKNOWN]}, f"taggings contains an invalid id: {UNKNOWN}"),
    post({"taggings": MANY}, too_many("taggings", 50)),
    post({"email_address": {"address": "Ada@Reader.example"}},
         "Validation failed: Email already exists for contact {ada}", 409),
    post({"email_address": {"address": "deleted@reader.example"}},
         "Validation failed: Email already exists for contact {deleted}", 409),
    post(sms(full_sms_address="+1 (415) 555-0199"), "Validation failed: SMS address already exists for contact {ada}", 409),
    Row("POST", CONTACT, {"first_name": "x" * 51, "create_source": "?", "notes": [{}]}, 400,
        ", ".join((too_long("first_name", 50), no_choice("create_source"), "notes[0][content] is missing"))),
]  # fmt: skip

CHANNELS = [
    post({"sms_channel": {}}, "sms_channel[full_sms_address] is missing, sms_channel[sms_channel_consents] is missing"),
    post(sms(sms_channel_consents=[]), "sms_channel[sms_channel_consents] is empty"),
    post(sms(full_sms_address=" 1234567"), "sms_channel[full_sms_address] is invalid"),
    post(sms(full_sms_address="14155550134x"), "sms_channel[full_sms_address] is invalid"),
    post(sms(full_sms_address="9991234567"), "sms_channel[full_sms_address] is invalid"),
    post(sms(sms_channel_consents=[{"consent_type": "promotional_sms"}]),
         neither("sms_channel[sms_channel_consents][0][sms_consent_permission]")),
    post(sms(sms_channel_consents=[{"sms_consent_permission": "explicit", "consent_type": "orders"}]),
         no_choice("sms_channel[sms_channel_consents][0][consent_type]")),
    *(form(form_sms(sms_channel_consents=[{key: each for key, each in FORM_CONSENT.items() if key != name}]),
           f"sms_channel[sms_channel_consents][0][{name}] is missing")
      for name in ("consent_medium_type", "consent_medium_url", "consent_medium_details")),
    *(form(form_sms(**{name: None}), f"sms_channel[{name}] is missing")
      for name in ("sms_address", "dial_code", "country_code")),
    form(form_sms(sms_address="12"), "sms_channel[sms_address] is invalid"),
    form(form_sms(sms_channel_consents=[{**FORM_CONSENT, "advertised_interval": "yearly"}]),
         no_choice("sms_channel[sms_channel_consents][0][advertised_interval]")),
    form(form_sms(sms_channel_consents=[{**FORM_CONSENT, "advertised_frequency": "often"}]),
         "sms_channel[sms_channel_consents][0][advertised_frequency] is invalid"),
    form({"email_address": "gone@reader.example", **form_sms(sms_address="4155550199")},
         "Validation failed: SMS address already exists for contact {ada}", 409),
]  # fmt: skip

CHANGES = [
    *paths(CONTACT, "contact_id", "GET DELETE"),
    *paths(CONTACT, "contact_id", "PUT", body={}),
    *paths(f"{CONTACT}/resubscribe", "contact_id", "PUT", body={}),
    *paths(f"{CONTACT}/sms_engagement_history", "contact_id", "GET"),
    Row("DELETE", f"{CONTACT}/{{deleted}}", None, 404, FOUND),
    Row("PUT", f"{CONTACT}/{{ada}}", {"first_name": "Ada"}, 400, BLANK_SOURCE),
    put({"update_source": "System"}, no_choice("update_source")),
    put({"update_source": "Contact"}, no_choice("update_source"), who="{deleted}"),
    put({"first_name": "x" * 51}, too_long("first_name", 50)),
    put({"first_name": ""}, NOBODY, who="{nameless}"),
    put({"email_address": {}}, "email_address[address] is missing"),
    put({"email_address": {"address": "gone@reader.example"}},
        "Validation failed: Email already exists for contact {gone}", 409),
    put({"email_address": {"address": "ada@reader.example", "opt_out_reason": "x" * 256}},
        too_long("email_address[opt_out_reason]", 255)),
    put({"list_memberships": [UNKNOWN]}, f"list_memberships contains an invalid id: {UNKNOWN}"),
    put({"custom_fields": [{"custom_field_id": UNKNOWN}]}, f"custom_fields contains an invalid id: {UNKNOWN}"),
    put(sms(full_sms_address="14155550199"), "Validation failed: SMS address already exists for contact {ada}", 409,
        who="{gone}"),
    permit("explicit", "implicit", "Account",
           "Validation failed: permission_to_send cannot be changed from explicit to implicit"),
    permit("gone", "explicit", "Account", "Validation failed: The contact has unsubscribed and must opt back in"),
    permit("gone", "implicit", "Account", "Validation failed: The contact has unsubscribed and must opt back in"),
    permit("pending", "explicit", "Account", "Validation failed: The contact has not confirmed yet"),
    permit("pending", "implicit", "Account", "Validation failed: The contact has not confirmed yet"),
    Row("PUT", f"{CONTACT}/resubscribe/{{gone}}", {}, 400, "list_ids is missing"),
    Row("PUT", f"{CONTACT}/resubscribe/{{gone}}", {"list_ids": []}, 400, "list_ids is empty"),
    Row("PUT", f"{CONTACT}/resubscribe/{{gone}}", {"list_ids": MANY}, 400, too_many("list_ids", 50)),
    Row("PUT", f"{CONTACT}/resubscribe/{{gone}}", {"list_ids": [UNKNOWN]}, 400, f"list_ids contains an invalid id: {UNKNOWN}"),
    Row("PUT", f"{CONTACT}/resubscribe/{{invited}}", {"list_ids": ["{list}"]}, 409,
        "A resubscribe email was already sent to this contact."),
    Row("PUT", f"{CONTACT}/resubscribe/{{ada}}", {"list_ids": ["{list}"]}, 400,
        "Validation failed: The contact is not unsubscribed"),
    Row("PUT", f"{CONTACT}/resubscribe/{{nameless}}", {"list_ids": ["{list}"]}, 400,
        "Validation failed: The contact has no email address"),
    Row("PUT", f"{CONTACT}/resubscribe/{{deleted}}", {"list_ids": ["{list}"]}, 404, FOUND),
]  # fmt: skip

FORMS = [
    form({"email_address": None}, "email_address, sms_channel are missing, at least one parameter must be provided"),
    form({"email_address": "ada"}, "Email address is invalid"),
    form({"email_address": {"address": "a@b.example"}}, "email_address is invalid"),
    form({"email_address": "x" * 80 + "@a.example"}, too_long("email_address", 80)),
    form({"list_memberships": ...}, "list_memberships is missing"),
    form({"list_memberships": []}, "list_memberships is empty"),
    form({"list_memberships": MANY}, too_many("list_memberships", 50)),
    form({"list_memberships": [UNKNOWN]}, f"list_memberships contains an invalid id: {UNKNOWN}"),
    form({"custom_fields": [{"custom_field_id": UNKNOWN, "value": "1"}]}, f"custom_fields contains an invalid id: {UNKNOWN}"),
    form({"custom_fields": [{"custom_field_id": each} for each in MANY]}, too_many("custom_fields", 50)),
    form({"phone_number": "1" * 26}, too_long("phone_number", 25)),
    form({"street_address": {"city": "Salem"}}, neither("street_address[kind]")),
    form({"street_address": {"kind": "boat"}}, no_choice("street_address[kind]")),
    form({"birthday_month": 4}, "birthday_day is missing"),
    form({"anniversary": "soon"}, "anniversary is invalid"),
    *(form({name: "x" * 51}, too_long(name, 50)) for name in ("first_name", "last_name", "job_title", "company_name")),
]  # fmt: skip

COLLECTION = [
    *(get(f"{CONTACT}?{query}", message) for query, message in (
        ("limit=0", no_choice("limit")), ("limit=501", no_choice("limit")), ("limit=many", no_choice("limit")),
        ("limit=" + "9" * 30, no_choice("limit")), ("status=asleep", no_choice("status")),
        ("status=all,asleep", no_choice("status")), ("sms_status=temp_hold", no_choice("sms_status")),
        ("include=boats", no_choice("include")), ("include_count=perhaps", no_choice("include_count")),
        ("lists=x", "lists is invalid"), ("tags=x", "tags is invalid"),
        ("lists=" + ",".join(MANY[:26]), too_many("lists", 25)), ("tags=" + ",".join(MANY), too_many("tags", 50)),
        *((f"{name}=soon", f"{name} is invalid") for name in ("updated_after", "updated_before", "created_after",
          "created_before", "optout_after", "optout_before")),
        ("cursor=x", "cursor is invalid"), ("cursor=bGltaXQ9NQ==", "cursor is invalid"),
        *((f"segment_id=1&{query}", f"segment_id, {query.partition('=')[0]} are mutually exclusive") for query in (
            "status=all", "email=a@b.example", f"lists={UNKNOWN}", f"tags={UNKNOWN}", "updated_after=2026-01-01",
            "optout_before=2026-01-01", "sms_status=all", "include=notes", "include_count=true")),
        ("segment_id=1,2", too_many("segment_id", 1)), ("segment_id=one", "segment_id is invalid"))),
    get(f"{CONTACT}?segment_id=1", FOUND, 404), get(f"{CONTACT}?segment_id=" + "9" * 30, FOUND, 404),
    get(f"{CONTACT}/{{ada}}?include=boats", no_choice("include")),
    get(f"{CONTACT}/{UNKNOWN}?include=boats", FOUND, 404),
    get(f"{CONTACT}/counts?include=boats", no_choice("include")),
    *(get(f"{path}?{query}", message) for path in (f"{CONTACT}/contact_id_xrefs", f"{LIST}/list_id_xrefs")
      for query, message in (
        ("", "sequence_ids is missing"), ("sequence_ids=", "sequence_ids is empty"), ("sequence_ids=1,x", "sequence_ids is invalid"),
        ("sequence_ids=-1", "sequence_ids is invalid"),
        ("sequence_ids=" + ",".join(map(str, range(501))), too_many("sequence_ids", 500)))),
]  # fmt: skip

LISTS = [
    *paths(LIST, "list_id", "GET DELETE", status=404),
    *paths(LIST, "list_id", "PUT", body={}),
    Row("POST", LIST, {}, 400, "name is missing"),
    Row("POST", LIST, {"name": None}, 400, "name is missing"),
    Row("POST", LIST, {"name": ""}, 400, "name is empty"),
    Row("POST", LIST, {"name": " "}, 400, "name is empty"),
    Row("POST", LIST, {"name": 7}, 400, "name is invalid"),
    Row("POST", LIST, {"name": "x" * 256}, 400, too_long("name", 255)),
    Row("POST", LIST, {"name": "x", "favorite": "very"}, 400, "favorite is invalid"),
    Row("POST", LIST, {"name": "MY CONTACTS"}, 409, "Validation failed: Name already exists for list {list}"),
    Row("PUT", f"{LIST}/{{other_list}}", {}, 400, "name is missing"),
    Row("PUT", f"{LIST}/{{other_list}}", {"name": " "}, 400, "name is empty"),
    Row("PUT", f"{LIST}/{{other_list}}", {"name": "my contacts"}, 409,
        "Validation failed: Name already exists for list {list}"),
    Row("PUT", f"{LIST}/{{gone_list}}", {"name": "Back"}, 404, FOUND),
    Row("DELETE", f"{LIST}/{{gone_list}}", None, 404, FOUND),
    *(get(f"{LIST}?{query}", message) for query, message in (
        ("limit=0", no_choice("limit")), ("limit=1001", no_choice("limit")), ("status=asleep", no_choice("status")),
        ("include_membership_count=some", no_choice("include_membership_count")),
        ("channel_type=post", no_choice("channel_type")), ("include_count=perhaps", no_choice("include_count")),
        ("include_sms_membership_count=7", no_choice("include_sms_membership_count")), ("cursor=x", "cursor is invalid"))),
    get(f"{LIST}/{{list}}?include_membership_count=some", no_choice("include_membership_count")),
    get(f"{LIST}/{UNKNOWN}?include_membership_count=some", FOUND, 404),
]  # fmt: skip

TAGS = [
    *paths(TAG, "tag_id", "GET DELETE"),
    *paths(TAG, "tag_id", "PUT", body={}),
    Row("POST", TAG, {}, 400, "name is missing"),
    Row("POST", TAG, {"name": " "}, 400, "name is empty"),
    Row("POST", TAG, {"name": 7}, 400, "name is invalid"),
    Row("POST", TAG, {"name": "x" * 256}, 400, too_long("name", 255)),
    Row("POST", TAG, {"name": "x", "tag_source": "x" * 256}, 400, too_long("tag_source", 255)),
    Row("POST", TAG, {"name": "vip"}, 409, "Validation failed: Name already exists for tag {tag}"),
    Row("PUT", f"{TAG}/{{other_tag}}", {"name": ""}, 400, "name is empty"),
    Row("PUT", f"{TAG}/{{other_tag}}", {"name": "Vip"}, 409, "Validation failed: Name already exists for tag {tag}"),
    *(get(f"{TAG}?{query}", message) for query, message in (
        ("limit=501", no_choice("limit")), ("include_count=some", no_choice("include_count")), ("cursor=x", "cursor is invalid"))),
    get(f"{TAG}/{{tag}}?include_count=some", no_choice("include_count")),
    get(f"{TAG}/{UNKNOWN}?include_count=some", FOUND, 404),
]  # fmt: skip

FIELDS = [
    *paths(FIELD, "custom_field_id", "GET"),
    *paths(FIELD, "custom_field_id", "PUT", body={}),
    *paths(FIELD, "custom_field_id", "DELETE", status=404),
    Row("POST", FIELD, {}, 400, f"label is missing, {neither('type')}"),
    field({"label": " "}, "label is empty"),
    field({"label": "x" * 51}, too_long("label", 50)),
    field({"type": "text"}, no_choice("type")),
    field({"version": 3}, no_choice("version")),
    field({"label": "BOAT"}, "Validation failed: Label already exists for custom field {text}", 409),
    select(None, [{"choice_label": "a"}], neither("metadata[display_type]")),
    select({"display_type": "list"}, [{"choice_label": "a"}], no_choice("metadata[display_type]")),
    select({"display_type": "radio"}, None, "choices is missing"),
    select({"display_type": "radio"}, [], "choices is empty"),
    select({"display_type": "radio"}, [{}], "choices[0][choice_label] is missing"),
    select({"display_type": "radio"}, [{"choice_label": " "}], "choices[0][choice_label] is empty"),
    select({"display_type": "radio"}, [{"choice_label": "x" * 256}], too_long("choices[0][choice_label]", 255)),
    select({"display_type": "radio"}, [{"choice_label": "a"}, {"choice_label": "A"}],
           "Validation failed: Choice labels must be unique"),
    *(select({"display_type": kind}, [{"choice_label": str(each)} for each in range(most + 1)], too_many("choices", most))
      for kind, most in (("radio", 20), ("checkbox", 20), ("dropdown", 100))),
    *(field({"type": kind, "metadata": {"integer": False, "decimal_places": places}}, no_choice("metadata[decimal_places]"))
      for kind in ("number", "currency") for places in (0, 5)),
    field({"type": "number", "metadata": {"integer": False}}, "metadata[decimal_places] is missing"),
    field({"type": "currency", "metadata": {"currency_code": "EURO"}}, no_choice("metadata[currency_code]")),
    Row("PUT", f"{FIELD}/{{text}}", {}, 400, "label, choices are missing, at least one parameter must be provided"),
    Row("PUT", f"{FIELD}/{{text}}", {"label": ""}, 400, "label is empty"),
    Row("PUT", f"{FIELD}/{{number}}", {"label": "boat"}, 409,
        "Validation failed: Label already exists for custom field {text}"),
    Row("PUT", f"{FIELD}/{{choice}}", {"choices": []}, 400, "choices is empty"),
    Row("PUT", f"{FIELD}/{{choice}}", {"choices": [{"choice_id": 99, "choice_label": "a"}]}, 400,
        "choices contains an invalid id: 99"),
    get(f"{FIELD}?limit=101", no_choice("limit")), get(f"{FIELD}?cursor=x", "cursor is invalid"),
    value("text", "x" * 256, too_long("custom_fields[0][value]", 255)),
    value("area", "x" * 2001, too_long("custom_fields[0][value]", 2000)),
    value("text", ["x"], "custom_fields[0][value] is invalid"),
    *(value("number", text) for text in ("-1", "1.5", "many", "1e5x")),
    *(value("money", text) for text in ("1.505", "$5")),
    *(value("day", text) for text in ("soon", "2026-02-30", "31/12/2026")),
    *(value("moment", text) for text in ("soon", "2026-02-30T00:00:00Z")),
    *(value("flag", text) for text in ("maybe", "2")),
    *(value("choice", text) for text in ("West", "North;South")),
    *(post({"custom_fields": [{"custom_field_id": "{choice}", "choice_ids": ids}]}, "custom_fields[0][choice_ids] is invalid")
      for ids in (["9"], ["1", "2"], ["x"])),
]  # fmt: skip

CONTACT_REPORTS = [
    *(row for name in ("activity_details", "open_and_click_rates", "activity_summary") for row in (
        get(f"{REPORTS}/word/{name}", "contact_id is in an invalid format."),
        get(f"{REPORTS}/{UNKNOWN}/{name}", FOUND, 404))),
    *(get(f"{REPORTS}/{{ada}}/activity_details{query}", no_choice(name)) for query, name in (
        ("", "tracking_activity_type"), ("?tracking_activity_type=em_sends&tracking_activities_list=em_opens", "tracking_activity_type"),
        ("?tracking_activity_type=em_naps", "tracking_activity_type"), ("?tracking_activities_list=em_naps", "tracking_activities_list"),
        ("?tracking_activity_type=em_sends&limit=101", "limit"), ("?tracking_activity_type=em_sends&limit=0", "limit"),
        ("?tracking_activity_type=em_sends&include_campaign_activity_names=7", "include_campaign_activity_names"),
        ("?cursor=x", "cursor"))),
    *(get(f"{REPORTS}/{{ada}}/{name}?{query}", no_choice(wrong)) for name in ("open_and_click_rates", "activity_summary")
      for query, wrong in (
        ("end=2026-01-01", "start"), ("start=2026-01-01", "end"), ("start=soon&end=2026-01-01", "start"),
        ("start=2026-01-02&end=2026-01-01", "end"), ("start=2020-01-01&end=2026-01-01", "start"))),
]  # fmt: skip

TABLE = [*BODIES, *CREATIONS, *CHANNELS, *CHANGES, *FORMS, *COLLECTION, *LISTS, *TAGS, *FIELDS, *CONTACT_REPORTS]


def key_of(row: Row) -> str:
    family = "reportingsvc" if row.path.startswith(REPORTS) else FAMILY
    if row.message == FOUND or row.message.endswith("in an invalid format."):
        return f"{family}.not_found"
    kinds = {400: "validation.error", 405: "method_not_allowed", 409: "conflict"}
    return f"{family}.{kinds[row.status]}"
