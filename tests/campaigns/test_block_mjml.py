"""From blocks to the HTML of a mail: what an author writes stays text, whatever it is. Source: campaigns.md §4.1."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from everpost.campaigns import block_colours, block_mjml, block_problems, block_text, content
from everpost.campaigns.block_shapes import (
    Button,
    Columns,
    Divider,
    Document,
    Heading,
    Image,
    Social,
    Spacer,
    Text,
    Theme,
)

HOSTILE = (
    '"><script>alert(1)</script>',
    "</td></tr></table><img src=x onerror=alert(1)>",
    "<mj-raw><script>1</script></mj-raw>]]><!--[if mso]>",
    '[[FirstName OR "<b onclick=x>"]] ${x} [#if] <@x>',
    "[a](javascript:alert(1)) [b](https://x.example/\"onmouseover=alert(1)//) ![i](data:text/html,x)",
    "&#60;script&#62; &lt;script&gt; \\<b\\>",
    "* * - 1. **_*[[",
)  # fmt: skip
MARKUP = {"p", "br", "strong", "em", "a", "ul", "ol", "li"}
letters = st.one_of(
    st.text(alphabet="<>&\"'[]()#${}@!*_-=/\\:;. \nabjavscriptONLOAD01é字ب😀", max_size=80),
    st.sampled_from(HOSTILE),
)
addresses = st.builds(
    lambda path: f"https://x.example/{path}",
    st.text(alphabet="\"'<>&[]#${}@=?abc%;()字", max_size=30),
)  # fmt: skip
leaves = st.one_of(
    st.builds(Heading, letters, st.sampled_from([1, 2, 3]), st.sampled_from(["left", "center", "right"])),
    st.builds(Text, letters),
    st.builds(Image, addresses, letters, addresses),
    st.builds(Button, letters, addresses),
    st.builds(Social, addresses),
    st.builds(Divider, st.sampled_from(["solid", "dashed"])),
    st.builds(Spacer, st.sampled_from([8, 64])),
)
blocks = st.one_of(leaves, st.builds(Columns, st.lists(st.lists(leaves, max_size=3), min_size=2, max_size=3)))


def plain(block: Any) -> Any:
    """The same block with nothing in it that could be markup."""
    match block:
        case Columns():
            return Columns([[plain(leaf) for leaf in column] for column in block.columns])
        case Heading():
            return Heading("x", block.level, block.align)
        case Button():
            return Button("x", "https://x.example/")
        case Image():
            return Image("https://x.example/", block.alt and "x", block.link and "https://x.example/")
        case Social():
            return Social("https://x.example/")
        case Text():
            return Text("x")
        case _:
            return block


def skeleton(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes, those that the markup of texts may make left out."""
    tree = LexborHTMLParser(html)
    return [
        (node.tag or "", tuple(sorted(node.attributes)))
        for node in tree.css("*")
        if not (node.tag in MARKUP and node.css_matches(".words p, .words p *, .words ul, .words ul *, .words ol *, .words ol"))
    ]  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(blocks, min_size=1, max_size=5))
@example([Heading(each) for each in HOSTILE] + [Text(each) for each in HOSTILE])
@example(
    [Image("https://x.example/", each) for each in HOSTILE] + [Button(each, "https://x.example/") for each in HOSTILE]
)
def test_whatever_an_author_writes_makes_no_element_and_no_attribute(written: list[Any]) -> None:
    document = Document(written)
    html = block_mjml.html(document)
    assert [] == [text for text in content.FORBIDDEN_SEQUENCES if text in html]
    assert skeleton(block_mjml.html(Document([plain(block) for block in written]))) == skeleton(html)
    tree = LexborHTMLParser(html)
    for node in tree.css(".words *"):
        assert node.tag in {*MARKUP, "div", "h1", "h2", "h3"}
        assert set(node.attributes) <= {"href", "title", "style", "dir", "start"}
    for node in tree.css("[href]"):
        assert block_text.is_address(node.attributes["href"] or ""), node.attributes["href"]


def test_a_text_keeps_its_tags_and_its_words() -> None:
    source = 'Dear **[[FirstName OR "*all* _of_ <you>"]]**,\nsee [what [[City]] reads](https://x.example/?e=[[EmailAddress]]&a="b")'
    html = block_text.html(source)
    assert (
        '<p>Dear <strong>[[FirstName OR &quot;*all* _of_ &lt;you&gt;&quot;]]</strong>,<br />\nsee '
        '<a href="https://x.example/?e=[[EmailAddress]]&amp;a=&quot;b&quot;">what [[City]] reads</a></p>'
    ) == html  # fmt: skip
    assert "<p>1 &lt; 2 &amp;amp; _snake_case_ [[CUSTOM.shoe_size]]</p>" == block_text.html(
        "1 < 2 &amp; \\_snake_case_ [[CUSTOM.shoe_size]]"
    )
    assert "<ol>\n<li>one</li>\n<li>two</li>\n</ol>" == block_text.html("1. one\n2. two")


