"""From an author's HTML to the template that is filled in for each recipient.

Cleaning, styles, links, footer, text part: all that is the same for every recipient happens here, once per mailing.
What remains is fixed text with slots (tags.Pieces).

Source: contract, campaigns §4.
"""

import re

import css_inline
import structlog
from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from everpost.delivery import footer, nesting, sanitise, style_weights, tags, text
from everpost.delivery.footer import Footer
from everpost.delivery.positions import Position, is_web
from everpost.delivery.tags import Marked, Pieces, Tag, Vocabulary

MAX_LINK_LENGTH = 1005
MAX_HTML_BYTES = 409_600
CLIPPED_BYTES = 102 * 1024  # some mail programs show no more, and hide the footer

log = structlog.get_logger(__name__)


class LinkTooLong(Exception):
    """A link in the message is longer than 1005 characters."""


class MailTooLarge(Exception):
    """With its styles and its footer the message is larger than mail may be."""


class Content(Struct, frozen=True, kw_only=True):
    """What an author wrote."""

    html: str
    subject: str
    preheader: str = ""
    personal_message: str = ""  # of a test send: shown above the body, as text


class TextBlock(Struct, frozen=True):
    """A line of the plain text, or several that belong together: wrapped, and as it was before if it holds values."""

    wrapped: Pieces
    loose: Pieces | None


class Rendered(Struct, frozen=True, kw_only=True):
    """A message with slots. `links[n]` is the authored URL behind the slot `$click:n`."""

    subject: Pieces
    preheader: Pieces
    html: Pieces
    text: Pieces  # wrapped, with text.room for each value
    text_blocks: tuple[TextBlock, ...]  # the same, in lines
    links: tuple[str, ...]
    has_pixel: bool
    has_hidden_link: bool = False  # whose number comes after those of `links`


# Hold the places of what is set in after the style sheet was applied.
_PREHEADER_PLACE, _FOOTER_PLACE = "\ufdd2", "\ufdd3"
_PIXEL = "trackingimage"
_PIXEL_IMAGE = (
    '<img src="{}.gif" alt="" width="1" height="1" border="0"'
    ' style="height:1px!important;width:1px!important;border:0!important;margin:0!important;padding:0!important">'
)
_URL_ATTRIBUTES = frozenset(["href", "src", "background", "cite", "action", "poster"])
_STYLE_SHEET = re.compile(r"<style\b.*?(?:</style\b|\Z)", re.IGNORECASE | re.DOTALL)
# Markup (comments, raw text, tags), so that what lies between is text. What is not closed ends at the end, and no tag
# holds a "<", so that a source of nothing but beginnings is not searched to its end from each of them.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(title|textarea|style)\b.*?(?:</\1\b|\Z)|<[a-zA-Z/!?](?:\"[^\"<]*\"|'[^'<]*'|[^<>\"'])*+>",
    re.DOTALL | re.IGNORECASE,
)
_EMPTY_LINES = re.compile(r"(?<! )(?: *\n){3,}")
_FRAMES = re.compile(r"</?frame(?:set)?\b[^<>]*>", re.IGNORECASE)
# As wide as the screen it is read on.
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_DOCUMENT = re.compile(r"<(?:html|body)\b", re.IGNORECASE)
_EVERY_MEDIUM = frozenset(["", "all", "screen"])
_MEDIA = re.compile(r"[\w\s:.,/()%-]+", re.ASCII)
_INLINER = css_inline.CSSInliner(
    keep_link_tags=True, load_remote_stylesheets=False, remove_inlined_selectors=True, preallocate_node_capacity=512
)


