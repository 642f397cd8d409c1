"""What may be parsed, and that what is held to be open is what the parser has open."""

import random
import time
from collections import Counter

import pytest
from selectolax.lexbor import LexborHTMLParser

from everpost.delivery import nesting
from everpost.delivery.nesting import Walk
from everpost.delivery.open_elements import TooComplex

HOSTILE = {
    "deep": "<div>" * 80_000,
    "deep and closed": "<div>" * 36_000 + "</div>" * 36_000,
    "unclosed formatting": "".join(f"<p><b id={number}>" for number in range(25_000)),
    "unclosed formatting that is ended": "".join(f"<p><b id={number}>x</p>" for number in range(18_000)),
    "unclosed formatting written in many ways": "".join(f"<p><b x='&ampa{number}'>" for number in range(18_000)),
    "links in blocks": "<a><div></a>" * 30_000,
    "blocks in formatting": "<b>" * 200 + "<p></b>" * 50_000,
    "tables in paragraphs": "<p><table><td>" * 25_000,
    "tables in paragraphs of today": "<!DOCTYPE html>" + "<p><table></table><span><div>" * 14_000,
    "cells without a table": "<td><div></td>" * 25_000,
    "forms in forms": "<form><div></form>" * 20_000,
    "headings in headings": "<h1><h2></h1><div></h1>" * 16_000,
    "drawings": "<svg>" + "<g>" * 100_000,
    "elements that hold text only outside of drawings": "<svg><style></svg><div></style>" * 12_000,
    "text in drawings": "<svg><g><![CDATA[></g>]]>" * 15_000,
    "formulas": "<math><mi>" * 40_000,
    "templates": "<template>" * 40_000,
    "choices": "<div><select></div></select>" * 14_000,
    "end tags in attributes": '<div><b title="</div>">' * 17_000,
    "end tags in comments": "<div><!-- </div> -->" * 20_000,
    "end tags in scripts": "<div><script><!-- <script> </script> </div> --></script>" * 7_000,
    "end tags in no tag": "<div></ div></ </div>>" * 18_000,
    "attributes": "<p " + " ".join(f"a{number}" for number in range(50_000)) + ">",
    "attributes of many bodies": "".join(f"<body a{number}>" for number in range(25_000)),
    "elements": "<br>" * 100_000,
}
ORDINARY = {
    "depth": "<div>" * 250 + "x" + "</div>" * 250,
    "tables": "<table><tr><td>" * 60 + "x" + "</td></tr></table>" * 60,
    "paragraphs without an end": "<p>text with <b>words</b>" * 5_000,
    "items without an end": "<ul>" + "<li>one <i>two</i>" * 5_000,
    "cells without an end": "<table>" + "<tr><td><p><font size=2>x<td>y" * 3_000,
    "fonts without an end": "<div><font face=Arial size=2>x</div>" * 3_000,
    "crossed tags": "<p><b>one <i>two</b> three</i></p>" * 3_000,
    "formatting around blocks": "<font color=red><p>x</p></font>" * 4_000,
    "wrong ends": "<div><span>x</div></span></p></td>" * 3_000,
    "drawings": '<svg viewBox="0 0 9 9"><title>Icon</title><g><path d="M0 0"/><path d="M1 1"></path></g></svg><p>x</p>'
    * 1_000,
    "programs": "<!--[if mso]><table><tr><td><![endif]--><div>x</div><!--[if mso]></td></tr></table><![endif]-->" * 900,
    "notes for the head": "<html><head><noscript><style>p{}</style></noscript></head><body>" + "<p>x</p>" * 4_000,
    "a box to choose from": "<p>x</p>" * 4_000 + "<select>" + "<option>x</option>" * 250 + "</select>",
    "marks that are no tags": "a < b & c > d <3 " * 9_000,
    "fields of forms": "<form><p><input type=hidden><label>x</label></p></form>" * 2_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_would_keep_the_parser_busy_is_refused_soon(source: str) -> None:
    started = time.process_time()
    with pytest.raises(TooComplex):
        nesting.require_simple(source)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("source", ORDINARY.values(), ids=ORDINARY.keys())
def test_what_people_and_editors_write_is_accepted(source: str) -> None:
    nesting.require_simple(source)
    nesting.require_simple(f"<!DOCTYPE html><html><body>{source}</body></html>")


_NAMES = [
    "div",
    "p",
    "b",
    "i",
    "a",
    "font",
    "span",
    "table",
    "tr",
    "td",
    "th",
    "tbody",
    "caption",
    "li",
    "ul",
    "h1",
    "h2",
    "button",
    "form",
    "object",
    "dl",
    "dd",
    "dt",
    "option",
    "br",
    "hr",
    "img",
    "ruby",
    "rt",
    "rp",
    "nobr",
    "pre",
    "x-y",
    "address",
    "noscript",
    "fieldset",
    "u",
]
# A table's own parts hold nothing that stands at a wrong place in them: that goes before the table, and so does the
# comment by which we ask. What a form holds stays there when it has ended.
_NOT_ASKED = frozenset(["table", "tbody", "tr", "form"])


@pytest.mark.parametrize("is_quirky", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_what_is_held_to_be_open_is_what_the_parser_has_open(seed: int, is_quirky: bool) -> None:
    chosen = random.Random(seed)
    for _ in range(60):
        names = chosen.sample(_NAMES, chosen.randint(2, 8))
        # A link in a table's wrong place is closed, but the table goes on in it.
        names = [name for name in names if name != "a" or "table" not in names]
        source = "" if is_quirky else "<!DOCTYPE html>"
        source += "<body>" + "".join(_piece(chosen, names) for _ in range(chosen.randint(2, 14)))
        walk = Walk(source, is_quirky=is_quirky)
        walk.run()
        held = Counter(element.name for element in walk.elements.stack)
        found = _open_in_parser(source)
        assert {name: count for name, count in held.items() if name not in _NOT_ASKED} == {
            name: count for name, count in found.items() if name not in _NOT_ASKED
        }, source


def _piece(chosen: random.Random, names: list[str]) -> str:
    name = chosen.choice(names)
    pieces = ["x", f"<{name}>", f"<{name} id={chosen.randrange(3)}>", f"</{name}>", f"</{name}>"]
    return chosen.choice(pieces)


def _open_in_parser(source: str) -> Counter[str]:
    """What a comment at the end of `source` stands in."""
    tree = LexborHTMLParser(f"{source}<!--here-->")
    assert tree.root is not None
    waiting, found = [tree.root], Counter[str]()
    while waiting:
        node = waiting.pop()
        if node.is_comment_node:
            while (parent := node.parent) is not None and parent.tag not in ("body", "html"):
                found[parent.tag or ""] += 1
                node = parent
            return found
        child = node.first_child
        while child is not None:
            waiting.append(child)
            child = child.next
    raise AssertionError(f"the comment is not in the tree of {source}")
