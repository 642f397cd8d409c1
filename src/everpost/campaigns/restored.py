"""A backup that comes back does not know what left since it was made: what it would send anew waits for a person.

Rules: sends that were under way rest until somebody resumes or cancels them; those whose recipients were still being
gathered have failed. Dates that have passed are taken back, so that campaigns are what they were before they were
scheduled; resends that are due are not made. Automatic mails are switched off, or they would make up for the last days.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.campaigns import automation_runs, automations, resending, schedules, sending
from everpost.delivery import interruptions
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform import clock
from everpost.platform.db import Conn, many, run

REASON: Final = "Restored from a backup: some may have got it since the backup was made."


class Held(Struct, frozen=True):
    """How many sends rest or have failed, dates were taken back, resends are not made, automatic mails switched off."""

    sends: int
    failed: int
    dates: int
    resends: int
    automations: int


async def hold_back(conn: Conn, account_id: AccountId) -> Held:
    """Let an account send nothing that may have left already."""
    now = clock.now()
    passed = await _passed(conn, account_id, now)
    for activity_id in passed:
        await schedules.delete(conn, account_id, CampaignActivityId(activity_id))
    return Held(
        sends=await interruptions.pause_account(conn, account_id, REASON),
        failed=await _give_up_begun(conn, account_id, now),
        dates=len(passed),
        resends=await _give_up_resends(conn, account_id, now),
        automations=await _switch_off(conn, account_id),
    )


async def _give_up_begun(conn: Conn, account_id: AccountId, now: datetime) -> int:
    """Sends and resends whose recipients were still being gathered."""
    begun = await _executing(conn, account_id)
    for campaign_id in begun:
        await sending.give_up(conn, account_id, CampaignId(campaign_id), now)
        await resending.give_up(conn, account_id, CampaignId(campaign_id))
    return len(begun)


async def _executing(conn: Conn, account_id: AccountId) -> list[UUID]:
    return await many(
        conn,
        UUID,
        """
        SELECT campaign_id FROM campaigns WHERE account_id = :account_id AND status = 'EXECUTING'
         UNION
        SELECT campaign_id FROM campaign_resends WHERE account_id = :account_id AND status = 'EXECUTING'
         ORDER BY campaign_id""",
        account_id=account_id,
    )


async def _passed(conn: Conn, account_id: AccountId, now: datetime) -> list[UUID]:
    return await many(
        conn,
        UUID,
        """
        SELECT activity.campaign_activity_id
          FROM campaigns AS campaign
          JOIN campaign_activities AS activity
            ON activity.account_id = campaign.account_id AND activity.campaign_id = campaign.campaign_id
         WHERE campaign.account_id = :account_id AND campaign.status = 'SCHEDULED' AND campaign.scheduled_at <= :now
           AND activity.role = 'primary_email'
         ORDER BY activity.campaign_activity_id""",
        account_id=account_id,
        now=now,
    )


async def _switch_off(conn: Conn, account_id: AccountId) -> int:
    switched_on = [each for each in await automations.every_one(conn, account_id) if each.is_on]
    for automation in switched_on:
        await automation_runs.switch(conn, account_id, automation.automation_id, is_on=False)
    return len(switched_on)


async def _give_up_resends(conn: Conn, account_id: AccountId, now: datetime) -> int:
    return await run(
        conn,
        """
        UPDATE campaign_resends SET status = 'ERROR'
         WHERE account_id = :account_id AND status = 'SCHEDULED' AND due_at <= :now""",
        account_id=account_id,
        now=now,
    )
