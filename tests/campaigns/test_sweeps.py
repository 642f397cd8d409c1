"""Sends, resends and decisions whose job was lost."""

from datetime import timedelta
from typing import Any

from everpost.campaigns import sweeps
from everpost.platform.db import many


async def lose_jobs(db: Any) -> None:
    async with db.transaction() as conn:
        await conn.execute("DELETE FROM pgqueuer")


async def enqueued(db: Any) -> list[str]:
    async with db.reader() as conn:
        return await many(conn, str, "SELECT entrypoint FROM pgqueuer ORDER BY entrypoint")


async def test_what_is_due_and_has_no_job_starts_within_a_minute(
    api: Any, db: Any, new_campaign: Any, list_id: str, new_contact: Any, clock: Any, work: Any, mailbox: Any
) -> None:
    for number in range(4):
        await new_contact(f"reader{number}@example.com")
    plain, tested = await new_campaign("Plain", lists=[list_id]), await new_campaign("Tested", lists=[list_id])
    await api.post(f"{plain.activity}/non_opener_resends", {"resend_subject": "Again", "delay_minutes": 720})
    test = {"alternative_subject": "Other", "test_size": 25, "winner_wait_duration": 12}
    await api.post(f"{tested.activity}/abtest", test)
    for each in (plain, tested):
        await api.post(each.schedules, {"scheduled_date": f"{clock.now() + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"})
    await lose_jobs(db)
    clock.move(timedelta(hours=1))
    await sweeps.sweep(db)
    assert [] == await enqueued(db)
    clock.move(timedelta(seconds=31))
    for _ in range(2):
        await sweeps.sweep(db)
    assert ["campaigns.send", "campaigns.send"] == await enqueued(db)
    await work()
    assert 4 + 2 == len(await mailbox())
    await lose_jobs(db)
    clock.move(timedelta(hours=12, seconds=31))
    await sweeps.sweep(db)
    assert ["campaigns.decide", "campaigns.resend"] == await enqueued(db)
    await work()
    assert 4 + 4 + 4 == len(await mailbox())
    clock.move(timedelta(hours=12))
    await sweeps.sweep(db)
    assert [] == await enqueued(db)


async def test_a_removed_campaign_is_not_looked_at_again(
    api: Any, db: Any, new_campaign: Any, list_id: str, new_contact: Any, clock: Any, work: Any
) -> None:
    for number in range(4):
        await new_contact(f"reader{number}@example.com")
    campaign = await new_campaign(lists=[list_id])
    test = {"alternative_subject": "Other", "test_size": 25, "winner_wait_duration": 12}
    await api.post(f"{campaign.activity}/abtest", test)
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    assert 204 == (await api.delete(campaign.path)).status
    await work()
    await lose_jobs(db)
    clock.move(timedelta(hours=13))
    await sweeps.sweep(db)
    assert [] == await enqueued(db)
