"""From a tree to SQL: `SELECT contact_id` of those who meet it, in both forms that formulas know.

Source: contract, segments.md §3 (truth of groups), §6.
"""

from typing import Any, Final, LiteralString, assert_never

from msgspec import Struct

from everpost.contacts.criteria import contact_formulas, formulas, tracking_formulas
from everpost.contacts.criteria.formulas import NOBODY, AllOf, Formula, OneOf, Related, Values, negated
from everpost.contacts.criteria.references import References
from everpost.contacts.criteria.tree import (
    ContactRule,
    CustomFieldRule,
    Group,
    MembershipRule,
    Node,
    TrackingRule,
)


class Compiled(Struct, frozen=True):
    """The same contacts twice, and whom conditions on the row alone leave. All take these values and `:account_id`."""

    of_rows: LiteralString
    one_by_one: LiteralString
    as_sets: LiteralString
    values: dict[str, Any]


def compiled(tree: Group, references: References) -> Compiled:
    values = Values()
    formula = _formula(tree, references, values)
    return Compiled(formulas.of_rows(formula), formulas.one_by_one(formula), formulas.as_sets(formula), values.named)


def _formula(node: Node, references: References, values: Values) -> Formula:
    match node:
        case Group(type_, children):
            parts = [_formula(child, references, values) for child in children]
            if type_ == "and":
                return AllOf(parts)
            return negated(OneOf(parts), type_ == "not")
        case TrackingRule():
            return tracking_formulas.formula(node, references, values)
        case ContactRule():
            return contact_formulas.of_field(node, references, values)
        case CustomFieldRule():
            return contact_formulas.of_custom_field(node, references, values)
        case MembershipRule():
            return negated(_membership(node, references, values), node.is_negated)
        case _:
            assert_never(node)


def _membership(rule: MembershipRule, references: References, values: Values) -> Formula:
    source, id_, existing = _TABLES[rule.what]
    where = "held.account_id = :account_id AND "
    if not rule.ids:
        return Related(source, "held.contact_id", where + existing)
    ids = [each for each in rule.ids if each in references.ids]
    if not ids or (rule.wants_all and len(ids) < len(rule.ids)):
        return NOBODY
    where = where + id_ + " = ANY(" + values.add(ids) + "::uuid[])"
    having: LiteralString = ""
    if rule.wants_all and len(ids) > 1:
        having = "count(*) = " + values.add(len(ids))
    return Related(source, "held.contact_id", where, having)


# What was deleted may still have rows until a job has taken them away.
_TABLES: Final[dict[str, tuple[LiteralString, LiteralString, LiteralString]]] = {
    "lists": (
        "list_memberships AS held",
        "held.list_id",
        "held.list_id IN (SELECT list_id FROM contact_lists WHERE account_id = :account_id AND deleted_at IS NULL)",
    ),
    "tags": (
        "contact_taggings AS held",
        "held.tag_id",
        "held.tag_id IN (SELECT tag_id FROM contact_tags WHERE account_id = :account_id AND deleted_at IS NULL)",
    ),
}
