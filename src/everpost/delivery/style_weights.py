"""What it would cost to write a document's style sheets into its elements, which the inliner itself never asks.

Rules: for each element the inliner looks through all declarations it has so far at each further one, so a few hundred
that apply to a few hundred elements take minutes. The sum is taken before, and too high rather than too low: a rule is
held to apply to all that has the name, class or id at the end of its selector, or to everything when that is not plain.

Source: measured.
"""

import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from everpost.delivery.sanitise import attributes

MOST = 300_000_000  # about a second; mails stay below 10 million
# The parts of what a selector says of the element itself, and not of those around it.
_LAST = re.compile(r"(?:^|[\s>+~])([a-z][\w-]*|\*)?((?:[.#][\w-]+)*)(?:::?[a-z-]+)?$", re.ASCII)
_BRACES = re.compile(r"([{}])")
_PARTS = re.compile(r"[.#][\w-]+", re.ASCII)


def weight(tree: LexborHTMLParser) -> int:
    """The steps that inlining would take, about."""
    declarations = _declarations(" ".join(node.text() for node in tree.css("style")).lower())
    return sum(_steps(node, declarations) for node in tree.css("body, body *")) if declarations else 0


def _declarations(css: str) -> Counter[str]:
    """How many there are for each name, .class, #id and *."""
    found: Counter[str] = Counter()
    around: list[list[str]] = []
    pieces = _BRACES.split(css)
    for text, brace in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        said, _, selectors = text.rpartition(";") if brace == "{" else (text, "", "")
        for key in around[-1] if around else []:
            found[key] += said.count(";") + bool(said.strip())
        if brace == "{":
            around.append([_key(selector.strip()) for selector in selectors.split(",")])
        elif brace == "}" and around:
            around.pop()
    return found


def _key(selector: str) -> str:
    """What an element must at least be for a selector to match it."""
    last = _LAST.search(selector)
    if last is None:
        return "*"
    parts = sorted(_PARTS.findall(last[2]))  # ids before classes
    return parts[0] if parts else last[1] or "*"


def _steps(node: LexborNode, declarations: Counter[str]) -> int:
    own = attributes(node)
    classes = {f".{name}" for name in own.get("class", "").lower().split()}
    keys = {"*", node.tag or "", f"#{own.get('id', '').lower()}", *classes}
    applied = sum(declarations[key] for key in keys)
    return applied * (20 + applied + 10 * own.get("style", "").count(";"))
