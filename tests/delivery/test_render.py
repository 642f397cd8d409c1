"""From an author's HTML to a mail: cleaning, styles, links, pixel, preheader, footer. Source: contract, campaigns §4."""

import contextlib
import time

import pytest
from selectolax.lexbor import LexborHTMLParser

from everpost.delivery import tags
from everpost.delivery.footer import Footer
from everpost.delivery.open_elements import TooComplex
from everpost.delivery.personalise import Personaliser
from everpost.delivery.render import Content, LinkTooLong, MailTooLarge, render
from tests.delivery.samples import ADDRESS, FOOTER, TOKEN, VOCABULARY, html_of, rendered, values

DANGEROUS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//x.example></sCrIpT>",
    "<iframe src='https://x.example'></iframe>",
    "<form action='https://x.example'><p>kept</p></form>",
    "<object data='x'></object><embed src='x'>",
    "<p onclick='alert(1)'>kept</p>",
    "<p OnMouseOver=alert(1)>kept</p>",
    "<a href='javascript:alert(1)'>kept</a>",
    "<a href=' java\nscript:alert(1)'>kept</a>",
    "<a href='&#106;avascript:alert(1)'>kept</a>",
    "<a href='vbscript:x'>kept</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>kept</a>",
    "<a href='[[CUSTOM.site]]:alert(1)'>kept</a>",
    "<img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></mtext></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "<base href='https://x.example'>",
    "<button formaction='javascript:alert(1)'>kept</button>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<template><script>alert(1)</script></template>",
    "<p [[CUSTOM.site]]>kept</p>",
    "<!--[if mso]><p>outlook</p><![endif]--><script>alert(1)</script>",
    "<xmp><script>alert(1)</script></xmp>",
    "<frameset><frame src='javascript:alert(1)'></frameset>",
]


@pytest.mark.parametrize("source", DANGEROUS)
def test_what_runs_loads_or_sends_is_taken_out(source: str) -> None:
    html = html_of(f"<html><body>{source}<p>after</p></body></html>", custom__site="javascript")
    tree = LexborHTMLParser(html)
    assert "after" in tree.text()
    assert not tree.css("script, iframe, form, object, embed, svg, math, base, template, noscript, frame, xmp")
    assert not tree.css("meta[http-equiv=refresh]")
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            assert not name.startswith("on") and name not in ("formaction", "srcdoc")
            assert name not in ("href", "src") or not (value or "").strip().lower().startswith(("javascript:", "data:"))


def test_a_form_loses_its_frame_but_not_its_content() -> None:
    assert "<p>kept</p>" in html_of("<form action=x><p>kept</p></form>")


def test_conditional_comments_stay() -> None:
    assert "<!--[if mso]><table><![endif]-->" in html_of("<p>a</p><!--[if mso]><table><![endif]--><p>b</p>")


def test_a_fragment_becomes_a_whole_document() -> None:
    html = html_of("<p>Hello</p>")
    assert html.startswith("<!DOCTYPE html><html><head>")
    assert "<body>" in html


def test_malformed_html_comes_out_well_formed() -> None:
    assert "<ul><li>one</li><li>two <b>bold</b></li></ul>" in html_of("<ul><li>one<li>two <b>bold</ul>")


def test_rules_move_into_style_attributes_and_the_rest_stays() -> None:
    style = (
        "p{color:red} @media (max-width:600px){p{color:blue}} a:hover{color:green} @font-face{font-family:x;src:url(y)}"
    )
    html = html_of(f"<html><head><style>{style}</style></head><body><p>a</p><a href=#>b</a></body></html>")
    assert '<p style="color: red;">' in html
    head = html.partition("</head>")[0]
    assert "@media (max-width:600px)" in head and "a:hover" in head and "@font-face" in head
    assert "color:red" not in head


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("screen", '<p style="color: red;">'),
        ("ALL", '<p style="color: red;">'),
        ("only screen and (max-width:480px)", "<style>@media only screen and (max-width:480px){p{color:red}}</style>"),
        ("&lt;/style&gt;&lt;script&gt;", '<p style="color: red;">'),
    ],
)
def test_a_style_sheet_for_some_media_stays_one(media: str, expected: str) -> None:
    html = html_of(f'<html><head><style media="{media}">p{{color:red}}</style></head><body><p>a</p></body></html>')
    assert expected in html
    assert ("<style>" in expected) == ('style="color: red;"' not in html)
    assert "<script" not in html


