"""Our mail as programs read it that nobody here wrote: dkimpy, the standard library's parser, and mailparse.

Source: contract, campaigns §4.2, §5.3, §9; RFC 5322, RFC 2045.
"""

import random
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import dkim as dkimpy
import fast_mail_parser
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from everpost.delivery.dkim import Signer
from everpost.delivery.headers import BadAddress
from everpost.delivery.message import Composer, Letterhead
from tests.delivery.samples import LETTERHEAD, NOW, rendered, values
from tests.delivery.test_dkim import pem, record

TEMPLATES = (
    '<p>Dear [[FirstName OR "Reader"]] in [[City]]</p><a href="https://x.example/?n=[[FirstName]]">[[LastName]]</a>',
    "<style>p{color:red}</style><table><tr><td>[[IF City]]<p>[[City]]</p>[[ENDIF]]</td></tr></table>[[trackingImage]]",
    '<div dir="rtl">שלום [[FirstName]]</div><pre>  .dots\n.\nFrom here\n</pre>',
    '<p title="[[City]]" style="color:[[CUSTOM.Size]]">[[FirstName]]</p><img src="[[CUSTOM.Site]]" alt="[[LastName]]">',
)
SUBJECTS = ("News", "📚 [[FirstName]], neun neue Bücher", "[[LastName]] " * 12, "\u200f[[FirstName]] שלום\u200f")
WORDS = (
    "Ann", "Jürgen", "漢字", "שרה", "محمد", "👩\u200d👩\u200d👧\u200d👦", "O'Neil", ".", "From ", "=3D", "=?utf-8?q?x?=", "a  b", "\t", "é" * 90, "x" * 400,
    "\r\n.\r\n", "<b>", "&amp;", "[[LastName]]", "",
)  # fmt: skip
HOSTILE = (
    "\r\nBcc: victim@example.com\r\n\r\n<b>body", "\n.\nMAIL FROM:<x@y.example>\n", "<script>alert(1)</script>",
    '"><script>alert(1)</script>', "' onmouseover='alert(1)", "</title></style></textarea><script>", "javascript:alert(1)",
    "[[LastName]]", "[[unsubscribe]]", "[[IF City]]", "[[ENDIF]]", "--=_", "\x00\x0b\x85\u2028", "\ufdd0\ufdd1", "x" * 10_000,
    "\udcff",
)  # fmt: skip


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def composers(letterhead: Letterhead, signers: list[Signer] | None = None) -> Iterator[Composer]:
    for html in TEMPLATES:
        for subject in SUBJECTS:
            yield Composer(letterhead, rendered(html, subject=subject, preheader="[[FirstName]]"), signers or [])


def require_wire_form(data: bytes) -> None:
    """What any server takes: CRLF alone ends lines, none is too long, none ends the mail."""
    lines = data.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines)
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert data.isascii()


def test_a_thousand_random_messages_verify_and_read_the_same_everywhere(key: rsa.RSAPrivateKey) -> None:
    chance = random.Random(7)
    signers = [Signer("harborlane.example", "s1", pem(key))]
    written = list(composers(replace(LETTERHEAD, list_id="1.harborlane.example", bounce_domain="b.example"), signers))
    for number in range(1000):
        composer = chance.choice(written)
        person = {name: "".join(chance.choices(WORDS, k=3)) for name in ("firstname", "lastname", "city")}
        personal = values(**person, custom__size="red", custom__site="https://x.example/a?b=c")
        personal |= {"$bounces": "b-x", "$unsubscribes": "u-x"}
        data = composer.compose(number, personal, message_id=f"{number}.x", at=NOW).data
        require_wire_form(data)
        assert dkimpy.verify(data, dnsfunc=lambda name, timeout=5: record(key)), data
        ours = message_from_bytes(data, policy=policy.default)
        theirs = fast_mail_parser.parse_email(data)
        assert not ours.defects and not any(part.defects for part in ours.walk())
        assert (squeezed(ours["Subject"]), ours["To"]) == (squeezed(theirs.subject), theirs.headers["To"][0])
        for kind, found in (("plain", theirs.text_plain), ("html", theirs.text_html)):
            assert [squeezed(content(ours, kind))] == [squeezed(each) for each in found]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), min_size=5, max_size=5))
def test_no_value_becomes_a_header_markup_or_a_command(given_values: list[str]) -> None:
    first, last, city, size, site = given_values
    personal = values(firstname=first, lastname=last, city=city, custom__size=size, custom__site=site)
    plain = values(firstname="a", lastname="a", city="a", custom__size="a", custom__site="https://a.example/")
    for composer in COMPOSERS:
        data = composer.compose(1, personal, message_id="1.2", at=NOW).data
        expected = composer.compose(1, plain, message_id="1.2", at=NOW).data
        require_wire_form(data)
        found, model = (message_from_bytes(each, policy=policy.default) for each in (data, expected))
        assert found.keys() == model.keys() == list(fast_mail_parser.parse_email(data).headers)
        assert structure(found) == structure(model) == ["multipart/alternative", "text/plain", "text/html"]
        html = content(found, "html")
        if city.strip():
            assert markup(html) == markup(content(model, "html"))
        assert not re.search(r"<script|(?:href|src)=.?javascript:", html, re.IGNORECASE)


@pytest.mark.parametrize("text", [each for each in HOSTILE if re.search(r"[\r\n\x00 <>\"]", each)])
def test_no_address_becomes_a_command(text: str) -> None:
    composer = next(composers(LETTERHEAD))
    for address in (f"{text}@example.com", f"a@{text}", f"a@example.com{text}"):
        with pytest.raises(BadAddress):
            composer.compose(1, values() | {"$recipient": address}, message_id="1.2", at=NOW)


class _Markup(HTMLParser):
    """Elements and the names of their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def markup(html: str) -> list[tuple[str, tuple[str, ...]]]:
    reader = _Markup()
    reader.feed(html)
    return reader.found


def structure(message: EmailMessage) -> list[str]:
    return [part.get_content_type() for part in message.walk()]


def content(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def squeezed(text: object) -> str:
    """Blanks at folds and line ends are the parsers' own business."""
    return re.sub(r"\s+", "", str(text))


# Each template and each subject once.
COMPOSERS = tuple(composers(LETTERHEAD))[::5]
