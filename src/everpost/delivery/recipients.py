"""Who gets a mailing: the mailable ones of some lists or of a segment who never got the activity.

Rules: one message per contact and activity, whatever brings the contact in a second time; recipients are frozen when
they are added, and whether a contact may still be mailed is asked again when the message leaves. A sample is shuffled
by its seed, so the same seed always proposes the same contacts in the same order.
Source: contract, campaigns.md §3.16, §5.1.
"""

from collections.abc import Sequence
from typing import Any, Final, LiteralString

from msgspec import Struct

from everpost.contacts import segment_members
from everpost.contacts.segment_members import Members
from everpost.ids import AccountId, ListId, MailingId, SegmentId
from everpost.platform import clock
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import NotFound

NOBODY: Final = Members("SELECT NULL::uuid WHERE false", {})


class Sample(Struct, frozen=True):
    """So many of the proposed, chosen by chance."""

    seed: str
    size: int


def of_lists(list_ids: Sequence[ListId]) -> Members:
    """Everybody on one of these lists, as long as the list is not deleted."""
    return Members(
        """
        SELECT member.contact_id
          FROM list_memberships AS member
          JOIN contact_lists AS list ON list.account_id = member.account_id AND list.list_id = member.list_id
         WHERE member.account_id = :account_id AND member.list_id = ANY (:list_ids::uuid[])
           AND list.account_id = :account_id AND list.deleted_at IS NULL""",
        {"list_ids": list(list_ids)},
    )


async def of_segment(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Members:
    """Everybody who meets the criteria now; nobody once the segment is deleted."""
    try:
        return await segment_members.of(conn, account_id, segment_id)
    except NotFound:
        return NOBODY


async def add(
    conn: Conn, account_id: AccountId, mailing_id: MailingId, members: Members, sample: Sample | None = None
) -> int:
    """Put recipients into an open mailing; returns how many were new."""
    insert: LiteralString = _INSERT + _ELIGIBLE + members.sql + ")"
    chosen: dict[str, Any] = {}
    if sample is None:
        insert += " ORDER BY contact.contact_id"
    else:
        insert += " ORDER BY md5(:seed || contact.contact_id::text) LIMIT :size"
        chosen = {"seed": sample.seed, "size": sample.size}
    added = await run(
        conn,
        insert + _ONCE,
        account_id=account_id,
        mailing_id=mailing_id,
        now=clock.now(),
        **members.values,
        **chosen,
    )
    await _count(conn, account_id, mailing_id, added)
    return added


async def count(conn: Conn, account_id: AccountId, mailing_id: MailingId, members: Members) -> int:
    """How many `add` would put into the mailing now."""
    sql: LiteralString = "SELECT count(*)" + _ELIGIBLE + members.sql + ")"
    found = await one(conn, int, sql, account_id=account_id, mailing_id=mailing_id, **members.values)
    return found or 0


async def drop_unmailable(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int:
    """Take those out of an open mailing who must not be mailed any more; returns how many are left in it."""
    gone = await run(
        conn,
        """
        DELETE FROM outbox
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'queued'
           AND NOT EXISTS (SELECT FROM contacts
                            WHERE contacts.account_id = :account_id AND contacts.contact_id = outbox.contact_id
                              AND contacts.is_mailable)""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    await _count(conn, account_id, mailing_id, -gone)
    left = await one(
        conn,
        int,
        "SELECT recipients FROM mailings WHERE account_id = :account_id AND mailing_id = :mailing_id",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    return left or 0


async def clear(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Take everybody out of a mailing that will not be sent."""
    gone = await run(
        conn,
        "DELETE FROM outbox WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'queued'",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    await _count(conn, account_id, mailing_id, -gone)


_INSERT: Final[LiteralString] = """
    INSERT INTO outbox (account_id, campaign_activity_id, contact_id, mailing_id, state, next_attempt_at)
    SELECT mailing.account_id, mailing.campaign_activity_id, contact.contact_id, mailing.mailing_id, 'queued', :now"""
# Ends in the middle of its last condition: the members follow.
_ELIGIBLE: Final[LiteralString] = """
      FROM mailings AS mailing
      JOIN contacts AS contact ON contact.account_id = mailing.account_id
     WHERE mailing.account_id = :account_id AND mailing.mailing_id = :mailing_id AND mailing.state = 'open'
       AND contact.account_id = :account_id AND contact.is_mailable
       AND NOT EXISTS (SELECT FROM outbox AS earlier
                        WHERE earlier.account_id = :account_id
                          AND earlier.campaign_activity_id = mailing.campaign_activity_id
                          AND earlier.contact_id = contact.contact_id)
       AND contact.contact_id IN ("""
# Two runs may meet here; the key decides.
_ONCE: Final[LiteralString] = " ON CONFLICT (account_id, campaign_activity_id, contact_id) DO NOTHING"


async def _count(conn: Conn, account_id: AccountId, mailing_id: MailingId, added: int) -> None:
    await run(
        conn,
        """
        UPDATE mailings SET recipients = recipients + :added
         WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
        added=added,
    )
