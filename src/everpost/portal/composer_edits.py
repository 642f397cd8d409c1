"""What a button of the composer does to a document: `up 3`, `copy 3-0-1`, `add 3 text`, `append 3-0 image`.

Every command works on the document of the form, so nothing that was typed gets lost, and says where to go on.
`append - text` makes the last block of the email.
"""

import copy
import re
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from everpost.campaigns import block_shapes
from everpost.campaigns.block_shapes import Block, Columns, Document
from everpost.portal.composer_forms import FormBroken

Verb: TypeAlias = Literal["save", "up", "down", "copy", "delete", "add", "append"]

_COMMAND: Final = re.compile(
    r"(?P<verb>up|down|copy|delete|add|append) (?P<place>-|\d{1,3}(?:-\d(?:-\d{1,3})?)?)(?: (?P<kind>[a-z]+))?"
)


class Edit(Struct, frozen=True):
    """`at` is the place where the person goes on: that of the block which was moved or made; empty for none."""

    verb: Verb
    at: str = ""

    @property
    def is_new(self) -> bool:
        """Whether a block was made that nobody could fill in yet."""
        return self.verb in ("add", "append")


def apply(document: Document, command: str, *, at: str = "") -> Edit:
    """Carry out `command` on `document`; `at` is the block that stood open. Raises: FormBroken."""
    if command in ("", "save"):
        return Edit("save", at if at in dict(block_shapes.walk(document)) else "")
    found = _COMMAND.fullmatch(command)
    if found is None:
        raise FormBroken
    try:
        return _applied(document, msgspec.convert(found["verb"], Verb), found["place"], found["kind"] or "")
    except (IndexError, KeyError, ValueError) as error:
        raise FormBroken from error


def _applied(document: Document, verb: Verb, place: str, kind: str) -> Edit:
    if verb == "append":
        return Edit(verb, _append(document, place, kind))
    siblings, path, number = _siblings(document, place)
    block = siblings[number]
    match verb:
        case "up" | "down":
            del siblings[number]
            number = min(max(number + (1 if verb == "down" else -1), 0), len(siblings))
            siblings.insert(number, block)
        case "copy":
            number += 1
            siblings.insert(number, copy.deepcopy(block))
        case "add":
            number += 1
            siblings.insert(number, _new(kind, is_inner=bool(path)))
        case _:
            del siblings[number]
            return Edit(verb)
    return Edit(verb, f"{path}{number}")


def _append(document: Document, place: str, kind: str) -> str:
    if place == "-":
        document.blocks.append(_new(kind, is_inner=False))
        return str(len(document.blocks) - 1)
    siblings, path, _ = _siblings(document, f"{place}-0")
    siblings.append(_new(kind, is_inner=True))
    return f"{path}{len(siblings) - 1}"


def _siblings(document: Document, place: str) -> tuple[list[Block], str, int]:
    """The blocks among which `place` is, what their places begin with, and which of them is meant."""
    match [int(part) for part in place.split("-")]:
        case [number]:
            return document.blocks, "", number
        case [number, side, inner]:
            row = document.blocks[number]
            if isinstance(row, Columns):
                # A list of leaves takes leaves only; `_new` sees to that.
                leaves: list[Block] = row.columns[side]  # type: ignore[assignment]
                return leaves, f"{number}-{side}-", inner
    raise ValueError(place)


def _new(kind: str, *, is_inner: bool) -> Block:
    if is_inner and kind == "columns":
        raise ValueError(kind)
    return block_shapes.KINDS[kind]()