def test_a_style_sheet_that_cannot_be_read_stops_nothing() -> None:
    assert "<p>a</p>" in html_of("<style>p{{{{color</style><p>a</p>")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<a href="https://x.example/a">', ["https://x.example/a"]),
        ('<a href="HTTP://x.example/">', ["HTTP://x.example/"]),
        ('<a href="//x.example/a">', ["https://x.example/a"]),
        ('<a href="https://x.example/?a=1&amp;b=2">', ["https://x.example/?a=1&b=2"]),
        ('<map><area href="https://x.example/a"></map>', ["https://x.example/a"]),
        ('<a href="https://x.example/?id=[[CUSTOM.size]]">', ["https://x.example/?id=[[CUSTOM.size]]"]),
        ('<a href="[[account.SiteURL]]/shop">', ["[[account.SiteURL]]/shop"]),
        ('<a href="https://x.example/" data-track="false">', []),
        ('<a href="mailto:a@b.example">', []),
        ('<a href="tel:+1555">', []),
        ('<a href="sms:+1555">', []),
        ('<a href="#top">', []),
        ('<a href="/relative">', []),
        ('<a href="[[Unsubscribe]]">', []),
        ('<a href="[[viewAsWebpage]]">', []),
        ('<a href="[[CUSTOM.site]]">', []),
        ('<link href="https://x.example/a.css" rel="stylesheet">', []),
    ],
)
def test_links_to_the_web_are_counted_and_no_others(link: str, expected: list[str]) -> None:
    assert expected == list(rendered(f"<p>{link}x</a></p>").links)


def test_equal_links_share_a_number_and_keep_their_order() -> None:
    html = '<a href="https://x.example/b">1</a><a href="https://x.example/a">2</a><a href="https://x.example/b">3</a>'
    found = rendered(html)
    assert ("https://x.example/b", "https://x.example/a") == found.links
    shown = tags.fill(found.html, values())
    assert 2 == shown.count(f'href="https://mail.example/c/click0{TOKEN}"')
    assert 1 == shown.count(f'href="https://mail.example/c/click1{TOKEN}"')


def test_a_link_of_1005_characters_is_sent_and_one_of_1006_is_not() -> None:
    start = "https://x.example/"
    assert 1 == len(rendered(f'<a href="{start}{"a" * (1005 - len(start))}">x</a>').links)
    with pytest.raises(LinkTooLong):
        rendered(f'<a href="{start}{"a" * (1006 - len(start))}">x</a>')


def test_the_length_of_a_link_counts_decoded_characters() -> None:
    start = "https://x.example/?"
    rendered(f'<a href="{start}{"&amp;" * (1005 - len(start))}">x</a>')


def test_only_the_first_pixel_tag_in_the_body_becomes_the_pixel() -> None:
    html = html_of(
        "<html><head><title>[[trackingImage]]</title></head><body><p>a[[trackingImage]]b[[trackingImage]]c</p>"
    )
    assert 1 == html.count(f'<img src="https://mail.example/o/{TOKEN}.gif"')
    assert "a<img" in html
    assert "bc" in html
    assert "trackingImage" not in html


def test_without_the_tag_there_is_no_pixel() -> None:
    found = rendered("<p>a</p>")
    assert not found.has_pixel
    assert "/o/" not in tags.fill(found.html, values())


