"""From a block document to the responsive HTML of a mail.

The document becomes MJML, and MRML, a port of it to Rust, makes of that the nested tables that every mail program shows
alike: one column under 480 px, columns side by side above. Neither escapes anything, so whatever an author wrote goes
through `block_text` on its way.

Rules: a document without problems makes HTML that holds none of the sequences that the contract forbids, and has the
place of the open pixel. Blocks between two rows of columns share one section, which keeps mails below the 102 KB at
which some programs clip them.
Source: contract, campaigns.md §4.1; MJML 4.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, assert_never

import mjml
from msgspec import structs

from everpost.campaigns import block_colours, block_text, content
from everpost.campaigns.block_colours import DARK_BACKGROUND, DARK_PAPER, DARK_TEXT
from everpost.campaigns.block_shapes import (
    Block,
    Button,
    Columns,
    Divider,
    Document,
    Font,
    Heading,
    Image,
    Leaf,
    Social,
    Spacer,
    Text,
    Theme,
)
from everpost.campaigns.block_text import line

# Fonts that are there already: none is fetched, so no font server learns who reads a mail.
FONTS: Final[dict[Font, str]] = {
    "arial": "Arial, Helvetica, sans-serif",
    "verdana": "Verdana, Geneva, sans-serif",
    "trebuchet": "'Trebuchet MS', Arial, sans-serif",
    "georgia": "Georgia, 'Times New Roman', serif",
    "times": "'Times New Roman', Times, serif",
    "courier": "'Courier New', Courier, monospace",
}
NETWORKS: Final = {
    "website": "Website", "bluesky": "Bluesky", "facebook": "Facebook", "instagram": "Instagram",
    "linkedin": "LinkedIn", "mastodon": "Mastodon", "pinterest": "Pinterest", "threads": "Threads", "tiktok": "TikTok",
    "x": "X", "youtube": "YouTube",
}  # fmt: skip

_SIDE: Final = 24  # pixels left and right of everything
_RULE: Final = "#8a919b"  # of lines between blocks: there, but quiet, on light and on dark paper
_SIZES: Final = {1: 30, 2: 23, 3: 18}  # pixels of the letters of a heading
_PLACE_CLASS: Final = re.compile(r'class="(words )?(block-[\d-]+)"')


def html(document: Document, *, has_places: bool = False) -> str:
    """The mail, its tags unprocessed. With places, for a preview, each block has the id `block-3` or `block-3-0-1`."""
    source = _mjml(document, has_places=has_places)
    rendered: str = mjml.mjml2html(source, fonts={})
    if has_places:
        rendered = _PLACE_CLASS.sub(r'class="\1" id="\2"', rendered)
    for sequence in content.FORBIDDEN_SEQUENCES:
        # Only texts and addresses can hold one, and there a character may stand as its number.
        rendered = rendered.replace(sequence, f"&#{ord(sequence[0])};{sequence[1:]}")
    return rendered


def _mjml(document: Document, *, has_places: bool) -> str:
    theme = document.theme
    body = "".join(_sections(document.blocks, theme, has_places=has_places))
    return (
        f'<mjml lang="und" dir="auto"><mj-head>{_attributes(theme)}'
        f'<mj-raw><meta name="color-scheme" content="light dark" />'
        f'<meta name="supported-color-schemes" content="light dark" /></mj-raw>'
        f"<mj-style>{_style(theme)}</mj-style></mj-head>"
        f'<mj-body width="{theme.width}px" background-color="{theme.background}" css-class="back">'
        f'<mj-wrapper padding="16px 0" background-color="{theme.paper}" css-class="paper">{body}</mj-wrapper>'
        f"<mj-raw>[[trackingImage]]</mj-raw></mj-body></mjml>"
    )


def _attributes(theme: Theme) -> str:
    label = block_colours.label_on(theme.accent)
    return (
        f'<mj-attributes><mj-all font-family="{FONTS[theme.font]}" />'
        f'<mj-text padding="8px {_SIDE}px" font-size="16px" line-height="1.5" color="{theme.text}" />'
        f'<mj-image padding="8px {_SIDE}px" />'
        f'<mj-button padding="12px {_SIDE}px" inner-padding="13px 26px" border-radius="6px" font-size="16px"'
        f' font-weight="bold" background-color="{theme.accent}" color="{label}" />'
        f'<mj-divider padding="12px {_SIDE}px" border-width="1px" border-color="{_RULE}" />'
        f'<mj-section padding="0" />'
        f"</mj-attributes>"
    )


def _style(theme: Theme) -> str:
    link, dark_link = (block_colours.readable(theme.accent, paper) for paper in (theme.paper, DARK_PAPER))
    headings = "".join(f"h{level}{{font-size:{size}px;line-height:1.25;margin:0}}" for level, size in _SIZES.items())
    dark = (
        ("body,.back", f"background:{DARK_BACKGROUND}!important"),
        (".paper,.paper>table", f"background:{DARK_PAPER}!important;background-color:{DARK_PAPER}!important"),
        (".words div", f"color:{DARK_TEXT}!important"),
        (".words a", f"color:{dark_link}!important"),
    )
    media = "".join(f"{selectors}{{{rules}}}" for selectors, rules in dark)
    return (
        f".words p{{margin:0 0 12px}}.words ul,.words ol{{margin:0 0 12px;padding:0 0 0 26px}}"
        f".words a{{color:{link}}}{headings}"
        f"@media (prefers-color-scheme:dark){{:root{{color-scheme:light dark}}{media}}}"
    )


def _sections(blocks: list[Block], theme: Theme, *, has_places: bool) -> Iterator[str]:
    numbered = list(enumerate(blocks))
    for is_row, group in groupby(numbered, key=lambda pair: isinstance(pair[1], Columns)):
        if not is_row:
            leaves = ((str(number), block) for number, block in group if not isinstance(block, Columns))
            yield f"<mj-section><mj-column>{_leaves(leaves, theme, has_places)}</mj-column></mj-section>"
            continue
        for number, row in group:
            assert isinstance(row, Columns)
            columns = "".join(
                f'<mj-column vertical-align="top">'
                f"{_leaves(((f'{number}-{side}-{at}', leaf) for at, leaf in enumerate(leaves)), theme, has_places)}"
                f"</mj-column>"
                for side, leaves in enumerate(row.columns)
            )
            yield f"<mj-section>{columns}</mj-section>"


def _leaves(leaves: Iterable[tuple[str, Leaf]], theme: Theme, has_places: bool) -> str:
    return "".join(_leaf(leaf, f"block-{place}" if has_places else "", theme) for place, leaf in leaves)


def _leaf(leaf: Leaf, place: str, theme: Theme) -> str:  # noqa: PLR0911 -- one line per kind of block
    match leaf:
        case Heading():
            heading = f'<h{leaf.level} dir="auto">{line(leaf.text)}</h{leaf.level}>'
            return _words(heading, place, leaf.align)
        case Text():
            return _words(block_text.html(leaf.text), place, leaf.align)
        case Image():
            return _image(leaf, place, theme)
        case Button():
            attributes = _joined(css_class=place, align=leaf.align, href=leaf.url)
            return f"<mj-button{attributes}>{line(leaf.label)}</mj-button>"
        case Divider():
            return f"<mj-divider{_joined(css_class=place, border_style=leaf.style)} />"
        case Spacer():
            return f"<mj-spacer{_joined(css_class=place, height=f'{leaf.height}px')} />"
        case Social():
            return _words(f"<p>{_social(leaf)}</p>", place, leaf.align)
        case _:
            assert_never(leaf)


def _words(markup: str, place: str, align: str) -> str:
    return f"<mj-text{_joined(css_class=f'words {place}'.strip(), align=align)}>{markup}</mj-text>"


def _image(image: Image, place: str, theme: Theme) -> str:
    width = (theme.width - 2 * _SIDE) * image.width_percent // 100
    attributes = _joined(
        css_class=place,
        align=image.align,
        width=f"{width}px",
        fluid_on_mobile="true" if image.width_percent == 100 else "",
        src=image.url,
        alt=image.alt,
        href=image.link,
    )
    return f"<mj-image{attributes} />"


def _social(block: Social) -> str:
    """Names rather than logos: they are read aloud, need no pictures from elsewhere, and suit every background."""
    addresses = structs.asdict(block)
    return " &nbsp;·&nbsp; ".join(
        f'<a href="{line(addresses[name])}">{label}</a>' for name, label in NETWORKS.items() if addresses[name]
    )


def _joined(**attributes: str) -> str:
    """Attributes of an MJML element, without the empty ones."""
    return "".join(f' {name.replace("_", "-")}="{line(value)}"' for name, value in attributes.items() if value)
