"""Numbers of a campaign's first send and its resend together: kept, and counted again when anything moved."""

from collections.abc import Awaitable, Callable

import pytest

from everpost.ids import CampaignActivityId, ContactId, new_id
from everpost.platform.db import one, run
from everpost.reports import totals
from everpost.tracking import ledger, links
from everpost.tracking.hits import Hit
from tests.reports.conftest import Mail, minutes

NewMail = Callable[..., Awaitable[Mail]]
ANN, BOB = ContactId(new_id()), ContactId(new_id())


@pytest.fixture
async def resend_id(mail: Mail) -> CampaignActivityId:
    """Both got the mail and opened it, and both got the resend."""
    resend_id = CampaignActivityId(new_id())
    async with mail.db.transaction() as conn:
        await run(
            conn,
            """
            INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
            VALUES (:account_id, :resend_id, :campaign_id, 'resend')""",
            account_id=mail.account_id,
            resend_id=resend_id,
            campaign_id=mail.campaign_id,
        )
    people = {ANN: "ann@reader.example", BOB: "bob@reader.example"}
    await mail.send(people)
    await mail.send(people, activity_id=resend_id)
    for person in people:
        await mail.hit(person, 10)
    return resend_id


async def opens(mail: Mail, resend_id: CampaignActivityId) -> int:
    async with mail.db.transaction() as conn:
        (found,) = await totals.find(conn, mail.account_id, [[mail.activity_id, resend_id]])
    assert found is not None
    return found.opens


async def test_what_cancels_out_in_the_sums_is_counted_again(mail: Mail, resend_id: CampaignActivityId) -> None:
    assert 2 == await opens(mail, resend_id)
    async with mail.db.transaction() as conn:
        trap = await links.register_honeypot(conn, mail.account_id, mail.activity_id, "https://harborlane.example/")
    hidden = Hit(mail.activity_id, ANN, minutes(10), "computer", trap, "honeypot")
    await ledger.record(mail.db, mail.account_id, [hidden])
    await mail.hit(BOB, 11, activity_id=resend_id)
    assert 1 == await opens(mail, resend_id)


async def test_what_is_kept_is_checked_and_forgotten(mail: Mail, resend_id: CampaignActivityId) -> None:
    first = min(mail.activity_id, resend_id)
    assert 2 == await opens(mail, resend_id)
    async with mail.db.transaction() as conn:
        assert [] == await totals.wrong(conn, mail.account_id, first)
        await run(conn, "UPDATE counted_together SET counted[2] = 7")
    assert 7 == await opens(mail, resend_id)
    async with mail.db.transaction() as conn:
        (wrong,) = await totals.wrong(conn, mail.account_id, first)
        assert ("opens of the campaign", 7, 2) == (wrong.name, wrong.stored, wrong.counted)
        await totals.forget(conn, mail.account_id, first)
        assert 0 == await one(conn, int, "SELECT count(*) FROM counted_together")
    assert 2 == await opens(mail, resend_id)
    # What is out of date is not believed, and so it is not wrong.
    await mail.hit(BOB, 11, activity_id=resend_id)
    async with mail.db.transaction() as conn:
        await run(conn, "UPDATE counted_together SET counted[2] = 7")
        assert [] == await totals.wrong(conn, mail.account_id, first)
