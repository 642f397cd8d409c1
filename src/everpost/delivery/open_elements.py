"""The elements that a parser has open, and the formatting that it opens again where a block has closed it.

Rules: nothing is made but names; whoever has more open than any mail, or opens more again, is told so.
Source: HTML Living Standard, 13.2.4.2 The stack of open elements, 13.2.4.3 The list of active formatting elements.
"""

from collections.abc import Container

from everpost.delivery import markup
from everpost.platform.errors import Invalid

MAX_DEPTH = 256
MAX_ELEMENTS = 25_000


class TooComplex(Invalid):
    """The HTML is too complex: it has more than 25,000 elements, or they are nested more than 256 deep."""


class Element:
    """One that is open, or was. `key` is what formatting is told apart by; `mode` is where in a table it stands."""

    __slots__ = ("is_drawn", "is_open", "key", "mode", "name")

    def __init__(self, name: str, key: object = None, *, is_drawn: bool = False) -> None:
        self.name = name
        self.key = key
        self.is_drawn = is_drawn
        self.is_open = True
        self.mode = ""


class OpenElements:
    """`stack` holds what is open; `formatting` what has no end tag yet, with None where a cell or an object begins."""

    def __init__(self) -> None:
        self.stack: list[Element] = []
        self.formatting: list[Element | None] = []
        self.made = 0
        self.steps = 0  # of all searches

    @property
    def top(self) -> str:
        return self.stack[-1].name if self.stack else ""

    @property
    def mode(self) -> str:
        """Where in a table the parser is: cell, caption, tr, rows, table, or nowhere."""
        return self.stack[-1].mode if self.stack else ""

    @property
    def is_drawn(self) -> bool:
        return bool(self.stack) and self.stack[-1].is_drawn

    def count(self) -> None:
        """One more element is made, whether it stays open or not."""
        self.made += 1
        if self.made > MAX_ELEMENTS:
            raise TooComplex

    def push(self, element: Element) -> None:
        name = element.name
        if name in markup.TABLE_MODES:
            element.mode = "cell" if name in markup.CELLS else "rows" if name in markup.ROWS else name
        else:
            element.mode = self.stack[-1].mode if self.stack else ""
        self.stack.append(element)
        if len(self.stack) > MAX_DEPTH:
            raise TooComplex

    def find(self, names: Container[str], scope: frozenset[str]) -> int | None:
        """Where the innermost of `names` is; None when something of `scope` stands before it."""
        for at in range(len(self.stack) - 1, -1, -1):
            self.steps += 1
            name = self.stack[at].name
            if name in names:
                return at
            if name in scope:
                return None
        return None

    def close(self, names: Container[str], scope: frozenset[str]) -> bool:
        at = self.find(names, scope)
        if at is not None:
            self.close_from(at)
        return at is not None

    def close_from(self, at: int) -> None:
        for element in self.stack[at:]:
            element.is_open = False
        del self.stack[at:]

    def close_until(self, names: Container[str]) -> None:
        while self.stack[-1].name not in names:
            self.close_from(len(self.stack) - 1)

    def close_through(self, names: Container[str]) -> None:
        self.close_until(names)
        self.close_from(len(self.stack) - 1)

    def close_implied(self, but: str = "") -> None:
        while self.stack and self.stack[-1].name in markup.IMPLIED and self.stack[-1].name != but:
            self.close_from(len(self.stack) - 1)

    def close_item(self, names: Container[str]) -> None:
        for at in range(len(self.stack) - 1, -1, -1):
            self.steps += 1
            name = self.stack[at].name
            if name in names:
                self.close_from(at)
                return
            if name in markup.SPECIAL and name not in ("address", "div", "p"):
                return

    def end_other(self, name: str) -> None:
        for at in range(len(self.stack) - 1, -1, -1):
            self.steps += 1
            if self.stack[at].name == name:
                self.close_from(at)
                return
            if self.stack[at].name in markup.SPECIAL:
                return

    def keep(self, element: Element) -> None:
        """Of equal ones only the last three are kept."""
        equal = []
        for at in range(len(self.formatting) - 1, -1, -1):
            kept = self.formatting[at]
            if kept is None:
                break
            self.steps += 1
            if kept.key == element.key:
                equal.append(at)
        if len(equal) >= 3:
            del self.formatting[equal[-1]]
        self.formatting.append(element)
        if len(self.formatting) > 2 * MAX_DEPTH:
            raise TooComplex

    def last_formatting(self, name: str) -> Element | None:
        for element in reversed(self.formatting):
            self.steps += 1
            if element is None or element.name == name:
                return element
        return None

    def reopen(self) -> None:
        """Open again what was closed with a block, and not by its own end tag."""
        first = len(self.formatting)
        while first and (kept := self.formatting[first - 1]) is not None and not kept.is_open:
            first -= 1
        for at in range(first, len(self.formatting)):
            closed = self.formatting[at]
            assert closed is not None
            self.formatting[at] = copy = self._copy(closed)
            self.push(copy)

    def forget_formatting(self) -> None:
        while self.formatting and self.formatting.pop() is not None:
            pass

    def adopt(self, name: str) -> None:
        """End formatting: where a block stands in the way, it goes on in there, for eight blocks at most."""
        if self.stack and self.stack[-1].name == name and self.stack[-1] not in self.formatting:
            self.close_from(len(self.stack) - 1)
            return
        for _ in range(8):
            element = self.last_formatting(name)
            if element is None:
                self.end_other(name)
                return
            at = self.stack.index(element) if element.is_open else len(self.stack)
            self.steps += len(self.stack)
            if any(each.name in markup.SCOPE for each in self.stack[at + 1 :]):
                return
            blocks = (n for n in range(at + 1, len(self.stack)) if self.stack[n].name in markup.SPECIAL)
            block_at = next(blocks, None)
            if block_at is None:
                self.formatting.remove(element)
                self.close_from(at)
                return
            self._move(element, at, block_at)

    def _move(self, element: Element, at: int, block_at: int) -> None:
        """Let formatting go on inside a block; what stands between the two is made anew, or ends."""
        block = self.stack[block_at]
        place = self.formatting.index(element)
        for count, n in enumerate(range(block_at - 1, at, -1), 1):
            node = self.stack[n]
            kept_at = self.formatting.index(node) if node in self.formatting else None
            if kept_at is None or count > 3:
                if kept_at is not None:
                    del self.formatting[kept_at]
                    place -= kept_at < place
                node.is_open = False
                del self.stack[n]
                continue
            if self.stack[n + 1] is block:
                place = kept_at + 1
            self.formatting[kept_at] = self.stack[n] = self._copy(node)
        self.formatting.insert(place, self._copy(element))
        clone = self.formatting[place]
        assert clone is not None
        self.drop(element)
        self.stack.insert(self.stack.index(block) + 1, clone)
        clone.mode = block.mode

    def _copy(self, element: Element) -> Element:
        self.count()
        element.is_open = False
        copy = Element(element.name, element.key)
        copy.mode = element.mode
        return copy

    def drop(self, element: Element) -> None:
        element.is_open = False
        if element in self.formatting:
            self.formatting.remove(element)
        if element in self.stack:
            self.stack.remove(element)
