"""What crosses the wire: activities and what starts them. Source: contract, bulk-activities.md §1, §3, §4.2."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from everpost.ids import ActivityId, ContactId, CustomFieldId, ListId, TagId
from everpost.platform.paging import Link, Links, PageQuery

MAX_IMPORTED: Final = 40_000

State: TypeAlias = Literal["initialized", "processing", "completed", "failed", "timed_out", "cancelled"]
# The schema spells the last of these in two ways.
StateAsked: TypeAlias = Literal[
    "initialized", "processing", "completed", "failed", "cancelled", "timed_out", "time_out"
]
SmsPermission: TypeAlias = Literal["explicit", "not_set"]
ExportStatus: TypeAlias = Literal[
    "all", "active", "unsubscribed", "removed", "deleted", "not_set", "pending_confirmation", "temp_hold"
]


class ActivityLinks(Struct, omit_defaults=True):
    """Where the activity is, and of an export where its file will be."""

    self: Link
    results: Link | UnsetType = UNSET


class BulkActivity(Struct, omit_defaults=True, kw_only=True):
    """A bulk activity and how far it is. `completed_at` is there in final states only: programs wait for it."""

    activity_id: ActivityId
    state: State
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    source_file_name: str | None = None
    percent_done: int
    activity_errors: list[str]
    status: dict[str, int] | UnsetType = UNSET
    links: ActivityLinks = field(name="_links")


class ActivityPage(Struct, omit_defaults=True):
    activities: list[BulkActivity]
    links: Links | UnsetType = field(name="_links", default=UNSET)


class ActivitiesQuery(PageQuery, kw_only=True):
    state: StateAsked | None = None


class FileImport(Struct, frozen=True):
    """A CSV file as it came by multipart; None is a part that was not sent."""

    file_name: str | None
    content: bytes | None  # at most one byte more than an import takes
    list_ids: list[str] | None  # texts: identifiers joined by commas, or a JSON array
    sms_permission_to_send: str | None


class JsonImport(Struct):
    """Contacts as flat objects whose members are named like the columns of a CSV file."""

    # Those that are cut off do not count, so the items are counted after that.
    import_data: Annotated[list[Raw], Meta(min_length=1, extra_json_schema={"maxItems": MAX_IMPORTED})]
    list_ids: Annotated[list[ListId], Meta(min_length=1)]
    sms_permission_to_send: SmsPermission | None = None


class ExportExclusion(Struct):
    """Contacts that are left out."""

    contact_ids: Annotated[list[ContactId], Meta(max_length=50)] | None = None


class ContactsExport(Struct, kw_only=True):
    """Which contacts to export, and what of them; without a word all that are not deleted, with nearly all fields."""

    contact_ids: Annotated[list[ContactId], Meta(max_length=500)] | None = None
    list_ids: Annotated[list[ListId], Meta(max_length=50)] | None = None
    tag_ids: Annotated[list[TagId], Meta(max_length=50)] | None = None
    new_subscriber: bool | None = None
    segment_id: int | None = None
    segment_ids: int | list[int] | None = None  # what an older guide calls segment_id
    all_active_contacts: bool | None = None  # what an older guide says for the status active
    status: ExportStatus | None = None
    exclude: ExportExclusion | None = None
    fields: list[str] | None = None


class ListDeletion(Struct):
    """Lists to delete."""

    list_ids: Annotated[list[ListId], Meta(min_length=1, max_length=100)]


class TagDeletion(Struct):
    """Tags to delete."""

    tag_ids: Annotated[list[TagId], Meta(min_length=1, max_length=500)]


class CustomFieldDeletion(Struct):
    """Custom fields to delete."""

    custom_field_ids: Annotated[list[CustomFieldId], Meta(min_length=1, max_length=100)]
