"""Why somebody did or did not get a campaign: of an A/B test, and of a resend."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from everpost.campaigns import traces
from everpost.ids import CampaignActivityId, ContactId, MailingId
from everpost.platform.db import many
from everpost.tracking import events, ledger
from everpost.tracking.hits import Hit


async def mailing_ids(db: Any) -> list[MailingId]:
    async with db.reader() as conn:
        return [
            MailingId(each)
            for each in await many(conn, UUID, "SELECT mailing_id FROM mailings ORDER BY created_at, mailing_id")
        ]


async def told(db: Any, account: Any, mailing_id: MailingId, contact_id: str) -> str:
    async with db.reader() as conn:
        return (await traces.find(conn, account.account_id, mailing_id, ContactId(UUID(contact_id)))).sentence


async def test_everybody_of_an_ab_test_has_one_mailing_and_is_told_which(
    api: Any, db: Any, account: Any, new_campaign: Any, list_id: str, new_contact: Any, work: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    people = [await new_contact(f"reader{number}@example.com") for number in range(4)]
    test = {"alternative_subject": "Other", "test_size": 25, "winner_wait_duration": 6}
    await api.post(f"{campaign.activity}/abtest", test)
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    first, second, rest = await mailing_ids(db)
    for contact_id in people:
        sentences = [await told(db, account, each, contact_id) for each in (first, second, rest)]
        own = [each for each in sentences if not each.startswith("Not in this mailing: ")]
        assert 1 == len(own)
        assert own[0].startswith(
            ("Accepted by the mail server", "Waiting for its turn: the A/B test has no winner yet.")
        )
    waiting = [await told(db, account, rest, contact_id) for contact_id in people]
    assert 2 == waiting.count("Waiting for its turn: the A/B test has no winner yet.")


async def test_a_resend_says_whom_it_left_out_and_why(
    api: Any, db: Any, account: Any, new_campaign: Any, list_id: str, new_contact: Any, work: Any, clock: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    names = ("opener", "clicker", "bouncer", "sleeper")
    people = {name: await new_contact(f"{name}@example.com") for name in names}
    await api.post(f"{campaign.activity}/non_opener_resends", {"resend_subject": "Again", "delay_minutes": 720})
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    activity_id, at = CampaignActivityId(UUID(campaign.activity_id)), clock.now()
    ids = {name: ContactId(UUID(contact_id)) for name, contact_id in people.items()}
    await ledger.record(
        db, account.account_id, [Hit(activity_id, ids["opener"], at), Hit(activity_id, ids["clicker"], at, url_id=1)]
    )
    async with db.transaction() as conn:
        bounce = events.Bounce(activity_id, ids["bouncer"], at, "F")
        await events.append_bounces(conn, account.account_id, [bounce])
    clock.move(timedelta(hours=12))
    await work()
    _, resent = await mailing_ids(db)
    late = await new_contact("late@example.com")
    assert {
        "opener": "Not a recipient: the contact had opened the first email.",
        "clicker": "Not a recipient: the contact had clicked in the first email.",
        "bouncer": "Not a recipient: the first email did not reach the contact.",
        "sleeper": "Accepted by the mail server",
        "late": "Not a recipient: not in the audience when the send began.",
    } == {
        name: (await told(db, account, resent, contact_id)).partition(" at ")[0]
        for name, contact_id in {**people, "late": late}.items()
    }
