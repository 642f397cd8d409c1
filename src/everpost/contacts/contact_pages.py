"""GET /contacts: filters, pages and counts.

Rules: different filters are ANDed, values within one ORed; oldest first by created_at and contact_id, a keyset, so
that a page costs the same however deep it lies. Source: contract, contacts.md §5.1, §5.7.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal, LiteralString, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from everpost.contacts import parts, segment_members, sequences
from everpost.contacts.segment_members import Position
from everpost.contacts.shapes import ContactCounts, ContactPage, ContactXref, ContactXrefs, Include
from everpost.contacts.stored import IS_ACTIVE, SELECT, SELECT_CORE, CoreContact, StoredContact
from everpost.ids import AccountId, ContactId, ListId, SegmentId, TagId
from everpost.platform import clock
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.errors import Invalid
from everpost.platform.paging import PageQuery

NEW_SUBSCRIBER_FOR: Final = timedelta(days=30)

Status: TypeAlias = Literal["all", "active", "deleted", "not_set", "pending_confirmation", "temp_hold", "unsubscribed"]

_OF_STATUS: Final[Mapping[str, LiteralString]] = {
    "active": IS_ACTIVE,
    "deleted": "deleted_at IS NOT NULL",
    "not_set": "(deleted_at IS NULL AND (permission_to_send IS NULL OR permission_to_send = 'not_set'))",
    "pending_confirmation": "(deleted_at IS NULL AND permission_to_send = 'pending_confirmation')",
    "temp_hold": "(deleted_at IS NULL AND permission_to_send = 'temp_hold')",
    "unsubscribed": "(deleted_at IS NULL AND permission_to_send = 'unsubscribed')",
}

_COUNT: Final[LiteralString] = "SELECT count(*) FROM contacts WHERE account_id = :account_id"

_OF_DATE: Final[Mapping[str, LiteralString]] = {
    "updated_after": "updated_at > :updated_after",
    "updated_before": "updated_at < :updated_before",
    "created_after": "created_at > :created_after",
    "created_before": "created_at < :created_before",
    "optout_after": "opt_out_date > :optout_after",
    "optout_before": "opt_out_date < :optout_before",
}

_FILTERS: Final[Mapping[str, LiteralString]] = {
    "email": "email_key = :email",
    "lists": """contact_id IN (SELECT contact_id FROM list_memberships
                                WHERE account_id = :account_id AND list_id = ANY(:lists::uuid[]))""",
    "tags": """contact_id IN (SELECT t.contact_id
                                FROM contact_taggings t
                                JOIN contact_tags tag ON tag.account_id = t.account_id AND tag.tag_id = t.tag_id
                               WHERE t.account_id = :account_id AND tag.account_id = :account_id
                                 AND t.tag_id = ANY(:tags::uuid[]) AND tag.deleted_at IS NULL)""",
    **_OF_DATE,
}
_SMS: Final[LiteralString] = """ AND contact_id IN (SELECT contact_id FROM sms_channels
                               WHERE account_id = :account_id AND permission = ANY(:sms_status::text[]))"""
# Without a channel nothing is set; whose permission is another one is left out.
_SMS_OR_NONE: Final[LiteralString] = """ AND contact_id NOT IN (SELECT contact_id FROM sms_channels
                               WHERE account_id = :account_id AND permission <> ALL(:sms_status::text[]))"""


class ContactsQuery(PageQuery, kw_only=True):
    aliases: ClassVar[Mapping[str, str]] = {name.replace("_", "-"): name for name in _OF_DATE}

    status: list[Status] = []
    email: str | None = None
    lists: Annotated[list[ListId], Meta(max_length=25)] = []
    tags: Annotated[list[TagId], Meta(max_length=50)] = []
    segment_id: list[str] = []
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    optout_after: datetime | None = None
    optout_before: datetime | None = None
    sms_status: list[Literal["all", "explicit", "unsubscribed", "pending_confirmation", "not_set"]] = []
    include: list[Include] = []
    include_count: bool = False


class CountsQuery(Struct):
    include: Literal["new_subscriber", "new_subscribers"] | None = None


class ContactXrefsQuery(sequences.SequencesQuery):
    aliases = {"contact_sequence_numbers": "sequence_ids"}


async def page(conn: Conn, account_id: AccountId, query: ContactsQuery) -> ContactPage:
    """Raises: Invalid, NotFound (of a segment)."""
    if query.segment_id:
        return await _page_of_segment(conn, account_id, _segment_id(query), query)
    where, values = _conditions(query)
    position = query.cursor.position
    after: LiteralString = ""
    if position is not None:
        after = " AND (created_at, contact_id) >= (:after, :first)"
        values |= {"after": datetime.fromisoformat(position[0]), "first": UUID(position[1])}
    # What nobody asked for is not read: the arrays are half of a row.
    is_whole = parts.are_in_row(query.include)
    rows: Sequence[CoreContact] = await many(
        conn,
        StoredContact if is_whole else CoreContact,
        (SELECT if is_whole else SELECT_CORE) + where + after + " ORDER BY created_at, contact_id LIMIT :rows",
        account_id=account_id,
        rows=query.limit + 1,
        **values,
    )
    result = ContactPage(await parts.show(conn, account_id, rows[: query.limit], query.include))
    if len(rows) > query.limit:
        result.links = query.cursor.links(rows[-1].created_at, rows[-1].contact_id)
    if query.include_count:
        result.contacts_count = await _count(conn, account_id, query)
    return result


async def counts(conn: Conn, account_id: AccountId, query: CountsQuery) -> ContactCounts:
    """How many contacts have which permission; new subscribers opted in within 30 days."""
    found = await one(
        conn,
        _Counted,
        """SELECT count(*) FILTER (WHERE permission_to_send = 'explicit') AS explicit,
                  count(*) FILTER (WHERE permission_to_send = 'implicit') AS implicit,
                  count(*) FILTER (WHERE permission_to_send = 'pending_confirmation') AS pending,
                  count(*) FILTER (WHERE permission_to_send = 'unsubscribed') AS unsubscribed,
                  count(*) FILTER (WHERE is_mailable AND opt_in_date > :since) AS new_subscriber
             FROM contacts
            WHERE account_id = :account_id AND deleted_at IS NULL""",
        account_id=account_id,
        since=clock.now() - NEW_SUBSCRIBER_FOR,
    )
    assert found is not None
    return ContactCounts(
        total=found.explicit + found.implicit + found.pending + found.unsubscribed,
        explicit=found.explicit,
        implicit=found.implicit,
        pending=found.pending,
        unsubscribed=found.unsubscribed,
        new_subscriber=UNSET if query.include is None else found.new_subscriber,
    )


async def xrefs(db: Db, account_id: AccountId, query: ContactXrefsQuery) -> ContactXrefs:
    """The contacts behind numbers of the previous API. Raises: Invalid."""
    return ContactXrefs(await sequences.look_up(db, account_id, query, numbered=_numbered, number=_number))


class _Counted(Struct):
    explicit: int
    implicit: int
    pending: int
    unsubscribed: int
    new_subscriber: int


async def _page_of_segment(
    conn: Conn, account_id: AccountId, segment_id: SegmentId, query: ContactsQuery
) -> ContactPage:
    """Who meets the segment's criteria now, or word that it takes a while. Raises: NotFound."""
    position = query.cursor.position
    start = Position(datetime.fromisoformat(position[0]), ContactId(UUID(position[1]))) if position else None
    ids = await segment_members.page(conn, account_id, segment_id, start=start, rows=query.limit + 1)
    if ids is None:
        return ContactPage([], status="processing")
    rows = await many(
        conn,
        CoreContact,
        SELECT_CORE + " AND contact_id = ANY(:ids::uuid[]) ORDER BY created_at, contact_id",
        account_id=account_id,
        ids=ids,
    )
    result = ContactPage(await parts.show(conn, account_id, rows[: query.limit], []))
    if len(rows) > query.limit:
        result.links = query.cursor.links(rows[-1].created_at, rows[-1].contact_id)
    return result