def render(
    content: Content, vocabulary: Vocabulary, lines: Footer, *, is_tracked: bool, may_hide_link: bool = False
) -> Rendered:
    """The template of a message; tracked ones have their links rewritten and their pixel in place.

    One with links that are counted gets the hidden one too, if it may. Raises: TooComplex; for tracked ones LinkTooLong
    and MailTooLarge as well: previews and proofs show such content.
    """
    vocabulary = _with_pixel(vocabulary)
    marked = tags.mark(content.html, vocabulary, is_html=True)
    _warn(marked)
    tree = _tree(marked)
    sanitise.clean(tree)
    links = _Links(marked, vocabulary)
    for node in tree.css("a[href], area[href]"):
        links.read(node, is_tracked=is_tracked)
    _place(tree, marked, vocabulary)
    blocks = _text_blocks(_text(tree, marked, content, lines), marked.tags, vocabulary)
    has_hidden_link = may_hide_link and bool(links.urls)
    end = footer.html(lines, _marking(marked)) + (footer.hidden_link(_marking(marked)) if has_hidden_link else "")
    marked_html = _assembled(tree, marked, content, end, vocabulary)
    html = _html_pieces(marked_html, marked.tags, vocabulary, is_tracked=is_tracked)
    if is_tracked:
        _check_size(html)
    return Rendered(
        subject=_line(content.subject, vocabulary),
        preheader=_line(content.preheader, vocabulary),
        html=html,
        text=tags.joined("\n", [block.wrapped for block in blocks]),
        text_blocks=tuple(blocks),
        links=tuple(links.urls),
        has_pixel=is_tracked and any(tag.name == _PIXEL for tag in marked.tags),
        has_hidden_link=has_hidden_link,
    )


def _check_size(html: Pieces) -> None:
    """What all recipients get alike, their values left out. Raises: MailTooLarge."""
    size_bytes = tags.fixed_bytes(html)
    if size_bytes > MAX_HTML_BYTES:
        raise MailTooLarge(f"The message has {size_bytes} bytes; {MAX_HTML_BYTES} are allowed.")
    if size_bytes > CLIPPED_BYTES:
        log.warning("render.may_be_clipped", size_bytes=size_bytes)


class _Links:
    """The links of a message in order of appearance; equal ones share a number."""

    def __init__(self, marked: Marked, vocabulary: Vocabulary) -> None:
        self._numbers: dict[str, int] = {}
        self._marked = marked
        self._vocabulary = vocabulary

    @property
    def urls(self) -> list[str]:
        return list(self._numbers)

    def read(self, node: LexborNode, *, is_tracked: bool) -> None:
        """Check the link of `node`, and point it to our counter when it is one that is counted. Raises: LinkTooLong."""
        attributes = sanitise.attributes(node)
        url = attributes["href"].strip()
        if url.startswith("//"):
            url = f"https:{url}"
        authored = self._marked.restore(url)
        # Previews and tests show such a link; only a real send must not have it.
        if is_tracked and len(authored) > MAX_LINK_LENGTH:
            raise LinkTooLong(f"A link is {len(authored)} characters long; {MAX_LINK_LENGTH} are allowed.")
        node.attrs["href"] = url
        if is_tracked and attributes.get("data-track", "").lower() != "false" and self._is_counted(url):
            node.attrs["href"] = _system_mark(self._marked, f"$click:{self._number(authored)}", Position.WHOLE)

    def _number(self, authored: str) -> int:
        return self._numbers.setdefault(authored, len(self._numbers))

    def _is_counted(self, url: str) -> bool:
        """Links to the web, but none that leads to a page of the recipient's own."""
        if any(self._marked.tags[number].name in self._vocabulary.addresses for number in tags.numbers(url)):
            return False
        # How the address begins, once the account's tags are filled in.
        placed = tags.placed_url(url, self._marked.tags, self._vocabulary.constants)
        found = tags.pieces(placed, self._marked.tags, self._vocabulary, Position.TEXT)
        return bool(found) and isinstance(found[0], str) and is_web(found[0])


def _with_pixel(vocabulary: Vocabulary) -> Vocabulary:
    return Vocabulary({**vocabulary.constants, _PIXEL: ""}, vocabulary.personal, vocabulary.addresses)


