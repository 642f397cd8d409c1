"""The form of a segment: its conditions as fields, and as the criteria that are stored.

A field is named after its row: `rule-0-about`, `rule-0-op`, `rule-0-value`, `rule-0-pick:<id>`. A document that the
form cannot show whole is not shown as a form at all: what a row makes must be what the row was read from.
Source: contract, segments.md §3-§6.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from everpost.contacts.criteria.leaves import Leaf, Refused
from everpost.portal.composer_forms import FormBroken
from everpost.portal.segment_subjects import LAST, Subject, Subjects

MOST_ROWS: Final = 100  # rules of a document

_ABOUT: Final = re.compile(r"rule-([0-9]{1,3})-about")
_PERIODS: Final = ("last-n-days", "over-n-days-ago", "next-n-days")
_ANY_CAMPAIGN: Final = ("any-campaign", "all-campaigns")
_FIELD_DEFAULTS: Final = {"list_membership": "list_id", "tags": "tag_id"}
_FIELD_ALIASES: Final = {
    "email_address": "email", "email_status": "permission_to_send", "date_added": "created_at", "postal_code": "zip",
    "list_membership": "list_id", "lists": "list_id",
}  # fmt: skip


class Row(Struct):
    """One condition. `which` campaigns and within how many `days` is asked of mails only, `picked` of choices."""

    about: str
    op: str = ""
    value: str = ""
    picked: list[str] = []
    which: str = "any"
    days: str = ""


class Draft(Struct):
    """A segment as somebody writes it."""

    name: str = ""
    match: Literal["all", "any"] = "all"
    rows: list[Row] = []


def start() -> Draft:
    return Draft(rows=[Row("email", "opened", days="90")])


def read(form: Mapping[str, str]) -> Draft:
    """Raises: FormBroken."""
    numbers = sorted(int(found[1]) for name in form if (found := _ABOUT.fullmatch(name)))
    if len(numbers) > MOST_ROWS:
        raise FormBroken
    match: Literal["all", "any"] = "any" if form.get("match") == "any" else "all"
    return Draft(form.get("name", ""), match, [_row(form, f"rule-{number}-") for number in numbers])


def criteria(draft: Draft, subjects: Subjects) -> str:
    """The document that a draft stands for. Raises: FormBroken."""
    leaves = [leaf(row, subjects) for row in draft.rows]
    group = leaves if draft.match == "all" else [{"type": "or", "group": leaves}]
    return msgspec.json.encode({"version": "1.0.0", "criteria": {"type": "and", "group": group}}).decode()


def find(name: str, document: str, subjects: Subjects) -> Draft | None:
    """The form of stored criteria; None when they say more than it can."""
    top = msgspec.json.decode(document)["criteria"]["group"]
    match: Literal["all", "any"] = "all"
    if len(top) == 1 and "group" in top[0] and _word(top[0].get("type")) == "or":
        top, match = top[0]["group"], "any"
    flat = [each["group"][0] if _is_alone(each) else each for each in top]
    rows = [row_of(each, subjects) for each in flat]
    return None if None in rows else Draft(name, match, [row for row in rows if row is not None])


def row_of(node: Mapping[str, Any], subjects: Subjects) -> Row | None:
    """The row that makes this rule, if there is one."""
    if "group" in node:
        return None
    try:
        wanted = _normal(node, subjects)
    except Refused:
        return None
    row = _candidate(wanted)
    subject = subjects.find(row.about)
    if subject is None or row.op not in dict(subject.operators):
        return None
    return row if _normal(leaf(row, subjects), subjects) == wanted else None


def leaf(row: Row, subjects: Subjects) -> dict[str, Any]:
    """The rule that a row stands for, whether it is complete or not. Raises: FormBroken."""
    subject = subjects.find(row.about)
    if subject is None or row.op not in dict(subject.operators):
        raise FormBroken
    match subject.kind:
        case "email":
            return {"source": "tracking", "field": row.op, "op": "contains-any", **_campaigns(row), **_within(row)}
        case "lists":
            return {"source": "list_membership", "field": "list_id", "op": row.op, "value": row.picked}
        case "tags":
            return {"source": "tags", "field": "tag_id", "op": row.op, "value": row.picked}
        case _:
            return {"source": "contact", **_field(subject), **_test(row, subject)}


def _row(form: Mapping[str, str], prefix: str) -> Row:
    def text(name: str) -> str:
        return form.get(prefix + name, "").strip()

    pick = f"{prefix}pick:"
    picked = [name.removeprefix(pick) for name in form if name.startswith(pick)]
    return Row(text("about"), text("op"), text("value"), picked, text("which") or "any", text("days"))


def _campaigns(row: Row) -> dict[str, Any]:
    if row.which == "any":
        return {"const_value": "campaigns"}
    if row.which.startswith(LAST):
        return {"const_value": "last-n-campaigns", "param": row.which.removeprefix(LAST)}
    return {"value": [row.which]}


def _within(row: Row) -> dict[str, Any]:
    return {"const_date_value": "last-n-days", "date_param": row.days} if row.days else {}


def _field(subject: Subject) -> dict[str, Any]:
    kind, _, name = subject.key.partition(":")
    return {"field": name} if kind == "field" else {"field": "custom_field", "custom_field_id": name}


def _test(row: Row, subject: Subject) -> dict[str, Any]:
    if row.op in ("empty", "not-empty"):
        return {"op": row.op}
    if row.op in _PERIODS:
        return {"op": "in-period", "const_value": row.op, "param": row.value}
    return {"op": row.op, "value": row.picked if subject.kind in ("choice", "choices") else row.value}


def _candidate(normal: Mapping[str, Any]) -> Row:
    """The only row that could make a rule."""
    source, field, op, values = (normal.get(name, "") for name in ("source", "field", "op", "value"))
    picked = list(values)
    if source == "tracking":
        which = picked[0] if picked else "any"
        if normal.get("const_value") == "last-n-campaigns":
            which = LAST + str(normal.get("param", ""))
        return Row("email", field, which=which, days=normal.get("date_param", ""))
    if source in _FIELD_DEFAULTS:
        return Row("lists" if source == "list_membership" else "tags", op, picked=picked)
    about = f"custom:{normal['custom_field_id']}" if "custom_field_id" in normal else f"field:{field}"
    if op == "in-period":
        return Row(about, normal.get("const_value", ""), normal.get("param", ""))
    return Row(about, op, picked[0] if picked else "", picked)


def _normal(node: Mapping[str, Any], subjects: Subjects) -> dict[str, Any]:
    """A rule without the freedom of how to write it, so that two can be compared. Raises: Refused."""
    rule = Leaf("", {name: value for name, value in node.items() if value is not None})
    if "vars" in rule.members:
        rule = Leaf("", {**rule.members, "value": rule.members["vars"]})
    source = rule.find_word("source") or ""
    normal: dict[str, Any] = {"source": source, "op": rule.operator()}
    normal |= _named(rule, source, subjects)
    for name in ("const_value", "const_date_value"):
        if name in rule.members:
            word = rule.find_word(name)
            normal[name] = "campaigns" if word in _ANY_CAMPAIGN else word
    for name in ("param", "date_param"):
        if name in rule.members:
            normal[name] = ",".join(rule.texts(name))
    if "value" in rule.members:
        normal["value"] = rule.texts()
    return _with_choices(normal, subjects)


def _named(rule: Leaf, source: str, subjects: Subjects) -> dict[str, str]:
    """The field of a rule, however it is called."""
    field = rule.find_word("field") or _FIELD_DEFAULTS.get(source, "")
    custom = rule.find_word("custom_field_id") or subjects.custom_ids.get(field.removeprefix("cf:").strip())
    if source == "contact" and (field == "custom_field" or field.startswith("cf:")) and custom:
        return {"field": "custom_field", "custom_field_id": custom}
    field = field.replace("-", "_")
    return {"field": _FIELD_ALIASES.get(field, field)}


def _with_choices(normal: dict[str, Any], subjects: Subjects) -> dict[str, Any]:
    """One of one is any of one; a custom field's choice may be called by its label, any choice in any case."""
    subject = subjects.find(_candidate(normal).about)
    if subject is None or subject.kind not in ("choice", "choices", "lists", "tags") or "value" not in normal:
        return normal
    op = {"eq": "contains-any", "not-eq": "contains-none"}.get(normal["op"], normal["op"])
    values = {label.lower(): value for value, label in subject.choices.items() if subject.kind == "choices"}
    values |= {value.lower(): value for value in subject.choices}
    return {**normal, "op": op, "value": tuple(values.get(each.lower(), each) for each in normal["value"])}


def _is_alone(node: Mapping[str, Any]) -> bool:
    """A group of one rule, as documents put around lists and tags."""
    group: Sequence[Any] = node.get("group", ())
    return len(group) == 1 and "group" not in group[0] and _word(node.get("type")) in ("and", "or")


def _word(value: object) -> str:
    return value.strip().lower() if isinstance(value, str) else ""
