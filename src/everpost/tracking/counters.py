"""The numbers of an activity's reports: one row, moved in the transaction of the event that changes it.

Source: contract, reporting.md §5.3.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, many, run


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """`opens`, `clicks` and `forwards` count contacts; those with a device in their name count events.

    Of these events `_proxy` and `_scanner` are a program's by its own name; `_left_out` are a machine's, beside them.
    """

    sends: int = 0
    opens: int = 0
    opens_computer: int = 0
    opens_mobile: int = 0
    opens_tablet: int = 0
    opens_other: int = 0
    opens_none: int = 0
    clicks: int = 0
    clicks_computer: int = 0
    clicks_mobile: int = 0
    clicks_tablet: int = 0
    clicks_other: int = 0
    clicks_none: int = 0
    optouts: int = 0
    forwards: int = 0
    abuse: int = 0
    bounces_nonexistent_address: int = 0
    bounces_undeliverable: int = 0
    bounces_mailbox_full: int = 0
    bounces_suspended: int = 0
    bounces_vacation: int = 0
    bounces_other: int = 0
    bounces_blocked: int = 0
    opens_proxy: int = 0
    opens_scanner: int = 0
    opens_left_out: int = 0
    clicks_proxy: int = 0
    clicks_scanner: int = 0
    clicks_left_out: int = 0

    @property
    def opens_all(self) -> int:
        return self.opens_computer + self.opens_mobile + self.opens_tablet + self.opens_other + self.opens_none

    @property
    def clicks_all(self) -> int:
        return self.clicks_computer + self.clicks_mobile + self.clicks_tablet + self.clicks_other + self.clicks_none

    @property
    def bounces(self) -> int:
        return (
            self.bounces_nonexistent_address
            + self.bounces_undeliverable
            + self.bounces_mailbox_full
            + self.bounces_suspended
            + self.bounces_vacation
            + self.bounces_other
            + self.bounces_blocked
        )


class ActivityCounters(Counters, frozen=True, kw_only=True):
    """The counters together with the activity they belong to."""

    campaign_activity_id: CampaignActivityId


# The member of Counters that a bounce code moves. Source: contract, reporting.md §4.1.
BOUNCE_COUNTERS: Final = {
    "B": "bounces_nonexistent_address",
    "D": "bounces_undeliverable",
    "F": "bounces_mailbox_full",
    "S": "bounces_suspended",
    "V": "bounces_vacation",
    "X": "bounces_other",
    "Z": "bounces_blocked",
}


def total(parts: Sequence[Counters]) -> Counters:
    """The sums; contacts that occur in several parts are counted several times."""
    names = Counters.__struct_fields__
    return Counters(**{name: sum(getattr(part, name) for part in parts) for name in names})


async def find(
    conn: Conn, account_id: AccountId, campaign_activity_ids: Sequence[CampaignActivityId]
) -> dict[CampaignActivityId, Counters]:
    """Those activities that anything happened to."""
    rows = await many(
        conn,
        ActivityCounters,
        """
        SELECT campaign_activity_id,
               sends, opens, opens_computer, opens_mobile, opens_tablet, opens_other, opens_none,
               clicks, clicks_computer, clicks_mobile, clicks_tablet, clicks_other, clicks_none,
               optouts, forwards, abuse,
               bounces_nonexistent_address, bounces_undeliverable, bounces_mailbox_full, bounces_suspended,
               bounces_vacation, bounces_other, bounces_blocked,
               opens_proxy, opens_scanner, opens_left_out, clicks_proxy, clicks_scanner, clicks_left_out
          FROM activity_counters
         WHERE account_id = :account_id AND campaign_activity_id = ANY (:campaign_activity_ids::uuid[])""",
        account_id=account_id,
        campaign_activity_ids=campaign_activity_ids,
    )
    return {row.campaign_activity_id: row for row in rows}


async def add(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, difference: Counters
) -> None:
    """Move the counters by `difference`, whose members may be negative."""
    await run(
        conn,
        """
        INSERT INTO activity_counters AS known (account_id, campaign_activity_id,
               sends, opens, opens_computer, opens_mobile, opens_tablet, opens_other, opens_none,
               clicks, clicks_computer, clicks_mobile, clicks_tablet, clicks_other, clicks_none,
               optouts, forwards, abuse,
               bounces_nonexistent_address, bounces_undeliverable, bounces_mailbox_full, bounces_suspended,
               bounces_vacation, bounces_other, bounces_blocked,
               opens_proxy, opens_scanner, opens_left_out, clicks_proxy, clicks_scanner, clicks_left_out)
        VALUES (:account_id, :campaign_activity_id,
                :sends, :opens, :opens_computer, :opens_mobile, :opens_tablet, :opens_other, :opens_none,
                :clicks, :clicks_computer, :clicks_mobile, :clicks_tablet, :clicks_other, :clicks_none,
                :optouts, :forwards, :abuse,
                :bounces_nonexistent_address, :bounces_undeliverable, :bounces_mailbox_full, :bounces_suspended,
                :bounces_vacation, :bounces_other, :bounces_blocked,
                :opens_proxy, :opens_scanner, :opens_left_out, :clicks_proxy, :clicks_scanner, :clicks_left_out)
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE SET
               sends = known.sends + excluded.sends,
               opens = known.opens + excluded.opens,
               opens_computer = known.opens_computer + excluded.opens_computer,
               opens_mobile = known.opens_mobile + excluded.opens_mobile,
               opens_tablet = known.opens_tablet + excluded.opens_tablet,
               opens_other = known.opens_other + excluded.opens_other,
               opens_none = known.opens_none + excluded.opens_none,
               clicks = known.clicks + excluded.clicks,
               clicks_computer = known.clicks_computer + excluded.clicks_computer,
               clicks_mobile = known.clicks_mobile + excluded.clicks_mobile,
               clicks_tablet = known.clicks_tablet + excluded.clicks_tablet,
               clicks_other = known.clicks_other + excluded.clicks_other,
               clicks_none = known.clicks_none + excluded.clicks_none,
               optouts = known.optouts + excluded.optouts,
               forwards = known.forwards + excluded.forwards,
               abuse = known.abuse + excluded.abuse,
               bounces_nonexistent_address = known.bounces_nonexistent_address + excluded.bounces_nonexistent_address,
               bounces_undeliverable = known.bounces_undeliverable + excluded.bounces_undeliverable,
               bounces_mailbox_full = known.bounces_mailbox_full + excluded.bounces_mailbox_full,
               bounces_suspended = known.bounces_suspended + excluded.bounces_suspended,
               bounces_vacation = known.bounces_vacation + excluded.bounces_vacation,
               bounces_other = known.bounces_other + excluded.bounces_other,
               bounces_blocked = known.bounces_blocked + excluded.bounces_blocked,
               opens_proxy = known.opens_proxy + excluded.opens_proxy,
               opens_scanner = known.opens_scanner + excluded.opens_scanner,
               opens_left_out = known.opens_left_out + excluded.opens_left_out,
               clicks_proxy = known.clicks_proxy + excluded.clicks_proxy,
               clicks_scanner = known.clicks_scanner + excluded.clicks_scanner,
               clicks_left_out = known.clicks_left_out + excluded.clicks_left_out""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        **msgspec.structs.asdict(difference),
    )


async def replace(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, new: Counters) -> None:
    """Set every counter. For repair only, behind `lock`."""
    await run(
        conn,
        "DELETE FROM activity_counters WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
    await add(conn, account_id, campaign_activity_id, new)


async def hold(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Nobody else moves this activity's counters, if it has any, until the end of the transaction."""
    await run(
        conn,
        """
        SELECT 1
          FROM activity_counters
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           FOR UPDATE""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def lock(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """As `hold`, for counters that may have to be made."""
    await add(conn, account_id, campaign_activity_id, Counters())
