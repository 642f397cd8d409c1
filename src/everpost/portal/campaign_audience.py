"""Whom a campaign goes to, in words: lists or a segment by name, who would get it now, and why others would not."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from everpost.campaigns import audience
from everpost.campaigns.campaign_activities import Stored
from everpost.contacts import lists, segments
from everpost.contacts.lists import ListsQuery
from everpost.contacts.segments import SegmentsQuery
from everpost.contacts.shapes import ContactList
from everpost.delivery.reach import Reach, Standing
from everpost.ids import AccountId, CampaignActivityId, ListId, SegmentId
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

_REASONS: Final[Mapping[Standing, str]] = {
    "received": "already got this campaign, or were left out of it for good",
    "unsubscribed": "unsubscribed",
    "pending": "still to confirm that they want mail",
    "not_mailable": "gave no permission to send",
    "no_address": "without an email address",
    "complained": "called an earlier mail spam",
    "on_hold": "on hold, because servers said that the address does not exist",
}


class Chosen(msgspec.Struct, frozen=True):
    """Lists or one segment, as they are stored or as a form has them."""

    list_ids: Sequence[ListId] = ()
    segment_ids: Sequence[SegmentId] = ()

    @property
    def is_empty(self) -> bool:
        return not self.list_ids and not self.segment_ids


class Counted(msgspec.Struct, frozen=True):
    """Who would get it now; `others` are numbers with the rest of a sentence."""

    reached: int
    audience: int
    others: list[tuple[int, str]]


def stored(email: Stored) -> Chosen:
    return Chosen(email.contact_list_ids, email.segment_ids)


async def count(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, chosen: Chosen) -> Counted | None:
    """None when there are too many to count while somebody waits."""
    found = await audience.reached(conn, account_id, activity_id, chosen.list_ids, chosen.segment_ids)
    return None if found is None else _counted(found)


async def names(conn: Conn, account_id: AccountId, chosen: Chosen) -> list[str]:
    """Of what is chosen; what was deleted is told to be."""
    found = {each.list_id: each.name for each in await all_lists(conn, account_id)} if chosen.list_ids else {}
    of_lists = [f"“{found[each]}”" if each in found else "a deleted list" for each in chosen.list_ids]
    return of_lists + [await _segment_name(conn, account_id, each) for each in chosen.segment_ids]


async def all_lists(conn: Conn, account_id: AccountId, *, has_sizes: bool = False) -> list[ContactList]:
    """Those that are not deleted, by name."""
    query = ListsQuery(limit=lists.MAXIMUM, include_membership_count="all" if has_sizes else None)
    page = await lists.page(conn, account_id, query)
    return sorted(page.lists, key=lambda each: each.name.casefold())


async def all_segments(conn: Conn, account_id: AccountId) -> list[tuple[str, str]]:
    """Ids and names of those that are not deleted, by name."""
    page = await segments.page(conn, account_id, SegmentsQuery(sort_by="name"))
    return [(str(each.segment_id), each.name) for each in page.segments]


async def _segment_name(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> str:
    try:
        await segments.require(conn, account_id, segment_id)
    except NotFound:
        return "a deleted segment"
    return f"the segment “{(await segments.get(conn, account_id, segment_id)).name}”"


def _counted(found: Reach) -> Counted:
    others = [(each.contacts, _REASONS[each.standing]) for each in found.others]
    return Counted(found.reached, found.audience, others)
