"""Properties of a contact that rules can ask about, by the names that documents use.

Source: contract, segments.md §5.1.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, LiteralString, TypeAlias, get_args

from msgspec import Struct

from everpost.contacts import street_addresses
from everpost.contacts.consent import Permission
from everpost.contacts.criteria.comparisons import ChoiceTest, Kind, Test, TextTest
from everpost.contacts.criteria.leaves import Leaf

SMS_STATUSES: Final = ("explicit", "unsubscribed", "pending_confirmation", "not_set")
ENGAGEMENT_LEVELS: Final = ("unqualified", "low", "medium", "high")

# Where a property lies: in a column, in the parts of a jsonb array, or in other tables.
Place: TypeAlias = Literal["column", "parts", "sms_status", "engagement_level"]


class ContactField(Struct, frozen=True):
    """`sql` is its value, in the row `contact` or in each `part` of the array `parts` (of one kind, if that is set)."""

    kind: Kind
    place: Place = "column"
    sql: LiteralString = ""
    parts: LiteralString = ""
    part_kind: str | None = None
    is_folded: bool = False  # stored in lower case without blanks around it
    choices: tuple[str, ...] = ()
    expands: Literal["state", "country"] | None = None


def find(name: str) -> ContactField | None:
    """By a name in lower case; `home_city` is the city of home addresses only."""
    name = _ALIASES.get(name, name)
    if name in _FIELDS:
        return _FIELDS[name]
    part_kind, _, member = name.partition("_")
    field = _ADDRESS_FIELDS.get(_ALIASES.get(member, member))
    if field is None or part_kind not in _ADDRESS_KINDS:
        return None
    return ContactField(field.kind, field.place, field.sql, field.parts, part_kind, expands=field.expands)


def completed(field: ContactField, test: Test, leaf: Leaf) -> Test:
    """The test with choices as they are spelled here, states and countries as they are stored. Raises: Refused."""
    if field.choices and isinstance(test, ChoiceTest):
        spelled = {choice.lower(): choice for choice in field.choices}
        if not all(choice.lower() in spelled for choice in test.choices):
            raise leaf.refuse("value")
        return ChoiceTest(tuple(spelled[choice.lower()] for choice in test.choices), test.wants_all, test.is_negated)
    if field.expands and isinstance(test, TextTest) and test.how == "equals":
        return TextTest(test.how, tuple(_expanded(field.expands, test.texts)), test.is_negated)
    return test


def _expanded(what: Literal["state", "country"], texts: Sequence[str]) -> list[str]:
    """With the name for each code. The code stays: an address abroad may be stored with the very same letters."""
    if what == "country":
        names = [street_addresses.country_name(text) for text in texts]
    else:
        names = [street_addresses.state_name(text, country) for text in texts for country in ("", "canada")]
    return list(dict.fromkeys([*texts, *names]))


_ALIASES: Final = {
    "email_address": "email",
    "email_status": "permission_to_send",
    "date_added": "created_at",
    "postal_code": "zip",
}
_ADDRESS_KINDS: Final = ("home", "work", "other")
_SOURCES: Final = ("Account", "Contact")
_ADDRESSES: Final = "contact.street_addresses"
_ADDRESS_FIELDS: Final[Mapping[str, ContactField]] = {
    "street": ContactField("text", "parts", "part ->> 'street'", _ADDRESSES),
    "city": ContactField("text", "parts", "part ->> 'city'", _ADDRESSES),
    "state": ContactField("text", "parts", "part ->> 'state'", _ADDRESSES, expands="state"),
    "zip": ContactField("text", "parts", "part ->> 'postal_code'", _ADDRESSES),
    "country": ContactField("text", "parts", "part ->> 'country'", _ADDRESSES, expands="country"),
}
_FIELDS: Final[Mapping[str, ContactField]] = {
    "first_name": ContactField("text", sql="contact.first_name"),
    "last_name": ContactField("text", sql="contact.last_name"),
    "job_title": ContactField("text", sql="contact.job_title"),
    "company_name": ContactField("text", sql="contact.company_name"),
    "email": ContactField("text", sql="contact.email_key", is_folded=True),
    "email_domain": ContactField("text", sql="split_part(contact.email_key, '@', 2)", is_folded=True),
    "phone_number": ContactField("text", "parts", "part ->> 'phone_number'", "contact.phone_numbers"),
    **_ADDRESS_FIELDS,
    "notes": ContactField("text", "parts", "part ->> 'content'", "contact.notes"),
    "permission_to_send": ContactField("choice", sql="contact.permission_to_send", choices=get_args(Permission)),
    "create_source": ContactField("choice", sql="contact.create_source", choices=_SOURCES),
    "update_source": ContactField("choice", sql="contact.update_source", choices=_SOURCES),
    "opt_in_source": ContactField("choice", sql="contact.opt_in_source", choices=_SOURCES),
    "opt_out_source": ContactField("choice", sql="contact.opt_out_source", choices=_SOURCES),
    "created_at": ContactField("moment", sql="contact.created_at"),
    "updated_at": ContactField("moment", sql="contact.updated_at"),
    "opt_in_date": ContactField("moment", sql="contact.opt_in_date"),
    "opt_out_date": ContactField("moment", sql="contact.opt_out_date"),
    "anniversary": ContactField("anniversary", sql="contact.anniversary"),
    "birthday": ContactField("birthday", sql="contact.birthday_month * 100 + contact.birthday_day"),
    "birthday_month": ContactField("number", sql="contact.birthday_month"),
    "birthday_day": ContactField("number", sql="contact.birthday_day"),
    "sms_status": ContactField("choice", "sms_status", choices=SMS_STATUSES),
    "engagement_level": ContactField("choice", "engagement_level", choices=ENGAGEMENT_LEVELS),
}
