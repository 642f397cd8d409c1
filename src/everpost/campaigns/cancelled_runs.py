"""What a cancelled send leaves behind: an entry in the history that says so, and an ERROR instead of DONE.

Rules: delivery tells of each mailing that it was cancelled, at once and again when the last message under way has its
outcome, so that the entry counts all who got it after all. The two samples of an A/B test share an entry; a winner that
was called off has one with nobody in it, and the test is over: what was opened until now decides what later sends say.
Source: contract, campaigns.md §3.14 (reason 6), §2.4.
"""

from everpost.campaigns import ab_phases, ab_tests, campaign_activities, resending, send_history, states
from everpost.campaigns.ab_tests import Test
from everpost.campaigns.send_history import STOPPED
from everpost.delivery import interruptions, mailings
from everpost.delivery.mailings import Mailing
from everpost.ids import AccountId, CampaignId, MailingId
from everpost.platform import clock
from everpost.platform.db import Conn, Db
from everpost.platform.events import on


@on("mailing.cancelled")
async def note(db: Db, account_id: AccountId, mailing_id: MailingId) -> None:
    """Write it down; a second time with the final number."""
    async with db.transaction() as conn:
        mailing = await mailings.find(conn, account_id, mailing_id)
        if mailing is None:
            return
        await states.hold(conn, account_id, mailing.campaign_id)
        test = await ab_tests.find(conn, account_id, mailing.campaign_id)
        if test is not None and test.waits_for_winner and test.mailing_rest == mailing_id:
            await _end_test(conn, account_id, test, mailing)
        await _note(conn, account_id, mailing.campaign_id, _of_one_run(test, mailing_id))


def _of_one_run(test: Test | None, mailing_id: MailingId) -> list[MailingId]:
    """The mailings that one entry of the history counts; it bears the id of the first."""
    if test is not None and test.mailing_a and test.mailing_b and mailing_id in (test.mailing_a, test.mailing_b):
        return [test.mailing_a, test.mailing_b]
    return [mailing_id]


async def _note(conn: Conn, account_id: AccountId, campaign_id: CampaignId, mailing_ids: list[MailingId]) -> None:
    count = 0
    for mailing_id in mailing_ids:
        progress = await mailings.progress(conn, account_id, mailing_id)
        count += progress.sending + progress.sent + progress.bounced + progress.unknown
    stopped = await send_history.stop(conn, account_id, mailing_ids[0], count=count)
    if stopped is None or not stopped.was_completed:
        return
    if stopped.campaign_activity_id == await campaign_activities.primary_of(conn, account_id, campaign_id):
        await states.stop(conn, account_id, campaign_id, now=clock.now())
    else:
        await resending.stop(conn, account_id, campaign_id)


async def _end_test(conn: Conn, account_id: AccountId, test: Test, rest: Mailing) -> None:
    """There is no winner phase. It has an entry only if there was something to it and the test phase is complete."""
    campaign_id = rest.campaign_id
    await ab_phases.note_winner(conn, account_id, campaign_id, test)
    samples = [await interruptions.state(conn, account_id, each) for each in (test.mailing_a, test.mailing_b) if each]
    if not rest.recipients or "cancelled" in samples or await states.is_removed(conn, account_id, campaign_id):
        return
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    await send_history.begin(conn, account_id, activity_id, now=clock.now(), mailing_id=rest.mailing_id)
    entry = await send_history.require_running(conn, account_id, activity_id)
    await send_history.end(conn, account_id, entry, count=0, reason_code=STOPPED)
    await states.stop(conn, account_id, campaign_id, now=clock.now())
