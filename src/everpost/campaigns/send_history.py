"""What became of each send of an email, oldest first.

Rules: an entry appears when its run is over; its number counts the runs of the activity, 1, 2, 3, …; `count` are the
contacts that this run added, so a repeat counts only new ones. Nobody to send to is a completed run, not an error; one
that was cancelled is an error, and its `count` are those who had got it by then.
Source: contract, campaigns.md §3.14.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct

from everpost.campaigns import campaign_activities
from everpost.campaigns.errors import StateForbids
from everpost.campaigns.shapes import SendHistoryEntry, timestamp
from everpost.ids import AccountId, CampaignActivityId, ListId, MailingId, SegmentId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, many, one, run
from everpost.tracking import sent_activities

SENT, FAILED, UNDER_REVIEW, ACCOUNT_MAY_NOT_SEND, TOO_MANY_RECIPIENTS, STAGING, STOPPED = range(7)
LINK_TOO_LONG, SENDER_NOT_CONFIRMED, SENDER_NOT_SIGNED, NOBODY = 8, 9, 10, 12
COMPLETED = (SENT, NOBODY)


class Run(Struct, frozen=True):
    """A send that has started."""

    campaign_activity_id: CampaignActivityId
    send_id: int
    mailing_id: MailingId


class StoppedRun(Struct, frozen=True):
    """A send that was cancelled; it was completed until this was noted first."""

    campaign_activity_id: CampaignActivityId
    was_completed: bool


class _Row(Struct):
    send_id: int
    contact_list_ids: list[ListId]
    segment_ids: list[SegmentId]
    sent_count: int
    run_at: datetime
    status: Literal["COMPLETED", "ERRORED"]
    reason_code: int


async def listing(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> list[SendHistoryEntry]:
    """Raises: CampaignNotFound, StateForbids for a permalink, which is never sent."""
    stored = await campaign_activities.require(conn, account_id, activity_id)
    if stored.role == "permalink":
        raise StateForbids("Campaign activity has the role permalink; it has no send history.")
    return [_shown(row) for row in await _ended(conn, account_id, activity_id)]


async def begin(
    conn: Conn,
    account_id: AccountId,
    activity_id: CampaignActivityId,
    *,
    now: datetime,
    mailing_id: MailingId | None = None,
) -> None:
    """Open the next entry, with the audience as it is set now. The caller holds the campaign, so numbers are unique."""
    await run(
        conn,
        """
        INSERT INTO campaign_runs (account_id, campaign_activity_id, send_id, mailing_id, contact_list_ids,
                                   segment_ids, run_at, status, sent_count, reason_code)
        SELECT a.account_id, a.campaign_activity_id, :send_id, :mailing_id, t.contact_list_ids,
               t.segment_ids, :now, 'RUNNING', 0, 0
          FROM campaign_activities a
          JOIN campaign_contents t ON t.account_id = a.account_id AND t.campaign_id = a.campaign_id
         WHERE a.account_id = :account_id AND a.campaign_activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
        send_id=await _next_send_id(conn, account_id, activity_id),
        mailing_id=mailing_id or new_id(),
        now=now,
    )


async def require_running(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Run:
    """The entry that was opened and not closed yet; every EXECUTING activity has one."""
    running = await one(
        conn,
        Run,
        """
        SELECT campaign_activity_id, send_id, mailing_id
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND status = 'RUNNING'""",
        account_id=account_id,
        activity_id=activity_id,
    )
    assert running is not None, f"campaign activity {activity_id} executes without a run"
    return running


async def end(conn: Conn, account_id: AccountId, ended: Run, *, count: int, reason_code: int) -> None:
    """Close an entry. What went to somebody is from now on one of the emails that segments look at."""
    if reason_code == SENT:
        stored = await campaign_activities.require(conn, account_id, ended.campaign_activity_id)
        await sent_activities.record(
            conn, account_id, ended.campaign_activity_id, stored.campaign_id, sent_at=clock.now()
        )
    await run(
        conn,
        """
        UPDATE campaign_runs
           SET status = :status, sent_count = :count, reason_code = :reason_code
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND send_id = :send_id""",
        account_id=account_id,
        activity_id=ended.campaign_activity_id,
        send_id=ended.send_id,
        status="COMPLETED" if reason_code in COMPLETED else "ERRORED",
        count=count,
        reason_code=reason_code,
    )


async def last_mailing(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> MailingId | None:
    """Of the last run that was sent, or stopped part-way."""
    found = await one(
        conn,
        UUID,
        """
        SELECT mailing_id
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND status <> 'RUNNING'
           AND reason_code IN (0, 6)
         ORDER BY send_id DESC
         LIMIT 1""",
        account_id=account_id,
        activity_id=activity_id,
    )
    return None if found is None else MailingId(found)


async def stop(conn: Conn, account_id: AccountId, mailing_id: MailingId, *, count: int) -> StoppedRun | None:
    """The run of a mailing ended before everybody had got it: so many had. None when it has no entry."""
    return await one(
        conn,
        StoppedRun,
        """
        WITH before AS (
            SELECT send_id, campaign_activity_id, status
              FROM campaign_runs
             WHERE account_id = :account_id AND mailing_id = :mailing_id
               FOR UPDATE)
        UPDATE campaign_runs AS stopped
           SET status = 'ERRORED', sent_count = :count, reason_code = :reason_code
          FROM before
         WHERE stopped.account_id = :account_id AND stopped.campaign_activity_id = before.campaign_activity_id
           AND stopped.send_id = before.send_id
        RETURNING stopped.campaign_activity_id, before.status = 'COMPLETED' AS was_completed""",
        account_id=account_id,
        mailing_id=mailing_id,
        count=count,
        reason_code=STOPPED,
    )


def _shown(row: _Row) -> SendHistoryEntry:
    return SendHistoryEntry(
        send_id=row.send_id,
        contact_list_ids=row.contact_list_ids or UNSET,
        segment_ids=row.segment_ids or UNSET,
        count=row.sent_count,
        run_date=timestamp(row.run_at),
        send_status=row.status,
        reason_code=row.reason_code,
    )


async def _ended(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> list[_Row]:
    return await many(
        conn,
        _Row,
        """
        SELECT send_id, contact_list_ids, segment_ids, sent_count, run_at, status, reason_code
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND status <> 'RUNNING'
         ORDER BY send_id""",
        account_id=account_id,
        activity_id=activity_id,
    )


async def _next_send_id(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> int:
    last = await one(
        conn,
        int,
        """
        SELECT coalesce(max(send_id), 0)
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
    )
    return (last or 0) + 1
