"""What crosses the wire: contacts, lists and their parts.

Rules: a member without a value is left out; members asked for with `include` are there even when empty. Unknown and
read-only members of a request are ignored, null equals left out, "" clears. Source: contract, contacts.md §3, §5, §7.
"""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field
from msgspec.json import schema_components

from everpost.contacts import email_addresses
from everpost.contacts.consent import ConfirmStatus, OptOutSource, Permission, Source
from everpost.contacts.notes import Note, NoteIn
from everpost.contacts.phone_numbers import PhoneNumber, PhoneNumberIn
from everpost.contacts.street_addresses import SignUpAddress, StreetAddress, StreetAddressIn
from everpost.ids import ContactId, CustomFieldId, ListId, TagId
from everpost.platform.paging import Links

Text50: TypeAlias = Annotated[str, Meta(max_length=50)]
SmsPermission: TypeAlias = Literal["explicit", "unsubscribed", "pending_confirmation", "not_set"]
Include: TypeAlias = Literal[
    "custom_fields",
    "list_memberships",
    "list_membership",
    "phone_numbers",
    "street_addresses",
    "taggings",
    "notes",
    "sms_channel",
]


def _array_of(kind: type[Struct]) -> Meta:
    """The schema of an array that is stored as it goes out, and is not read on its way."""
    _, components = schema_components([kind])
    return Meta(extra_json_schema={"type": "array", "items": components[kind.__name__]})


StoredPhoneNumbers: TypeAlias = Annotated[Raw, _array_of(PhoneNumber)]
StoredStreetAddresses: TypeAlias = Annotated[Raw, _array_of(StreetAddress)]
StoredNotes: TypeAlias = Annotated[Raw, _array_of(Note)]


class EmailAddress(Struct, omit_defaults=True, kw_only=True):
    """An e-mail address with its consent. Opt-out members show only while opted out or deleted."""

    address: str
    permission_to_send: Permission
    created_at: datetime | None = None
    updated_at: datetime | None = None
    opt_in_source: Source | None = None
    opt_in_date: datetime | None = None
    opt_out_source: OptOutSource | None = None
    opt_out_date: datetime | None = None
    opt_out_reason: str | None = None
    confirm_status: ConfirmStatus | None = None


class CustomValue(Struct, omit_defaults=True):
    """One custom field of a contact: select types carry `choice_ids`, all others `value`."""

    custom_field_id: CustomFieldId
    value: str | None = None
    choice_ids: list[str] | None = None


class SmsConsent(Struct, omit_defaults=True, kw_only=True):
    """Whether a contact may be texted."""

    sms_consent_permission: SmsPermission
    consent_type: str
    opt_in_date: datetime | None = None
    opt_out_date: datetime | None = None
    advertised_frequency: str | None = None
    advertised_interval: str | None = None
    created_at: datetime
    updated_at: datetime


class SmsChannel(Struct, omit_defaults=True, kw_only=True):
    """The number a contact can be texted at, and the consent to it."""

    sms_channel_id: UUID
    sms_address: Annotated[str, Meta(description="The national number.")]
    dial_code: str
    country_code: str
    create_source: Source
    update_source: Source | None = None
    sms_channel_consents: list[SmsConsent]


class Contact(Struct, omit_defaults=True, kw_only=True):
    """A contact; the arrays at the end only as far as they were asked for or sent."""

    contact_id: ContactId
    email_address: EmailAddress | None = None
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    birthday_month: int | None = None
    birthday_day: int | None = None
    anniversary: date | None = None
    update_source: Source | None = None
    create_source: Source | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: date | None = None
    custom_fields: list[CustomValue] | UnsetType = UNSET
    phone_numbers: StoredPhoneNumbers | UnsetType = UNSET
    street_addresses: StoredStreetAddresses | UnsetType = UNSET
    list_memberships: list[ListId] | UnsetType = UNSET
    taggings: list[TagId] | UnsetType = UNSET
    notes: StoredNotes | UnsetType = UNSET
    sms_channel: SmsChannel | UnsetType = UNSET


class ContactPage(Struct, omit_defaults=True):
    """One page; `status` only while a segment is still being worked out, with the answer 202."""

    contacts: list[Contact]
    contacts_count: int | UnsetType = UNSET
    status: Literal["processing"] | UnsetType = UNSET
    links: Links | UnsetType = field(name="_links", default=UNSET)


class EmailAddressIn(Struct):
    """The e-mail address of a new contact, or of one being replaced."""

    address: Annotated[str, Meta(min_length=1, max_length=email_addresses.MAX_LENGTH)]
    permission_to_send: Permission | None = None


class EmailAddressChange(EmailAddressIn):
    """As of a new contact, and the reason when the contact is unsubscribed by this request."""

    opt_out_reason: Annotated[str, Meta(max_length=255)] | None = None


class CustomValueIn(Struct):
    """A value for one custom field; null, "" and no choices remove it."""

    custom_field_id: CustomFieldId
    value: str | bool | int | float | None = None
    choice_ids: list[str | int] | None = None


class SmsConsentIn(Struct):
    """The only type there is: promotional_sms."""

    sms_consent_permission: SmsPermission
    consent_type: Literal["promotional_sms"]
    consent_medium_details: str | None = None


class SmsChannelIn(Struct):
    """A number with its dial code, such as 14155550134, and the consent to it."""

    full_sms_address: Annotated[str, Meta(min_length=1)]
    sms_channel_consents: Annotated[list[SmsConsentIn], Meta(min_length=1)]


