"""How the campaign endpoints word their errors, and the ones that several subjects share.

A state that forbids an operation answers 409 where the schema lists 409 for it, otherwise 400: hence two classes with
one key. Source: contract, campaigns.md §1.2, §1.3.
"""

from everpost.platform.errors import Area, Conflict, Invalid, NotFound, dotted

AREA = Area(
    prefix="emails.api",
    word=dotted,
    invalid_key="emails.api.validation.error",
    malformed_key="emails.api.json.malformed",
    not_found_key="emails.api.not_found",
)


class CampaignNotFound(NotFound):
    """The requested resource was not found."""


class StateForbids(Invalid):
    """The status or role of the campaign activity forbids this operation."""

    key = "emails.api.invalid_state"


class StateConflicts(Conflict):
    """The status of the campaign forbids this operation."""

    key = "emails.api.invalid_state"


class CampaignNameTaken(Conflict):
    """name is already used by another email campaign."""

    key = "emails.api.conflict"


class AbTestExists(Conflict):
    """An A/B test already exists for this email campaign."""

    key = "emails.api.conflict"


class ResendExists(Conflict):
    """A resend already exists for this email campaign."""

    key = "emails.api.conflict"
