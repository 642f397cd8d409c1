"""Which contacts an export holds.

Rules: without a selector every contact that is not deleted; selectors may be combined in the pairs below only; who is
deleted is selected by `status: removed` alone. Source: contract, bulk-activities.md §2, §7.1.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Struct

from everpost.activities import selections
from everpost.activities.selections import Selected
from everpost.activities.shapes import ContactsExport
from everpost.contacts import lists, segment_members, tags
from everpost.contacts.contact_pages import NEW_SUBSCRIBER_FOR
from everpost.contacts.stored import IS_ACTIVE
from everpost.ids import AccountId, ActivityId, ContactId, ListId, SegmentId, TagId
from everpost.platform import clock
from everpost.platform.db import Conn, many
from everpost.platform.errors import Invalid, NotFound

_PAIRS: Final = frozenset(
    map(
        frozenset,
        (
            ("contact_ids", "status"), ("list_ids", "status"), ("list_ids", "exclude"),
            ("new_subscriber", "exclude"), ("list_ids", "new_subscriber"),
        ),
    )
)  # fmt: skip
_NOT_DELETED: Final[LiteralString] = " AND deleted_at IS NULL"
_OF_STATUS: Final[Mapping[str, LiteralString]] = {
    "all": _NOT_DELETED,
    "active": " AND " + IS_ACTIVE,
    "not_set": " AND deleted_at IS NULL AND coalesce(permission_to_send, 'not_set') = 'not_set'",
    "pending_confirmation": " AND deleted_at IS NULL AND permission_to_send = 'pending_confirmation'",
    "temp_hold": " AND deleted_at IS NULL AND permission_to_send = 'temp_hold'",
    "unsubscribed": " AND deleted_at IS NULL AND permission_to_send = 'unsubscribed'",
    "removed": " AND deleted_at IS NOT NULL",
}

_FILTERS: Final[Mapping[str, LiteralString]] = {
    "contact_ids": " AND contact_id = ANY(:contact_ids::uuid[])",
    "list_ids": """ AND EXISTS (SELECT 1 FROM list_memberships
                                 WHERE list_memberships.account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
                                   AND list_memberships.contact_id = contacts.contact_id)""",
    "tag_ids": """ AND EXISTS (SELECT 1 FROM contact_taggings
                                WHERE contact_taggings.account_id = :account_id AND tag_id = ANY(:tag_ids::uuid[])
                                  AND contact_taggings.contact_id = contacts.contact_id)""",
    "exclude": " AND contact_id <> ALL(:exclude::uuid[])",
}


class Selection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is selected; what is not named selects everybody."""

    contact_ids: list[ContactId] = []
    list_ids: list[ListId] = []
    tag_ids: list[TagId] = []
    new_subscriber: bool = False
    segment_id: int | None = None
    status: str | None = None
    exclude: list[ContactId] = []


def read(asked: ContactsExport) -> Selection:
    """Raises: Invalid, where selectors exclude each other."""
    status = asked.status or ("active" if asked.all_active_contacts else None)
    selection = Selection(
        contact_ids=_each_once(asked.contact_ids),
        list_ids=_each_once(asked.list_ids),
        tag_ids=_each_once(asked.tag_ids),
        new_subscriber=bool(asked.new_subscriber),
        segment_id=_segment(asked),
        status="removed" if status == "deleted" else status,
        exclude=_each_once(asked.exclude.contact_ids if asked.exclude else None),
    )
    given = [name for name in Selection.__struct_fields__ if getattr(selection, name) not in ([], None, False)]
    clashes = [pair for pair in combinations(given, 2) if frozenset(pair) not in _PAIRS]
    if clashes:
        raise Invalid(*(f"{one_name}, {other} are mutually exclusive" for one_name, other in clashes))
    return selection


async def require(conn: Conn, account_id: AccountId, selection: Selection) -> None:
    """Raises: NotFound, when a list, a tag or the segment does not exist."""
    if len(await lists.existing(conn, account_id, selection.list_ids)) < len(selection.list_ids):
        raise NotFound
    if len(await tags.known(conn, account_id, selection.tag_ids)) < len(selection.tag_ids):
        raise NotFound
    if selection.segment_id is not None:
        await segment_members.of(conn, account_id, SegmentId(selection.segment_id))


async def settle(
    conn: Conn, account_id: AccountId, activity_id: ActivityId, selection: Selection, *, chunk_size: int
) -> Selected:
    """Select the contacts and keep them for the activity, in the order of the file."""
    where, values = await _condition(conn, account_id, selection)
    return await selections.keep(conn, account_id, activity_id, _KEEP + where + _IN_CHUNKS, size=chunk_size, **values)


async def missing(conn: Conn, account_id: AccountId, selection: Selection) -> list[ContactId]:
    """The contacts that were named and do not exist, or are deleted where that is not what is asked for."""
    if not selection.contact_ids:
        return []
    there = await many(
        conn,
        UUID,
        """SELECT contact_id FROM contacts
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])
              AND (deleted_at IS NULL OR :are_deleted)""",
        account_id=account_id,
        contact_ids=selection.contact_ids,
        are_deleted=selection.status == "removed",
    )
    return [contact_id for contact_id in selection.contact_ids if contact_id not in there]


async def _condition(conn: Conn, account_id: AccountId, selection: Selection) -> tuple[LiteralString, dict[str, Any]]:
    """What the selection adds to the WHERE of `contacts`, and the values that this names."""
    values = {name: getattr(selection, name) for name in _FILTERS if getattr(selection, name)}
    where: list[LiteralString] = [_FILTERS[name] for name in values]
    where.append(_OF_STATUS[selection.status or "all"])
    if selection.segment_id is not None:
        members = await segment_members.of(conn, account_id, SegmentId(selection.segment_id))
        where.append(" AND contact_id IN (" + members.sql + ")")
        values |= members.values
    if selection.new_subscriber:
        where.append(" AND is_mailable AND opt_in_date > :since")
        values["since"] = clock.now() - NEW_SUBSCRIBER_FOR
    return "".join(where), values


def _each_once(ids: Sequence[Any] | None) -> list[Any]:
    return list(dict.fromkeys(ids or ()))


def _segment(asked: ContactsExport) -> int | None:
    """Under its name of today or that of an older guide. Raises: Invalid."""
    others = asked.segment_ids if isinstance(asked.segment_ids, list) else [asked.segment_ids]
    given = [number for number in dict.fromkeys([asked.segment_id, *others]) if number is not None]
    if len(given) > 1:
        raise Invalid("segment_ids has too many items (maximum is 1)")
    return given[0] if given else None


_KEEP: Final[LiteralString] = """INSERT INTO activity_contacts (account_id, activity_id, chunk, contact_ids)
    SELECT :account_id, :activity_id, chunk, array_agg(contact_id)
      FROM (SELECT contact_id, (row_number() OVER (ORDER BY created_at, contact_id) - 1) / :size AS chunk
              FROM contacts
             WHERE account_id = :account_id"""
_IN_CHUNKS: Final[LiteralString] = ") AS numbered GROUP BY chunk"
