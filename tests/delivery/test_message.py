"""Whole messages: headers, MIME, lines, and nobody's text becoming a header. Source: contract, campaigns §5.3."""

import email.policy
import re
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from everpost.delivery import tags
from everpost.delivery.headers import BadAddress, header_address, mailbox, unstructured
from everpost.delivery.personalise import Segments
from everpost.delivery.positions import Position
from everpost.delivery.tags import Branch, Slot
from everpost.ids import CampaignActivityId, new_id
from tests.delivery.samples import LETTERHEAD, NOW, TOKEN, composed, parsed, part, rendered, values

HTML = """<html><head><style>p{color:red}</style></head><body>[[trackingImage]]<p>Dear [[FirstName OR "you"]] in [[City]],</p>
<p>   .lines  with   blanks . é</p><a href="https://x.example/?n=[[FirstName]]">See them</a>[[IF City]]<p>Bath!</p>[[ENDIF]]
From here on</body></html>"""


def test_a_message_has_the_headers_of_the_contract() -> None:
    activity_id = CampaignActivityId(new_id())
    letterhead = replace(
        LETTERHEAD,
        campaign_activity_id=activity_id,
        list_id="01a2.harborlane.example",
        feedback_id="a:b:c:everpost",
        bounce_domain="bounces.example",
    )
    personal = values() | {"$bounces": "b-abc", "$unsubscribes": "u-abc"}
    message = composed(HTML, personal, letterhead=letterhead, subject="Nine new arrivals")
    found = parsed(message)
    assert {
        "From": "Harbor Lane Books <news@harborlane.example>",
        "Reply-To": "desk@harborlane.example",
        "To": "ann@example.com",
        "Subject": "Nine new arrivals",
        "Date": "Mon, 02 Mar 2026 14:05:09 +0000",
        "Message-ID": "<1.2@harborlane.example>",
        "List-Unsubscribe": f"<https://mail.example/u/{TOKEN}>, <mailto:u-abc@bounces.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
        "List-ID": "<01a2.harborlane.example>",
        "Feedback-ID": "a:b:c:everpost",
        "X-Campaign-Activity-Id": str(activity_id),
    } == {name: str(value) for name, value in found.items() if name != "Content-Type"}
    assert "multipart/alternative" == found.get_content_type()
    assert ["text/plain", "text/html"] == [each.get_content_type() for each in found.iter_parts()]
    assert (b"b-abc@bounces.example", b"ann@example.com") == (message.sender, message.recipient)


def test_ids_stand_on_one_line_as_they_are_however_long_they_are() -> None:
    feedback_id = ":".join([str(new_id()), str(new_id()), str(new_id()), "everpost"])
    list_id = f"{new_id()}.a-rather-long-name-of-a-domain.müller.example"
    message = composed(HTML, values(), letterhead=replace(LETTERHEAD, list_id=list_id, feedback_id=feedback_id))
    lines = message.data.split(b"\r\n")
    assert f"Feedback-ID: {feedback_id}".encode() in lines
    assert f"List-ID: <{list_id.replace('müller', 'xn--mller-kva')}>".encode() in lines


def test_a_test_message_says_so_and_has_nothing_to_unsubscribe_from() -> None:
    found = parsed(composed(HTML, values(), letterhead=replace(LETTERHEAD, unsubscribe_address="", is_test=True)))
    assert "true" == found["X-Campaign-Test"]
    assert found["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    "personal",
    [
        {},
        {"firstname": "Ann", "city": "Bath"},
        {"firstname": "Jürgen & <Söhne>", "city": " . "},
        {"firstname": "x" * 300, "city": "From here"},
        {"firstname": "Ann Bob " * 20, "city": "=?x?="},
        {"firstname": ".", "city": "漢字" * 40},
    ],
)
def test_joined_segments_are_what_a_plain_rendering_would_be(personal: dict[str, str]) -> None:
    message = composed(HTML, values(**personal))
    assert tags.fill(rendered(HTML).html, values(**personal)) == part(message, "html").rstrip("\n")
    shown = part(message, "plain")
    assert (
        re.sub(r"\s+", " ", tags.fill(rendered(HTML).text, values(**personal))).strip()
        == re.sub(r"\s+", " ", shown).strip()
    )
    assert all(len(line) <= 78 or " " not in line for line in shown.splitlines())