def test_a_mail_has_its_pixel_in_its_body_and_stays_below_the_size_that_is_clipped() -> None:
    many: list[Any] = [Heading("Nine new arrivals"), Text("Two atlases of tides, six novels with rain. " * 8)] * 20
    html = block_mjml.html(Document([*many, *([Button("See it", "https://x.example/")] * 10)]))
    body = LexborHTMLParser(html).body
    assert body is not None
    assert "[[trackingImage]]" in (body.text() or "")
    assert len(html.encode()) < 60_000
    assert "fonts.g" not in html


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Heading(" "), "blocks[0].text is required."),
        (Heading("x" * 301), "blocks[0].text must not be longer than 300 characters."),
        (Text("x" * 10_001), "blocks[0].text must not be longer than 10000 characters."),
        (Text("[*" * 1_001), "blocks[0].text must not have more than 1000 opening brackets."),
        (Text("x\x00"), "blocks[0].text must not hold control characters."),
        (Text("[[IF City]] no end"), "blocks[0].text must end each [[IF …]] with [[ENDIF]], one after the other."),
        (
            Text("[x](javascript:x)"),
            "blocks[0].text has a link to javascript:x, which must begin with https://, http://, mailto: or tel:.",
        ),
        (Image("http://x.example/", "x"), "blocks[0].url must be an address that begins with https://."),
        (Image("https://x.example/"), "blocks[0].alt is required."),
        (Image("https://x.example/", "x", "//x"), "blocks[0].link must begin with https://, http://, mailto: or tel:."),
        (Button("x", "https://x.example/" + "x" * 1005), "blocks[0].url must not be longer than 1005 characters."),
        (Button("", "https://x.example/"), "blocks[0].label is required."),
        (Social(), "blocks[0].website or another address is required."),
        (Columns([[Heading("x")], [Heading("")]]), "blocks[0].columns[1][0].text is required."),
        (Columns([[]]), "blocks[0].columns must be two or three."),
    ],
)
def test_what_is_missing_is_said_with_its_place(block: Any, problem: str) -> None:
    assert [problem] == [found.sentence for found in block_problems.of(Document([block]))]


def test_a_document_has_limits_and_readable_colours() -> None:
    def said(document: Document) -> list[str]:
        return [problem.sentence for problem in block_problems.of(document)]

    one: list[Any] = [Heading("x")]
    assert ["The email has no content yet: add a block."] == said(Document())
    assert ["An email must not have more than 100 blocks."] == said(
        Document([*one * 50, Columns([one * 25, one * 25])])
    )
    assert ["theme.accent must be a colour such as #1456b8."] == said(Document([*one], Theme(accent='red"')))
    assert ["All texts together must not be longer than 60000 characters."] == said(Document([Text("x" * 10_000)] * 7))
    pale = "theme.text is too hard to read on the paper: contrast 1.0, at least 4.5 is needed."
    assert [pale] == said(Document([*one], Theme(text="#ffffff")))


def test_addresses_lead_to_the_web_to_people_or_where_a_tag_says() -> None:
    for url in (
        "https://x.example", "HTTP://x.example:8080/a?b#c", "https://x.example/?n=[[FirstName OR \"you all\"]]",
        "mailto:desk@x.example?subject=Hi", "tel:+1-555-0100", "[[viewAsWebpage]]", "[[account.SiteURL]]/shop",
    ):  # fmt: skip
        assert block_text.is_address(url), url
    for url in (
        "", "x.example", "//x.example", "javascript:alert(1)", "data:text/html,x", "https://", "https://x.example/a b",
        "https://user@x.example", "java[[FirstName]]script:x", "file:///etc/passwd", "[[FirstName]] x",
    ):  # fmt: skip
        assert not block_text.is_address(url), url


colours = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(colours, colours)
def test_every_colour_has_a_label_and_a_shade_that_can_be_read(colour: str, paper: str) -> None:
    assert block_colours.contrast(block_colours.label_on(colour), colour) >= 4.5
    assert block_colours.contrast(block_colours.readable(colour, paper), paper) >= 4.5
    assert 21.0 == pytest.approx(block_colours.contrast("#ffffff", "#000000"))
