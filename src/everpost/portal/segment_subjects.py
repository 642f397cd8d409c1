"""What a condition of a segment can be about, and what can be asked of it: as the form offers it.

Source: contract, segments.md §4-§6.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from everpost.contacts import custom_fields, tags
from everpost.contacts.custom_fields import CustomField, CustomFieldsQuery
from everpost.contacts.tags import TagsQuery
from everpost.ids import AccountId
from everpost.platform.db import Conn
from everpost.portal import list_names
from everpost.reports import campaign_list

Kind: TypeAlias = Literal["email", "lists", "tags", "text", "number", "date", "yearly", "choice", "choices"]
Choices: TypeAlias = list[tuple[str, str]]

PERMISSIONS: Final[Mapping[str, str]] = {
    "explicit": "Asked for mail", "implicit": "May be mailed", "pending_confirmation": "Has not confirmed yet",
    "unsubscribed": "Unsubscribed", "temp_hold": "On hold", "not_set": "Not set",
}  # fmt: skip
_LEVELS: Final = {"high": "High", "medium": "Medium", "low": "Low", "unqualified": "Too new to tell"}
_BOOLEANS: Final = {"true": "Yes", "false": "No"}

_OF_IDS: Final = [("contains-any", "any of"), ("contains-none", "none of")]
_EMPTY: Final = [("empty", "is not known"), ("not-empty", "is known")]
OPERATORS: Final[Mapping[Kind, Choices]] = {
    "email": [
        ("opened", "opened"), ("not_opened", "got and did not open"), ("clicked", "clicked in"),
        ("not_clicked", "got and did not click in"), ("sent", "was sent"), ("not_sent", "was not sent"),
    ],
    "lists": [("contains-any", "is on any of"), ("contains-all", "is on all of"), ("contains-none", "is on none of")],
    "tags": [("contains-any", "has any of"), ("contains-all", "has all of"), ("contains-none", "has none of")],
    "text": [
        ("eq", "is"), ("not-eq", "is not"), ("contains", "contains"), ("not-contains", "does not contain"),
        ("starts-with", "begins with"), ("ends-with", "ends with"), *_EMPTY,
    ],
    "number": [
        ("eq", "is"), ("not-eq", "is not"), ("gt", "is more than"), ("gte", "is at least"), ("lt", "is less than"),
        ("lte", "is at most"), *_EMPTY,
    ],
    "date": [
        ("last-n-days", "in the last … days"), ("over-n-days-ago", "more than … days ago"), ("eq", "on"),
        ("before", "before"), ("after", "after"), *_EMPTY,
    ],
    "yearly": [
        ("next-n-days", "in the next … days"), ("last-n-days", "in the last … days"), ("month-eq", "in month"),
        ("eq", "on the day (MM-DD)"), *_EMPTY,
    ],
    "choice": _OF_IDS,
    "choices": [*_OF_IDS, ("contains-all", "all of"), *_EMPTY],
}  # fmt: skip
HELP: Final[Mapping[Kind, str]] = {
    "date": "A number of days, or a date like 2026-04-30.",
    "yearly": "A number of days, a month from 1 to 12, or a day like 04-30.",
}
CAMPAIGNS: Final[Choices] = [
    ("any", "any campaign"), ("last-1", "the last campaign"), ("last-3", "one of the last 3 campaigns"),
    ("last-5", "one of the last 5 campaigns"), ("last-10", "one of the last 10 campaigns"),
]  # fmt: skip

LAST: Final = "last-"  # and how many
EARLIER: Final = "a campaign of earlier"

_FIELDS: Final[Mapping[str, tuple[str, Kind, Mapping[str, str]]]] = {
    "email": ("Email address", "text", {}),
    "email_domain": ("Domain of the address", "text", {}),
    "first_name": ("First name", "text", {}),
    "last_name": ("Last name", "text", {}),
    "company_name": ("Company", "text", {}),
    "job_title": ("Job title", "text", {}),
    "phone_number": ("Phone number", "text", {}),
    "city": ("City", "text", {}),
    "state": ("State or province", "text", {}),
    "zip": ("Postal code", "text", {}),
    "country": ("Country", "text", {}),
    "birthday": ("Birthday", "yearly", {}),
    "anniversary": ("Anniversary", "yearly", {}),
    "created_at": ("Joined", "date", {}),
    "opt_in_date": ("Gave permission", "date", {}),
    "opt_out_date": ("Unsubscribed on", "date", {}),
    "permission_to_send": ("Permission", "choice", PERMISSIONS),
    "engagement_level": ("Engagement", "choice", _LEVELS),
}


class Subject(Struct, frozen=True):
    """`key` is its name in the form: `email`, `lists`, `tags`, `field:city`, `custom:<id>`."""

    key: str
    label: str
    kind: Kind
    choices: Mapping[str, str] = {}

    @property
    def operators(self) -> Choices:
        return OPERATORS[self.kind]


class Subjects(Struct, frozen=True):
    """Everything an account's conditions can be about, in the groups of the form's menu, and its latest campaigns."""

    groups: Mapping[str, list[Subject]]
    campaigns: Choices
    custom_ids: Mapping[str, str]  # by the name that documents may use for a custom field

    def find(self, key: str) -> Subject | None:
        return next((each for group in self.groups.values() for each in group if each.key == key), None)

    def campaigns_with(self, which: str) -> Choices:
        """What a menu offers in which this stands, even if it is not among the latest or is gone."""
        if which in dict(self.campaigns):
            return self.campaigns
        number = which.removeprefix(LAST)
        return [*self.campaigns, (which, f"one of the last {number} campaigns" if number.isdigit() else EARLIER)]


async def find(conn: Conn, account_id: AccountId) -> Subjects:
    list_choices = {str(list_id): name for list_id, name in (await list_names.find(conn, account_id)).items()}
    tag_choices = {
        str(each.tag_id): each.name for each in (await tags.page(conn, account_id, TagsQuery(limit=500))).tags
    }
    custom = (await custom_fields.page(conn, account_id, CustomFieldsQuery(limit=100))).custom_fields
    sent = [each for each, _ in (await campaign_list.page(conn, account_id)).campaigns if each.sent_at is not None]
    return Subjects(
        groups={
            "What they did and where they are": [
                Subject("email", "Campaigns", "email"),
                Subject("lists", "Lists", "lists", list_choices),
                Subject("tags", "Tags", "tags", tag_choices),
            ],
            "Contact": [Subject(f"field:{name}", *about) for name, about in _FIELDS.items()],
            "Your own fields": [_of_custom_field(each) for each in custom],
        },
        campaigns=[*CAMPAIGNS, *((str(each.campaign_id), f"“{each.name}”") for each in sent)],
        custom_ids={each.name: str(each.custom_field_id) for each in custom},
    )


def _of_custom_field(field: CustomField) -> Subject:
    key = f"custom:{field.custom_field_id}"
    match field.type:
        case "number" | "currency":
            return Subject(key, field.label, "number")
        case "boolean":
            return Subject(key, field.label, "choice", _BOOLEANS)
        case "single_select" | "multi_select":
            choices = {str(each.choice_id): each.choice_label for each in field.choices or []}
            return Subject(key, field.label, "choices", choices)
        case "datetime":
            return Subject(key, field.label, "date")
        case "date" if field.version == 2:
            return Subject(key, field.label, "date")
        case _:
            return Subject(key, field.label, "text")
