"""What the reports put on the wire.

Rules: times are UTC in milliseconds; a member without a value is left out; counts are integers, percentages numbers.
The last page has no `_links`, except for opt-outs and bounces, whose official client insists on the member: `{}`.
Source: contract, reporting.md §1-§6.
"""

from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from everpost.ids import CampaignActivityId, CampaignId, ContactId, ListId
from everpost.platform.paging import Link, Links, PageQuery

Limit: TypeAlias = Annotated[int, Meta(ge=1, le=500, description="How many to return.")]


class TrackingQuery(PageQuery, kw_only=True):
    limit: Limit = 500


class ClicksQuery(TrackingQuery, kw_only=True):
    url_id: Annotated[int | None, Meta(description="Only clicks on this link.")] = None


class BouncesQuery(TrackingQuery, kw_only=True):
    bounce_code: Annotated[list[str], Meta(description="Only these codes: B, D, F, S, V, X or Z.")] = []


class LinksQuery(Struct, kw_only=True):
    no_clicks: Annotated[bool, Meta(description="Also list the links that nobody clicked.")] = False


class SummariesQuery(PageQuery, kw_only=True):
    cursor_name = "next"

    limit: Limit = 50


class TrackingActivity(Struct, kw_only=True, omit_defaults=True):
    """Something that happened to a mail, and the contact as it is now."""

    contact_id: ContactId
    campaign_activity_id: CampaignActivityId
    tracking_activity_type: str
    email_address: Annotated[str, Meta(description="The address that this mail was sent to.")]
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    created_time: str
    deleted_at: Annotated[str, Meta(description="The day the contact was deleted.")] | UnsetType = UNSET


class Open(TrackingActivity, kw_only=True, omit_defaults=True):
    device_type: str | UnsetType = UNSET


class Click(TrackingActivity, kw_only=True, omit_defaults=True):
    url_id: str
    link_url: Annotated[str, Meta(description="The link as authored.")]
    device_type: str | UnsetType = UNSET


class OptOut(TrackingActivity, kw_only=True, omit_defaults=True):
    opt_out_reason: str | UnsetType = UNSET


class Bounce(TrackingActivity, kw_only=True, omit_defaults=True):
    bounce_code: Literal["B", "D", "F", "S", "V", "X", "Z"]
    current_email_address: str | UnsetType = UNSET


Row = TypeVar("Row", bound=TrackingActivity)


class TrackingPage(Struct, Generic[Row], kw_only=True):
    tracking_activities: list[Row]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class LinksOrNone(Struct, kw_only=True):
    """`_links` that is there even when it leads nowhere."""

    next: Link | UnsetType = UNSET


class LinkedTrackingPage(Struct, Generic[Row], kw_only=True):
    tracking_activities: list[Row]
    links: LinksOrNone = field(name="_links", default_factory=LinksOrNone)


class LinkClickCount(Struct, kw_only=True):
    link_url: str
    url_id: str
    unique_clicks: int
    list_action: Literal["add"] | UnsetType = UNSET
    list_id: ListId | UnsetType = UNSET


class LinkReport(Struct, kw_only=True):
    campaign_activity_id: CampaignActivityId
    link_click_counts: list[LinkClickCount]


class StatsError(Struct, kw_only=True):
    error_key: str
    error_message: str


class Stats(Struct, kw_only=True):
    """Distinct contacts, except the members with `all` in their name: these count events."""

    em_sends: int
    em_opens: int
    em_opens_all: int
    em_opens_all_computer: int
    em_opens_all_mobile: int
    em_opens_all_tablet: int
    em_opens_all_other: int
    em_opens_all_none: int
    em_clicks: int
    em_clicks_all: int
    em_clicks_all_computer: int
    em_clicks_all_mobile: int
    em_clicks_all_tablet: int
    em_clicks_all_other: int
    em_clicks_all_none: int
    em_bounces: int
    em_not_opened: int
    em_optouts: int
    em_forwards: int


class ActivityStats(Stats, kw_only=True):
    em_abuse: int
    em_bounces_blocked: int
    em_bounces_mailbox_full: int
    em_bounces_nonexistent_address: int
    em_bounces_other: int
    em_bounces_suspended: int
    em_bounces_undeliverable: int
    em_bounces_vacation: int


class Percents(Struct, kw_only=True):
    bounce: float
    open: float
    did_not_open: float
    unsubscribe: float
    click: float
    desktop_open: float
    mobile_open: float
    desktop_click: float
    mobile_click: float


class CampaignStats(Struct, kw_only=True):
    campaign_id: CampaignId
    stats: Stats
    percents: Percents
    last_refresh_time: str


class CampaignStatsReport(Struct, kw_only=True):
    errors: list[StatsError]
    results: list[CampaignStats]


class CampaignActivityStats(Struct, kw_only=True):
    campaign_id: CampaignId
    campaign_activity_id: CampaignActivityId
    stats: ActivityStats
    last_refresh_time: str


class CampaignActivityStatsReport(Struct, kw_only=True):
    errors: list[StatsError]
    results: list[CampaignActivityStats]


class UniqueCounts(Struct, kw_only=True):
    """Distinct contacts over the campaign's first send and its resend."""

    sends: int
    opens: int
    clicks: int
    forwards: int
    optouts: int
    abuse: int
    bounces: int
    not_opened: int


class CampaignSummary(Struct, kw_only=True):
    campaign_id: CampaignId
    campaign_type: str
    last_sent_date: str
    unique_counts: UniqueCounts


class AggregatePercents(Struct, kw_only=True):
    """From the sums over the campaigns of this page."""

    click: float
    open: float
    did_not_open: float
    bounce: float
    unsubscribe: float


class CampaignSummaryPage(Struct, kw_only=True):
    bulk_email_campaign_summaries: list[CampaignSummary]
    aggregate_percents: AggregatePercents
    links: Links | UnsetType = field(name="_links", default=UNSET)
