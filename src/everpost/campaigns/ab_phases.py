"""A test of two subjects at work: two samples get one subject each, later everybody else gets the better one.

Rules: the whole audience is frozen when the test begins, those who wait for the winner included, in a mailing of their
own that is not released yet; who may not be mailed any more by then is taken out. More unique opens win, a tie or
nothing at all goes to A. An audience of fewer than two gets A without a test. The three mailings stop together: while
they are paused the test waits, and then for its winner as much longer. What cannot be sent to the rest any more is an
entry of its own in the history, and the campaign an ERROR.
Source: contract, campaigns.md §3.16.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from everpost.campaigns import ab_tests, campaign_activities, runs, send_history, states
from everpost.campaigns.ab_tests import Test
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.runs import NotSent
from everpost.campaigns.send_history import NOBODY, SENT, Run
from everpost.contacts.segment_members import Members
from everpost.delivery import interruptions, mailings, outbox, recipients
from everpost.delivery.recipients import Sample
from everpost.ids import AccountId, CampaignId, MailingId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Db, one, run
from everpost.platform.events import on
from everpost.platform.jobs import job


async def begin(conn: Conn, account_id: AccountId, stored: Stored, entry: Run, *, members: Members, test: Test) -> int:
    """Send the two samples and plan the rest; returns how many are in the samples. Raises: NotSent."""
    await runs.open_mailing(conn, account_id, stored, entry.mailing_id)
    total = await recipients.count(conn, account_id, entry.mailing_id, members)
    await runs.check_size(conn, account_id, total)
    if total == 1:
        return await _send_to_everybody(conn, account_id, stored, entry, members)
    sample = Sample(test.seed, sample_size(total, test.test_size))
    second, rest = MailingId(new_id()), MailingId(new_id())
    await recipients.add(conn, account_id, entry.mailing_id, members, sample)
    # Shuffled alike, the next in the order are those whom the first sample left.
    first = entry.mailing_id
    await runs.open_mailing(conn, account_id, stored, second, subject=test.alternative_subject, together_with=first)
    await recipients.add(conn, account_id, second, members, sample)
    await runs.open_mailing(conn, account_id, stored, rest, together_with=first)
    await recipients.add(conn, account_id, rest, members)
    await outbox.release(conn, account_id, entry.mailing_id)
    await outbox.release(conn, account_id, second)
    # Kept in milliseconds, and the job must not come before what is kept.
    decide_at = clock.now().replace(microsecond=0) + timedelta(hours=test.winner_wait_hours)
    await _note_beginning(
        conn, account_id, stored.campaign_id, first=first, second=second, rest=rest, decide_at=decide_at
    )
    await decide.later(conn, at=decide_at, account_id=account_id, campaign_id=stored.campaign_id)
    return 2 * sample.size


def sample_size(total: int, percent: int) -> int:
    """How many of `total` get each subject: rounded, at least one, at most half."""
    return max(1, min((total * percent + 50) // 100, total // 2))


@job("campaigns.decide")
async def decide(db: Db, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Find the winner of a test whose time has come, and send it to the rest. Does nothing when that is done."""
    async with db.transaction() as conn:
        await states.hold(conn, account_id, campaign_id)
        test = await ab_tests.find(conn, account_id, campaign_id)
        if test is not None and test.waits_for_winner and await _is_due(conn, account_id, test):
            await _decide(conn, account_id, campaign_id, test, clock.now())


@on("mailing.resumed")
async def wait_longer(db: Db, account_id: AccountId, mailing_id: MailingId) -> None:
    """A test that was paused has its samples out later, so it waits for its winner as much longer."""
    async with db.transaction() as conn:
        waiting = await _find_waiting(conn, account_id, mailing_id)
        if waiting is None:
            return
        paused = timedelta(seconds=round(await interruptions.paused_seconds(conn, account_id, mailing_id)))
        begun_at = waiting.begun_at.replace(microsecond=0)
        # From the beginning, so that running twice adds nothing.
        decide_at = begun_at + timedelta(hours=waiting.winner_wait_hours) + paused
        await _postpone(conn, account_id, waiting.campaign_id, decide_at)
        await decide.later(conn, at=decide_at, account_id=account_id, campaign_id=waiting.campaign_id)


