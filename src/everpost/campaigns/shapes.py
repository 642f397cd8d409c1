"""What crosses the wire at the campaign endpoints.

Rules: a member without a value is left out; times are UTC in milliseconds; a campaign spells its status `Draft`, its
activities spell it `DRAFT`. Members that only we write are ignored when a client sends its GET body back.
Source: contract, campaigns.md §2, §3.
"""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from everpost.ids import CampaignActivityId, CampaignId, ListId, SegmentId
from everpost.platform.paging import Links, PageQuery

MAX_PREHEADER: Final = 200

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=80)]
SenderName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
SenderAddress: TypeAlias = Annotated[str, Meta(min_length=1, max_length=80)]
Subject: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Preheader: TypeAlias = Annotated[str, Meta(max_length=MAX_PREHEADER)]
Role: TypeAlias = Literal["primary_email", "permalink", "resend"]
Include: TypeAlias = Literal["physical_address_in_footer", "permalink_url", "html_content", "document_properties"]


def timestamp(moment: datetime) -> str:
    """`2026-03-02T14:05:09.000Z`"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class FooterAddressIn(Struct, omit_defaults=True, kw_only=True):
    """A postal address that takes the place of the account's in the footer of one email."""

    organization_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    address_optional: str | None = None
    city: str | None = None
    state_code: str | None = None
    state_non_us_name: str | None = None
    postal_code: str | None = None
    country_code: str | None = None


class FooterAddress(FooterAddressIn):
    """The address with the names that follow from its codes."""

    state_name: str | None = None
    country_name: str | None = None


class NewActivity(Struct):
    """The content of a new campaign; its audience is set later, with PUT."""

    format_type: Literal[1, 4, 5]
    from_name: SenderName
    from_email: SenderAddress
    reply_to_email: SenderAddress
    subject: Subject
    html_content: Annotated[str, Meta(min_length=1, max_length=150_000)]
    preheader: Preheader | None = None
    physical_address_in_footer: FooterAddressIn | None = None


class CampaignIn(Struct):
    name: Name
    email_campaign_activities: Annotated[list[NewActivity], Meta(min_length=1, max_length=1)]


class CampaignNameIn(Struct):
    name: Name


class ActivityReference(Struct):
    campaign_activity_id: CampaignActivityId
    role: Role
    document_id: UUID | UnsetType = UNSET


class CampaignSummary(Struct):
    """One campaign of the collection, without its activities."""

    campaign_id: CampaignId
    name: str
    current_status: str
    type: str
    type_code: int
    created_at: str
    updated_at: str


class Campaign(CampaignSummary):
    campaign_activities: list[ActivityReference]


class CampaignPage(Struct):
    campaigns: list[CampaignSummary]
    links: Links | UnsetType = msgspec.field(name="_links", default=UNSET)


class CampaignQuery(PageQuery):
    """Filters by the last change, both exclusive."""

    before_date: datetime | None = None
    after_date: datetime | None = None


class CrossReferenceQuery(Struct):
    v2_email_campaign_ids: Annotated[list[str], Meta(min_length=1, max_length=50)]


class CrossReference(Struct):
    v2_email_campaign_id: str
    campaign_id: CampaignId
    campaign_activity_id: CampaignActivityId


class CrossReferences(Struct):
    xrefs: list[CrossReference]


class ActivityQuery(Struct):
    include: list[Include] = msgspec.field(default_factory=list)


class ActivityIn(Struct):
    """An activity's content and audience as a set: a top-level member that is left out is cleared.

    `html_content` and `physical_address_in_footer` stay as they are when left out; the address is merged by member.
    """

    from_name: SenderName
    from_email: SenderAddress
    reply_to_email: SenderAddress
    subject: Subject
    preheader: Preheader | None = None
    contact_list_ids: list[ListId] | None = None
    segment_ids: Annotated[list[int | str], Meta(max_length=1)] | None = None
    html_content: Annotated[str, Meta(min_length=1)] | None = None
    physical_address_in_footer: FooterAddressIn | None = None


class Activity(Struct):
    """One part of a campaign as it is stored; the last three members only when asked for."""

    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    role: Role
    contact_list_ids: list[ListId]
    segment_ids: list[SegmentId]
    current_status: str
    format_type: int
    from_email: str
    from_name: str
    reply_to_email: str
    subject: str
    preheader: str | UnsetType = UNSET
    document_id: UUID | UnsetType = UNSET
    html_content: str | UnsetType = UNSET
    permalink_url: str | UnsetType = UNSET
    physical_address_in_footer: FooterAddress | UnsetType = UNSET


class ScheduleIn(Struct):
    """When to send: an ISO-8601 date or date-time, or `"0"` for now."""

    scheduled_date: str | int


class Schedule(Struct):
    scheduled_date: str


class ResendIn(Struct):
    """When those who did not open get the email again: days win over minutes."""

    resend_subject: Subject
    delay_days: int | None = None
    delay_minutes: int | None = None


class Resend(Struct):
    """A resend; its status once it is planned, its date once it is sent."""

    resend_subject: str
    delay_minutes: int
    resend_request_id: str
    delay_days: int | UnsetType = UNSET
    resend_status: str | UnsetType = UNSET
    resend_date: str | UnsetType = UNSET


class AbTest(Struct):
    """A test of two subjects: percent of the audience for each, hours until the better one is sent to the rest."""

    alternative_subject: Subject
    test_size: Annotated[int, Meta(ge=5, le=50)]
    winner_wait_duration: Literal[6, 12, 24, 48]


class TestSendIn(Struct):
    email_addresses: Annotated[list[str], Meta(min_length=1)]
    personal_message: Annotated[str, Meta(max_length=1000)] | None = None


class Preview(Struct):
    """An email as the account's owner would receive it."""

    campaign_activity_id: CampaignActivityId
    from_email: str
    from_name: str
    reply_to_email: str
    subject: str
    preview_html_content: str
    preview_text_content: str
    preheader: str | UnsetType = UNSET


class SendHistoryEntry(Struct):
    """One run of an activity; the kind of audience that was not used is left out."""

    send_id: int
    count: int
    run_date: str
    send_status: Literal["COMPLETED", "ERRORED"]
    reason_code: int
    contact_list_ids: list[ListId] | UnsetType = UNSET
    segment_ids: list[SegmentId] | UnsetType = UNSET
