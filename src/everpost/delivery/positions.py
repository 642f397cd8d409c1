"""Where a value may stand in a message, and how it is escaped there.

Source: contract, campaigns §4.2 ("Escaping by position").
"""

import re
from collections.abc import Callable
from enum import Enum
from html import escape
from urllib.parse import quote


class Position(Enum):
    """Where a value stands; the letters ride in markers (see tags)."""

    TEXT = "t"  # HTML text or an ordinary attribute
    PART = "p"  # inside a longer URL: one percent-encoded component
    WHOLE = "w"  # the URL itself: http, https or mailto, else nothing happens on a click
    CSS = "c"  # a style sheet or style attribute
    PLAIN = "r"  # subject, plain text
    TOKEN = "k"  # a token of ours at the end of an address of ours: safe everywhere as it is


_CONTROL = re.compile(r"\r\n|[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_URL = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_NOT_CSS = re.compile(r"[^\w #%.,\-]")


def is_web(url: str) -> bool:
    """Whether `url` is one that we follow and count: http or https."""
    return url[:8].lower().startswith(("http://", "https://"))


def plain(value: str) -> str:
    """`value` on one line, whatever it brought along."""
    return _CONTROL.sub(" ", value)


def _text(value: str) -> str:
    return escape(_CONTROL.sub(" ", value))


def _part(value: str) -> str:
    return quote(value, safe="")


def _whole(value: str) -> str:
    return escape(value.strip()) if _URL.fullmatch(value.strip()) else "#"


def _css(value: str) -> str:
    return _NOT_CSS.sub("", value)


ESCAPES: dict[Position, Callable[[str], str]] = {
    Position.TEXT: _text,
    Position.PART: _part,
    Position.WHOLE: _whole,
    Position.CSS: _css,
    Position.PLAIN: plain,
    Position.TOKEN: str,
}