def test_untracked_renderings_keep_links_and_lose_the_pixel() -> None:
    html = html_of('[[trackingImage]]<a href="https://x.example/a">x</a>', is_tracked=False)
    assert 'href="https://x.example/a"' in html
    assert "<img" not in html


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ('href="https://x.example/?n=[[CUSTOM.size]]" data-track="false"', "https://x.example/?n=a%20b%26c"),
        ('href="[[CUSTOM.site]]"', "https://shop.example/?a=1&amp;b=2"),
        (
            'href="[[account.SiteURL]]/x?n=[[CUSTOM.size]]" data-track="false"',
            "https://harborlane.example/x?n=a%20b%26c",
        ),
        ('href="[[unsubscribe]]"', f"https://mail.example/u/{TOKEN}"),
    ],
)
def test_tags_in_links_are_escaped_by_their_place(attribute: str, expected: str) -> None:
    html = html_of(f"<a {attribute}>x</a>", custom__size="a b&c", custom__site="https://shop.example/?a=1&b=2")
    assert f'href="{expected}"' in html


def test_a_fallback_with_quotes_inside_an_attribute_survives() -> None:
    html = html_of('<img alt="[[FirstName OR &quot;a friend&quot;]]" src="x.png">')
    assert 'alt="a friend"' in html


def test_an_if_around_table_rows_works() -> None:
    source = "<table><tr><td>1</td></tr>[[IF City]]<tr><td>2</td></tr>[[ENDIF]]</table>"
    assert "<td>2</td>" in html_of(source, city="Bath")
    assert "<td>2</td>" not in html_of(source)
    assert "<td>1</td>" in html_of(source)


def test_the_footer_stands_before_the_end_of_the_body() -> None:
    html = tags.fill(rendered("<html><body><p>a</p></body></html>").html, values())
    tail = html.partition("<p>a</p>")[2]
    assert tail.endswith("</div></body></html>")
    assert "Harbor Lane Books | 4 Harbor Lane | Portland, ME 04101 United States" in tail
    assert f'<a href="https://mail.example/u/{TOKEN}" data-track="false"' in tail
    assert "Unsubscribe ann@example.com" in tail
    assert "Sent by news@harborlane.example" in tail


@pytest.mark.parametrize(
    "trick",
    [
        "<html><body><p>a</p></body></html><!--",
        "<html><body><p>a</p></body></html><!-- </body> -->",
        "<html><body><p>a</p><div style='display:none'>",
        "<html><head><style>div,a,body *{display:none!important;color:#fff}</style></head><body><p>a</p></body></html>",
        "<html><body>[[IF LastName]]<p>a</p></body></html><!--[[ENDIF]]-->",
        "<html><body><table><tr><td>[[IF LastName]]<p>a</p></body></html>[[ENDIF]]",
        "<html><body><textarea><p>a</p>",
        "<html><body><p>a</p><noframes>",
        "<html><body><p>a</p><plaintext>",
        "<html><body><p>a</p><select><option>",
    ],
)
def test_nothing_that_an_author_writes_takes_the_footer_along(trick: str) -> None:
    html = tags.fill(rendered(trick).html, values())
    start = html.index('<div style="display:block!important')
    assert "Unsubscribe ann@example.com" in html[start:]
    assert html[:start].count("<!--") == html[:start].count("-->")
    assert "</textarea>" not in html[start:]


def test_a_footer_for_everybody_has_no_personal_links() -> None:
    lines = Footer(from_email="news@harborlane.example", address=ADDRESS, has_unsubscribe_link=False)
    found = render(Content(html="<p>a</p>", subject="s"), VOCABULARY, lines, is_tracked=False)
    assert "nsubscribe" not in tags.fill(found.html, {}) + tags.fill(found.text, {})


