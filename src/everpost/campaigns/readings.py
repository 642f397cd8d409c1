"""An email as one reader would see it outside an inbox: untracked, and with no links that belong to one recipient.

Source: contract, campaigns.md §3.13, §6.5.
"""

from typing import Final

from msgspec import Struct, structs

from everpost.delivery import mailings, merge_fields, organisations, page_links, tags
from everpost.delivery.footer import Footer, PostalAddress
from everpost.delivery.merge_fields import Person
from everpost.delivery.organisations import Organisation
from everpost.delivery.render import MAX_HTML_BYTES, Content, Rendered, render
from everpost.delivery.tags import Vocabulary
from everpost.ids import AccountId
from everpost.platform.db import Conn

# What stands for a recipient's own addresses where there is no recipient.
_NO_ADDRESSES: Final = {"unsubscribe": "#", "updatelink": "#", "viewaswebpage": "#", "$forward": "#"}


class Reading(Struct, frozen=True):
    """Everything filled in."""

    subject: str
    preheader: str
    html: str
    text: str


async def for_person(
    conn: Conn,
    account_id: AccountId,
    content: Content,
    person: Person,
    *,
    from_email: str,
    address: PostalAddress | None,
) -> Reading:
    """With this person's values, and the footer of a mail; its links lead nowhere."""
    organisation = await organisations.get(conn, account_id)
    footer = mailings.footer_of(organisation, from_email, address)
    rendered = await _rendered(conn, account_id, content, organisation, footer)
    wanted = set().union(*(tags.names(part) for part in (rendered.subject, rendered.preheader, rendered.html)))
    fields = await merge_fields.fields(conn, account_id, wanted | tags.names(rendered.text))
    return _filled(rendered, {**fields.values(person), merge_fields.RECIPIENT: person.email_address})


async def for_everybody(
    conn: Conn, account_id: AccountId, content: Content, *, from_email: str, address: PostalAddress | None
) -> Reading:
    """Without anybody's data: contact tags show their fallback or nothing, the footer has no links."""
    organisation = await organisations.get(conn, account_id)
    footer = structs.replace(mailings.footer_of(organisation, from_email, address), has_unsubscribe_link=False)
    return _filled(await _rendered(conn, account_id, content, organisation, footer), {})


async def links(
    conn: Conn, account_id: AccountId, content: Content, *, from_email: str, address: PostalAddress | None
) -> list[str]:
    """Those whose clicks a send counts, as authored and in their order. Raises: LinkTooLong, MailTooLarge."""
    organisation = await organisations.get(conn, account_id)
    vocabulary = Vocabulary(organisation.constants, await merge_fields.names(conn, account_id), page_links.addresses())
    footer = mailings.footer_of(organisation, from_email, address)
    return list(render(content, vocabulary, footer, is_tracked=True).links)


async def _rendered(
    conn: Conn, account_id: AccountId, content: Content, organisation: Organisation, footer: Footer
) -> Rendered:
    # An editor shows also what is too large to be kept; reading all of it would keep the server from everybody else.
    content = structs.replace(content, html=content.html[:MAX_HTML_BYTES])
    vocabulary = Vocabulary({**organisation.constants, **_NO_ADDRESSES}, await merge_fields.names(conn, account_id))
    return render(content, vocabulary, footer, is_tracked=False)


def _filled(rendered: Rendered, values: dict[str, str]) -> Reading:
    return Reading(
        subject=tags.fill(rendered.subject, values),
        preheader=tags.fill(rendered.preheader, values),
        html=tags.fill(rendered.html, values),
        text=tags.fill(rendered.text, values),
    )
