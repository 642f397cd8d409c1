"""What the operator holds back, and sends that end early, as the history shows them. Source: contract, campaigns.md §3.14."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.delivery import interruptions, outbox, permissions
from everpost.delivery.interruptions import UnderReview
from everpost.delivery.permissions import Permissions
from everpost.ids import MailingId
from everpost.platform import config
from everpost.platform.db import many


@pytest.fixture
async def campaign(new_campaign: Any, new_contact: Any, list_id: str) -> Any:
    for number in range(3):
        await new_contact(f"reader{number}@example.com")
    return await new_campaign(lists=[list_id])


async def say(db: Any, account: Any, **said: Any) -> None:
    async with db.transaction() as conn:
        await permissions.replace(conn, account.account_id, Permissions(**said))


async def send(api: Any, work: Any, campaign: Any) -> tuple[Any, ...]:
    """Schedule it now; both statuses and the last entry of the history."""
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await work()
    return await shown(api, campaign)


async def shown(api: Any, campaign: Any) -> tuple[Any, ...]:
    last = (await api.get(f"{campaign.activity}/send_history")).body[-1]
    statuses = [(await api.get(path)).body["current_status"] for path in (campaign.path, campaign.activity)]
    return *statuses, last["send_status"], last["reason_code"], last["count"]


async def mailing_of(db: Any) -> MailingId:
    async with db.reader() as conn:
        return MailingId(
            (await many(conn, UUID, "SELECT mailing_id FROM mailings ORDER BY mailing_id DESC LIMIT 1"))[0]
        )


@pytest.mark.parametrize(
    ("said", "reason_code"),
    [({"is_under_review": True}, 2), ({"most_recipients": 2}, 4), ({"is_staging": True}, 5)],
)
async def test_what_is_held_back_is_an_error_that_can_be_sent_later(
    api: Any, db: Any, account: Any, work: Any, campaign: Any, mailbox: Any, said: dict[str, Any], reason_code: int
) -> None:
    await say(db, account, **said)
    assert ("Error", "ERROR", "ERRORED", reason_code, 0) == await send(api, work, campaign)
    assert [] == await mailbox()
    await say(db, account, most_recipients=3)
    assert ("Done", "DONE", "COMPLETED", 0, 3) == await send(api, work, campaign)
    assert 3 == len(await mailbox())


async def test_a_cancelled_send_is_stopped_part_way(
    api: Any, db: Any, account: Any, work: Any, campaign: Any, new_contact: Any, clock: Any
) -> None:
    config.override(account_per_minute=12)
    assert ("Done", "DONE", "COMPLETED", 0, 3) == await send(api, work, campaign)
    async with db.transaction() as conn:
        await outbox.cancel(conn, account.account_id, await mailing_of(db))
    await work()
    assert ("Error", "ERROR", "ERRORED", 6, 1) == await shown(api, campaign)
    clock.move(timedelta(minutes=1))
    # Nobody gets it twice, and who was cancelled does not get it with a later send.
    await new_contact("late@example.com")
    assert ("Done", "DONE", "COMPLETED", 0, 1) == await send(api, work, campaign)
    # A run that is long over changes nothing of the ones after it.
    history = (await api.get(f"{campaign.activity}/send_history")).body
    assert [(6, 1), (0, 1)] == [(each["reason_code"], each["count"]) for each in history]


async def test_a_cancelled_resend_is_an_error_and_the_campaign_is_not(
    api: Any, db: Any, account: Any, work: Any, campaign: Any, clock: Any
) -> None:
    path = f"{campaign.activity}/non_opener_resends"
    assert 201 == (answer := await api.post(path, {"resend_subject": "Again", "delay_minutes": 720})).status, answer
    await send(api, work, campaign)
    config.override(account_per_minute=12)
    clock.move(timedelta(hours=12))
    await work()
    async with db.transaction() as conn:
        await outbox.cancel(conn, account.account_id, await mailing_of(db))
    await work()
    assert "ERROR" == (await api.get(path)).body[0]["resend_status"]
    assert ("Done", "DONE", "COMPLETED", 0, 3) == await shown(api, campaign)


async def test_a_review_pauses_what_is_on_its_way_until_it_is_over(
    api: Any, db: Any, account: Any, work: Any, campaign: Any, clock: Any, mailbox: Any
) -> None:
    config.override(account_per_minute=12)
    await send(api, work, campaign)
    mailing_id = await mailing_of(db)
    await say(db, account, is_under_review=True)
    async with db.transaction() as conn:
        assert 1 == await interruptions.pause_account(conn, account.account_id, "The account is under review.")
    clock.move(timedelta(minutes=5))
    await work()
    assert 1 == len(await mailbox())
    with pytest.raises(UnderReview):
        async with db.transaction() as conn:
            await outbox.resume(conn, account.account_id, mailing_id)
    await say(db, account)
    async with db.transaction() as conn:
        await outbox.resume(conn, account.account_id, mailing_id)
    for _ in range(4):
        clock.move(timedelta(seconds=5))
        await work()
    assert 3 == len(await mailbox())
