"""Criteria documents: JSON text into a tree, or every problem with the place it stands at.

Rules: at most 20,000 characters, three groups deep, 100 rules; members that nobody knows are refused, because a typing
error must not widen an audience. Lists and tags stand in "or" groups or directly at the top.
Source: contract, segments.md §3, §8.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from everpost.contacts.criteria import rules
from everpost.contacts.criteria.leaves import Leaf, Refused, chosen, refusal
from everpost.contacts.criteria.tree import Group, Node
from everpost.platform.errors import Invalid, dotted
from everpost.platform.validation import control_characters

MAX_LENGTH: Final = 20_000
MAX_DEPTH: Final = 3
MAX_RULES: Final = 100

_TYPES: Final[tuple[Literal["and", "or", "not"], ...]] = ("and", "or", "not")


def read(text: str) -> Group:
    """Raises: Invalid."""
    try:
        return _read(text)
    except Refused as refused:
        raise Invalid(str(refused)) from refused


def _read(text: str) -> Group:
    document = _decoded(text)
    if not isinstance(document, dict):
        raise refusal("segment_criteria")
    # PostgreSQL stores no NUL, and nobody searches for control characters.
    bad = control_characters(document)
    if bad:
        raise Refused(f"Validation failed: {dotted(bad[0])}")
    version = document.get("version")
    if not isinstance(version, str) or version.strip() != "1.0.0":
        raise Refused("Validation failed: version must be 1.0.0")
    unknown = [name for name in document if name not in ("version", "criteria")]
    if unknown:
        raise refusal(unknown[0])
    return _Reader().top(document.get("criteria"))


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused("Validation failed: segment_criteria is not valid JSON") from error


class _Reader:
    """Reads one document; keeps what is wrong with it until all has been seen."""

    def __init__(self) -> None:
        self._problems: list[str] = []
        self._rules = 0

    def top(self, node: Any) -> Group:
        if not isinstance(node, dict):
            raise refusal("criteria")
        if _word(node.get("type")) != "and":
            raise Refused("Validation failed: The top-level group type must be and")
        group = self._group(node, "criteria", 1)
        if self._rules > MAX_RULES:
            raise refusal("criteria")
        if self._problems:
            raise Refused(", ".join(dict.fromkeys(self._problems)))
        return group

    def _group(self, node: Mapping[str, Any], path: str, depth: int) -> Group:
        unknown = [name for name in node if name not in ("type", "group")]
        if unknown:
            raise refusal(f"{path}.{unknown[0]}")
        type_ = chosen(_word(node.get("type")), _TYPES)
        if type_ is None:
            raise refusal(f"{path}.type")
        if depth > MAX_DEPTH:
            raise refusal(path)
        children = node.get("group")
        if children is not None and not isinstance(children, list):
            raise refusal(f"{path}.group")
        if not children:
            raise Refused("Validation failed: group must not be empty")
        return Group(type_, tuple(self._children(children, type_, path, depth)))

    def _children(self, children: list[Any], type_: str, path: str, depth: int) -> list[Node]:
        found: list[Node] = []
        for number, child in enumerate(children):
            try:
                found.append(self._node(child, type_, f"{path}.group[{number}]", depth))
            except Refused as refused:
                self._problems.append(str(refused))
        return found

    def _node(self, node: Any, parent: str, path: str, depth: int) -> Node:
        if not isinstance(node, dict):
            raise refusal(path)
        if "type" in node or "group" in node:
            return self._group(node, path, depth + 1)
        self._rules += 1
        leaf = Leaf(path, _members(node, path))
        source = rules.source_of(leaf)
        if source in ("list_membership", "tags") and parent == "and" and depth > 1:
            raise Refused(f"Validation failed: {source} is only supported in or groups")
        return rules.read(leaf)


def _members(node: Mapping[str, Any], path: str) -> dict[str, object]:
    """What is set, with the operand under its own name whatever the client calls it."""
    members = {name: value for name, value in node.items() if value is not None}
    if "vars" in members:
        if "value" in members:
            raise refusal(f"{path}.vars")
        members["value"] = members.pop("vars")
    return members


def _word(value: Any) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None
