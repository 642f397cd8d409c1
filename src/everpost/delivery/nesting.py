"""Whether a document may be parsed: by HTML's own rules a short source can grow without limit.

A parser looks through all open elements at an end tag, and opens formatting that nobody closed anew in each block: 400
kB of `<div>` take it seconds, and 400 kB of `<p><b id=1><p><b id=2>...` are a hundred million elements. So what is open
is followed here first, as the parser will follow it, but nothing is made of it, and only up to a limit.

Rules: what is held to be open must be what the parser has open, or an end tag closes here what stays open there. What
no mail holds and has rules of its own (MathML, templates, framesets, boxes to choose from) is not followed: only so few
tags may come after it that they do no harm however they nest.

Source: HTML Living Standard, 13.2.6 Tree construction.
"""

import re

from everpost.delivery import markup
from everpost.delivery.open_elements import Element, OpenElements, TooComplex

MAX_ATTRIBUTES = 500  # of one element: each is compared with all before it
_MAX_STEPS = 3_000_000
_MAX_TAGS_NOT_FOLLOWED = 1_000
_START = re.compile(r"<[a-zA-Z]")


def require_simple(source: str) -> None:
    """Raises: TooComplex."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    # Only whether a table ends a paragraph depends on the document's mode, so few documents are read twice.
    for is_quirky in (True, False):
        walk = Walk(source, is_quirky=is_quirky)
        walk.run()
        if not walk.is_mode_felt:
            return


class _NotFollowed(Exception):
    """Something with rules of its own begins."""


class Walk:
    """One reading of a source, tag after tag. `is_mode_felt` once its mode made a difference."""

    def __init__(self, source: str, *, is_quirky: bool) -> None:
        self.elements = OpenElements()
        self.is_mode_felt = False
        self._source = source
        self._is_quirky = is_quirky
        self._form: Element | None = None
        self._has_body = False
        self._root_attributes = 0

    def run(self) -> None:
        """Raises: TooComplex."""
        position = 0
        try:
            while position >= 0 and (found := markup.TOKEN.search(self._source, position)) is not None:
                self._text(self._source[position : found.start()])
                position = found.end()  # what comes after is counted when the token begins something not followed
                position = self._token(found)
            if position >= 0:
                self._text(self._source[position:])
        except _NotFollowed:
            rest = _START.finditer(self._source, position)
            if sum(1 for _ in rest) > _MAX_TAGS_NOT_FOLLOWED:
                raise TooComplex from None

    def _token(self, found: re.Match[str]) -> int:
        """Where to read on, or -1 when nothing but text follows."""
        name = (found["name"] or "").lower()
        if self.elements.steps > _MAX_STEPS:
            raise TooComplex
        # Some end tags make an element too, if there is none to end.
        if name and (not found["end"] or name in ("p", "br")):
            self.elements.count()
        if not name:
            is_data = self.elements.is_drawn and self._source.startswith("<![CDATA[", found.start())
            return self._after("]]>", found.start()) if is_data else found.end()
        if not found["close"]:
            return -1
        if found["end"]:
            self._end(name)
            return found.end()
        self._start(name, found["attributes"])
        return self._after_raw(name, found.end()) if name in markup.RAW and not self.elements.is_drawn else found.end()

    def _after(self, end: str, start: int) -> int:
        at = self._source.find(end, start)
        return -1 if at < 0 else at + len(end)

    def _after_raw(self, name: str, start: int) -> int:
        end = markup.raw_end(self._source, name, start)
        # In such a comment a script may hold the end tag of a script.
        if name == "script" and "<!--" in self._source[start:end]:
            raise _NotFollowed
        return -1 if end is None else end

    def _text(self, text: str) -> None:
        text = text.replace("\0", "")
        is_blank = not text.strip(" \t\n\f\r")
        if not text or (is_blank and not self._has_body) or self.elements.is_drawn:
            return
        self._has_body = True
        if not (is_blank and self.elements.top in markup.FOSTERING):
            self.elements.reopen()

    # Start tags

    def _start(self, name: str, attributes: str) -> None:
        if len(attributes) > MAX_ATTRIBUTES and markup.attribute_count(attributes) > MAX_ATTRIBUTES:
            raise TooComplex
        if self.elements.is_drawn:
            self._draw(name, attributes)
            return
        self._has_body = self._has_body or name not in markup.HEAD
        if name in markup.FOREIGN:
            raise _NotFollowed
        if name in markup.ROOTS or (name == "noscript" and not self._has_body):
            self._add_to_root(attributes)
            return
        mode = self.elements.mode
        if name in markup.TABLE_PARTS:
            if mode:
                self._start_part(name, mode)
        elif mode in ("", "cell", "caption") or not self._is_for_table(name, attributes):
            self._start_in_body(name, attributes)

    def _add_to_root(self, attributes: str) -> None:
        """What a second body or html tag has is added to the first."""
        self._root_attributes += markup.attribute_count(attributes)
        if self._root_attributes > MAX_ATTRIBUTES:
            raise TooComplex

    def _draw(self, name: str, attributes: str) -> None:
        if name in markup.NOT_DRAWN or self.elements.top == "svg:title":
            raise _NotFollowed
        if not attributes.endswith("/"):
            self.elements.push(Element(f"svg:{name}", is_drawn=True))

    def _start_part(self, name: str, mode: str) -> None:
        if mode in ("cell", "caption"):
            self.elements.close_through(markup.CELLS if mode == "cell" else ("caption",))
            self.elements.forget_formatting()
        if name in markup.CELLS:
            self.elements.close_until(markup.ROWS | {"tr", "table"})
            if self.elements.top != "tr":
                self._start_part("tr", self.elements.stack[-1].mode)
        elif name == "tr":
            self.elements.close_until(markup.ROWS | {"table"})
            if self.elements.top == "table":
                self.elements.push(Element("tbody"))
        else:
            self.elements.close_until(("table",))
        if name not in markup.VOID:
            self.elements.push(Element(name))
        if name in markup.CELLS or name == "caption":
            self.elements.formatting.append(None)

    def _is_for_table(self, name: str, attributes: str) -> bool:
        """Whether a start tag in a table, but in no cell, has a meaning of its own there, which it then gets."""
        if name == "table":
            self.elements.close_through(("table",))
            return False
        if name == "form" and self._form is None:
            self._form = Element("form")
            self._form.is_open = False  # closed as soon as it was opened
        is_hidden = name == "input" and markup.attributes(attributes).get("type", "").lower() == "hidden"
        return name in ("form", "style", "script") or is_hidden

    def _start_in_body(self, name: str, attributes: str) -> None:
        if name in markup.FORMATTING:
            self._start_formatting(name, attributes)
            return
        if name == "form" and self._form is not None:
            return
        self._make_room(name)
        if not self._is_plain_block(name) and name not in markup.WITHOUT_FORMATTING:
            self.elements.reopen()
        if name in markup.VOID or name in markup.RAW:
            return
        self.elements.push(Element(name, is_drawn=name == "svg"))
        if name == "form":
            self._form = self.elements.stack[-1]
        if name in markup.OBJECTS:
            self.elements.formatting.append(None)

    def _is_plain_block(self, name: str) -> bool:
        """Whether it begins without the formatting around it, which opens again at its first text."""
        is_block = name in markup.BLOCKS or name in markup.HEADINGS
        return is_block or name in ("form", "li", "dd", "dt", "table", "rb", "rp", "rt", "rtc")

    def _make_room(self, name: str) -> None:
        """Close what ends where `name` begins."""
        if name in ("li", "dd", "dt"):
            self.elements.close_item(("li",) if name == "li" else ("dd", "dt"))
        if name in markup.BLOCKS or name in markup.HEADINGS or name in ("hr", "xmp", "form", "li", "dd", "dt"):
            self.elements.close(("p",), markup.BUTTON_SCOPE)
        elif name == "table" and self.elements.find(("p",), markup.BUTTON_SCOPE) is not None:
            self.is_mode_felt = True
            if not self._is_quirky:
                self.elements.close(("p",), markup.BUTTON_SCOPE)
        elif name == "button":
            self.elements.close(("button",), markup.SCOPE)
        elif name in ("rb", "rp", "rt", "rtc") and self.elements.find(("ruby",), markup.SCOPE) is not None:
            self.elements.close_implied(but="rtc" if name in ("rp", "rt") else "")
        top = self.elements.top
        if (name in markup.HEADINGS and top in markup.HEADINGS) or (name in ("option", "optgroup") and top == "option"):
            self.elements.close_from(len(self.elements.stack) - 1)

    def _start_formatting(self, name: str, attributes: str) -> None:
        if name == "a" and (before := self.elements.last_formatting("a")) is not None:
            self.elements.adopt("a")
            self.elements.drop(before)
        self.elements.reopen()
        if name == "nobr" and self.elements.find(("nobr",), markup.SCOPE) is not None:
            self.elements.adopt("nobr")
            self.elements.reopen()
        element = Element(name, (name, frozenset(markup.attributes(attributes).items())))
        self.elements.push(element)
        self.elements.keep(element)

    # End tags

    def _end(self, name: str) -> None:
        if self.elements.is_drawn:
            self._end_drawn(name)
        elif not self._has_body:
            self._has_body = name in ("head", "body", "html", "br")
        elif name == "br":
            self.elements.reopen()
        elif name in markup.TABLE_PARTS or name == "table":
            self._end_part(name, self.elements.mode)
        elif name not in markup.ROOTS | markup.VOID | markup.RAW:
            self._end_in_body(name)

    def _end_drawn(self, name: str) -> None:
        for at in range(len(self.elements.stack) - 1, -1, -1):
            self.elements.steps += 1
            if not self.elements.stack[at].is_drawn or name in ("p", "br"):
                raise _NotFollowed
            if self.elements.stack[at].name.removeprefix("svg:") == name:
                self.elements.close_from(at)
                return

    def _end_part(self, name: str, mode: str) -> None:
        if not mode or self.elements.find((name,), markup.TABLE_SCOPE) is None:
            return
        is_box = name in markup.CELLS or name == "caption"
        if mode == "caption" and name not in ("table", "caption"):
            return
        if mode in ("cell", "caption") and not is_box:
            self.elements.close_through(markup.CELLS if mode == "cell" else ("caption",))
            self.elements.forget_formatting()
        self.elements.close_through((name,))
        if is_box:
            self.elements.forget_formatting()

    def _end_in_body(self, name: str) -> None:
        if name in markup.FORMATTING:
            self.elements.adopt(name)
        elif name == "form":
            self._end_form()
        elif name == "p":
            self.elements.close(("p",), markup.BUTTON_SCOPE)
        elif name in markup.HEADINGS:
            self.elements.close(markup.HEADINGS, markup.SCOPE)
        elif name == "li":
            self.elements.close(("li",), markup.LIST_SCOPE)
        elif name in markup.OBJECTS:
            if self.elements.close((name,), markup.SCOPE):
                self.elements.forget_formatting()
        elif name in markup.BLOCKS or name in ("button", "dd", "dt"):
            self.elements.close((name,), markup.SCOPE)
        else:
            self.elements.end_other(name)

    def _end_form(self) -> None:
        form, self._form = self._form, None
        if form is None or not form.is_open:
            return
        at = self.elements.stack.index(form)
        if not any(each.name in markup.SCOPE for each in self.elements.stack[at:]):
            self.elements.close_implied()
            self.elements.drop(form)
