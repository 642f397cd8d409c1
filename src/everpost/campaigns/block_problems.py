"""What keeps a block document from becoming a mail, said beside the field it is about.

Rules: at most 100 blocks and 60,000 characters of text; a picture has an address that begins with https:// and words
for those who do not see it; a link leads to the web, a mailbox or a telephone; text is readable on its paper; an IF
ends in the text it began in, so that it can never take half of a table along.
"""

import re
from collections.abc import Iterator
from typing import Final, assert_never

from msgspec import Struct, structs

from everpost.campaigns import block_colours, block_shapes, block_text
from everpost.campaigns.block_shapes import (
    Block,
    Button,
    Columns,
    Divider,
    Document,
    Heading,
    Image,
    Leaf,
    Social,
    Spacer,
    Text,
    Theme,
)

MAX_BLOCKS: Final = 100
MAX_HEADING: Final = 300
MAX_TEXT: Final = 10_000
MAX_BRACKETS: Final = 1_000  # in a text: for each, all that follows is looked at
MAX_TEXTS: Final = 60_000  # of all together: far above what is clipped, and read in no time however it is written
MAX_ALT: Final = 500
MAX_LABEL: Final = 100
MAX_ADDRESS: Final = 1005

_CONDITION: Final = re.compile(r"\[\[\s{0,20}(IF\s|ENDIF\s{0,20}\]\])", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOURS: Final = ("background", "paper", "text", "accent")


class BlockProblem(Struct, frozen=True):
    """`place` is a block's, or `theme`, or empty for the document as a whole; `text` follows the field's name."""

    place: str
    field: str
    text: str

    @property
    def sentence(self) -> str:
        """For those who see no form: `blocks[3].columns[0][1].alt is required.`"""
        return f"{self._path}{self.field} {self.text}".strip()

    @property
    def _path(self) -> str:
        match self.place.split("-"):
            case [number, column, position]:
                return f"blocks[{number}].columns[{column}][{position}]."
            case [number] if number.isdigit():
                return f"blocks[{number}]."
            case _:
                return f"{self.place}." if self.place else ""


def of(document: Document) -> list[BlockProblem]:
    """Everything that is missing or wrong, from top to bottom."""
    places = list(block_shapes.walk(document))
    found = []
    if not places:
        found.append(BlockProblem("", "", "The email has no content yet: add a block."))
    if len(places) > MAX_BLOCKS:
        found.append(BlockProblem("", "", f"An email must not have more than {MAX_BLOCKS} blocks."))
    if _is_too_long(document):
        found.append(BlockProblem("", "", f"All texts together must not be longer than {MAX_TEXTS} characters."))
    found += [BlockProblem("theme", field, text) for field, text in _of_theme(document.theme)]
    for place, block in places:
        found += [BlockProblem(place, field, text) for field, text in (*_of_block(block), *_of_words(block))]
    return found


def without_gaps(document: Document) -> Document:
    """What can be shown of a document that is not complete: a note in the place of each block that is not."""
    has_colours = not any(_of_theme(document.theme))
    blocks: list[Block] = [Text("*too long*")] if _is_too_long(document) else document.blocks[:MAX_BLOCKS]
    return Document(
        blocks=[_shown(block) for block in blocks],
        theme=document.theme if has_colours else Theme(font=document.theme.font, width=document.theme.width),
    )


def _is_too_long(document: Document) -> bool:
    texts = (block.text for _, block in block_shapes.walk(document) if isinstance(block, Text))
    return sum(map(len, texts)) > MAX_TEXTS


def _shown(block: Block) -> Block:
    if isinstance(block, Columns):
        return Columns([[_shown_leaf(leaf) for leaf in leaves[:MAX_BLOCKS]] for leaves in block.columns[:3]])
    return _shown_leaf(block)


def _shown_leaf(leaf: Leaf) -> Leaf:
    has_gaps = any(field != "alt" for field, _ in _of_block(leaf)) or any(_of_words(leaf))
    return Text("*not complete yet*", align="center") if has_gaps else leaf


def _of_block(block: Block) -> Iterator[tuple[str, str]]:
    match block:
        case Heading():
            yield from _text("text", block.text, MAX_HEADING)
        case Text():
            yield from _text("text", block.text, MAX_TEXT)
            if block.text.count("[") > MAX_BRACKETS:
                yield "text", f"must not have more than {MAX_BRACKETS} opening brackets."
            for url in block_text.wrong_addresses(block.text[:MAX_TEXT]):
                yield "text", f"has a link to {url[:80]}, which must begin with https://, http://, mailto: or tel:."
        case Image():
            yield from _picture(block)
        case Button():
            yield from _text("label", block.label, MAX_LABEL)
            yield from _address("url", block.url)
        case Social():
            yield from _social(block)
        case Columns():
            if not 2 <= len(block.columns) <= 3:
                yield "columns", "must be two or three."
        case Divider() | Spacer():
            pass
        case _:
            assert_never(block)


def _picture(image: Image) -> Iterator[tuple[str, str]]:
    if not image.url:
        yield "url", "is required."
    elif not block_text.is_picture(image.url) or len(image.url) > MAX_ADDRESS:
        yield "url", "must be an address that begins with https://."
    yield from _text("alt", image.alt, MAX_ALT)
    if image.link:
        yield from _address("link", image.link)


def _social(block: Social) -> Iterator[tuple[str, str]]:
    addresses = {name: url for name, url in structs.asdict(block).items() if name != "align" and url}
    if not addresses:
        yield "website", "or another address is required."
    for name, url in addresses.items():
        yield from _address(name, url)


def _text(field: str, text: str, limit: int) -> Iterator[tuple[str, str]]:
    if not text.strip():
        yield field, "is required."
    elif len(text) > limit:
        yield field, f"must not be longer than {limit} characters."


def _address(field: str, url: str) -> Iterator[tuple[str, str]]:
    if not url:
        yield field, "is required."
    elif len(url) > MAX_ADDRESS:
        yield field, f"must not be longer than {MAX_ADDRESS} characters."
    elif not block_text.is_address(url):
        yield field, "must begin with https://, http://, mailto: or tel:."


def _of_words(block: Block) -> Iterator[tuple[str, str]]:
    """Rules for every text, whatever it is for."""
    for field, value in structs.asdict(block).items():
        if not isinstance(value, str):
            continue
        if _CONTROL.search(value):
            yield field, "must not hold control characters."
        if not _is_balanced(value):
            yield field, "must end each [[IF …]] with [[ENDIF]], one after the other."


def _is_balanced(text: str) -> bool:
    is_open = False
    for found in _CONDITION.finditer(text):
        if is_open == (found[1][0] in "Ii"):
            return False
        is_open = not is_open
    return not is_open


def _of_theme(theme: Theme) -> Iterator[tuple[str, str]]:
    wrong = [name for name in _COLOURS if not block_colours.is_colour(getattr(theme, name))]
    for name in wrong:
        yield name, "must be a colour such as #1456b8."
    if wrong:
        return
    contrast = block_colours.contrast(theme.text, theme.paper)
    if contrast < block_colours.READABLE:
        yield "text", f"is too hard to read on the paper: contrast {contrast:.1f}, at least 4.5 is needed."
