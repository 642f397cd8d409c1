"""Tag grammar and escaping. Source: contract, campaigns §4.2, §4.6."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everpost.delivery import tags
from everpost.delivery.positions import Position
from everpost.delivery.tags import Vocabulary
from tests.delivery.samples import VOCABULARY, values


def filled(source: str, *, is_html: bool = False, position: Position = Position.PLAIN, **personal: str) -> str:
    marked = tags.mark(source, VOCABULARY, is_html=is_html)
    return tags.fill(tags.pieces(marked.text, marked.tags, VOCABULARY, position), values(**personal))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi [[FirstName]]!", "Hi Ann!"),
        ("Hi [[firstname]]!", "Hi Ann!"),
        ("Hi [[ FIRSTNAME ]]!", "Hi Ann!"),
        ('Hi [[FirstName OR "you"]]!', "Hi Ann!"),
        ('Hi [[LastName OR "you"]]!', "Hi you!"),
        ('Hi [[lastname or "you"]]!', "Hi you!"),
        ("Hi [[LastName OR &quot;you&quot;]]!", "Hi you!"),
        ("Hi [[LastName OR “you”]]!", "Hi you!"),
        ("Hi [[LastName OR „you“]]!", "Hi you!"),
        ("Hi [[LastName OR &#8220;you&#X201d;]]!", "Hi you!"),
        ("Hi [[LastName&nbsp;OR\xa0&#34;you&#x22;&#160;]]!", "Hi you!"),
        ('Hi [[LastName OR ""]]!', "Hi !"),
        ("Hi [[LastName]]!", "Hi !"),
        ("[[CUSTOM.Size]]", "XL"),
        ("[[account.OrganizationName]]", "Harbor & Lane"),
        ("[[Partner.Name]]", ""),
        ("[[Nickname]]", "[[Nickname]]"),
        ('[[Nickname OR "x"]]', '[[Nickname OR "x"]]'),
        ("[[CUSTOM.unknown]]", "[[CUSTOM.unknown]]"),
        ("[[FIRST<b>NAME</b>]]", "[[FIRST<b>NAME</b>]]"),
        ("[[FirstName", "[[FirstName"),
        ("[[[FirstName]]]", "[Ann]"),
        ("[[$recipient]]", "[[$recipient]]"),
    ],
)
def test_a_tag_becomes_its_value_its_fallback_or_stays(source: str, expected: str) -> None:
    assert expected == filled(source, firstname="Ann", custom__size="XL")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[[CUSTOM.größe]] [[custom.GRÖSSE]] [[CUSTOM.größe OR &quot;x&quot;]]", "XL [[custom.GRÖSSE]] XL"),
        ("[[CUSTOM.Größe (EU)?]] [[CUSTOM.Größe&nbsp;(EU)? OR “x”]]", "44 44"),
        ("[[CUSTOM.red &amp; blue]]", "yes"),
        ("[[IF CUSTOM.größe IS “xl”]]large[[ENDIF]]", "large"),
        ("[[CUSTOM.gr<b>öße</b>]] [[CUSTOM.größe [[CUSTOM.größe]]", "[[CUSTOM.gr<b>öße</b>]] [[CUSTOM.größe XL"),
    ],
)
def test_custom_fields_have_names_of_every_alphabet_and_labels_of_any_kind(source: str, expected: str) -> None:
    known = {"custom.größe": "XL", "custom.größe (eu)?": "44", "custom.red & blue": "yes"}
    vocabulary = Vocabulary({}, frozenset(known))
    marked = tags.mark(source, vocabulary, is_html=True)
    assert expected == tags.fill(tags.pieces(marked.text, marked.tags, vocabulary, Position.PLAIN), known)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[[IF FirstName]]yes[[ENDIF]]", "yes"),
        ("[[IF LastName]]yes[[ENDIF]]!", "!"),
        ('[[IF City IS "bath"]]yes[[ENDIF]]', "yes"),
        ('[[IF City IS "York"]]yes[[ENDIF]]', ""),
        ("[[if city is &quot;Bath&quot;]]yes[[endif]]", "yes"),
        ("[[IF FirstName]]Dear [[FirstName]][[ENDIF]]", "Dear Ann"),
        ("[[IF account.OrganizationName]]yes[[ENDIF]]", "yes"),
        ("[[IF LastName]]unclosed", "unclosed"),
        ("stray[[ENDIF]]", "stray[[ENDIF]]"),
        ("[[IF Nickname]]a[[ENDIF]]", "[[IF Nickname]]a[[ENDIF]]"),
        ("[[IF Nickname]]a[[ENDIF]] [[IF FirstName]]b[[ENDIF]]", "[[IF Nickname]]a[[ENDIF]] b"),
    ],
)
def test_an_if_shows_its_text_when_it_holds(source: str, expected: str) -> None:
    assert expected == filled(source, firstname="Ann", city="Bath")


def test_a_value_is_never_searched_for_tags() -> None:
    assert "[[LastName]]" == filled("[[FirstName]]", firstname="[[LastName]]", lastname="secret")


@pytest.mark.parametrize(
    ("position", "value", "expected"),
    [
        (Position.TEXT, "<b>\"A\" & 'B'</b>", "&lt;b&gt;&quot;A&quot; &amp; &#x27;B&#x27;&lt;/b&gt;"),
        (Position.PART, "a b&c=d/é?#", "a%20b%26c%3Dd%2F%C3%A9%3F%23"),
        (Position.WHOLE, "https://a.example/?b=1&c=2", "https://a.example/?b=1&amp;c=2"),
        (Position.WHOLE, "javascript:alert(1)", "#"),
        (Position.WHOLE, " JAVASCRIPT:alert(1)", "#"),
        (Position.WHOLE, "data:text/html,x", "#"),
        (Position.WHOLE, "mailto:a@b.example", "mailto:a@b.example"),
        (Position.WHOLE, "https://a.example/ onload=x", "#"),
        (Position.CSS, 'red;}</style><script>"', "redstylescript"),
        (Position.PLAIN, "a\r\nBcc: x@y.example\0\x85b\u2028c", "a Bcc: x@y.example  b c"),
    ],
)
def test_a_value_is_escaped_for_its_place(position: Position, value: str, expected: str) -> None:
    assert expected == filled("[[FirstName]]", position=position, firstname=value)


def test_an_address_of_ours_gets_the_token_of_its_recipient() -> None:
    assert filled("[[Unsubscribe]]") == filled("[[unsubscribeLink]]") == "https://mail.example/u/" + "Ab-_" * 22


def test_noncharacters_of_an_author_are_no_markers() -> None:
    assert "a0b Ann" == filled("a\ufdd00\ufdd1b [[FirstName]]", firstname="Ann")


@given(st.text(), st.text(max_size=30))
def test_whatever_is_written_marking_and_filling_keeps_all_other_text(before: str, value: str) -> None:
    vocabulary = Vocabulary({}, frozenset(["name"]))
    before = tags._NONCHARACTERS.sub("", before.replace("[[", "[").replace("]]", "]"))
    marked = tags.mark(f"{before}|[[Name]]|", vocabulary, is_html=False)
    shown = tags.fill(tags.pieces(marked.text, marked.tags, vocabulary, Position.TOKEN), {"name": value})
    assert f"{before}|{value if value.strip() else ''}|" == shown
