"""A campaign that is being sent rests, goes on, or ends early: all that is under way of it at once.

Rules: the two samples of an A/B test, and a resend, rest and go on together. Cancelling is for good: who had not got
the email does not get it with this send, which includes those who wait for the winner of an A/B test and those whom a
planned resend would have reached.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from everpost.campaigns import ab_phases, resends, states
from everpost.delivery import interruptions, outbox, progress
from everpost.delivery.mailings import State, Summary
from everpost.ids import AccountId, CampaignActivityId, CampaignId, MailingId
from everpost.platform import clock
from everpost.platform.db import Conn, many
from everpost.platform.errors import Conflict

_Action: TypeAlias = Callable[[Conn, AccountId, MailingId], Awaitable[None]]


class NothingToPause(Conflict):
    """Nothing of this campaign is being sent at the moment."""

    key = "emails.api.invalid_state"


class NothingToResume(Conflict):
    """Nothing of this campaign is paused."""

    key = "emails.api.invalid_state"


class NothingToCancel(Conflict):
    """Everything of this campaign is sent or cancelled already."""

    key = "emails.api.invalid_state"


async def under_way(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> list[Summary]:
    """Its mailings that are being sent, that rest, or that are being cancelled; oldest first."""
    return await progress.unfinished(conn, account_id, await _activities(conn, account_id, campaign_id))


async def pause(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Let nothing leave until somebody resumes it. Raises: NothingToPause."""
    if not await _each(conn, account_id, campaign_id, interruptions.pause, "sending"):
        raise NothingToPause


async def resume(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Go on with what is paused. Raises: NothingToResume."""
    if not await _each(conn, account_id, campaign_id, outbox.resume, "paused"):
        raise NothingToResume


async def cancel(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Nobody else gets it. Raises: NothingToCancel."""
    stopped = await _each(conn, account_id, campaign_id, outbox.cancel, "sending", "paused")
    called_off = await ab_phases.call_off(conn, account_id, campaign_id)
    if not stopped and not called_off:
        raise NothingToCancel
    await resends.call_off(conn, account_id, campaign_id)
    await states.touch(conn, account_id, campaign_id, now=clock.now())


async def _each(conn: Conn, account_id: AccountId, campaign_id: CampaignId, action: _Action, *wanted: State) -> int:
    """Do it with those in one of these states, while nobody else changes the campaign; how many there were."""
    await states.hold(conn, account_id, campaign_id)
    found = [each for each in await under_way(conn, account_id, campaign_id) if each.state in wanted]
    for each in found:
        # What is done to one mailing may have been done to those beside it.
        if await interruptions.state(conn, account_id, each.mailing_id) in wanted:
            await action(conn, account_id, each.mailing_id)
    return len(found)


async def _activities(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> list[CampaignActivityId]:
    found = await many(
        conn,
        UUID,
        """
        SELECT campaign_activity_id
          FROM campaign_activities
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND role IN ('primary_email', 'resend')""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return [CampaignActivityId(activity_id) for activity_id in found]