def _warn(marked: Marked) -> None:
    if marked.unknown:
        log.warning("render.unknown_tags", names=sorted(set(marked.unknown))[:20])


def _tree(marked: Marked) -> LexborHTMLParser:
    """The parsed source. Markers of IF and ENDIF become comments where they stand in text: a parser moves text out of
    tables, but leaves comments where they are. Raises: TooComplex."""
    source = _STYLE_SHEET.sub(lambda found: tags.placed(found[0], Position.CSS), marked.text)
    parts, last = [], 0
    for found in _MARKUP.finditer(source):
        parts += [tags.commented(source[last : found.start()], marked.tags), found[0]]
        last = found.end()
    source = "".join([*parts, tags.commented(source[last:], marked.tags)])
    if not _DOCUMENT.search(source):
        source = f'<!DOCTYPE html><html><head><meta charset="utf-8">{_VIEWPORT}</head><body>{source}</body></html>'
    tree = _parsed(source)
    return tree if tree.body is not None else _parsed(_FRAMES.sub("", source))


def _parsed(source: str) -> LexborHTMLParser:
    """Raises: TooComplex, for what would keep the parser busy for minutes."""
    nesting.require_simple(source)
    return LexborHTMLParser(source)


def _place(tree: LexborHTMLParser, marked: Marked, vocabulary: Vocabulary) -> None:
    """Write into each marker in an attribute what kind of place it stands in."""
    for node in tree.css("*"):
        for name, value in sanitise.attributes(node).items():
            if tags.OPEN_MARK in value:
                node.attrs[name] = _placed(name, value.strip(), marked, vocabulary)


def _placed(attribute: str, value: str, marked: Marked, vocabulary: Vocabulary) -> str:
    if attribute in _URL_ATTRIBUTES:
        return tags.placed_url(value, marked.tags, vocabulary.constants)
    return tags.placed(value, Position.CSS if attribute == "style" else Position.TEXT)


def _text(tree: LexborHTMLParser, marked: Marked, content: Content, lines: Footer) -> str:
    body = text.plain(tree.body) if tree.body is not None else ""
    body = tags.without(body, {number for number, tag in enumerate(marked.tags) if tag.name == _PIXEL})
    body = _EMPTY_LINES.sub("\n\n", body).strip()
    note = f"{content.personal_message.strip()}\n\n" if content.personal_message.strip() else ""
    return f"{note}{body}\n\n{footer.text(lines, _marking(marked))}\n"


def _text_blocks(loose: str, found: list[Tag], vocabulary: Vocabulary) -> list[TextBlock]:
    def reserved(number: int) -> int:
        name = found[number].name
        if name.partition(":")[0] in vocabulary.addresses:
            return text.WIDTH
        constant = vocabulary.constants.get(name)
        return text.room(name) if constant is None else len(constant)

    def cut(block: str) -> Pieces:
        return tags.pieces(block, found, vocabulary, Position.PLAIN)

    blocks = []
    for block in tags.lines(loose, found):
        has_values = any(found[number].name in vocabulary.personal for number in tags.numbers(block))
        blocks.append(TextBlock(cut(text.wrap(block, reserved)), cut(block) if has_values else None))
    return blocks


def _assembled(tree: LexborHTMLParser, marked: Marked, content: Content, end: str, vocabulary: Vocabulary) -> str:
    """The document with its styles inlined, then the preheader above and the footer below, all still marked."""
    body = tree.body
    if body is None:
        raise ValueError("The parser made no body.")
    if body.first_child is not None:
        body.first_child.insert_before(_PREHEADER_PLACE)
    else:
        body.insert_child(_PREHEADER_PLACE)
    body.insert_child(_FOOTER_PLACE)
    _block_media(tree)
    html = _inlined(tree)
    above, _, rest = html.partition(_PREHEADER_PLACE)
    middle, _, below = rest.rpartition(_FOOTER_PLACE)
    top = footer.preheader(_marked_line(content.preheader, marked, vocabulary)) + _note(content.personal_message)
    # An author's open IF ends here: nothing may take the footer along.
    middle, below = _closed(middle, marked.tags), _unconditional(below, marked.tags)
    return f"{above}{top}{middle}{end}{below}"


