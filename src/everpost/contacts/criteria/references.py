"""What a tree names, looked up when it is evaluated: custom fields, lists, tags, the campaigns that were sent.

Rules: what does not exist any more matches nothing and never invalidates a segment. Source: contract, segments.md §4.2,
§6, §9.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.contacts import custom_fields
from everpost.contacts.criteria import comparisons
from everpost.contacts.criteria.comparisons import ChoiceTest, Kind, Test
from everpost.contacts.criteria.leaves import Leaf, Refused
from everpost.contacts.criteria.rules import MAX_CAMPAIGNS
from everpost.contacts.criteria.tree import (
    AllCampaigns,
    CustomFieldRule,
    Group,
    LastCampaigns,
    MembershipRule,
    NamedCampaigns,
    Node,
    TrackingRule,
)
from everpost.contacts.custom_fields import FieldDefinition
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn, many
from everpost.platform.errors import Invalid
from everpost.tracking import sent_activities
from everpost.tracking.sent_activities import SentActivity

# In these a period says when the mail was sent, in all others when the event happened.
_TIMED_BY_SEND: Final = "sent"
_BOOLEANS: Final = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}


class References(Struct, frozen=True):
    """As much of it as the tree asks for."""

    now: datetime
    fields: Sequence[FieldDefinition] = ()
    sent: Sequence[SentActivity] = ()  # newest first
    ids: frozenset[UUID] = frozenset()  # lists and tags that exist

    def field(self, reference: UUID | str) -> FieldDefinition | None:
        """By its id or its name."""
        return next((each for each in self.fields if reference in (each.custom_field_id, each.name)), None)

    def campaigns(self, rule: TrackingRule) -> list[UUID]:
        """The campaign activities that a rule looks at."""
        match rule.campaigns:
            case LastCampaigns(count):
                chosen = list(self.sent[:count])
            case NamedCampaigns(ids):
                chosen = [
                    each for each in self.sent if not {each.campaign_activity_id, each.campaign_id}.isdisjoint(ids)
                ]
            case AllCampaigns():
                chosen = list(self.sent if rule.period else self.sent[:MAX_CAMPAIGNS])
        if rule.period is not None and is_timed_by_send(rule):
            within = rule.period.past(self.now)
            chosen = [each for each in chosen if within.holds(each.sent_at)]
        return [each.campaign_activity_id for each in chosen]


def is_timed_by_send(rule: TrackingRule) -> bool:
    """Whether the rule's period says when the mail was sent, rather than when the event happened."""
    return rule.is_not or rule.event == _TIMED_BY_SEND


def kind_of(field: FieldDefinition) -> Kind:
    """How values of a custom field compare."""
    match field.type:
        case "date" if field.version == 2:
            return "day"
        case "string" | "text_area" | "date":
            return "text"
        case "datetime":
            return "moment"
        case "number" | "currency":
            return "number"
        case "boolean":
            return "choice"
        case "single_select" | "multi_select":
            return "choices"


def custom_test(field: FieldDefinition, leaf: Leaf) -> Test:
    """What a rule asks of a field of this type. Raises: Refused."""
    test = comparisons.read(kind_of(field), leaf)
    if field.type == "boolean" and isinstance(test, ChoiceTest):
        return ChoiceTest(tuple(_boolean(text, leaf) for text in test.choices), test.wants_all, test.is_negated)
    return test


async def look_up(conn: Conn, account_id: AccountId, tree: Group, *, now: datetime) -> References:
    found = list(_rules_of(tree))
    named = [each for rule in found if isinstance(rule, MembershipRule) for each in rule.ids]
    return References(
        now=now,
        fields=await custom_fields.definitions(conn, account_id) if _has(found, CustomFieldRule) else (),
        sent=await sent_activities.newest_first(conn, account_id) if _has(found, TrackingRule) else (),
        ids=await _existing(conn, account_id, named) if named else frozenset(),
    )


async def check(conn: Conn, account_id: AccountId, tree: Group) -> None:
    """Whether custom fields that exist have the type for what is asked of them. Raises: Invalid."""
    rules = [rule for rule in _rules_of(tree) if isinstance(rule, CustomFieldRule)]
    if not rules:
        return
    references = References(now=clock.now(), fields=await custom_fields.definitions(conn, account_id))
    problems = []
    for rule in rules:
        field = references.field(rule.reference)
        try:
            if field is not None:
                custom_test(field, rule.leaf)
        except Refused as refused:
            problems.append(str(refused))
    if problems:
        raise Invalid(*problems)


def _rules_of(node: Node) -> Iterator[Node]:
    """Every rule of a tree, groups left out."""
    if not isinstance(node, Group):
        yield node
        return
    for child in node.children:
        yield from _rules_of(child)


def _boolean(text: str, leaf: Leaf) -> str:
    if text.lower() not in _BOOLEANS:
        raise leaf.refuse("value")
    return _BOOLEANS[text.lower()]


def _has(rules: Sequence[Node], kind: type) -> bool:
    return any(isinstance(rule, kind) for rule in rules)


async def _existing(conn: Conn, account_id: AccountId, ids: Sequence[UUID]) -> frozenset[UUID]:
    found = await many(
        conn,
        UUID,
        """SELECT list_id FROM contact_lists
            WHERE account_id = :account_id AND list_id = ANY(:ids::uuid[]) AND deleted_at IS NULL
            UNION ALL
           SELECT tag_id FROM contact_tags
            WHERE account_id = :account_id AND tag_id = ANY(:ids::uuid[]) AND deleted_at IS NULL""",
        account_id=account_id,
        ids=ids,
    )
    return frozenset(found)
