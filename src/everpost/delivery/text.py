"""The plain-text part, made from the HTML part.

Rules: blocks become lines, headings upper case, list items bullets, links `text (address)`, images their description;
lines are wrapped at 78, but no word is broken: an address stays whole.

Source: contract, campaigns §4.8.
"""

import re
from collections.abc import Callable

from selectolax.lexbor import LexborNode

from everpost.delivery.sanitise import attributes
from everpost.delivery.tags import CLOSE_MARK, OPEN_MARK, numbers

WIDTH = 78

_SKIPPED = frozenset(["style", "script", "head", "title", "select", "option", "textarea", "button", "map"])
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "dl", "hr"])
_GROUPS = frozenset(["div", "section", "article", "header", "footer", "main", "nav", "aside", "center", "fieldset"])
_ROWS = frozenset(["tr", "li", "dt", "dd", "address", "figure", "figcaption", "caption", "thead", "tbody", "tfoot"])
_LINES = _GROUPS | _ROWS
_LISTS = frozenset(["ul", "ol", "li"])
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
# What nobody sees: soft hyphens, and the zero-width padding of preheaders. Some languages need a ZWNJ between letters,
# so only those beside a blank go.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u200b\ufeff]+|(?<!\u200c)\u200c+(?=[ \\t\\r\\n\\f\u00a0]|$)|(?<=[ \\t\\r\\n\\f\u00a0])\u200c+"
)
_LINE_BLANKS = re.compile(r"(?<! ) +\n")  # from the first blank of a row, or a long row is read from each of its own
_MARKERS = re.compile(f"({OPEN_MARK}[^{CLOSE_MARK}]*{CLOSE_MARK})")
_COMMENTED = re.compile(f"{OPEN_MARK}[0-9]+i{CLOSE_MARK}")


def plain(body: LexborNode) -> str:
    """The text of `body`, its tags still marked, not wrapped yet."""
    writer = _Writer()
    writer.element(body)
    return writer.finished()


def room(name: str) -> int:
    """What a tag's value is taken to need while its length is unknown; a longer one has its line wrapped anew."""
    return 40 if name in ("emailaddress", "$recipient") else 24


def wrap(text: str, reserved: Callable[[int], int] = lambda number: 0) -> str:
    """`text` with lines at most WIDTH wide, where its words allow; `reserved` is the room for the tag of a number."""
    return "\n".join(_wrapped(line, reserved) for line in text.split("\n"))


class _Writer:
    """Walks the tree and keeps the lines so far; `_gap` is how many line ends are due before the next word."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._gap = 0
        self._has_blank = True  # a blank at the end of what is written, or nothing written on this line yet
        self._is_begun = False  # the markers of conditions alone begin nothing
        self._is_upper = False
        self._is_after_bullet = False  # a block that begins an item stays on the line of its bullet
        self._counters: list[int | None] = []  # one per open list: the next number, or None for bullets

    def finished(self) -> str:
        return _LINE_BLANKS.sub("\n", "".join(self._parts)).strip()

    def element(self, node: LexborNode) -> None:
        # One call less for each level: deep documents come near the interpreter's limit.
        child = node.first_child
        while child is not None:
            if child.is_text_node:
                self._words(child.text_content or "")
            elif child.is_comment_node:
                if _COMMENTED.fullmatch(child.comment_content or ""):
                    self._parts.append(child.comment_content or "")
            elif child.is_element_node and _is_shown(child):
                self._tag(child, child.tag or "")
            child = child.next

    def _tag(self, node: LexborNode, tag: str) -> None:
        if tag == "br":
            self._break(1)
        elif tag == "hr":
            self._break(2)
            self._words("-" * 40)
            self._break(2)
        elif tag == "img":
            self._words(f" {attributes(node).get('alt', '')} ")
        elif tag == "a":
            self._link(node)
        elif tag in ("td", "th"):
            self._words(" ")
            self.element(node)
            self._words(" ")
        else:
            self._block(node, tag)

    def _block(self, node: LexborNode, tag: str) -> None:
        lines = 2 if tag in _PARAGRAPHS and not self._counters else 1 if tag in _PARAGRAPHS | _LINES else 0
        self._is_after_bullet = self._is_after_bullet and tag not in _LISTS
        self._break(lines)
        was_upper, self._is_upper = self._is_upper, self._is_upper or tag in _HEADINGS
        if tag in ("ul", "ol"):
            self._counters.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._bullet()
        self.element(node)
        if tag in ("ul", "ol"):
            self._counters.pop()
        self._is_upper = was_upper
        self._is_after_bullet = self._is_after_bullet and tag not in _LISTS
        self._break(lines)

    def _bullet(self) -> None:
        indent = "  " * (len(self._counters) - 1)
        number = self._counters[-1] if self._counters else None
        if number is None:
            self._word(f"{indent}* ")
        else:
            self._counters[-1] = number + 1
            self._word(f"{indent}{number}. ")
        self._has_blank = self._is_after_bullet = True

    def _link(self, node: LexborNode) -> None:
        url = attributes(node).get("href", "").strip()
        before = len(self._parts)
        self.element(node)
        text = "".join(self._parts[before:]).strip()
        if url and not url.startswith("#") and url.removeprefix("mailto:") != text:
            self._words(f" ({url})" if text else f" {url}", is_upper=False)

    def _words(self, text: str, *, is_upper: bool | None = None) -> None:
        text = _BLANKS.sub(" ", _INVISIBLE.sub("", text)).replace("\xa0", " ")
        if self._has_blank or self._gap:
            text = text.lstrip(" ")
        if not text:
            return
        if self._is_upper if is_upper is None else is_upper:
            text = "".join(part if part.startswith(OPEN_MARK) else part.upper() for part in _MARKERS.split(text))
        self._word(text)
        self._has_blank = text.endswith(" ")

    def _word(self, text: str) -> None:
        if self._gap and self._is_begun:
            self._parts[-1] = self._parts[-1].rstrip(" ")
            self._parts.append("\n" * self._gap)
        self._gap = 0
        self._is_begun = True
        self._is_after_bullet = False
        self._parts.append(text)

    def _break(self, lines: int) -> None:
        if lines and not self._is_after_bullet:
            self._gap = max(self._gap, lines)
            self._has_blank = True


def _is_shown(node: LexborNode) -> bool:
    return node.tag not in _SKIPPED and not _HIDDEN.search(attributes(node).get("style", ""))


def _wrapped(line: str, reserved: Callable[[int], int]) -> str:
    if _width(line, reserved) <= WIDTH:
        return line
    lines: list[str] = []
    current: list[str] = []
    current_width, has_words = -1, False
    for word in line.split(" "):
        width = _width(word, reserved)
        if current_width + 1 + width > WIDTH and has_words:
            lines.append(" ".join(current))
            current, current_width, has_words = [], -1, False
        current.append(word)
        current_width += 1 + width
        has_words = has_words or bool(word.strip())
    return "\n".join([*lines, " ".join(current)])


def _width(text: str, reserved: Callable[[int], int]) -> int:
    if OPEN_MARK not in text:
        return len(text)
    return len(_MARKERS.sub("", text)) + sum(reserved(number) for number in numbers(text))
