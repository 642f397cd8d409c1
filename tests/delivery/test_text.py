"""The plain-text part. Source: contract, campaigns §4.8."""

import pytest

from everpost.delivery import tags, text
from tests.delivery.samples import TOKEN, rendered, text_of, values


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("one<br>two", "one\ntwo"),
        ("<p>a  b\n c</p>", "a b c"),
        ("<h1>News</h1><p>text</p>", "NEWS\n\ntext"),
        ("<h2>Hi [[FirstName]]</h2>", "HI Ann"),
        ("<ul><li>one</li><li>two</li></ul>", "* one\n* two"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        ("<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>", "* one\n  * inner\n* two"),
        ("<ul><li><p>one</p><p>more</p></li><li><div>two</div></li><li></li></ul>", "* one\nmore\n* two\n*"),
        ("<ul><li><ul><li>inner</li></ul></li></ul>", "*\n  * inner"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ('<p>Look: <img src=x alt="a cat"></p>', "Look: a cat"),
        ('<p>a<img src=x alt="one"><img src=y alt="two">.</p>', "a one two ."),
        ("<p>a<b>b</b>c</p>", "abc"),
        ("<p>sy&shy;llable&#8203; می&zwnj;خواهم &zwnj;&nbsp;&zwnj;&nbsp;&zwnj;</p>", "syllable می\u200cخواهم"),
        ("<style>p{}</style><script>x</script><p>a</p>", "a"),
        ("<title>t</title><p>a</p>", "a"),
        ('<p style="display:none">hidden</p><p>a</p>', "a"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="#top">up</a>', "up"),
        ("<p>a</p><hr><p>b</p>", "a\n\n" + "-" * 40 + "\n\nb"),
        ("&lt;b&gt; &amp;&nbsp;x", "<b> & x"),
        ("<p>a</p>[[IF City]]<p>in [[City]]</p>[[ENDIF]]<p>b</p>", "a\n\nb"),
        ("<table>[[IF FirstName]]<tr><td>a</td></tr>[[ENDIF]]<tr><td>z</td></tr></table>", "a \nz"),
        ("[[trackingImage]]<p>a</p>[[trackingImage]]<p>b</p>", "a\n\nb"),
    ],
)
def test_html_becomes_text(html: str, expected: str) -> None:
    assert expected == text_of(html, firstname="Ann")


def test_a_link_shows_its_counted_address() -> None:
    assert f"See them\n(https://mail.example/c/click0{TOKEN})" == text_of('<a href="https://x.example">See them</a>')


def test_the_footer_has_the_whole_address_to_unsubscribe() -> None:
    shown = tags.fill(rendered("<p>a</p>").text, values())
    assert f"Unsubscribe ann@example.com:\nhttps://mail.example/u/{TOKEN}\n" in shown
    assert "Harbor Lane Books | 4 Harbor Lane | Portland, ME 04101 United States\n" in shown


def test_lines_are_wrapped_at_78_and_no_word_is_broken() -> None:
    long_word = "https://x.example/" + "a" * 100
    lines = text.wrap("word " * 40 + long_word + " word").split("\n")
    assert all(len(line) <= 78 or " " not in line.strip() for line in lines)
    assert long_word in lines
