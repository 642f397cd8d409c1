"""How the contacts family words its errors, and the errors that several of its subjects raise.

The family is contacts, lists, tags, custom fields, segments and bulk activities. All problems of one request stand in
one array element, joined by ", ": clients compare that one message. Source: contract, contacts.md §2.
"""

from uuid import UUID

from everpost.platform.errors import Area, Conflict, Invalid, bracketed

AREA = Area(
    prefix="contacts.api",
    word=bracketed,
    invalid_key="contacts.api.validation.error",
    malformed_key="contacts.api.validation.error",
    malformed="Bad request. The JSON was malformed.",
    not_found_key="contacts.api.not_found",
    is_joined=True,
    bad_cursor="cursor is invalid",
    platform_keys={
        "method_not_allowed": "contacts.api.method_not_allowed",
        "not_acceptable": "contacts.api.not_acceptable",
        "unsupported_media_type": "contacts.api.unsupported_media_type",
        "internal_error": "contacts.api.internal_error",
        "service_unavailable": "contacts.api.service_unavailable",
    },
    platform_texts={
        "not_acceptable": "Not Acceptable",
        "unsupported_media_type": "Unsupported Media Type",
        "internal_error": "There was a problem with our internal service.",
        "service_unavailable": "Our internal service is temporarily unavailable.",
    },
)


class EmailTaken(Conflict):
    """Validation failed: Email already exists for contact {contact_id}"""

    # Programs cut the id out of this text: it stays the last word, right after the first "contact ".


class SmsTaken(Conflict):
    """Validation failed: SMS address already exists for contact {contact_id}"""


class BeingChanged(Conflict):
    """Another request is modifying this contact."""


class LimitReached(Invalid):
    """Validation failed: The maximum number of {things} ({limit}) has been reached"""


def unknown_ids(name: str, ids: list[UUID]) -> Invalid:
    """`list_memberships contains an invalid id: <id>`, once for each id that does not exist."""
    return Invalid(*(f"{name} contains an invalid id: {unknown}" for unknown in ids))


def too_many(name: str, maximum: int) -> str:
    return f"{name} has too many items (maximum is {maximum})"
