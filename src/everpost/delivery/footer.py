"""The lines under every campaign mail that no author can switch off, and the hidden preheader above it.

Both are set into the message after the author's style sheet was applied, with styles of their own marked important, so
that no rule of the author's hides them.

Source: contract, campaigns §4.7.
"""

from collections.abc import Callable
from html import escape

import pycountry
from msgspec import Struct

from everpost.delivery.positions import Position


class PostalAddress(Struct, frozen=True, kw_only=True):
    """Where the organisation can be written to: the activity's own address, else the account's."""

    organization_name: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    address_optional: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country_code: str = ""

    @property
    def line(self) -> str:
        """`{organisation} | {lines} | {city}, {state} {postal code} {country}`, without what is missing."""
        lines = _joined(", ", self.address_line1, self.address_line2, self.address_line3, self.address_optional)
        region = _joined(" ", self.state, self.postal_code, country_name(self.country_code))
        return _joined(" | ", self.organization_name, lines, _joined(", ", self.city, region))


class Footer(Struct, frozen=True, kw_only=True):
    """What the footer says. `address` is None where none is known; a web copy for everybody has no personal links."""

    from_email: str
    address: PostalAddress | None = None
    has_unsubscribe_link: bool = True
    has_profile_link: bool = False
    has_forward_link: bool = False
    privacy_policy_url: str = ""
    data_notice_url: str = ""
    forwarded_by: str = ""  # whoever sent this copy to a friend


# Marks the place of a value known by this name: see tags.marker.
Mark = Callable[[str, Position | None], str]

_BLOCK = (
    "display:block!important;visibility:visible!important;opacity:1!important;clear:both!important;"
    "max-height:none!important;overflow:visible!important;margin:24px auto 0!important;padding:16px 8px!important;"
    "text-align:center!important;font:12px/1.5 Arial,Helvetica,sans-serif!important;color:#595959!important;"
    "background:#ffffff!important;border-top:1px solid #dddddd!important"
)
_LINK = "display:inline!important;color:#595959!important;text-decoration:underline!important;font-size:12px!important"
_LINE = "display:block!important;margin:0 0 4px!important;color:#595959!important;font-size:12px!important"
_HIDDEN = (
    "display:none;visibility:hidden;mso-hide:all;font-size:1px;line-height:1px;color:#ffffff;max-height:0;max-width:0;"
    "opacity:0;overflow:hidden"
)
# Combining joiner, zero-width non-joiner, no-break space: nothing to see, but it keeps the body out of the inbox line.
_PADDING = "&#847;&zwnj;&nbsp;" * 40


def html(footer: Footer, mark: Mark) -> str:
    """The footer as HTML, marked."""
    lines = [
        escape(footer.address.line) if footer.address else "",
        " | ".join(
            f'<a href="{url}" data-track="false" style="{_LINK}">{text}</a>' for text, url in _links(footer, mark)
        ),
        f"Sent by {escape(footer.from_email)}",
        escape(_forwarded(footer)),
    ]
    shown = "".join(f'<div style="{_LINE}">{line}</div>' for line in lines if line)
    return f'<div style="{_BLOCK}">{shown}</div>'


def text(footer: Footer, mark: Mark) -> str:
    """The footer as plain text, marked."""
    links = [f"{text}: {url}" for text, url in _links(footer, mark, is_html=False)]
    lines = [
        footer.address.line if footer.address else "",
        *links,
        f"Sent by {footer.from_email}",
        _forwarded(footer),
    ]
    return "\n".join(["-- ", *(line for line in lines if line)])


def hidden_link(mark: Mark) -> str:
    """A link for programs that follow every one: people do not see it, hear it or reach it with their keys."""
    url = mark("$hidden", Position.WHOLE)
    return f'<a href="{url}" rel="nofollow" tabindex="-1" aria-hidden="true" style="{_HIDDEN}">&zwnj;</a>'


def preheader(marked: str) -> str:
    """The hidden first block of the body. `marked` is the preheader as HTML text, its tags marked."""
    return f'<div style="{_HIDDEN}">{marked}{_PADDING}</div>' if marked else ""


def country_name(code: str) -> str:
    """The English short name of an ISO 3166-1 code, or the text itself."""
    country = pycountry.countries.get(alpha_2=code.upper()) if len(code) == 2 else None
    return str(country.name) if country else code


def _links(footer: Footer, mark: Mark, *, is_html: bool = True) -> list[tuple[str, str]]:
    links = []
    whole = Position.WHOLE if is_html else None
    if footer.has_unsubscribe_link:
        links.append((f"Unsubscribe {mark('$recipient', None)}", mark("unsubscribe", whole)))
        if footer.has_profile_link:
            links.append(("Update Profile", mark("updatelink", whole)))
        if footer.has_forward_link:
            links.append(("Forward email", mark("$forward", whole)))
    links += [
        (text, escape(url) if is_html else url)
        for text, url in [
            ("Our Privacy Policy", footer.privacy_policy_url),
            ("Data notice", footer.data_notice_url),
        ]
        if url
    ]
    return links


def _forwarded(footer: Footer) -> str:
    return f"Forwarded by {footer.forwarded_by}" if footer.forwarded_by else ""


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part.strip() for part in parts if part and part.strip())
