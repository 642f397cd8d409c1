"""The mail of a report with its links' clicks written onto it, as a document for a sandboxed frame.

Rules: the mail is somebody else's document and stays as it is, except that each link carries the number of contacts who
clicked it, on a ground that is the warmer the more they are. Links lead nowhere: looking at a report is no click.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from everpost.reports.link_maps import Link

_BADGE: Final = (
    "display:inline-block;margin:0 0 0 4px;padding:0 7px;border-radius:9px;font:600 12px/18px sans-serif;"
    "letter-spacing:0;text-decoration:none;vertical-align:middle;white-space:nowrap;"
)
# Ground, ink and frame, from nobody to most; each ink keeps 4.5 : 1 on its ground.
_WARMTH: Final = (
    ("#e7e5df", "#4a4a45", "#b9b6ab"),
    ("#ffe9a8", "#5a4300", "#d9b03a"),
    ("#ffc46b", "#5a3000", "#e08a1e"),
    ("#f98b4a", "#3d1500", "#d45a14"),
    ("#b3261e", "#ffffff", "#b3261e"),
)


def draw(html: str, links: Sequence[Link]) -> str:
    """The mail with a number at every link that is counted."""
    tree = LexborHTMLParser(html)
    most = max((link.contacts for link in links), default=0)
    counted = {link.url: link.contacts for link in links}
    for node in tree.css("a[href], area[href]"):
        _mark(tree, node, counted, most)
    return tree.html or ""


def _mark(tree: LexborHTMLParser, node: LexborNode, counted: Mapping[str, int], most: int) -> None:
    contacts = counted.get((node.attributes["href"] or "").strip())
    del node.attrs["href"]
    if contacts is None or node.tag == "area":
        return
    ground, ink, frame = _WARMTH[_warmth(contacts, most)]
    node.attrs["style"] = f"{node.attributes.get('style') or ''};outline:2px solid {frame};outline-offset:2px"
    badge = tree.create_node("span")
    badge.attrs["style"] = f"{_BADGE}background:{ground};color:{ink};border:1px solid {frame}"
    badge.insert_child(f"{contacts:,}")
    node.insert_child(badge)


def _warmth(contacts: int, most: int) -> int:
    """0 for nobody, else 1 to 4 by the share of the most clicked link."""
    return 0 if contacts == 0 else min(4, 1 + (contacts * 4 - 1) // most)
