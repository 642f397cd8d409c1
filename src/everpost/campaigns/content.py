"""What an author may send as the body of an email, and how older custom code becomes the present format.

Rules: the HTML is stored as it was written; what is unsafe in it is taken out whenever it is rendered, not here. These
checks run when a campaign is created, when it is changed, when it is scheduled and once more before it is sent.
Source: contract, campaigns.md §2.5, §2.6, §4.1, §4.9.
"""

import re

from everpost.delivery import nesting
from everpost.delivery.open_elements import TooComplex

FORBIDDEN_SEQUENCES = ("[#", "${", "<@")
MAX_BYTES = 409_600
MAX_NEW_CHARACTERS = 150_000

CUSTOM_CODE_LEGACY, EDITOR, CUSTOM_CODE = 1, 4, 5

NEWSLETTER_TYPE, CUSTOM_CODE_TYPE, AB_TEST_TYPE = 10, 26, 57

_TYPE_CODES = {CUSTOM_CODE_LEGACY: CUSTOM_CODE_TYPE, EDITOR: NEWSLETTER_TYPE, CUSTOM_CODE: CUSTOM_CODE_TYPE}
_TYPES = {NEWSLETTER_TYPE: "NEWSLETTER", CUSTOM_CODE_TYPE: "CUSTOM_CODE_EMAIL", AB_TEST_TYPE: "AB_TEST"}

# Sources are long: no pattern reads on from one beginning past the next one.
_PROLOG = re.compile(r"\A\s*<\?xml[^>]*\?>\s*")
_NAMESPACE = re.compile(r"(?<!\s)\s++xmlns:cctd\s*+=\s*+(\"[^\"]*\"|'[^']*')")
_OPEN_TRACKING = re.compile(r"<OpenTracking\s*/>|<OpenTracking\s*>\s*</OpenTracking\s*>")
_GREETING = re.compile(r"<Greeting\b[^<>]*/>|<Greeting\b[^<>]*>(?:(?!<Greeting\b).)*?</Greeting\s*>", re.DOTALL)
_WRAPPERS = re.compile(r"</?(?:CustomBlock|CopyRight|SimpleURLProperty)\b[^<>]*>")


def type_code(format_type: int) -> int:
    """The campaign type that an activity of this format makes."""
    return _TYPE_CODES[format_type]


def type_name(code: int) -> str:
    """How the API spells a campaign type."""
    return _TYPES[code]


def shows_html(format_type: int) -> bool:
    """Whether the stored source may be read back and replaced; editor documents keep theirs to themselves."""
    return format_type == CUSTOM_CODE


def accepted(format_type: int, html: str) -> tuple[int, str]:
    """The format and the HTML to store: legacy custom code becomes the present kind, everything else stays."""
    if format_type == CUSTOM_CODE_LEGACY:
        return CUSTOM_CODE, _modernised(html)
    return format_type, html


def problems(html: str, path: str = "html_content") -> list[str]:
    """Everything that keeps this HTML from being accepted, each text beginning with `path`."""
    found = []
    if not html.strip():
        found.append(f"{path} must not be empty.")
    if len(html.encode()) > MAX_BYTES:
        found.append(f"{path} must not be larger than {MAX_BYTES} bytes.")
    elif not _is_simple(html):
        found.append(f"{path} is too complex: it has too many elements, or they are nested too deep.")
    found.extend(f'{path} must not contain "{text}".' for text in FORBIDDEN_SEQUENCES if text in html)
    return found


def _is_simple(html: str) -> bool:
    try:
        # As it will be read: the end of the document ends a tag that its author has not closed.
        nesting.require_simple(f"{html}</body></html>")
    except TooComplex:
        return False
    return True


def _modernised(html: str) -> str:
    # A greeting was made of settings that this endpoint does not take, so nothing is left of it.
    html = _NAMESPACE.sub("", _PROLOG.sub("", html))
    html = _OPEN_TRACKING.sub("[[trackingImage]]", html)
    html = _GREETING.sub("", html)
    return _WRAPPERS.sub("", html)
