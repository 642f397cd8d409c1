"""What an author's HTML may not do, in a mail client or on our own pages.

The stored source keeps everything; only renderings are cleaned.

Source: contract, campaigns §4.1.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from everpost.delivery.open_elements import MAX_DEPTH
from everpost.delivery.tags import OPEN_MARK

# Removed with all they hold. Besides what runs or loads: elements whose content one parser reads as text and another as
# markup (noembed, xmp, svg, math ...), the way by which a harmless attribute becomes an element.
_REMOVED = (
    "script, iframe, frame, object, embed, applet, base, template, noembed, noframes, xmp, plaintext, svg,"
    " math, portal, meta[http-equiv]:not([http-equiv='content-type' i]):not([http-equiv='x-ua-compatible' i])"
)
_UNWRAPPED = ["form", "frameset", "noscript"]
_URL_ATTRIBUTES = frozenset(
    [
        "href",
        "src",
        "srcset",
        "action",
        "xlink:href",
        "background",
        "poster",
        "cite",
        "data",
        "longdesc",
        "lowsrc",
        "dynsrc",
    ]
)
_FORBIDDEN_ATTRIBUTES = frozenset(["srcdoc", "formaction", "ping", "is", "nonce"])
_ATTRIBUTE_NAME = re.compile(r"[a-z_][\w:.\-]*", re.IGNORECASE | re.ASCII)
_BLANKS = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]")
_RUNS = re.compile(
    r"(?:javascript|vbscript|livescript|mocha|data(?!:image/(?:png|gif|jpe?g|webp|bmp)[;,])):", re.IGNORECASE
)
_SCHEME = re.compile(r"([^:/?#]*):")
# Formatting that is moved into a block may make a document deeper than it was counted to be. What is deeper than any
# mail is cut off: programs that read it call themselves once per level.
_MAX_DEPTH = MAX_DEPTH + 4


def clean(tree: LexborHTMLParser) -> None:
    """Take out of `tree` what runs, loads or sends: elements, event handlers, scripts in URLs."""
    if tree.root is not None:
        _cut_depths(tree.root)
    tree.unwrap_tags(_UNWRAPPED)
    for node in tree.css(_REMOVED):
        node.decompose()
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            if _is_refused(name.lower(), value or ""):
                del node.attrs[name]


def attributes(node: LexborNode) -> dict[str, str]:
    """The attributes of `node`, names in lower case; one without a value has an empty one."""
    return {name.lower(): value or "" for name, value in node.attributes.items()}


def _is_refused(name: str, value: str) -> bool:
    if name.startswith("on") or name in _FORBIDDEN_ATTRIBUTES or not _ATTRIBUTE_NAME.fullmatch(name):
        return True
    if name not in _URL_ATTRIBUTES:
        return False
    url = _BLANKS.sub("", value)
    scheme = _SCHEME.match(url)
    # A scheme that some tag decides is nobody's scheme.
    return bool(_RUNS.match(url)) or (scheme is not None and OPEN_MARK in scheme[1])


def _cut_depths(root: LexborNode) -> None:
    """Remove what is nested too deep."""
    node: LexborNode | None = root.first_child
    depth = 1
    while node is not None:
        if depth >= _MAX_DEPTH:
            while (child := node.first_child) is not None:
                child.decompose()
        if node.first_child is not None:
            node, depth = node.first_child, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
            if depth <= 0:
                return
        node = node.next if node is not None else None
