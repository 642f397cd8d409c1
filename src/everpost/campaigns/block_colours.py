"""Colours that stay readable: contrast as WCAG 2 counts it, and what becomes of an author's colours in a dark inbox.

Source: WCAG 2.2, 1.4.3 (contrast) and its definition of relative luminance.
"""

import re
from typing import Final

READABLE: Final = 4.5
DARK_BACKGROUND: Final = "#101317"
DARK_PAPER: Final = "#1b1f24"
DARK_TEXT: Final = "#eceff3"

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS: Final = 20


def is_colour(text: str) -> bool:
    return _HEX.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Between 1 (the same) and 21 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def label_on(colour: str) -> str:
    """White or black, whichever is read better on `colour`; one of them always is well enough."""
    return max("#ffffff", "#000000", key=lambda label: contrast(label, colour))


def readable(colour: str, paper: str) -> str:
    """`colour`, or the nearest shade of it that is readable as text on `paper`."""
    goal = label_on(paper)
    for step in range(_STEPS):
        shade = _mixed(colour, goal, step / _STEPS)
        if contrast(shade, paper) >= READABLE:
            return shade
    return goal


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