def test_no_line_of_a_body_is_too_long_or_needs_care_on_its_way() -> None:
    body = composed(HTML, values(firstname="." * 200, city="x  y " * 30)).data.partition(b"\r\n\r\n")[2]
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
    assert b"\n" not in body.replace(b"\r\n", b"") and b"\r" not in body.replace(b"\r\n", b"")


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=120)))
def test_segments_decode_to_the_filled_template(personal: dict[str, str]) -> None:
    import quopri

    template = (
        Slot("a", "fall back", Position.TEXT),
        "fixed .text = \n.dot ",
        Slot("b", "", Position.PLAIN),
        Slot("a", "fall back", Position.TEXT),
        Branch("c", None, ("if ", Slot("c", "", Position.PART), "\n.x")),
        Slot("c", "", Position.WHOLE),
    )
    encoded = Segments(template).join(personal)
    expected = tags.fill(template, personal).encode("utf-8", "replace")
    assert expected == quopri.decodestring(encoded).replace(b"\r\n", b"\n")
    assert all(len(line) <= 76 and not line.startswith(b".") for line in encoded.split(b"\r\n"))


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\0"])
def test_no_value_becomes_a_header(break_: str) -> None:
    attack = f"x{break_}Bcc: victim@example.com{break_}{break_}<b>body</b>"
    letterhead = replace(LETTERHEAD, from_name=attack, feedback_id=attack, list_id=attack)
    message = composed("<p>a</p>", values(firstname=attack), letterhead=letterhead, subject="[[FirstName]]")
    head = message.data.partition(b"\r\n\r\n")[0]
    assert not any(line.lower().startswith(b"bcc") for line in re.split(rb"\r\n|\r|\n", head))
    assert parsed(message)["Bcc"] is None
    assert parsed(message)["Subject"].startswith("x Bcc: victim@example.com")


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: x@y.example", "a b@c.example", "a@b.example>", "a@b,c@d", ""])
def test_an_address_that_could_break_out_is_refused(address: str) -> None:
    if not address:
        assert header_address("") == b""
        return
    with pytest.raises(BadAddress):
        composed("<p>a</p>", values() | {"$recipient": address})


@pytest.mark.parametrize(
    "subject",
    ["Plain", "Größe", "漢字" * 60, "word " * 60, "x" * 2000, "a  b" * 40, "=?utf-8?q?x?=", "🎉" * 50, "end ", ""],
)
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    message = composed("<p>a</p>", values(), subject=subject)
    assert subject.strip() == str(parsed(message)["Subject"])
    head = message.data.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if line.startswith((b"Subject", b" =?")))


@given(st.text(max_size=200))
def test_any_text_makes_a_header_that_reads_back(value: str) -> None:
    line = b"Subject: " + unstructured(value, name="Subject") + b"\r\n\r\n"
    assert b"\n" not in line.strip().replace(b"\r\n ", b"")
    shown = str(message_from_bytes(line, policy=email.policy.default)["Subject"])
    # Surrogates have no encoding; runs of blanks at folds may be one.
    expected = value.encode("utf-8", "replace").decode()
    assert re.sub(r"[\W_]+", "", expected) == re.sub(r"[\W_]+", "", shown)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Harbor Lane", "Harbor Lane <a@b.example>"),
        ('The "Best", Inc.', '"The \\"Best\\", Inc." <a@b.example>'),
        ("", "a@b.example"),
        ("a@b", '"a@b" <a@b.example>'),
    ],
)
def test_a_display_name_is_quoted_where_it_must_be(name: str, expected: str) -> None:
    assert expected == mailbox(name, "a@b.example").decode()


def test_a_name_beyond_ascii_is_encoded_and_its_domain_too() -> None:
    found = message_from_bytes(
        b"From: " + mailbox("Bücher, Müller", "a@bücher.example") + b"\r\n\r\n", policy=email.policy.default
    )
    assert "Bücher, Müller" == found["From"].addresses[0].display_name
    assert "a@xn--bcher-kva.example" == found["From"].addresses[0].addr_spec


def test_the_date_follows_the_message() -> None:
    assert b"Date: Mon, 02 Mar 2026 14:05:09 +0000\r\n" in composed("<p>a</p>", values()).data
    assert NOW.year == 2026
