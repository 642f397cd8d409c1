"""What a block document is made of: an email as marketers put it together, block by block.

Rules: a document says what, never how: its HTML is made from it whenever it is saved. The Structs hold the shape only,
so that a half-finished document can be shown and worked on; what is missing for a mail is said by `block_problems`.

A block's place is written as `3`, or as `3-0-1` for one in a column: block, column, position in the column.
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct, field

Align: TypeAlias = Literal["left", "center", "right"]
Height: TypeAlias = Literal[8, 16, 24, 32, 48, 64]  # pixels
Share: TypeAlias = Literal[25, 50, 75, 100]  # percent of the column
Width: TypeAlias = Literal[480, 560, 600, 640, 700]  # pixels
Font: TypeAlias = Literal["arial", "verdana", "trebuchet", "georgia", "times", "courier"]


class Heading(Struct, tag="heading", tag_field="kind", frozen=True):
    """`text` is one line; level 1 is the title of the email."""

    text: str = ""
    level: Literal[1, 2, 3] = 2
    align: Align = "left"


class Text(Struct, tag="text", tag_field="kind", frozen=True):
    """`text` is in the small markup of `block_text`."""

    text: str = ""
    align: Align = "left"


class Image(Struct, tag="image", tag_field="kind", frozen=True):
    """A picture from the web. `alt` says what it shows to those who do not see it; `link` may be empty."""

    url: str = ""
    alt: str = ""
    link: str = ""
    width_percent: Share = 100
    align: Align = "center"


class Button(Struct, tag="button", tag_field="kind", frozen=True):
    label: str = ""
    url: str = ""
    align: Align = "center"


class Divider(Struct, tag="divider", tag_field="kind", frozen=True):
    style: Literal["solid", "dashed", "dotted"] = "solid"


class Spacer(Struct, tag="spacer", tag_field="kind", frozen=True):
    height: Height = 24


class Social(Struct, tag="social", tag_field="kind", frozen=True):
    """Addresses of the organisation elsewhere; an empty one is left out."""

    website: str = ""
    bluesky: str = ""
    facebook: str = ""
    instagram: str = ""
    linkedin: str = ""
    mastodon: str = ""
    pinterest: str = ""
    threads: str = ""
    tiktok: str = ""
    x: str = ""
    youtube: str = ""
    align: Align = "center"


Leaf: TypeAlias = Heading | Text | Image | Button | Divider | Spacer | Social


class Columns(Struct, tag="columns", tag_field="kind", frozen=True):
    """Two or three columns side by side, which stand below each other on a phone."""

    columns: list[list[Leaf]] = field(default_factory=lambda: [[], []])


Block: TypeAlias = Leaf | Columns
KINDS: Final[dict[str, type[Block]]] = {
    str(kind.__struct_config__.tag): kind for kind in (*get_args(Leaf), Columns)
}  # fmt: skip


class Theme(Struct, frozen=True):
    """How all of it looks in a light inbox; the colours of a dark one are worked out from these."""

    background: str = "#f1f3f5"
    paper: str = "#ffffff"
    text: str = "#22272e"
    accent: str = "#1456b8"
    font: Font = "arial"
    width: Width = 600


class Document(Struct, frozen=True):
    blocks: list[Block] = field(default_factory=list)
    theme: Theme = field(default_factory=Theme)


def walk(document: Document) -> Iterator[tuple[str, Block]]:
    """Every block with its place, those in columns after the block that holds them."""
    for number, block in enumerate(document.blocks):
        yield str(number), block
        if isinstance(block, Columns):
            for column, leaves in enumerate(block.columns):
                for position, leaf in enumerate(leaves):
                    yield f"{number}-{column}-{position}", leaf