def test_the_preheader_is_the_first_thing_in_the_body_and_hidden() -> None:
    found = rendered("<html><body><p>a</p></body></html>", preheader='For [[FirstName OR "you"]] <only>')
    html = tags.fill(found.html, values(firstname="Ann & Bob"))
    assert '<body><div style="display:none;' in html
    assert "For Ann &amp; Bob &lt;only&gt;&#847;" in html
    assert "only" not in tags.fill(found.text, values())


def test_a_personal_message_stands_above_the_body_as_text() -> None:
    content = Content(
        html="<html><body><p>a</p></body></html>", subject="s", personal_message="<b>1</b>\n[[FirstName]]"
    )
    found = render(content, VOCABULARY, FOOTER, is_tracked=False)
    html = tags.fill(found.html, values(firstname="Ann"))
    assert html.index("&lt;b&gt;1&lt;/b&gt;<br>[[FirstName]]") < html.index("<p>a</p>")
    assert tags.fill(found.text, values()).startswith("<b>1</b>\n[[FirstName]]\n\na")


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 60_000,
        "<table><tr><td>" * 20_000,
        "<a" * 150_000,
        '<a "' * 80_000,
        "<!--" * 80_000,
        "<style" * 50_000,
        "<style>" * 50_000,
        "<frameset>" + "<frame" * 50_000,
        "[[a" + " " * 300_000,
        "[[a OR" + " " * 300_000,
        "[[ENDIF]]" * 30_000,
        "[[IF FirstName]]x[[ENDIF]]" * 12_000,
        "".join(f'[[FirstName OR "{number}"]]' for number in range(14_000)),
        "".join(f'<a href="http://x/{number}">' for number in range(12_000)),
        '<a data-x="' + "[[FirstName]]" * 25_000 + '">',
        "<hr>" * 24_000,
        "x" + "\xa0" * 190_000 + "x",
        "<p>x</p><pre>" + "\n" * 390_000 + "x",
        "[[trackingImage]]" * 24_000,
        "[[account.OrganizationName]]" * 14_000,
        "<style>p{" + "".join(f"--a{number}:1;" for number in range(10_000)) + "}</style>" + "<p>" * 20_000,
        "<style>" + "p{color:red}" * 20_000 + "</style>" + "<p>" * 20_000,
        "<style>" + "".join(f"p{{a{number}:1;" for number in range(20_000)) + "</style>" + "<p>" * 20_000,
        "<style>p{" + "a:1;" * 40_000 + "}</style><p style='" + "b:1;" * 40_000 + "'>",
    ],
    ids=lambda source: source[:12],
)
def test_no_source_keeps_a_worker_busy_for_long(source: str) -> None:
    """Each of these took minutes, hours or the interpreter's stack with a careless pattern or a walk per level."""
    started = time.process_time()
    with contextlib.suppress(MailTooLarge, TooComplex):
        Personaliser(rendered(source), boundary=b"x")
    assert time.process_time() - started < 3


@pytest.mark.parametrize("tables", [20, 60])
def test_tables_in_one_another_are_kept(tables: int) -> None:
    found = rendered("<table><tr><td>" * tables + "inside" + "</td></tr></table>" * tables)
    assert "inside" in tags.fill(found.html, values())
    assert "inside" in tags.fill(found.text, values())


def test_what_is_240_levels_deep_is_kept_in_both_parts() -> None:
    found = rendered("<div>" * 240 + "inside" + "</div>" * 240)
    assert "inside" in tags.fill(found.html, values())
    assert "inside" in tags.fill(found.text, values())


def test_styles_of_a_large_ordinary_mail_are_written_into_its_elements() -> None:
    rules = "".join(f".c{number} td, .c{number} a:hover {{ color: red; padding: 4px }}" for number in range(200))
    html = html_of(
        f"<style>{rules} p {{ margin: 0 }}</style>" + "<table class=c7><tr><td><p>x</p></td></tr></table>" * 900
    )
    assert html.count("margin: 0") >= 900
