"""An A/B test at every moment: both statuses, the history, the mailings. Source: contract, campaigns.md §2.4, §3.14, §3.16."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.campaigns import ab_phases, cancelled_runs
from everpost.delivery import interruptions, outbox, permissions
from everpost.delivery.permissions import Permissions
from everpost.ids import CampaignId, MailingId
from everpost.platform import config
from everpost.platform.db import many

TEST = {"alternative_subject": "Signed copies inside", "test_size": 30, "winner_wait_duration": 6}
A, B, REST = "mailing_a", "mailing_b", "mailing_rest"


class Moments:
    """One campaign to ten contacts of which 3 get A, 3 get B and 4 wait; its mails leave one by one, five seconds apart."""

    def __init__(self, api: Any, db: Any, account: Any, campaign: Any, clock: Any, work: Any) -> None:
        self.api, self.db, self.account, self.campaign, self.clock, self.work = api, db, account, campaign, clock, work

    async def begin(self, **changes: Any) -> None:
        await self.api.post(f"{self.campaign.activity}/abtest", {**TEST, **changes})
        assert 201 == (await self.schedule("0")).status
        await self.work()

    async def schedule(self, at: str) -> Any:
        return await self.api.post(self.campaign.schedules, {"scheduled_date": at})

    async def pass_time(self, **by: float) -> None:
        self.clock.move(timedelta(**by))
        await self.work()

    async def let_all_leave(self) -> None:
        for _ in range(12):
            await self.pass_time(seconds=5)

    async def do(self, action: Any, which: str, *more: Any) -> None:
        async with self.db.transaction() as conn:
            await action(conn, self.account.account_id, await self.mailing(which), *more)

    async def mailing(self, which: str) -> MailingId:
        async with self.db.reader() as conn:
            (found,) = await many(conn, UUID, f"SELECT {which} FROM campaign_ab_tests")
        return MailingId(found)

    async def states(self) -> list[str]:
        async with self.db.reader() as conn:
            return [
                await interruptions.state(conn, self.account.account_id, await self.mailing(each))
                for each in (A, B, REST)
            ]

    async def outcomes(self) -> dict[str, int]:
        async with self.db.reader() as conn:
            found = await many(conn, str, "SELECT coalesce(suppressed_for, state) FROM outbox")
        return {each: found.count(each) for each in sorted(set(found))}

    async def shown(self) -> tuple[Any, ...]:
        """As before, and the state of A, B and the rest."""
        return *await self.shown_before(), " ".join(await self.states())

    async def shown_before(self) -> tuple[Any, ...]:
        """Campaign, activity, history, and whether it can be scheduled."""
        campaign = (await self.api.get(self.campaign.path)).body["current_status"]
        activity = (await self.api.get(self.campaign.activity)).body["current_status"]
        history = (await self.api.get(f"{self.campaign.activity}/send_history")).body
        entries = [(each["send_status"], each["count"], each["reason_code"]) for each in history]
        answer = await self.schedule("2036-01-01")
        if answer.status == 201:
            assert 204 == (await self.api.delete(self.campaign.schedules)).status
        return campaign, activity, entries, answer.status == 201


@pytest.fixture
async def moments(
    api: Any, db: Any, account: Any, new_campaign: Any, list_id: str, new_contact: Any, clock: Any, work: Any
) -> Moments:
    for number in range(10):
        await new_contact(f"reader{number}@example.com")
    config.override(domain_per_minute=12, smtp_connections=1)
    return Moments(api, db, account, await new_campaign(lists=[list_id]), clock, work)


TEST_PHASE = ("COMPLETED", 6, 0)


async def test_from_the_draft_to_the_end(moments: Moments, api: Any) -> None:
    campaign = moments.campaign
    await api.post(f"{campaign.activity}/abtest", TEST)
    seen = {"draft": (await api.get(campaign.path)).body["current_status"]}
    await moments.schedule("2036-01-01")
    seen["scheduled"] = (await api.get(campaign.path)).body["current_status"]
    await api.delete(campaign.schedules)
    await moments.schedule("0")
    seen["due"] = (await api.get(campaign.path)).body["current_status"]
    assert {"draft": "Draft", "scheduled": "Scheduled", "due": "Scheduled"} == seen
    await moments.work()
    table = {}
    table["samples leave"] = await moments.shown()
    await moments.let_all_leave()
    table["test phase over"] = await moments.shown()
    await moments.pass_time(hours=5)
    table["winner not due"] = await moments.shown()
    await moments.pass_time(hours=1)
    table["winner leaves"] = await moments.shown()
    await moments.let_all_leave()
    table["over"] = await moments.shown()
    winner_phase = ("COMPLETED", 4, 0)
    assert {
        "samples leave": ("Done", "DONE", [TEST_PHASE], False, "sending sending open"),
        "test phase over": ("Done", "DONE", [TEST_PHASE], False, "finished finished open"),
        "winner not due": ("Done", "DONE", [TEST_PHASE], False, "finished finished open"),
        "winner leaves": ("Done", "DONE", [TEST_PHASE, winner_phase], True, "finished finished sending"),
        "over": ("Done", "DONE", [TEST_PHASE, winner_phase], True, "finished finished finished"),
    } == table
    assert {"sent": 10} == await moments.outcomes()


@pytest.mark.parametrize("which", [A, REST])
async def test_pausing_one_mailing_pauses_the_test_and_it_waits_as_much_longer(moments: Moments, which: str) -> None:
    await moments.begin()
    await moments.do(interruptions.pause, which)
    left = await moments.outcomes()
    assert ("Done", "DONE", [TEST_PHASE], False, "paused paused open") == await moments.shown()
    await moments.pass_time(hours=10)
    await moments.let_all_leave()
    assert "paused paused open" == " ".join(await moments.states())
    assert left == await moments.outcomes()
    await moments.do(outbox.resume, which)
    await moments.let_all_leave()
    assert "finished finished open" == " ".join(await moments.states())
    # Two times over, as a job may be: it waits for the six hours it has, not for more.
    async with moments.db.reader() as conn:
        (mailing_id,) = await many(conn, UUID, "SELECT mailing_rest FROM campaign_ab_tests")
    await ab_phases.wait_longer.function(moments.db, moments.account.account_id, mailing_id)
    await moments.pass_time(hours=6, seconds=-61)
    assert "open" == (await moments.states())[2]
    await moments.pass_time(seconds=60)
    assert "finished finished sending" == " ".join(await moments.states())
    await moments.let_all_leave()
    assert {"sent": 10} == await moments.outcomes()


async def test_a_winner_that_is_due_while_the_test_is_paused_waits(moments: Moments) -> None:
    """The samples are out, so only the winner is held back."""
    await moments.begin()
    await moments.let_all_leave()
    await moments.do(interruptions.pause, A)
    await moments.pass_time(hours=7)
    assert ("Done", "DONE", [TEST_PHASE], False, "finished finished open") == await moments.shown()
    await moments.do(outbox.resume, REST)
    await moments.work()
    await moments.pass_time(hours=6)
    assert "sending" == (await moments.states())[2]


async def test_too_many_bounces_of_one_sample_pause_the_whole_test(moments: Moments) -> None:
    config.override(pause_after_messages=1, pause_bounce_percent=1)
    await moments.begin()
    async with moments.db.transaction() as conn:
        await conn.execute("UPDATE activity_counters SET bounces_nonexistent_address = 1")
    await moments.pass_time(seconds=5)
    assert ["paused", "paused", "open"] == await moments.states()
    await moments.pass_time(hours=8)
    assert "open" == (await moments.states())[2]
    await moments.do(outbox.resume, B)
    # None of them pauses itself again.
    await moments.let_all_leave()
    await moments.pass_time(hours=6)
    await moments.let_all_leave()
    assert ["finished"] * 3 == await moments.states()


@pytest.mark.parametrize("which", [B, REST])
async def test_cancelling_one_mailing_ends_the_test(moments: Moments, which: str) -> None:
    await moments.begin()
    left = (await moments.outcomes())["sent"]
    assert 0 < left < 6
    await moments.do(outbox.cancel, which)
    assert "cancelled cancelled cancelled" == " ".join(await moments.states())
    await moments.work()
    assert ("Error", "ERROR", [("ERRORED", left, 6)], True, "cancelled cancelled cancelled") == await moments.shown()
    assert {"cancelled": 10 - left, "sent": left} == await moments.outcomes()
    await moments.pass_time(hours=7)
    assert {"cancelled": 10 - left, "sent": left} == await moments.outcomes()


async def test_cancelling_the_winner_keeps_what_the_test_phase_did(moments: Moments, new_contact: Any) -> None:
    await moments.begin()
    await moments.let_all_leave()
    await moments.do(outbox.cancel, B)
    await moments.work()
    stopped = ("ERRORED", 0, 6)
    assert ("Error", "ERROR", [TEST_PHASE, stopped], True, "finished finished cancelled") == await moments.shown()
    await moments.pass_time(hours=7)
    assert {"cancelled": 4, "sent": 6} == await moments.outcomes()
    # A later send is an ordinary one, with the subject that won.
    await new_contact("late@example.com")
    await moments.schedule("0")
    await moments.work()
    history = [TEST_PHASE, stopped, ("COMPLETED", 1, 0)]
    assert ("Done", "DONE", history, True) == (await moments.shown())[:4]


async def test_where_nobody_waits_for_the_winner_there_is_nothing_to_cancel(moments: Moments) -> None:
    await moments.begin(test_size=50)
    await moments.let_all_leave()
    await moments.do(outbox.cancel, A)
    await moments.work()
    assert ("Done", "DONE", [("COMPLETED", 10, 0)], True) == (await moments.shown())[:4]


async def test_cancelling_while_the_winner_leaves_counts_who_got_it(moments: Moments) -> None:
    await moments.begin()
    await moments.let_all_leave()
    await moments.pass_time(hours=6)
    await moments.do(outbox.cancel, REST)
    await moments.work()
    await cancelled_runs.note.function(moments.db, moments.account.account_id, await moments.mailing(REST))
    sent = (await moments.outcomes())["sent"] - 6
    history = [TEST_PHASE, ("ERRORED", sent, 6)]
    assert ("Error", "ERROR", history, True, "finished finished cancelled") == await moments.shown()


async def test_removing_the_campaign_takes_those_back_who_wait(moments: Moments, api: Any) -> None:
    await moments.begin()
    assert 204 == (await api.delete(moments.campaign.path)).status
    await moments.let_all_leave()
    assert ["finished", "finished", "cancelled"] == await moments.states()
    assert {"cancelled": 4, "sent": 6} == await moments.outcomes()
    await moments.pass_time(hours=7)
    assert {"cancelled": 4, "sent": 6} == await moments.outcomes()
    assert "Removed" == (await api.get(moments.campaign.path)).body["current_status"]


def held(**said: Any) -> Callable[[Moments], Any]:
    async def hold(moments: Moments) -> None:
        async with moments.db.transaction() as conn:
            await permissions.replace(conn, moments.account.account_id, Permissions(**said))

    return hold


async def close(moments: Moments) -> None:
    async with moments.db.transaction() as conn:
        await conn.execute("UPDATE account_directory SET status = 'disabled'")


async def unconfirm(moments: Moments) -> None:
    async with moments.db.transaction() as conn:
        await conn.execute(
            "UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}', pending_roles = '{}'"
        )


FAILURES = {
    "under review": (held(is_under_review=True), 2),
    "closed": (close, 3),
    "staging": (held(is_staging=True), 5),
    "sender gone": (unconfirm, 9),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_a_winner_that_may_not_be_sent_is_an_error_of_its_own(moments: Moments, account: Any, what: str) -> None:
    fail, reason_code = FAILURES[what]
    await moments.begin()
    await moments.let_all_leave()
    await fail(moments)
    await moments.pass_time(hours=6)
    async with moments.db.transaction() as conn:
        await conn.execute("UPDATE account_directory SET status = 'active'")
    campaign, activity, history, *_ = await moments.shown()
    assert ("Error", "ERROR", [TEST_PHASE, ("ERRORED", 0, reason_code)]) == (campaign, activity, history)
    assert {"sent": 6} == await moments.outcomes()
    if reason_code == 9:
        return
    await held()(moments)
    await moments.schedule("0")
    await moments.work()
    assert [("COMPLETED", 4, 0)] == (await moments.shown())[2][2:]


async def test_a_test_that_cannot_begin_is_an_error_and_can_begin_later(moments: Moments) -> None:
    await held(most_recipients=9)(moments)
    await moments.begin()
    assert ("Error", "ERROR", [("ERRORED", 0, 4)], True) == (await moments.shown_before())
    assert 201 == (await moments.schedule("0")).status
    await held(most_recipients=10)(moments)
    await moments.work()
    assert ("Done", "DONE") == (await moments.shown())[:2]


async def test_a_decision_that_comes_early_or_twice_changes_nothing(moments: Moments) -> None:
    await moments.begin()
    await moments.let_all_leave()
    campaign_id = CampaignId(UUID(moments.campaign.campaign_id))
    await ab_phases.decide.function(moments.db, moments.account.account_id, campaign_id)
    assert "open" == (await moments.states())[2]
    await moments.pass_time(hours=6)
    for _ in range(2):
        await ab_phases.decide.function(moments.db, moments.account.account_id, campaign_id)
    await moments.let_all_leave()
    assert {"sent": 10} == await moments.outcomes()
