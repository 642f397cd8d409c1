"""Whom an email would reach if it were sent now, and why the others of its audience would not get it.

Rules: the recipients are those whom `recipients.add` takes; everybody else is counted once, under the first reason that
applies. Who is on hold is added too, but no server hears of it, so these are told apart.
"""

from collections.abc import Sequence
from typing import Final, Literal, LiteralString, TypeAlias, cast, get_args

from msgspec import Struct

from everpost.contacts.segment_members import Members
from everpost.ids import AccountId, CampaignActivityId, ContactId
from everpost.platform import clock
from everpost.platform.db import Conn, many, one

Standing: TypeAlias = Literal[
    "reached", "received", "unsubscribed", "pending", "not_mailable", "no_address", "complained", "on_hold"
]


class Counted(Struct, frozen=True):
    """So many contacts of the audience stand like this."""

    standing: Standing
    contacts: int


class Reach(Struct, frozen=True):
    """An audience, counted: who would get the email now, and the others by their reason."""

    reached: int
    others: Sequence[Counted]

    @property
    def audience(self) -> int:
        return self.reached + sum(each.contacts for each in self.others)


async def count(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, members: Members) -> Reach:
    """A look at everybody in the audience: for a large one it takes a second or two."""
    sql: LiteralString = "SELECT standing, count(*) AS contacts FROM (" + _STANDING + members.sql  # noqa: S608 -- literals
    rows = await many(
        conn,
        Counted,
        sql + ")) AS audience GROUP BY standing",
        account_id=account_id,
        activity_id=activity_id,
        now=clock.now(),
        **members.values,
    )
    found = {row.standing: row for row in rows}
    reached = found.pop("reached").contacts if "reached" in found else 0
    return Reach(reached, [found[standing] for standing in get_args(Standing) if standing in found])


async def standing_of(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, members: Members, contact_id: ContactId
) -> Standing | None:
    """How one contact stands; None when it is not in the audience."""
    found = await one(
        conn,
        str,
        _STANDING + members.sql + ") AND contact.contact_id = :contact_id",
        account_id=account_id,
        activity_id=activity_id,
        contact_id=contact_id,
        now=clock.now(),
        **members.values,
    )
    return cast("Standing | None", found)


# Ends in the middle of its last condition: the members follow. Hashes are those of `holds`; where nobody is held, and
# that is most of the time, the database makes none.
_STANDING: Final[LiteralString] = """
    SELECT CASE
           WHEN received.contact_id IS NOT NULL THEN 'received'
           WHEN contact.permission_to_send = 'unsubscribed' THEN 'unsubscribed'
           WHEN contact.permission_to_send = 'pending_confirmation' THEN 'pending'
           WHEN contact.permission_to_send IS NULL THEN 'no_address'
           WHEN NOT contact.is_mailable THEN 'not_mailable'
           WHEN sha256(convert_to(contact.email_key, 'UTF8'))
                IN (SELECT address_hash FROM complaint_suppressions WHERE account_id = :account_id)
           THEN 'complained'
           WHEN sha256(convert_to(contact.email_key, 'UTF8'))
                IN (SELECT address_hash FROM address_holds WHERE held_until > :now)
           THEN 'on_hold'
           ELSE 'reached' END AS standing
      FROM contacts AS contact
      LEFT JOIN outbox AS received
        ON received.account_id = :account_id AND received.campaign_activity_id = :activity_id
       AND received.contact_id = contact.contact_id
     WHERE contact.account_id = :account_id AND contact.deleted_at IS NULL AND contact.contact_id IN ("""
