"""What an author's HTML may not do, in a mail client or on our own pages.

The stored source keeps everything; only renderings are cleaned.

Source: contract, campaigns §4.1.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

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
# A scheme that some tag decides is nobody's scheme.
_UNKNOWN_SCHEME = re.compile(r"[^:/?#]*[\ufdd0-\ufdd1][^:/?#]*:")


def clean(tree: LexborHTMLParser) -> None:
    """Take out of `tree` what runs, loads or sends: elements, event handlers, scripts in URLs."""
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
    return bool(_RUNS.match(url) or _UNKNOWN_SCHEME.match(url))
