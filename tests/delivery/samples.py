"""Messages and vocabularies that several tests of delivery use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from everpost.delivery import tags
from everpost.delivery.footer import Footer, PostalAddress
from everpost.delivery.message import Composer, Letterhead, Message
from everpost.delivery.render import Content, Rendered, render
from everpost.delivery.tags import Vocabulary

PAGES = {
    "unsubscribe": "https://mail.example/u/",
    "updatelink": "https://mail.example/profile/",
    "viewaswebpage": "https://mail.example/w/",
    "$click": "https://mail.example/c/",
    "$open": "https://mail.example/o/",
}
NAMES = frozenset(["$recipient", "firstname", "lastname", "emailaddress", "city", "custom.size", "custom.site"])
CONSTANTS = {
    "account.organizationname": "Harbor & Lane",
    "account.siteurl": "https://harborlane.example",
    "partner": "",
}
VOCABULARY = Vocabulary(CONSTANTS, NAMES, PAGES)
ADDRESS = PostalAddress(
    organization_name="Harbor Lane Books",
    address_line1="4 Harbor Lane",
    city="Portland",
    state="ME",
    postal_code="04101",
    country_code="US",
)
FOOTER = Footer(from_email="news@harborlane.example", address=ADDRESS)
TOKEN = "Ab-_" * 22
NOW = datetime(2026, 3, 2, 14, 5, 9, tzinfo=UTC)
LETTERHEAD = Letterhead(
    from_name="Harbor Lane Books",
    from_email="news@harborlane.example",
    reply_to_email="desk@harborlane.example",
    sending_domain="harborlane.example",
    unsubscribe_address="https://mail.example/u/",
)


def values(**personal: str) -> dict[str, str]:
    """A recipient's values, tokens included; `custom__size` stands for `custom.size`."""
    tokens = dict.fromkeys(["unsubscribe", "updatelink", "viewaswebpage", "$open"], TOKEN)
    tokens |= {f"$click:{number}": f"click{number}" + TOKEN for number in range(20)}
    return {
        "$recipient": "ann@example.com",
        **tokens,
        **{name.replace("__", "."): text for name, text in personal.items()},
    }


def rendered(html: str, *, is_tracked: bool = True, subject: str = "News", preheader: str = "") -> Rendered:
    content = Content(html=html, subject=subject, preheader=preheader)
    return render(content, VOCABULARY, FOOTER, is_tracked=is_tracked)


def html_of(html: str, *, is_tracked: bool = True, **personal: str) -> str:
    """The HTML part for one recipient, without the footer."""
    whole = tags.fill(rendered(html, is_tracked=is_tracked).html, values(**personal))
    return whole.partition('<div style="display:block!important')[0]


def text_of(html: str, **personal: str) -> str:
    """The plain-text part for one recipient, without the footer."""
    return tags.fill(rendered(html).text, values(**personal)).partition("\n-- ")[0].rstrip()


def composed(html: str, personal: Mapping[str, str], *, letterhead: Letterhead = LETTERHEAD, **options: str) -> Message:
    composer = Composer(letterhead, rendered(html, **options))  # type: ignore[arg-type]
    return composer.compose("key", personal, message_id="1.2", at=NOW)


def parsed(message: Message) -> EmailMessage:
    found = message_from_bytes(message.data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(message: Message, kind: str) -> str:
    """The decoded `plain` or `html` part, as a mail program shows it."""
    body = parsed(message).get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
