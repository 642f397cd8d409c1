"""What is due and was not begun: sends, resends and decisions whose job was lost, or given up in an outage.

Rules: a job that is only late is not done twice, because each begins by asking whether it is still needed.
Source: contract, campaigns.md §3.10 (due sends start within a minute).
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from everpost.campaigns import ab_phases, resending, sending
from everpost.ids import AccountId, CampaignId
from everpost.platform import clock
from everpost.platform.db import Conn, Db, many
from everpost.platform.jobs import Job, every

# What is not begun so long after its time, nobody is going to begin.
_LATE: Final = timedelta(seconds=30)


@every(timedelta(seconds=30))
async def sweep(db: Db) -> None:
    """Start it."""
    before = clock.now() - _LATE
    async with db.transaction() as conn:
        await _start(conn, sending.send, await _due_campaigns(conn, before))
        await _start(conn, resending.resend, await _due_resends(conn, before))
        await _start(conn, ab_phases.decide, await _due_decisions(conn, before))


class _Due(Struct, frozen=True):
    account_id: AccountId
    campaign_id: CampaignId


async def _start(conn: Conn, job: Job[...], found: list[_Due]) -> None:
    for due in found:
        only_once = f"{job.name}.sweep:{due.campaign_id}"
        await job.later(conn, only_once=only_once, account_id=due.account_id, campaign_id=due.campaign_id)


# All three look across accounts on purpose.
async def _due_campaigns(conn: Conn, before: datetime) -> list[_Due]:
    return await many(
        conn,
        _Due,
        """
        SELECT account_id, campaign_id
          FROM campaigns
         WHERE status IN ('SCHEDULED', 'EXECUTING') AND scheduled_at < :before
         ORDER BY scheduled_at
         LIMIT 1000""",
        before=before,
    )


async def _due_resends(conn: Conn, before: datetime) -> list[_Due]:
    return await many(
        conn,
        _Due,
        """
        SELECT resend.account_id, resend.campaign_id
          FROM campaign_resends AS resend
          JOIN campaigns AS campaign
            ON campaign.account_id = resend.account_id AND campaign.campaign_id = resend.campaign_id
         WHERE resend.status IN ('SCHEDULED', 'EXECUTING') AND resend.due_at < :before AND campaign.status <> 'REMOVED'
         ORDER BY resend.due_at
         LIMIT 1000""",
        before=before,
    )


async def _due_decisions(conn: Conn, before: datetime) -> list[_Due]:
    return await many(
        conn,
        _Due,
        """
        SELECT account_id, campaign_id
          FROM campaign_ab_tests
         WHERE winner IS NULL AND decide_at < :before
         ORDER BY decide_at
         LIMIT 1000""",
        before=before,
    )
