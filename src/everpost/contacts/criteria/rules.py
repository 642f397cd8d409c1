"""One rule of a document: from its members to a typed rule.

Source: contract, segments.md §3.1, §4, §5.1, §6.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal
from uuid import UUID

from everpost.contacts.criteria import comparisons, contact_fields, periods
from everpost.contacts.criteria.leaves import Leaf, Refused, chosen
from everpost.contacts.criteria.periods import Constant
from everpost.contacts.criteria.tree import (
    AllCampaigns,
    ContactRule,
    CustomFieldRule,
    Event,
    LastCampaigns,
    MembershipRule,
    NamedCampaigns,
    TrackingRule,
)
from everpost.platform.validation import is_uuid

MAX_CAMPAIGNS: Final = 500
MAX_MEMBERSHIP_IDS: Final = 50

Rule = TrackingRule | ContactRule | CustomFieldRule | MembershipRule

_COMMON: Final = frozenset({"source", "field", "op", "value"})
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "tracking": _COMMON | {"const_value", "param", "const_date_value", "date_param"},
    "contact": _COMMON | {"const_value", "param", "custom_field_id"},
    "list_membership": _COMMON,
    "tags": _COMMON,
}
_EVENTS: Final[tuple[Event, ...]] = ("sent", "opened", "clicked", "bounced", "forwarded", "opted_out")
_NEGATIVE_EVENTS: Final[Mapping[str, Event]] = {"not_sent": "sent", "not_opened": "opened", "not_clicked": "clicked"}
_HOW: Final[Mapping[str, Literal["any", "all", "none", "at_least"]]] = {
    "contains-any": "any",
    "contains-all": "all",
    "contains-none": "none",
    "count-at-least": "at_least",
}
_EVENT_PERIODS: Final[tuple[Constant, ...]] = (
    "last-n-days", "over-n-days-ago", "on", "before", "after", "between", "any-time",
)  # fmt: skip
_ANY_CAMPAIGN: Final = ("campaigns", "any-campaign", "all-campaigns")


def read(leaf: Leaf) -> Rule:
    """Raises: Refused."""
    source = source_of(leaf)
    unknown = [name for name in leaf.members if name not in _MEMBERS[source]]
    if unknown:
        raise leaf.refuse(unknown[0])
    return _READERS[source](leaf)


def source_of(leaf: Leaf) -> str:
    """Raises: Refused."""
    source = leaf.find_word("source") or ""
    if source not in _MEMBERS:
        raise leaf.refuse("source")
    return source


def _read_tracking(leaf: Leaf) -> TrackingRule:
    field = (leaf.find_word("field") or "").replace("-", "_")
    event = chosen(field, _EVENTS) or _NEGATIVE_EVENTS.get(field)
    if event is None:
        raise leaf.refuse("field")
    how = _HOW.get(leaf.operator())
    if how is None or (how == "at_least" and field == "not_sent"):
        raise leaf.refuse("op")
    campaigns = _campaigns(leaf, takes_param=how != "at_least")
    if how == "at_least" and isinstance(campaigns, LastCampaigns):
        raise leaf.refuse("const_value")
    return TrackingRule(
        event=event,
        is_not=field in _NEGATIVE_EVENTS,
        how=how,
        campaigns=campaigns,
        period=_event_period(leaf),
        least=leaf.count("param") if how == "at_least" else 1,
    )


def _campaigns(leaf: Leaf, *, takes_param: bool) -> LastCampaigns | AllCampaigns | NamedCampaigns:
    constant = leaf.find_word("const_value")
    if "value" in leaf.members:
        if constant is not None:
            raise leaf.refuse("const_value")
        ids = leaf.ids()
        if len(ids) > MAX_CAMPAIGNS:
            raise _TOO_MANY
        found: LastCampaigns | AllCampaigns | NamedCampaigns = NamedCampaigns(ids)
    elif constant == "last-n-campaigns":
        count = leaf.count("param")
        if count > MAX_CAMPAIGNS:
            raise _TOO_MANY
        return LastCampaigns(count)
    elif constant in _ANY_CAMPAIGN:
        found = AllCampaigns()
    else:
        raise leaf.refuse("const_value")
    # A number that means nothing here was meant for something: better to ask than to reach more people.
    if takes_param and "param" in leaf.members:
        raise leaf.refuse("param")
    return found


def _event_period(leaf: Leaf) -> periods.Period | None:
    if "const_date_value" not in leaf.members:
        if "date_param" in leaf.members:
            raise leaf.refuse("const_date_value")
        return None
    period = periods.read(leaf, "const_date_value", "date_param", allowed=_EVENT_PERIODS)
    return None if period.constant == "any-time" else period


def _read_contact(leaf: Leaf) -> ContactRule | CustomFieldRule | MembershipRule:
    name = leaf.find_word("field") or ""
    reference = _custom_field(leaf, name)
    if reference is not None:
        rule = CustomFieldRule(reference, leaf)
        comparisons.read_any(leaf)
        return rule
    if "custom_field_id" in leaf.members:
        raise leaf.refuse("custom_field_id")
    name = name.replace("-", "_")
    if name == "list_membership":
        return _membership(leaf, "lists")
    field = contact_fields.find(name)
    if field is None:
        raise leaf.refuse("field")
    return ContactRule(field, contact_fields.completed(field, comparisons.read(field.kind, leaf), leaf))


def _custom_field(leaf: Leaf, name: str) -> UUID | str | None:
    """Its id or its name, however the document says it; None when the rule is about something else."""
    if name.replace("-", "_") == "custom_field":
        given = leaf.find_word("custom_field_id") or ""
        if not is_uuid(given):
            raise leaf.refuse("custom_field_id")
        return UUID(given)
    if is_uuid(name):
        return UUID(name)
    if name.startswith("cf:") and name.removeprefix("cf:").strip():
        return name.removeprefix("cf:").strip()
    return None


def _read_lists(leaf: Leaf) -> MembershipRule:
    if leaf.find_word("field") not in (None, "list_id", "list_membership", "lists"):
        raise leaf.refuse("field")
    return _membership(leaf, "lists")


def _read_tags(leaf: Leaf) -> MembershipRule:
    if leaf.find_word("field") not in (None, "tag_id", "tags"):
        raise leaf.refuse("field")
    return _membership(leaf, "tags")


def _membership(leaf: Leaf, what: Literal["lists", "tags"]) -> MembershipRule:
    operator = leaf.operator()
    if operator in ("empty", "not-empty"):
        return MembershipRule(what, (), False, operator == "empty")
    if operator not in ("eq", "not-eq", "contains-any", "contains-all", "contains-none"):
        raise leaf.refuse("op")
    ids = leaf.ids()
    if len(ids) > MAX_MEMBERSHIP_IDS:
        raise leaf.refuse("value")
    return MembershipRule(what, ids, operator == "contains-all", comparisons.is_negative(operator))


_TOO_MANY: Final = Refused(f"Validation failed: No more than {MAX_CAMPAIGNS} campaigns can be evaluated")
_READERS: Final[Mapping[str, Callable[[Leaf], Rule]]] = MappingProxyType(
    {"tracking": _read_tracking, "contact": _read_contact, "list_membership": _read_lists, "tags": _read_tags}
)