async def waits_until(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> datetime | None:
    """When the winner is found, as long as somebody waits for it."""
    test = await ab_tests.find(conn, account_id, campaign_id)
    if test is None or test.mailing_rest is None or not await _waits(conn, account_id, test.mailing_rest):
        return None
    return test.decide_at


async def call_off(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> bool:
    """Those who wait for the winner get nothing, for ever; False when nobody waits. The winner is still found."""
    test = await ab_tests.find(conn, account_id, campaign_id)
    if test is None or test.mailing_rest is None or not await _waits(conn, account_id, test.mailing_rest):
        return False
    await outbox.withdraw(conn, account_id, test.mailing_rest)
    return True


async def _send_to_everybody(conn: Conn, account_id: AccountId, stored: Stored, entry: Run, members: Members) -> int:
    count = await recipients.add(conn, account_id, entry.mailing_id, members)
    await outbox.release(conn, account_id, entry.mailing_id)
    await _note_beginning(conn, account_id, stored.campaign_id, first=entry.mailing_id)
    await _note_winner(conn, account_id, stored.campaign_id, "A")
    return count


async def _is_due(conn: Conn, account_id: AccountId, test: Test) -> bool:
    """Not before its time, nor while it is paused: what resumes it plans this anew."""
    assert test.mailing_rest is not None
    is_early = test.decide_at is not None and clock.now() < test.decide_at
    return not is_early and not await interruptions.is_paused(conn, account_id, test.mailing_rest)


async def _decide(conn: Conn, account_id: AccountId, campaign_id: CampaignId, test: Test, now: datetime) -> None:
    assert test.mailing_rest is not None
    winner = await note_winner(conn, account_id, campaign_id, test)
    if await states.is_removed(conn, account_id, campaign_id):
        await call_off(conn, account_id, campaign_id)
        return
    if not await _waits(conn, account_id, test.mailing_rest):
        return
    if winner == "B" and test.mailing_b is not None:
        await mailings.copy_content(conn, account_id, test.mailing_rest, source=test.mailing_b)
    await _send_rest(conn, account_id, campaign_id, test.mailing_rest, now)


async def note_winner(conn: Conn, account_id: AccountId, campaign_id: CampaignId, test: Test) -> Literal["A", "B"]:
    """The better of the two by what was opened until now."""
    assert test.mailing_a is not None
    assert test.mailing_b is not None
    opens = [await _unique_opens(conn, account_id, mailing_id) for mailing_id in (test.mailing_a, test.mailing_b)]
    winner: Literal["A", "B"] = "B" if opens[1] > opens[0] else "A"
    await _note_winner(conn, account_id, campaign_id, winner)
    return winner


async def _send_rest(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, mailing_id: MailingId, now: datetime
) -> None:
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    await send_history.begin(conn, account_id, activity_id, now=now, mailing_id=mailing_id)
    entry = await send_history.require_running(conn, account_id, activity_id)
    try:
        await runs.check(conn, account_id, await campaign_activities.require(conn, account_id, activity_id))
    except NotSent as refusal:
        # A later send may reach them.
        await recipients.clear(conn, account_id, mailing_id)
        await send_history.end(conn, account_id, entry, count=0, reason_code=refusal.reason_code)
        await states.stop(conn, account_id, campaign_id, now=now)
        return
    count = await recipients.drop_unmailable(conn, account_id, mailing_id)
    await outbox.release(conn, account_id, mailing_id)
    await send_history.end(conn, account_id, entry, count=count, reason_code=SENT if count else NOBODY)


async def _unique_opens(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int:
    found = await one(
        conn,
        int,
        """
        SELECT count(*)
          FROM mailings
          JOIN outbox
            ON outbox.account_id = mailings.account_id
           AND outbox.campaign_activity_id = mailings.campaign_activity_id
           AND outbox.mailing_id = mailings.mailing_id
          JOIN engagement
            ON engagement.account_id = outbox.account_id
           AND engagement.campaign_activity_id = outbox.campaign_activity_id
           AND engagement.contact_id = outbox.contact_id
         WHERE mailings.account_id = :account_id AND mailings.mailing_id = :mailing_id
           AND outbox.account_id = :account_id
           AND engagement.account_id = :account_id AND engagement.opens > 0""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    return found or 0


async def _waits(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> bool:
    """Whether there is anybody in it, and nobody has released it yet."""
    mailing = await mailings.find(conn, account_id, mailing_id)
    return mailing is not None and mailing.state == "open" and mailing.recipients > 0


class _Waiting(Struct, frozen=True):
    campaign_id: CampaignId
    winner_wait_hours: int
    begun_at: datetime


async def _find_waiting(conn: Conn, account_id: AccountId, mailing_rest: MailingId) -> _Waiting | None:
    """The test whose rest this mailing is, if it waits for its winner."""
    return await one(
        conn,
        _Waiting,
        """
        SELECT test.campaign_id, test.winner_wait_hours, begun.run_at AS begun_at
          FROM campaign_ab_tests AS test
          JOIN campaign_runs AS begun ON begun.account_id = test.account_id AND begun.mailing_id = test.mailing_a
         WHERE test.account_id = :account_id AND test.mailing_rest = :mailing_rest AND test.winner IS NULL
           AND begun.account_id = :account_id""",
        account_id=account_id,
        mailing_rest=mailing_rest,
    )


async def _postpone(conn: Conn, account_id: AccountId, campaign_id: CampaignId, decide_at: datetime) -> None:
    await run(
        conn,
        """
        UPDATE campaign_ab_tests
           SET decide_at = :decide_at
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND winner IS NULL""",
        account_id=account_id,
        campaign_id=campaign_id,
        decide_at=decide_at,
    )


async def _note_beginning(
    conn: Conn,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    first: MailingId,
    second: MailingId | None = None,
    rest: MailingId | None = None,
    decide_at: datetime | None = None,
) -> None:
    await run(
        conn,
        """
        UPDATE campaign_ab_tests
           SET mailing_a = :first, mailing_b = :second, mailing_rest = :rest, decide_at = :decide_at
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        first=first,
        second=second,
        rest=rest,
        decide_at=decide_at,
    )


async def _note_winner(conn: Conn, account_id: AccountId, campaign_id: CampaignId, winner: str) -> None:
    await run(
        conn,
        """
        UPDATE campaign_ab_tests
           SET winner = :winner
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        winner=winner,
    )
