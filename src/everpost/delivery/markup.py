"""HTML as a row of tags, and the groups of elements that the parsing rules speak of.

Source: HTML Living Standard, 13.2.5 Tokenization and 13.2.6 Tree construction.
"""

import re
from html import unescape
from html.entities import html5


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements by what the parser does with them.
VOID = _words(
    "area base basefont bgsound br col colgroup embed frame hr img image input keygen link meta param source track wbr"
)
RAW = _words("title textarea style script xmp iframe noembed noframes")  # hold text, whatever it looks like
HEAD = _words("html head base basefont bgsound link meta title noframes style script noscript")
ROOTS = _words("html head body frame")
HEADINGS = _words("h1 h2 h3 h4 h5 h6")
BLOCKS = _words(
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header hgroup"
    " main menu nav ol p search section summary ul pre listing"
)
FORMATTING = _words("a b big code em font i nobr s small strike strong tt u")
OBJECTS = _words("applet marquee object")
ROWS = _words("tbody thead tfoot")
CELLS = _words("td th")
TABLE_PARTS = ROWS | CELLS | _words("tr caption col colgroup")
TABLE_MODES = ROWS | CELLS | _words("table tr caption")
FOSTERING = ROWS | _words("table tr")
IMPLIED = _words("dd dt li optgroup option p rb rp rt rtc")
WITHOUT_FORMATTING = _words("base basefont bgsound hr link meta noframes param script source style title track")
# Have rules of their own.
FOREIGN = _words("math template frameset plaintext select")
SPECIAL = (BLOCKS | HEADINGS | OBJECTS | TABLE_PARTS | RAW | FOREIGN | VOID | ROOTS) - _words("math image dialog")
SPECIAL |= _words("button dd dt form li noscript table")

# Where the search for an open element ends.
SCOPE = OBJECTS | CELLS | _words("caption html table svg")
LIST_SCOPE = SCOPE | _words("ol ul")
BUTTON_SCOPE = SCOPE | _words("button")
TABLE_SCOPE = _words("table html")
# Begin HTML again within a drawing, or end the drawing.
NOT_DRAWN = _words(
    "b big blockquote body br center code dd desc div dl dt em embed font foreignobject h1 h2 h3 h4 h5 h6 head hr i img"
    " li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"
)

_BLANK = r"[ \t\n\f\r]"
_VALUE = rf"""(?:{_BLANK}*+={_BLANK}*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+)|))?+"""
_NAME = r"[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+"
_ATTRIBUTE = re.compile(f"({_NAME}){_VALUE}")
# No part is ever tried in a second way, and what is not closed ends at the end: the time is linear.
TOKEN = re.compile(
    rf"""<(?:
        !--(?:-?>|.*?(?:--!?>|\Z))
      | (?P<other>[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)
      | (?P<end>/?)(?P<name>[a-zA-Z][^ \t\n\f\r/>]*+)
        (?P<attributes>(?:[ \t\n\f\r/]++|{_NAME}{_VALUE})*+)(?P<close>>|\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)


# In an attribute an entity without its semicolon ends where nothing follows that could belong to a parameter's name.
_ENTITY = re.compile(r"&(?:#\w+;?|([a-zA-Z][a-zA-Z0-9]*)(;?)(=?))")


def attribute_count(attributes: str) -> int:
    """How many there are in a tag's text."""
    return sum(1 for _ in _ATTRIBUTE.finditer(attributes))


def attributes(text: str) -> dict[str, str]:
    """Values by lower-case name; of a repeated attribute the first counts."""
    members: dict[str, str] = {}
    for found in _ATTRIBUTE.finditer(text):
        members.setdefault(found[1].lower(), _ENTITY.sub(_decoded, found[2] or found[3] or found[4] or ""))
    return members


def _decoded(found: re.Match[str]) -> str:
    name, semicolon, equals = found[1], found[2], found[3]
    if name is None:
        return unescape(found[0])
    return found[0] if equals else html5.get(f"{name}{semicolon}", found[0])


def raw_end(source: str, name: str, position: int) -> int | None:
    """Where the text of an element that began before `position` ends; None when it has no end tag."""
    found = re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(source, position)
    return found.start() if found else None