# Written out twice: problems are told in the order of the members, and the source stands in the middle of them.
class ContactIn(Struct, kw_only=True):
    """A new contact: at least a name or an e-mail address."""

    email_address: EmailAddressIn | None = None
    first_name: Text50 | None = None
    last_name: Text50 | None = None
    job_title: Text50 | None = None
    company_name: Text50 | None = None
    birthday_month: int | Literal[""] | None = None
    birthday_day: int | Literal[""] | None = None
    anniversary: Annotated[str, Meta(max_length=10)] | None = None
    create_source: Source
    custom_fields: list[CustomValueIn] | None = None
    phone_numbers: Annotated[list[PhoneNumberIn], Meta(max_length=3)] | None = None
    street_addresses: Annotated[list[StreetAddressIn], Meta(max_length=3)] | None = None
    list_memberships: list[ListId] | None = None
    taggings: list[TagId] | None = None
    notes: Annotated[list[NoteIn], Meta(max_length=150)] | None = None
    sms_channel: SmsChannelIn | None = None


class ContactChange(Struct, kw_only=True):
    """All of a contact anew: scalars that are left out are cleared, arrays and the e-mail address are kept."""

    email_address: EmailAddressChange | None = None
    first_name: Text50 | None = None
    last_name: Text50 | None = None
    job_title: Text50 | None = None
    company_name: Text50 | None = None
    birthday_month: int | Literal[""] | None = None
    birthday_day: int | Literal[""] | None = None
    anniversary: Annotated[str, Meta(max_length=10)] | None = None
    update_source: Source
    custom_fields: list[CustomValueIn] | None = None
    phone_numbers: Annotated[list[PhoneNumberIn], Meta(max_length=3)] | None = None
    street_addresses: Annotated[list[StreetAddressIn], Meta(max_length=3)] | None = None
    list_memberships: list[ListId] | None = None
    taggings: list[TagId] | None = None
    notes: Annotated[list[NoteIn], Meta(max_length=150)] | None = None
    sms_channel: SmsChannelIn | None = None


class SignUpSmsConsent(Struct, kw_only=True):
    """A consent as a form proves it: where the person gave it, and what was shown."""

    sms_consent_permission: SmsPermission
    consent_type: Literal["promotional_sms"]
    consent_medium_type: str
    consent_medium_url: str
    consent_medium_details: str
    advertised_frequency: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    advertised_interval: str | None = None


class SignUpSmsChannel(Struct):
    """A number in its parts, and the consent to it."""

    sms_address: Annotated[str, Meta(min_length=1)]
    dial_code: Annotated[str, Meta(min_length=1)]
    country_code: Annotated[str, Meta(min_length=1)]
    sms_channel_consents: Annotated[list[SignUpSmsConsent], Meta(min_length=1)]


class SignUp(Struct, kw_only=True):
    """What a person filled in: creates the contact or updates it, and adds it to the lists."""

    email_address: Annotated[str, Meta(max_length=email_addresses.MAX_LENGTH)] | None = None
    first_name: Text50 | None = None
    last_name: Text50 | None = None
    job_title: Text50 | None = None
    company_name: Text50 | None = None
    birthday_month: int | Literal[""] | None = None
    birthday_day: int | Literal[""] | None = None
    anniversary: Annotated[str, Meta(max_length=10)] | None = None
    phone_number: Annotated[str, Meta(max_length=25)] | None = None
    street_address: SignUpAddress | None = None
    custom_fields: list[CustomValueIn] | None = None
    list_memberships: Annotated[list[ListId], Meta(min_length=1)]
    sms_channel: SignUpSmsChannel | None = None


class SignedUp(Struct):
    """Exactly these two members: official clients refuse a third."""

    contact_id: ContactId
    action: Literal["created", "updated"]


class ContactCounts(Struct, omit_defaults=True):
    """Contacts that are not deleted, by permission; `total` is the sum of the four."""

    total: int
    explicit: int
    implicit: int
    pending: int
    unsubscribed: int
    new_subscriber: int | UnsetType = UNSET


class ContactList(Struct, omit_defaults=True, kw_only=True):
    """A list of contacts."""

    list_id: ListId
    name: str
    description: str | None = None
    favorite: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    membership_count: int | UnsetType = UNSET
    sms_membership_count: int | UnsetType = UNSET


class ContactListPage(Struct, omit_defaults=True):
    lists: list[ContactList]
    lists_count: int | UnsetType = UNSET
    links: Links | UnsetType = field(name="_links", default=UNSET)


class ContactListIn(Struct):
    """A list as a client describes it: what is left out is cleared."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    description: str | None = None
    favorite: bool | None = None


class ListXref(Struct):
    sequence_id: str
    list_id: ListId


class ListXrefs(Struct):
    xrefs: list[ListXref]


class HistoryDetails(Struct, omit_defaults=True, kw_only=True):
    """What happened to a consent, in the codes of the contract's table.

    `consent_action_time` stands without the blank that the contract's text has before the offset: the official Python
    package reads the member as a moment and refuses it with one.
    """

    state: str
    source: str
    consent_type: str
    consent_action_time: str
    consent_action_type: str
    consent_medium_type: str
    source_consent_timestamp: str | None = None  # the day of a consent as an import's file has it
    source_sms_number: str
    advertised_frequency: int | None = None
    advertised_interval: str | None = None


class SmsHistoryEntry(Struct):
    """One change of a consent to text messages."""

    contact_id: ContactId
    sms_channel_id: UUID
    sms_channel_history_id: UUID
    insert_time: datetime
    history_details: HistoryDetails


class Resubscription(Struct):
    """The lists that a contact joins when it confirms."""

    list_ids: Annotated[list[ListId], Meta(min_length=1)]


class ContactXref(Struct):
    sequence_id: str
    contact_id: ContactId


class ContactXrefs(Struct):
    xrefs: list[ContactXref]