def _segment_id(query: ContactsQuery) -> SegmentId:
    """The one segment asked for, which goes together with nothing but a limit. Raises: Invalid."""
    others = [
        name
        for name in ("status", "email", "lists", "tags", *_OF_DATE, "sms_status", "include", "include_count")
        if getattr(query, name)
    ]
    if others:
        raise Invalid(*(f"segment_id, {name} are mutually exclusive" for name in others))
    if len(query.segment_id) > 1:
        raise Invalid("segment_id has too many items (maximum is 1)")
    digits = query.segment_id[0].lstrip("0")
    if not re.fullmatch("[0-9]+", query.segment_id[0]):
        raise Invalid("segment_id is invalid")
    # Python refuses to read absurdly long numbers, and nobody's segment has one.
    return SegmentId(int(digits[:20] or "0"))


def _conditions(query: ContactsQuery) -> tuple[LiteralString, dict[str, Any]]:
    """What the filters add to the WHERE, put together from literals only, and the values that this names."""
    values = {name: getattr(query, name) for name in _FILTERS if getattr(query, name) not in (None, [])}
    conditions: list[LiteralString] = [_of_status(query.status), *(" AND " + _FILTERS[name] for name in values)]
    if query.email is not None:
        # An unescaped + of the address arrives as a blank.
        values["email"] = query.email.strip().replace(" ", "+").lower()
    if query.sms_status and "all" not in query.sms_status:
        conditions.append(_SMS_OR_NONE if "not_set" in query.sms_status else _SMS)
        values["sms_status"] = query.sms_status
    return "".join(conditions), values


def _of_status(wanted: Sequence[Status]) -> LiteralString:
    if not wanted:
        return " AND deleted_at IS NULL"
    if "all" in wanted:
        return ""
    chosen: list[LiteralString] = [_OF_STATUS[status] for status in dict.fromkeys(wanted)]
    return " AND (" + " OR ".join(chosen) + ")"


async def _count(conn: Conn, account_id: AccountId, query: ContactsQuery) -> int:
    where, values = _conditions(query)
    counted = await one(conn, int, _COUNT + where, account_id=account_id, **values)
    return counted or 0


async def _numbered(conn: Conn, account_id: AccountId, sequence_ids: Sequence[int]) -> list[ContactXref]:
    return await many(
        conn,
        ContactXref,
        """SELECT sequence_id::text AS sequence_id, contact_id FROM contacts
            WHERE account_id = :account_id AND sequence_id = ANY(:sequence_ids::bigint[])
            ORDER BY contacts.sequence_id""",
        account_id=account_id,
        sequence_ids=sequence_ids,
    )


async def _number(conn: Conn, account_id: AccountId) -> None:
    # The last condition is asked again after waiting for another request that numbers the same rows.
    await run(
        conn,
        """UPDATE contacts
              SET sequence_id = waiting.number
             FROM (SELECT contact_id, row_number() OVER (ORDER BY created_at, contact_id)
                          + (SELECT coalesce(max(sequence_id), 0) FROM contacts
                              WHERE account_id = :account_id) AS number
                     FROM contacts
                    WHERE account_id = :account_id AND sequence_id IS NULL) AS waiting
            WHERE contacts.account_id = :account_id AND contacts.contact_id = waiting.contact_id
              AND contacts.sequence_id IS NULL""",
        account_id=account_id,
    )
