"""The composer's form: a block document as fields, and fields as a document.

A field is named after its place: `block-3-text`, `block-3-0-1-alt` in a column, `theme-accent`. The hidden field `kind`
of a place says what stands there, so a form needs no script to hold any document.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from everpost.campaigns import block_problems, block_shapes
from everpost.campaigns.block_problems import BlockProblem
from everpost.campaigns.block_shapes import Block, Columns, Document, Leaf, Theme
from everpost.platform.errors import Invalid
from everpost.portal.forms import OTHER, Problems

LABELS: Final = {
    "heading": "Heading", "text": "Text", "image": "Picture", "button": "Button", "divider": "Line",
    "spacer": "Space", "social": "Social links", "columns": "Columns",
}  # fmt: skip

_KIND: Final = re.compile(r"block-(\d{1,3}(?:-\d-\d{1,3})?)-kind")
_FIELD: Final = re.compile(r"(?:block-)?(\d+(?:-\d+-\d+)?|theme)-")
_MOST_PLACES: Final = 4 * block_problems.MAX_BLOCKS  # more than a person puts there before being told
_LONGEST_SUMMARY: Final = 60

Place = tuple[int, ...]


class FormBroken(Invalid):
    """The form was not complete. Go back, load the page again and repeat what you did."""


class Card(Struct, frozen=True):
    """A block as the page shows it; `columns` holds those inside it."""

    place: str
    kind: str
    values: dict[str, Any]
    columns: list[list["Card"]]

    @property
    def label(self) -> str:
        return LABELS[self.kind]

    @property
    def summary(self) -> str:
        """Its first words, by which people find it again."""
        words = next((self.values[name] for name in ("text", "label", "alt") if self.values.get(name)), "")
        return " ".join(str(words).split())[:_LONGEST_SUMMARY]


def cards(blocks: Sequence[Block], path: str = "") -> list[Card]:
    return [_card(f"{path}{number}", block) for number, block in enumerate(blocks)]


def read(form: Mapping[str, str]) -> Document:
    """Raises: FormBroken."""
    places = sorted(_place(found[1]) for name in form if (found := _KIND.fullmatch(name)))
    if len(places) > _MOST_PLACES:
        raise FormBroken
    try:
        return Document(
            blocks=[_block(form, place, places) for place in places if len(place) == 1],
            theme=msgspec.convert(_fields(form, "theme", Theme), Theme, strict=False),
        )
    except (KeyError, msgspec.ValidationError) as error:
        raise FormBroken from error


def problems(found: Sequence[BlockProblem]) -> Problems:
    """What is wrong, by the id of the field it is about; of two things wrong with a field the first."""
    by_field = Problems()
    for problem in found:
        by_field.setdefault(_id(problem), f"{problem.text[:1].upper()}{problem.text[1:]}")
    return by_field


def wrong_places(found: Problems) -> frozenset[str]:
    """Which blocks the problems are in, and the columns around them; `theme` for the look."""
    places = {match[1] for name in found if (match := _FIELD.match(name))}
    return frozenset(places | {place.partition("-")[0] for place in places})


def _id(problem: BlockProblem) -> str:
    if not problem.place:
        return OTHER
    prefix = f"block-{problem.place}" if problem.place[0].isdigit() else problem.place
    return f"{prefix}-{problem.field}"


def _card(place: str, block: Block) -> Card:
    values = structs.asdict(block)
    values.pop("columns", None)
    columns = (
        [cards(leaves, f"{place}-{side}-") for side, leaves in enumerate(block.columns)]
        if isinstance(block, Columns)
        else []
    )
    return Card(place, str(block.__struct_config__.tag), values, columns)


def _place(text: str) -> Place:
    return tuple(int(part) for part in text.split("-"))


def _block(form: Mapping[str, str], place: Place, places: list[Place]) -> Block:
    name = "-".join(map(str, place))
    kind = block_shapes.KINDS[form[f"block-{name}-kind"]]
    if kind is Columns:
        return _columns(form, place, places)
    return msgspec.convert(_fields(form, f"block-{name}", kind), kind, strict=False)


def _columns(form: Mapping[str, str], place: Place, places: list[Place]) -> Columns:
    """With as many columns as the form asks for; what stood in one that goes moves into the last that stays."""
    count = 3 if form.get(f"block-{place[0]}-columns") == "3" else 2
    columns: list[list[Leaf]] = [[] for _ in range(count)]
    for inner in places:
        if len(inner) == 3 and inner[0] == place[0]:
            block = _block(form, inner, places)
            if isinstance(block, Columns):
                raise FormBroken
            columns[min(inner[1], count - 1)].append(block)
    return Columns(columns)


def _fields(form: Mapping[str, str], prefix: str, kind: type[Struct]) -> dict[str, str]:
    """Browsers end lines of a text area with two characters."""
    return {
        field.name: form[f"{prefix}-{field.name}"].replace("\r\n", "\n").strip()
        for field in structs.fields(kind)
        if f"{prefix}-{field.name}" in form
    }
