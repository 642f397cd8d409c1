"""Criteria in words: for people who may only read them, and for those that say more than the form can."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from everpost.portal import segment_rows
from everpost.portal.segment_rows import Row
from everpost.portal.segment_subjects import Subject, Subjects

_GROUPS: Final = {"and": "All of these:", "or": "At least one of these:", "not": "None of these:"}


class Clause(Struct, frozen=True):
    """A condition, or what is asked of the conditions below it."""

    text: str
    below: list["Clause"] = []


def clauses(document: str, subjects: Subjects) -> Clause:
    return _clause(msgspec.json.decode(document)["criteria"], subjects)


def _clause(node: Mapping[str, Any], subjects: Subjects) -> Clause:
    if "group" in node:
        kind = str(node.get("type")).strip().lower()
        return Clause(_GROUPS[kind], [_clause(each, subjects) for each in node["group"]])
    row = segment_rows.row_of(node, subjects)
    subject = subjects.find(row.about) if row is not None else None
    if row is None or subject is None:
        return Clause(_plain(node))
    return Clause(_sentence(row, subject, subjects))


def _sentence(row: Row, subject: Subject, subjects: Subjects) -> str:
    op = dict(subject.operators)[row.op]
    if subject.kind == "email":
        which = dict(subjects.campaigns_with(row.which))[row.which]
        return f"{op.capitalize()} {which}{f' in the last {row.days} days' if row.days else ''}"
    picked = ", ".join(
        f"“{subject.choices[each]}”" if each in subject.choices else "a deleted one" for each in row.picked
    )
    if subject.kind in ("lists", "tags"):
        return f"{op.capitalize()} {'these lists' if subject.kind == 'lists' else 'these tags'}: {picked}"
    if row.op in ("empty", "not-empty"):
        return f"{subject.label} {op}"
    if subject.kind in ("choice", "choices"):
        return f"{subject.label} is {op}: {picked}"
    if "…" in op:
        return f"{subject.label} {op.replace('…', row.value)}"
    return f"{subject.label} {op} “{row.value}”"


def _plain(node: Mapping[str, Any]) -> str:
    """A rule that the form does not know, member by member."""
    names = (
        "field",
        "custom_field_id",
        "op",
        "value",
        "vars",
        "const_value",
        "param",
        "const_date_value",
        "date_param",
    )
    words = [str(node.get("source", ""))] + [_said(node[name]) for name in names if node.get(name) is not None]
    return " ".join(words).replace("_", " ").strip()


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