def _block_media(tree: LexborHTMLParser) -> None:
    """Turn style sheets that hold sometimes into @media blocks: the inliner knows those, and not the attribute."""
    for node in tree.css("style[media]"):
        media = sanitise.attributes(node)["media"].strip()
        if media.lower() not in _EVERY_MEDIUM and _MEDIA.fullmatch(media):
            node.inner_html = f"@media {media}{{{node.inner_html}}}"
            del node.attrs["media"]


def _inlined(tree: LexborHTMLParser) -> str:
    html = tree.html or ""
    if style_weights.weight(tree) > style_weights.MOST:
        log.warning("render.styles_not_inlined", reason="too many rules for too many elements")
        return html
    try:
        return _INLINER.inline(html)
    except css_inline.InlineError as error:
        # A style sheet that cannot be read styles less; it does not keep a newsletter from going out.
        log.warning("render.styles_not_inlined", reason=str(error))
        return html


def _closed(html: str, found: list[Tag]) -> str:
    """`html` without an IF that has no ENDIF in it."""
    conditions = [number for number in tags.numbers(html) if found[number].kind != "value"]
    if conditions and found[conditions[-1]].kind == "if":
        return tags.without(html, {conditions[-1]})
    return html


def _unconditional(html: str, found: list[Tag]) -> str:
    return tags.without(html, {number for number in tags.numbers(html) if found[number].kind != "value"})


def _marked_line(source: str, marked: Marked, vocabulary: Vocabulary) -> str:
    """`source` as HTML text, its tags appended to those of `marked`."""
    line = tags.mark(source, vocabulary, is_html=False)
    offset = len(marked.tags)
    marked.tags.extend(line.tags)
    escaped = _escaped(line.text)
    return re.sub(
        f"{tags.OPEN_MARK}([0-9]+){tags.CLOSE_MARK}", lambda found: tags.marker(offset + int(found[1])), escaped
    )


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _note(personal_message: str) -> str:
    if not personal_message.strip():
        return ""
    shown = _escaped(personal_message.strip()).replace("\r\n", "\n").replace("\n", "<br>")
    return (
        f'<div style="padding:12px;margin:0 0 16px;border:1px solid #ccc;font:14px/1.5 Arial,sans-serif">{shown}</div>'
    )


def _html_pieces(html: str, found: list[Tag], vocabulary: Vocabulary, *, is_tracked: bool) -> Pieces:
    """The pieces of the document; the first pixel tag in its body becomes the pixel, all others nothing."""
    head, body_tag, body = html.partition("<body")
    pixel = next((number for number in tags.unplaced(body) if found[number].name == _PIXEL), None)
    if is_tracked and pixel is not None:
        found.append(Tag("value", "$open", "", False, ""))
        image = _PIXEL_IMAGE.format(tags.marker(len(found) - 1, Position.WHOLE))
        body = body.replace(tags.marker(pixel), image, 1)
    return tags.pieces(f"{head}{body_tag}{body}", found, vocabulary, Position.TEXT)


def _line(source: str, vocabulary: Vocabulary) -> Pieces:
    marked = tags.mark(source, vocabulary, is_html=False)
    return tags.pieces(marked.text, marked.tags, vocabulary, Position.PLAIN)


def _system_mark(marked: Marked, name: str, position: Position | None) -> str:
    marked.tags.append(Tag("value", name, "", False, ""))
    return tags.marker(len(marked.tags) - 1, position)


def _marking(marked: Marked) -> footer.Mark:
    return lambda name, position: _system_mark(marked, name, position)
