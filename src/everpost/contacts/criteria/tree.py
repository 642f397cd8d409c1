"""A criteria document as a typed tree: groups of rules."""

from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from everpost.contacts.criteria.comparisons import Test
from everpost.contacts.criteria.contact_fields import ContactField
from everpost.contacts.criteria.leaves import Leaf
from everpost.contacts.criteria.periods import Period

Event: TypeAlias = Literal["sent", "opened", "clicked", "bounced", "forwarded", "opted_out"]


class LastCampaigns(Struct, frozen=True):
    """The campaigns that were sent last."""

    count: int


class AllCampaigns(Struct, frozen=True):
    """Every campaign that was sent."""


class NamedCampaigns(Struct, frozen=True):
    """Campaign activities, or campaigns for all their activities."""

    ids: tuple[UUID, ...]


class TrackingRule(Struct, frozen=True):
    """Something happened, or with `is_not` did not, with the mails of some campaigns."""

    event: Event
    is_not: bool
    how: Literal["any", "all", "none", "at_least"]
    campaigns: LastCampaigns | AllCampaigns | NamedCampaigns
    period: Period | None = None
    least: int = 1


class ContactRule(Struct, frozen=True):
    field: ContactField
    test: Test


class CustomFieldRule(Struct, frozen=True):
    """`reference` is the field's id or name; what is asked of it depends on its type, which is known only later."""

    reference: UUID | str
    leaf: Leaf


class MembershipRule(Struct, frozen=True):
    """On lists, or carrying tags; without ids any of them will do."""

    what: Literal["lists", "tags"]
    ids: tuple[UUID, ...]
    wants_all: bool
    is_negated: bool


class Group(Struct, frozen=True):
    """All, one or none of its children."""

    type: Literal["and", "or", "not"]
    children: tuple["Node", ...]


Node: TypeAlias = Group | TrackingRule | ContactRule | CustomFieldRule | MembershipRule
