"""Personalisation tags that the composer offers, in words for people. Source: contract, campaigns.md §4.3-§4.6."""

from typing import Final, NamedTuple

from everpost.contacts import custom_fields
from everpost.ids import AccountId
from everpost.platform.db import Conn


class Offer(NamedTuple):
    label: str
    tag: str


_OF_CONTACTS: Final = (
    Offer("First name", '[[FirstName OR "there"]]'),
    Offer("Last name", "[[LastName]]"),
    Offer("Email address", "[[EmailAddress]]"),
    Offer("Company", '[[CompanyName OR "your company"]]'),
    Offer("Job title", "[[JobTitle]]"),
    Offer("City", "[[City]]"),
    Offer("Birthday", "[[Birthday]]"),
)
_OF_THE_ACCOUNT: Final = (
    Offer("Your organization", "[[account.OrganizationName]]"),
    Offer("Your website (an address)", "[[account.SiteURL]]"),
    Offer("This email as a web page (an address)", "[[viewAsWebpage]]"),
    Offer("Page to change one's data (an address)", "[[updateLink]]"),
)


async def offered(conn: Conn, account_id: AccountId) -> list[Offer]:
    """Those of every account, with its custom fields in the middle."""
    definitions = await custom_fields.definitions(conn, account_id)
    custom = [Offer(field.label, f"[[CUSTOM.{field.name}]]") for field in definitions]
    return [*_OF_CONTACTS, *sorted(custom), *_OF_THE_ACCOUNT]
