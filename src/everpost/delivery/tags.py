"""Personalisation tags: `[[FirstName OR "Reader"]]`, `[[CUSTOM.size]]`, `[[IF City IS "Bath"]] ... [[ENDIF]]`.

A source is first *marked*: each tag we know becomes a short marker of two Unicode noncharacters around a number, which
no HTML parser and no CSS inliner touches. Whatever happened to the text in between, `pieces` then cuts it at the
markers into fixed text, slots and branches. Values are put in once, at the very end, and are never looked at again, so
nobody's name can smuggle a tag in.

Source: contract, campaigns §4.2 and §4.6.
"""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from itertools import groupby
from typing import cast

from msgspec import Struct

from everpost.delivery.positions import ESCAPES, Position, is_web

OPEN_MARK, CLOSE_MARK = "\ufdd0", "\ufdd1"


class Slot(Struct, frozen=True, tag=True):
    """A place for one value; `name` is lower case."""

    name: str
    fallback: str
    position: Position


class Branch(Struct, frozen=True, tag=True):
    """Text that appears when `name` has a value, or when that value is `equals`."""

    name: str
    equals: str | None
    body: "Pieces"


Piece = str | Slot | Branch
Pieces = tuple[Piece, ...]


class Vocabulary(Struct, frozen=True):
    """What the names mean in one rendering; any other name is left in the text as it was written. All in lower case.

    `constants` are known now (the account's tags), `personal` differ for each recipient, and `addresses` are those of
    our pages that end in a token of the recipient: {"unsubscribe": "https://mail.example/u/"}. Names that start with a
    dollar are ours alone ($click:3, $open, $recipient): no author can write them.
    """

    constants: Mapping[str, str]
    personal: frozenset[str] = frozenset()
    addresses: Mapping[str, str] = {}

    def knows(self, name: str) -> bool:
        return name in self.constants or name in self.personal or name in self.addresses


class Tag(Struct, frozen=True):
    """One recognised tag: `kind` is value, if or endif; `source` is what the author wrote, entities decoded."""

    kind: str
    name: str
    argument: str
    has_argument: bool
    source: str


