"""How many members lists have: all of them, the active ones, or those who can be texted.

Source: contract, contacts.md §4.1, §7.2.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from everpost.contacts.shapes import ContactList
from everpost.contacts.stored import IS_ACTIVE
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn, many

Which: TypeAlias = Literal["all", "active"]


async def count_members(conn: Conn, account_id: AccountId, found: Sequence[ContactList], which: Which) -> None:
    """Deleted contacts have no memberships, so "all" needs no look at the contacts."""
    list_ids = [one_list.list_id for one_list in found]
    rows = await (_count_all if which == "all" else _count_active)(conn, account_id, list_ids)
    members = {row.list_id: row.members for row in rows}
    for one_list in found:
        one_list.membership_count = members.get(one_list.list_id, 0)


async def count_texted(
    conn: Conn, account_id: AccountId, found: Sequence[ContactList], which: Which | None, *, shows_consents: bool
) -> None:
    """With channel_type=sms a member is who can be texted; active is who agreed to it."""
    rows = await _count_channels(conn, account_id, [one_list.list_id for one_list in found])
    counts = {row.list_id: row for row in rows}
    for one_list in found:
        row = counts.get(one_list.list_id, _Texted(one_list.list_id, 0, 0))
        if which is not None:
            one_list.membership_count = row.explicit if which == "active" else row.members
        if shows_consents:
            one_list.sms_membership_count = row.explicit


class _Members(Struct):
    list_id: ListId
    members: int


class _Texted(Struct):
    list_id: ListId
    members: int
    explicit: int


async def _count_channels(conn: Conn, account_id: AccountId, list_ids: list[ListId]) -> list[_Texted]:
    return await many(
        conn,
        _Texted,
        """SELECT m.list_id, count(*) AS members, count(*) FILTER (WHERE sms.permission = 'explicit') AS explicit
             FROM list_memberships m
             JOIN sms_channels sms ON sms.account_id = m.account_id AND sms.contact_id = m.contact_id
            WHERE m.account_id = :account_id AND sms.account_id = :account_id AND m.list_id = ANY(:list_ids::uuid[])
            GROUP BY m.list_id""",
        account_id=account_id,
        list_ids=list_ids,
    )


async def _count_all(conn: Conn, account_id: AccountId, list_ids: list[ListId]) -> list[_Members]:
    return await many(
        conn,
        _Members,
        """SELECT list_id, count(*) AS members FROM list_memberships
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
            GROUP BY list_id""",
        account_id=account_id,
        list_ids=list_ids,
    )


async def _count_active(conn: Conn, account_id: AccountId, list_ids: list[ListId]) -> list[_Members]:
    return await many(
        conn,
        _Members,
        """SELECT m.list_id, count(*) AS members
             FROM list_memberships m
             JOIN (SELECT account_id, contact_id FROM contacts WHERE account_id = :account_id AND """  # noqa: S608 -- literals
        + IS_ACTIVE
        + """) AS active ON active.account_id = m.account_id AND active.contact_id = m.contact_id
            WHERE m.account_id = :account_id AND m.list_id = ANY(:list_ids::uuid[])
            GROUP BY m.list_id""",
        account_id=account_id,
        list_ids=list_ids,
    )
