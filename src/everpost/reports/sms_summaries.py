"""Campaigns of text messages, with their numbers. None is ever sent from here, so there are none to list.

Rules: `start_at` and `end_at` are both inside the range. Source: contract, events-social-automations-sms.md §D.
"""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from everpost.ids import CampaignId
from everpost.platform.errors import Invalid
from everpost.platform.paging import Links, PageQuery


class SmsSummariesQuery(PageQuery, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=50, description="How many to return.")] = 50
    start_at: Annotated[datetime, Meta(description="Sent last at this time or later.")]
    end_at: Annotated[datetime | None, Meta(description="Sent last at this time or earlier.")] = None


class UniqueSmsCounts(Struct, kw_only=True, omit_defaults=True):
    sends: int
    delivers: int
    clicks: int
    optouts: int
    opens: int | UnsetType = UNSET


class SmsCampaignSummary(Struct, kw_only=True):
    campaign_id: CampaignId
    campaign_name: str
    campaign_type: str
    last_sent_date: str
    unique_counts: UniqueSmsCounts


class SmsPercents(Struct, kw_only=True):
    """From the sums over the campaigns of this page."""

    deliver: float = 0.0
    click: float = 0.0
    bounce: float = 0.0
    unsubscribe: float = 0.0


class SmsSummaryPage(Struct, kw_only=True):
    bulk_sms_campaign_summaries: list[SmsCampaignSummary]
    aggregate_percents: SmsPercents
    links: Links | UnsetType = field(name="_links", default=UNSET)


def page(query: SmsSummariesQuery) -> SmsSummaryPage:
    """Raises: Invalid, when the range ends before it starts."""
    if query.end_at is not None and query.end_at < query.start_at:
        raise Invalid("end_at does not have a valid value")
    return SmsSummaryPage(bulk_sms_campaign_summaries=[], aggregate_percents=SmsPercents())