# Custom fields are named in every alphabet; a label, which may stand for the name, holds more than words.
_NAME = r"(?:custom\.(?:(?!\]\]|\[\[)[^<>\"]){1,100}?|[^\W\d_](?:[\w\-. ]|\xa0){0,100}?)"
_QUOTE = r'(?:"|&quot;|[“”„‟]|&[lrb]dquo;|&\#0{0,4}(?:34|822[0-3]);|&\#x0{0,4}(?:22|201[c-f]);)'
# Editors put blanks that do not break where their authors see blanks.
_BLANK = r"(?:\s|&nbsp;|&\#0{0,4}160;|&\#x0{0,4}a0;)"
# Every repetition has a limit: sources are long, and a pattern that tries all ways through them takes hours.
_TAG = re.compile(
    rf"""\[\[{_BLANK}{{0,20}}(?:
        (?P<endif>ENDIF)
      | IF{_BLANK}{{1,20}}(?P<if>{_NAME})
        (?:{_BLANK}{{1,20}}IS{_BLANK}{{1,20}}{_QUOTE}(?P<equals>(?:(?!{_QUOTE}|\]\]).){{0,1000}}){_QUOTE})?
      | (?P<name>{_NAME})
        (?:{_BLANK}{{1,20}}OR{_BLANK}{{1,20}}{_QUOTE}(?P<fallback>(?:(?!{_QUOTE}|\]\]).){{0,1000}}){_QUOTE})?
    ){_BLANK}{{0,20}}\]\]""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ALIASES = {"unsubscribelink": "unsubscribe"}
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")
_MARKER = re.compile(f"<!--{OPEN_MARK}([0-9]+)i{CLOSE_MARK}-->|{OPEN_MARK}([0-9]+)([a-z]?){CLOSE_MARK}")


class Marked(Struct):
    """A source with its tags replaced by markers, and the tags that the markers stand for."""

    text: str
    tags: list[Tag]
    unknown: list[str]

    def restore(self, text: str) -> str:
        """`text` as its author wrote it: each marker gives way to the tag behind it."""
        return _MARKER.sub(lambda found: self.tags[int(found[1] or found[2])].source, text)


def mark(source: str, vocabulary: Vocabulary, *, is_html: bool) -> Marked:
    """Replace every tag of `vocabulary` in `source` by a marker; others stay and are listed as unknown."""
    marked = Marked(text="", tags=[], unknown=[])

    def replace(found: re.Match[str]) -> str:
        tag = _read(found, is_html=is_html)
        if tag.kind != "endif" and not vocabulary.knows(tag.name):
            marked.unknown.append(tag.name)
            return found[0]
        marked.tags.append(tag)
        return marker(len(marked.tags) - 1)

    marked.text = _TAG.sub(replace, _NONCHARACTERS.sub("", source))
    _unmark_strays(marked)
    return marked


def marker(number: int, position: Position | None = None) -> str:
    """The marker of tag `number`; without a position it takes that of the text around it."""
    return f"{OPEN_MARK}{number}{position.value if position else ''}{CLOSE_MARK}"


def numbers(text: str) -> list[int]:
    """The tags whose markers stand in `text`, in order."""
    return [int(found[1] or found[2]) for found in _MARKER.finditer(text)]


def unplaced(text: str) -> list[int]:
    """Those of the tags in `text` that stand among its words, in order."""
    return [int(found[2]) for found in _MARKER.finditer(text) if found[2] and not found[3]]


def placed(text: str, position: Position) -> str:
    """`text` with `position` written into each of its markers that has none yet."""
    return _MARKER.sub(lambda found: marker(int(found[1] or found[2]), Position(found[3] or position.value)), text)


def placed_url(url: str, found: list[Tag], constants: Mapping[str, str]) -> str:
    """`url` with positions: a tag alone is the URL, others are parts of it; a website of the account may lead it."""
    leader = _MARKER.match(url)
    if leader is None or leader.end() == len(url):
        return placed(url, Position.WHOLE if leader else Position.PART)
    is_site = is_web(constants.get(found[int(leader[1] or leader[2])].name, ""))
    start = placed(leader[0], Position.WHOLE if is_site else Position.PART)
    return start + placed(url[leader.end() :], Position.PART)


def commented(text: str, tags: list[Tag]) -> str:
    """`text` with the markers of IF and ENDIF inside comments."""

    def comment(found: re.Match[str]) -> str:
        number = int(found[1] or found[2])
        return found[0] if tags[number].kind == "value" else f"<!--{OPEN_MARK}{number}i{CLOSE_MARK}-->"

    return _MARKER.sub(comment, text)


def without(text: str, unwanted: set[int]) -> str:
    """`text` without the markers of these tags."""
    return _MARKER.sub(lambda found: "" if int(found[1] or found[2]) in unwanted else found[0], text)


def pieces(text: str, tags: list[Tag], vocabulary: Vocabulary, position: Position) -> Pieces:
    """Cut marked `text` into fixed text, slots and branches.

    A constant is fixed text already; the branch of a constant is taken or left out now.
    """
    result: list[Piece] = []
    outer: list[Piece] | None = None  # set while inside an IF, which does not nest
    condition: Tag | None = None
    last = 0
    for found in _MARKER.finditer(text):
        _add_text(result, text[last : found.start()])
        last = found.end()
        tag = tags[int(found[1] or found[2])]
        if tag.kind == "value":
            _add_slot(result, tag, vocabulary, Position(found[3]) if found[3] else position)
        elif tag.kind == "if" and outer is None:
            outer, result, condition = result, [], tag
        elif tag.kind == "endif" and outer is not None and condition is not None:
            _close(outer, result, condition, vocabulary.constants)
            result, outer = outer, None
    _add_text(result, text[last:])
    # An IF without its ENDIF hides nothing: what follows it stays in the message.
    return _merged(result if outer is None else outer + result)


def lines(text: str, tags: list[Tag]) -> list[str]:
    """The lines of marked `text`; what an IF and its ENDIF hold together stays together."""
    result: list[str] = []
    is_open = False
    for line in text.split("\n"):
        if is_open:
            result[-1] += f"\n{line}"
        else:
            result.append(line)
        for number in numbers(line):
            is_open = tags[number].kind == "if" or (is_open and tags[number].kind != "endif")
    return result


def joined(separator: str, templates: Sequence[Pieces]) -> Pieces:
    """All of `templates` in one, with `separator` between them."""
    result: list[Piece] = []
    for number, template in enumerate(templates):
        _add_text(result, separator if number else "")
        for piece in template:
            _add_text(result, piece) if isinstance(piece, str) else result.append(piece)
    return _merged(result)


def holds(value: str, equals: str | None) -> bool:
    """Whether an IF about `value` is true."""
    return bool(value.strip()) if equals is None else value.strip().lower() == equals.strip().lower()


def fill(template: Pieces, values: Mapping[str, str]) -> str:
    """The text of `template` for one reader, as previews and web pages show it."""
    return "".join(
        piece
        if isinstance(piece, str)
        else written(values.get(piece.name, ""), piece.fallback, piece.position)
        if isinstance(piece, Slot)
        else fill(piece.body, values)
        if holds(values.get(piece.name, ""), piece.equals)
        else ""
        for piece in template
    )


def written(value: str, fallback: str, position: Position) -> str:
    """`value`, or `fallback` where it is blank, escaped for its position."""
    return ESCAPES[position](value if value and not value.isspace() else fallback)


def names(template: Pieces) -> set[str]:
    """Every name whose value `template` asks for."""
    found: set[str] = set()
    for piece in template:
        if isinstance(piece, Branch):
            found |= {piece.name} | names(piece.body)
        elif isinstance(piece, Slot):
            found.add(piece.name)
    return found


def fixed_bytes(template: Pieces) -> int:
    """The size of all that is the same for everybody, what an IF may show included."""
    found = 0
    for piece in template:
        if isinstance(piece, str):
            found += len(piece.encode("utf-8", "replace"))
        elif isinstance(piece, Branch):
            found += fixed_bytes(piece.body)
    return found


def _read(found: re.Match[str], *, is_html: bool) -> Tag:
    decode = unescape if is_html else str
    name = decode(found["if"] or found["name"] or "").replace("\xa0", " ").strip().lower()
    if name.startswith("partner."):
        name = "partner"
    kind = "endif" if found["endif"] else "if" if found["if"] else "value"
    argument = found["equals"] if kind == "if" else found["fallback"]
    return Tag(
        kind=kind,
        name=_ALIASES.get(name, name),
        argument=decode(argument or ""),
        has_argument=argument is not None,
        source=decode(found[0]),
    )


def _unmark_strays(marked: Marked) -> None:
    """Give an ENDIF without its IF back to the text: it belongs to an IF about a name unknown here."""
    is_open = False
    strays = set()
    for number, tag in enumerate(marked.tags):
        if tag.kind == "endif" and not is_open:
            strays.add(number)
        is_open = tag.kind == "if" or (is_open and tag.kind != "endif")

    def give_back(found: re.Match[str]) -> str:
        number = int(found[1] or found[2])
        return marked.tags[number].source if number in strays else found[0]

    if strays:
        marked.text = _MARKER.sub(give_back, marked.text)


def _add_text(result: list[Piece], text: str) -> None:
    if text:
        result.append(text)


def _merged(found: Sequence[Piece]) -> Pieces:
    """`found` with texts that follow each other as one; all at once, because each addition would copy what is there."""
    result: list[Piece] = []
    for is_text, run in groupby(found, key=lambda piece: isinstance(piece, str)):
        held = list(run)
        result += ["".join(cast(list[str], held))] if is_text else held
    return tuple(result)


def _add_slot(result: list[Piece], tag: Tag, vocabulary: Vocabulary, position: Position) -> None:
    if (constant := vocabulary.constants.get(tag.name)) is not None:
        _add_text(result, written(constant, tag.argument, position))
    elif (address := vocabulary.addresses.get(tag.name.partition(":")[0])) is not None:
        _add_text(result, written(address, "", position))
        result.append(Slot(tag.name, "", Position.TOKEN))
    else:
        result.append(Slot(tag.name, tag.argument, position))


def _close(outer: list[Piece], body: list[Piece], condition: Tag, constants: Mapping[str, str]) -> None:
    equals = condition.argument if condition.has_argument else None
    if (constant := constants.get(condition.name)) is None:
        outer.append(Branch(condition.name, equals, _merged(body)))
    elif holds(constant, equals):
        for piece in body:
            _add_text(outer, piece) if isinstance(piece, str) else outer.append(piece)
