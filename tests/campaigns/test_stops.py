"""A campaign that rests, goes on and ends early, with all that belongs to it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.campaigns import audience, resends, sending, stops
from everpost.delivery import mailings, traces
from everpost.ids import CampaignActivityId, CampaignId, ContactId, ListId
from tests.campaigns.conftest import parsed

TEST = {"alternative_subject": "Signed copies inside", "test_size": 25, "winner_wait_duration": 6}


@pytest.fixture
async def people(new_contact: Any) -> list[ContactId]:
    return [ContactId(UUID(await new_contact(f"reader{number}@example.com"))) for number in range(8)]


@pytest.fixture
def act(db: Any, account: Any) -> Any:
    """`await act(stops.pause, campaign)`, in a transaction of its own."""

    async def call(action: Any, campaign: Any) -> Any:
        async with db.transaction() as conn:
            return await action(conn, account.account_id, CampaignId(UUID(campaign.campaign_id)))

    return call


@pytest.fixture
def begin(api: Any, account: Any, db: Any) -> Any:
    """Schedules a campaign and hands it over; the outbox has not begun."""

    async def now(campaign: Any) -> None:
        assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
        await sending.send(db, account.account_id, CampaignId(UUID(campaign.campaign_id)))

    return now


async def test_a_campaign_rests_goes_on_and_is_cancelled(
    act: Any, begin: Any, work: Any, mailbox: Any, new_campaign: Any, list_id: str, people: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    for action, refusal in (
        (stops.pause, stops.NothingToPause),
        (stops.resume, stops.NothingToResume),
        (stops.cancel, stops.NothingToCancel),
    ):
        with pytest.raises(refusal):
            await act(action, campaign)
    await begin(campaign)
    await act(stops.pause, campaign)
    await work()
    (resting,) = await act(stops.under_way, campaign)
    assert ("paused", "Paused by a person.", []) == (resting.state, resting.pause_reason, await mailbox())
    await act(stops.resume, campaign)
    await work()
    assert (8, []) == (len(await mailbox()), await act(stops.under_way, campaign))


async def test_cancelling_takes_the_planned_resend_along(
    api: Any, account: Any, db: Any, clock: Any, act: Any, begin: Any, work: Any, mailbox: Any,
    new_campaign: Any, list_id: str, people: Any,
) -> None:  # fmt: skip
    campaign = await new_campaign(lists=[list_id])
    body = {"resend_subject": "Once more", "delay_days": 1}
    assert 201 == (await api.post(f"{campaign.activity}/non_opener_resends", body)).status
    await begin(campaign)
    await act(stops.cancel, campaign)
    with pytest.raises(stops.NothingToCancel):
        await act(stops.cancel, campaign)
    await work()
    clock.move(timedelta(days=2))
    await work()
    assert [] == await mailbox()
    activity_id = CampaignActivityId(UUID(campaign.activity_id))
    async with db.transaction() as conn:
        assert [] == await resends.listing(conn, account.account_id, activity_id)
        mailing = await mailings.find_received(conn, account.account_id, activity_id, people[0])
        assert mailing is not None
        trace = await traces.find(conn, account.account_id, mailing.mailing_id, people[0])
    assert "Not sent: the send was cancelled." == trace.sentence


async def test_cancelling_an_ab_test_reaches_those_who_wait_for_the_winner(
    api: Any, account: Any, db: Any, clock: Any, act: Any, begin: Any, work: Any, mailbox: Any,
    new_campaign: Any, list_id: str, people: Any,
) -> None:  # fmt: skip
    campaign = await new_campaign(lists=[list_id])
    assert 201 == (await api.post(f"{campaign.activity}/abtest", TEST)).status
    await begin(campaign)
    await act(stops.pause, campaign)
    assert ["paused", "paused"] == [each.state for each in await act(stops.under_way, campaign)]
    await act(stops.resume, campaign)
    await work()
    assert 4 == len(await mailbox())
    await act(stops.cancel, campaign)
    clock.move(timedelta(hours=7))
    await work()
    assert {"Nine new arrivals": 2, "Signed copies inside": 2} == {
        subject: [parsed(mail)["Subject"] for mail in await mailbox()].count(subject)
        for subject in ("Nine new arrivals", "Signed copies inside")
    }
    history = (await api.get(f"{campaign.activity}/send_history")).body
    assert 4 == sum(entry["count"] for entry in history), "the winner phase never was"
    async with db.transaction() as conn:
        reach = await audience.reached(
            conn, account.account_id, CampaignActivityId(UUID(campaign.activity_id)), [ListId(UUID(list_id))], []
        )
    assert reach is not None
    assert (0, [("received", 8)]) == (reach.reached, [(each.standing, each.contacts) for each in reach.others])
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status, "the test is decided"
