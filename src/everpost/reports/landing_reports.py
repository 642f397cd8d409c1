"""What visitors did on landing pages: the shape of the six reports.

Rules: `_links.next.href` is always there, empty on the last page, because the official clients insist on the text.
There are no landing pages yet, and an e-mail's activity is none, so every id is unknown.
Source: contract, reporting.md §1.4, §8.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.errors import NotFound
from everpost.platform.paging import Link, Links, PageQuery
from everpost.reports.shapes import Open


class LandingQuery(PageQuery, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=500, description="How many to return.")] = 50
    contacts_filter: Annotated[str, Meta(description="Only contacts with this in their name or address.")] = ""


class SmsChannel(Struct, kw_only=True, omit_defaults=True):
    """A contact's mobile number, in the form that is usual where the contact lives, and what it agreed to."""

    country_code: str | UnsetType = UNSET
    state: Annotated[str, Meta(description="N, T, P, I, E, O or D.")] | UnsetType = UNSET
    formatted_international: str | UnsetType = UNSET
    formatted_national: str | UnsetType = UNSET


class Visit(Open, kw_only=True, omit_defaults=True):
    """Something that a contact did on a landing page."""

    url_id: str | UnsetType = UNSET
    link_url: str | UnsetType = UNSET
    sms_channel: SmsChannel | UnsetType = UNSET


class LandingPage(Struct, kw_only=True):
    tracking_activities: list[Visit]
    links: Links = field(name="_links", default_factory=lambda: Links(Link("")))


def page(account_id: AccountId, campaign_activity_id: CampaignActivityId, query: LandingQuery) -> LandingPage:
    """Raises: NotFound."""
    raise NotFound
