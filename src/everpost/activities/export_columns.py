"""The columns of an export: what asks for them, what they are called, and what stands in them.

Rules: columns have the order of this file, whatever order they were asked for in; what is known of opting in and out
goes with the e-mail address only; custom fields are called by their labels; cells are as they are stored, also those
that a spreadsheet takes for formulas. Source: contract, bulk-activities.md §7.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, LiteralString

from msgspec import Struct

from everpost.activities import csv_columns
from everpost.contacts.custom_fields import SELECT_TYPES, FieldDefinition
from everpost.platform.errors import Invalid

CUSTOM: Final = "custom_fields"
_EMAIL: Final = "email_address"
_ALIASES: Final = {"contact_ids": "contact_id", "email": _EMAIL}
_ONLY_WHEN_ASKED_FOR: Final = frozenset({"contact_id", "birthday_month", "birthday_day", "website", "social_profiles"})
_WITH_EMAIL_ONLY: Final = ("email_optin_", "email_optout_")


class Column(Struct, frozen=True):
    """A column: the field that asks for it, its heading, and the expression over `_FROM` that fills it."""

    field: str
    heading: str
    sql: LiteralString


class Custom(Struct, frozen=True):
    """A custom field as it was when the export began."""

    field_key: int
    label: str


def chosen(fields: Iterable[str], definitions: Sequence[FieldDefinition]) -> tuple[list[str], list[Custom]]:
    """The fields and custom fields that an export has; asking for none asks for nearly all. Raises: Invalid."""
    asked = {_ALIASES.get(name, name) for name in fields}
    if not asked:
        asked = {*_FIELDS, CUSTOM} - _ONLY_WHEN_ASKED_FOR
    by_name = {csv_columns.CUSTOM + field.name: field for field in definitions}
    wanted = {csv_columns.name(name) for name in asked if name.lower().startswith(csv_columns.CUSTOM)}
    plain = {name for name in asked if not name.lower().startswith(csv_columns.CUSTOM)}
    if not plain <= {*_FIELDS, CUSTOM} or not wanted <= set(by_name):
        raise Invalid("fields does not have a valid value")
    if _EMAIL not in plain:
        plain = {name for name in plain if not name.startswith(_WITH_EMAIL_ONLY)}
    custom = [field for name, field in by_name.items() if CUSTOM in plain or name in wanted]
    if not plain and not custom:
        raise Invalid("fields does not have a valid value")
    return [name for name in _FIELDS if name in plain], [Custom(field.field_key, field.label) for field in custom]


def headings(fields: Sequence[str], custom: Sequence[Custom]) -> list[str]:
    """The first row of the file."""
    before, after = _parted(fields)
    return [
        *(column.heading for column in before),
        *(field.label for field in custom),
        *(column.heading for column in after),
    ]


def expressions(
    fields: Sequence[str], custom: Sequence[Custom], definitions: Sequence[FieldDefinition]
) -> tuple[LiteralString, LiteralString, dict[str, Any]]:
    """What to select, the joins it needs, and the values it names.

    They name `list_names` and `tag_names` too: the names by their ids, which costs less than a join per contact. A
    custom field that is gone by now is blank.
    """
    before, after = _parted(fields)
    by_key = {field.field_key: field for field in definitions}
    values: dict[str, Any] = {}
    of_custom: list[LiteralString] = []
    for number, field in zip(_NUMBERS, custom, strict=False):
        sql, named = _custom_expression(number, by_key.get(field.field_key))
        of_custom.append(sql)
        values |= named
    selected: list[LiteralString] = []
    selected.extend(column.sql for column in before)
    selected.extend(of_custom)
    selected.extend(column.sql for column in after)
    asked = set(fields)
    joins: list[LiteralString] = [join for names, join in _JOINS if not asked.isdisjoint(names)]
    return ", ".join(selected), " ".join(joins), values


def _parted(fields: Sequence[str]) -> tuple[list[Column], list[Column]]:
    """The columns before the custom fields, and those after."""
    asked = set(fields)
    return (
        [column for column in _BEFORE_CUSTOM if column.field in asked],
        [column for column in _AFTER_CUSTOM if column.field in asked],
    )


def _custom_expression(
    number: LiteralString, field: FieldDefinition | None
) -> tuple[LiteralString, Mapping[str, object]]:
    if field is None:
        return "NULL::text", {}
    key = {"key_" + number: str(field.field_key)}
    if field.type not in SELECT_TYPES:
        return "custom_values ->> :key_" + number + "::text", key
    choices = field.choices or []
    labels: LiteralString = "unnest(:choices_" + number + "::int[], :labels_" + number + "::text[])"
    return (
        _LABELS + labels + _OF_CHOICES + "(custom_values -> :key_" + number + "::text) @> to_jsonb(choice.id))",
        {
            **key,
            "choices_" + number: [choice.choice_id for choice in choices],
            "labels_" + number: [choice.choice_label for choice in choices],
        },
    )


_LABELS: Final[LiteralString] = "(SELECT string_agg(choice.label, '; ' ORDER BY choice.place) FROM "
_OF_CHOICES: Final[LiteralString] = " WITH ORDINALITY AS choice (id, label, place) WHERE "
# An account has at most 100 custom fields; names of parameters are put together from literals only.
_DIGITS: Final[Sequence[LiteralString]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_NUMBERS: Final[Sequence[LiteralString]] = [tens + ones for tens in _DIGITS for ones in _DIGITS]

# As the server writes times by itself, without their fractions; to_char takes three times as long.
_TIME: Final[LiteralString] = "left(("
_UTC: Final[LiteralString] = " AT TIME ZONE 'UTC')::text, 19) || ' +0000'"
_PLACES: Final[Sequence[tuple[LiteralString, str]]] = (("home", "Home"), ("work", "Work"), ("other", "Other"))
_PARTS: Final[Sequence[tuple[str, LiteralString, str]]] = (
    ("street", "street", "Street address line 1"),
    ("city", "city", "City"),
    ("state", "state", "State/Province"),
    ("zip", "postal_code", "Zip/Postal Code"),
    ("country", "country", "Country"),
)

_BEFORE_CUSTOM: Final = (
    Column("contact_id", "Contact ID", "contact_id"),
    Column(_EMAIL, "Email address", "email_address"),
    Column(_EMAIL, "Email status", """CASE WHEN deleted_at IS NOT NULL THEN 'Removed' ELSE
        CASE permission_to_send WHEN 'explicit' THEN 'Active' WHEN 'implicit' THEN 'Active'
                                WHEN 'unsubscribed' THEN 'Unsubscribed'
                                WHEN 'pending_confirmation' THEN 'Awaiting confirmation'
                                WHEN 'temp_hold' THEN 'Temporary hold' WHEN 'not_set' THEN 'Not set' END END"""),
    Column(_EMAIL, "Email permission status", """CASE permission_to_send
        WHEN 'explicit' THEN 'Express' WHEN 'implicit' THEN 'Implied' WHEN 'pending_confirmation' THEN 'Pending'
        WHEN 'unsubscribed' THEN 'None' WHEN 'temp_hold' THEN 'None' WHEN 'not_set' THEN 'None' END"""),
    Column(_EMAIL, "Email update source", """CASE WHEN email_address IS NOT NULL
        THEN coalesce(update_source, create_source) END"""),
    Column("email_optin_source", "Confirmed Opt-In Source", "opt_in_source"),
    Column("email_optin_date", "Confirmed Opt-In Date", _TIME + "opt_in_date" + _UTC),
    Column("email_optout_source", "Confirmed Opt-Out Source", "opt_out_source"),
    Column("email_optout_date", "Confirmed Opt-Out Date", _TIME + "opt_out_date" + _UTC),
    Column("email_optout_reason", "Confirmed Opt-Out Reason", "opt_out_reason"),
    Column("first_name", "First name", "first_name"),
    Column("last_name", "Last name", "last_name"),
    Column("company_name", "Company", "company_name"),
    Column("job_title", "Job title", "job_title"),
    Column("phone_number", "Phone - home", "phones.home"),
    Column("phone_number", "Phone - mobile", "phones.mobile"),
    Column("phone_number", "Phone - work", "phones.work"),
    Column("phone_number", "Phone - other", "phones.other"),
    *(
        Column(field, f"{heading} - {place}", "addresses." + kind + " ->> '" + part + "'")
        for kind, place in _PLACES
        for field, part, heading in _PARTS
    ),
    Column("birthday", "Birthday", "birthday_month || '/' || birthday_day"),
    Column("birthday_month", "Birthday Month", "birthday_month"),
    Column("birthday_day", "Birthday Day", "birthday_day"),
    Column("anniversary", "Anniversary", "to_char(anniversary, 'YYYY-MM-DD')"),
    Column("website", "Website", "NULL::text"),
    Column("social_profiles", "Social profiles", "NULL::text"),
    Column("notes", "Notes", """CASE WHEN notes <> '[]' THEN (
        SELECT string_agg(note ->> 'content', ' | ' ORDER BY place)
          FROM jsonb_array_elements(notes) WITH ORDINALITY AS each_note (note, place)) END"""),
    Column("sms_number", "SMS number", "'+' || sms.dial_code || sms.sms_address"),
    Column("sms_permission", "SMS permission status", """CASE sms.permission
        WHEN 'explicit' THEN 'Explicit' WHEN 'unsubscribed' THEN 'Unsubscribed'
        WHEN 'pending_confirmation' THEN 'Pending confirmation' WHEN 'not_set' THEN 'Not set' END"""),
    Column("sms_consent_date", "SMS consent date", "to_char(sms.sms_opt_in AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
)  # fmt: skip
_AFTER_CUSTOM: Final = (
    Column("email_lists", "Email Lists", """(
        SELECT string_agg(:list_names::jsonb ->> list_id::text, ', '
                          ORDER BY lower(:list_names::jsonb ->> list_id::text))
          FROM list_memberships
         WHERE list_memberships.account_id = :account_id AND list_memberships.contact_id = selected.contact_id)"""),
    Column("tags", "Tags", """(
        SELECT string_agg(:tag_names::jsonb ->> tag_id::text, ', ' ORDER BY lower(:tag_names::jsonb ->> tag_id::text))
          FROM contact_taggings
         WHERE contact_taggings.account_id = :account_id AND contact_taggings.contact_id = selected.contact_id)"""),
    Column("source_name", "Source Name", "source_name"),
    Column("created_at", "Created At", _TIME + "created_at" + _UTC),
    Column("updated_at", "Updated At", _TIME + "updated_at" + _UTC),
)  # fmt: skip
_FIELDS: Final = tuple(dict.fromkeys(column.field for column in (*_BEFORE_CUSTOM, *_AFTER_CUSTOM)))

# What more than one column needs is looked up once per contact, and not at all for a contact without it.
_JOINS: Final[Sequence[tuple[Sequence[str], LiteralString]]] = (
    (("phone_number",), """
        LEFT JOIN LATERAL (
            SELECT string_agg(phone_number, ', ') FILTER (WHERE kind = 'home') AS home,
                   string_agg(phone_number, ', ') FILTER (WHERE kind = 'mobile') AS mobile,
                   string_agg(phone_number, ', ') FILTER (WHERE kind = 'work') AS work,
                   string_agg(phone_number, ', ') FILTER (WHERE kind = 'other') AS other
              FROM jsonb_to_recordset(phone_numbers) AS number (kind text, phone_number text)
        ) AS phones ON phone_numbers <> '[]'"""),
    (tuple(field for field, _, _ in _PARTS), """
        LEFT JOIN LATERAL (
            SELECT (array_agg(address) FILTER (WHERE address ->> 'kind' = 'home'))[1] AS home,
                   (array_agg(address) FILTER (WHERE address ->> 'kind' = 'work'))[1] AS work,
                   (array_agg(address) FILTER (WHERE address ->> 'kind' = 'other'))[1] AS other
              FROM jsonb_array_elements(street_addresses) AS each_address (address)
        ) AS addresses ON street_addresses <> '[]'"""),
    (("sms_number", "sms_permission", "sms_consent_date"), """
        LEFT JOIN (SELECT contact_id AS sms_contact_id, dial_code, sms_address, permission, opt_in_date AS sms_opt_in
                     FROM sms_channels WHERE account_id = :account_id) AS sms
               ON sms.sms_contact_id = selected.contact_id"""),
)  # fmt: skip
