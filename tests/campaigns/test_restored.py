"""What a backup would send anew when it comes back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everpost.campaigns import automation_runs, automations, restored, send_history, sending, states
from everpost.campaigns.automations import NewAutomation
from everpost.campaigns.restored import Held
from everpost.ids import CampaignActivityId, CampaignId


async def held(db: Any, account: Any) -> Held:
    async with db.transaction() as conn:
        return await restored.hold_back(conn, account.account_id)


def in_hours(clock: Any, hours: int) -> str:
    moment: datetime = clock.now() + timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_a_send_that_was_under_way_rests(
    api: Any, db: Any, account: Any, work: Any, mailbox: Any, new_contact: Any, new_campaign: Any, list_id: str
) -> None:
    await new_contact("reader@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await sending.send(db, account.account_id, CampaignId(UUID(campaign.campaign_id)))
    assert Held(sends=1, failed=0, dates=0, resends=0, automations=0) == await held(db, account)
    await work()
    assert [] == await mailbox()


async def test_a_send_whose_recipients_were_still_gathered_has_failed(
    api: Any,
    db: Any,
    account: Any,
    work: Any,
    mailbox: Any,
    new_contact: Any,
    new_campaign: Any,
    list_id: str,
    clock: Any,
) -> None:
    await new_contact("reader@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    activity_id = CampaignActivityId(UUID(campaign.activity_id))
    async with db.transaction() as conn:
        assert await states.start(conn, account.account_id, CampaignId(UUID(campaign.campaign_id)), now=clock.now())
        await send_history.begin(conn, account.account_id, activity_id, now=clock.now())
    assert Held(sends=0, failed=1, dates=0, resends=0, automations=0) == await held(db, account)
    await work()
    assert ([], "Error") == (await mailbox(), (await api.get(campaign.path)).body["current_status"])
    # Whoever knows that nobody got it sends it again.
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await work()
    assert [] != await mailbox()


async def test_a_date_that_has_passed_is_taken_back_and_later_ones_stay(
    api: Any, db: Any, account: Any, work: Any, mailbox: Any, new_campaign: Any, list_id: str, clock: Any
) -> None:
    past, coming = await new_campaign("Past", lists=[list_id]), await new_campaign("Coming", lists=[list_id])
    await api.post(past.schedules, {"scheduled_date": in_hours(clock, 1)})
    await api.post(coming.schedules, {"scheduled_date": in_hours(clock, 9)})
    clock.move(timedelta(hours=2))
    assert Held(sends=0, failed=0, dates=1, resends=0, automations=0) == await held(db, account)
    await work()
    statuses = [(await api.get(campaign.path)).body["current_status"] for campaign in (past, coming)]
    assert (["Draft", "Scheduled"], []) == (statuses, await mailbox())


async def test_a_resend_that_was_due_is_given_up(
    api: Any,
    db: Any,
    account: Any,
    work: Any,
    mailbox: Any,
    new_contact: Any,
    new_campaign: Any,
    list_id: str,
    clock: Any,
) -> None:
    await new_contact("reader@example.com")
    campaign = await new_campaign(lists=[list_id])
    path = f"{campaign.activity}/non_opener_resends"
    assert 201 == (await api.post(path, {"resend_subject": "Again", "delay_minutes": 720})).status
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    sent = len(await mailbox())
    clock.move(timedelta(hours=13))
    assert Held(sends=0, failed=0, dates=0, resends=1, automations=0) == await held(db, account)
    await work()
    assert (sent, "ERROR") == (len(await mailbox()), (await api.get(path)).body[0]["resend_status"])


async def test_an_account_at_rest_has_nothing_to_hold_back(db: Any, account: Any) -> None:
    assert Held(sends=0, failed=0, dates=0, resends=0, automations=0) == await held(db, account)


async def test_automatic_mails_are_switched_off(db: Any, account: Any) -> None:
    birthday = NewAutomation(
        kind="birthday",
        from_name="Harbor Lane Books",
        from_email=account.email,
        reply_to_email=account.email,
        subject="Many happy returns",
        html_content="<body>Hello</body>",
    )
    async with db.transaction() as conn:
        made = await automations.create(conn, account.account_id, birthday)
        await automation_runs.switch(conn, account.account_id, made.automation_id, is_on=True)
    assert Held(sends=0, failed=0, dates=0, resends=0, automations=1) == await held(db, account)
    async with db.reader() as conn:
        assert not (await automations.get(conn, account.account_id, made.automation_id)).is_on
    assert Held(sends=0, failed=0, dates=0, resends=0, automations=0) == await held(db, account)
