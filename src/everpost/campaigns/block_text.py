"""The small markup of text blocks: paragraphs, **bold**, *italic*, [links](https://...), lists.

Rules: nothing that an author writes becomes an element or attribute other than those; HTML is text like any other.
Personalisation tags pass through whole, whatever letters their fallbacks hold. A line end is a line end.
"""

import re
from html import escape
from typing import Final

from markdown_it import MarkdownIt

# A tag as the contract's grammar writes it, or near enough: it is only carried along here.
TAG: Final = re.compile(r"\[\[[^\[\]\n]{1,1200}\]\]")
_ADDRESS: Final = re.compile(
    r"https?://[^\s/?#@:\\]+(?::\d{1,5})?(?:[/?#]\S*)?|mailto:[^\s@]+@[^\s@]+|tel:[+\d()./-]+", re.IGNORECASE
)
_LINK: Final = re.compile(r"\]\(<?([^()<>\s]+)")
# Unicode's noncharacters mean nothing to anybody, so one at each side of a number can stand for a tag. Those of
# delivery.tags are others.
_OPEN, _CLOSE = "\ufdd8", "\ufdd9"
_PLACE: Final = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_NONCHARACTERS: Final = re.compile("[\ufdd0-\ufdef]")


def html(source: str) -> str:
    """Well-formed XHTML, which is what MJML wants inside."""
    marked, tags = _marked(source)
    rendered = str(_MARKDOWN.render(marked)).strip()
    return _PLACE.sub(lambda found: escape(tags[int(found[1])]), rendered)


def line(source: str) -> str:
    """One line of plain words and tags as HTML text; good for an attribute, too."""
    return escape(" ".join(_NONCHARACTERS.sub("", source).split()))


def is_address(url: str) -> bool:
    """Whether a link may lead there: the web, a mailbox, a telephone, or what a personalisation tag makes of it."""
    if TAG.match(url):
        return not re.search(r"\s", TAG.sub("", url))
    return _ADDRESS.fullmatch(TAG.sub("x", url)) is not None


def is_picture(url: str) -> bool:
    """Whether a picture may come from there: over https only, else mail programs warn or show nothing."""
    return is_address(url) and (url[:8].lower() == "https://" or TAG.match(url) is not None)


def wrong_addresses(source: str) -> list[str]:
    """Where the links of this markup lead that may not lead there; they stay plain text."""
    marked, tags = _marked(source)
    found = [_restored(match[1], tags) for match in _LINK.finditer(marked)]
    return [url for url in found if not is_address(url)]


def _marked(source: str) -> tuple[str, list[str]]:
    """`source` with a number in the place of each tag: their brackets and quotes are no markup."""
    tags: list[str] = []

    def place(found: re.Match[str]) -> str:
        tags.append(found[0])
        return f"{_OPEN}{len(tags) - 1}{_CLOSE}"

    return TAG.sub(place, _NONCHARACTERS.sub("", source)), tags


def _restored(text: str, tags: list[str]) -> str:
    return _PLACE.sub(lambda found: tags[int(found[1])], text)


def _reader() -> MarkdownIt:
    reader = MarkdownIt("zero", {"html": False, "breaks": True, "xhtmlOut": True})
    reader.enable(["list", "newline", "escape", "emphasis", "balance_pairs", "fragments_join", "link"])
    reader.validateLink = lambda url: is_address(_PLACE.sub("[[tag]]", url))  # type: ignore[method-assign]
    reader.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return reader


_MARKDOWN: Final = _reader()
