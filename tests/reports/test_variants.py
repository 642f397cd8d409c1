"""The comparison of two subjects: both samples, counted once, and counted again when anything moved."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.ids import CampaignActivityId, CampaignId, ContactId, new_id
from everpost.platform.db import Db, one, run
from everpost.reports import variants
from everpost.tracking import ledger, links
from everpost.tracking.hits import Hit
from tests.campaigns.conftest import Campaign, email, list_id, new_campaign, new_contact, parsed  # noqa: F401

TEST = {"alternative_subject": "Signed copies inside", "test_size": 20, "winner_wait_duration": 6}
SUBJECT_B = "Signed copies inside"


class Compared:
    """A campaign whose test is under way: ten contacts, two of whom got each subject."""

    def __init__(self, db: Db, account: Any, campaign: Campaign, clock: Any) -> None:
        self.db, self.account_id, self.clock = db, account.account_id, clock
        self.campaign_id = CampaignId(UUID(campaign.campaign_id))
        self.activity_id = CampaignActivityId(UUID(campaign.activity_id))
        self.samples: dict[str, list[ContactId]] = {"A": [], "B": []}

    async def hit(self, contact_id: ContactId, *, url_id: Any = None, sign: Any = None) -> None:
        hit = Hit(self.activity_id, contact_id, self.clock.now(), "computer", url_id, sign)
        await ledger.record(self.db, self.account_id, [hit])

    async def numbers(self) -> list[tuple[Any, ...]]:
        """Each variant's numbers, after a look for what is kept and wrong."""
        async with self.db.transaction() as conn:
            found = await variants.find(conn, self.account_id, self.campaign_id)
            assert [] == await variants.wrong(conn, self.account_id, self.activity_id)
        assert found is not None
        return [(each.name, each.recipients, each.opened, each.clicked) for each in found.variants]


@pytest.fixture
async def tested(
    db: Db, api: Any, account: Any, clock: Any, work: Any, mailbox: Any,
    list_id: str, new_campaign: Any, new_contact: Any,  # noqa: F811
) -> Compared:  # fmt: skip
    people = {f"c{n}@example.com": ContactId(UUID(await new_contact(f"c{n}@example.com"))) for n in range(10)}
    campaign = await new_campaign(lists=[list_id])
    assert 201 == (await api.post(f"{campaign.activity}/abtest", TEST)).status
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await work()
    tested = Compared(db, account, campaign, clock)
    for mail in await mailbox():
        message = parsed(mail)
        tested.samples["B" if message["Subject"] == SUBJECT_B else "A"].append(people[message["To"]])
    return tested


async def test_only_the_two_samples_are_compared(tested: Compared, work: Any) -> None:
    (first, _), (second, third) = tested.samples["A"], tested.samples["B"]
    assert [("A", 2, 0, 0), ("B", 2, 0, 0)] == await tested.numbers()
    async with tested.db.transaction() as conn:
        numbers = await links.register(conn, tested.account_id, tested.activity_id, ["https://harborlane.example/new"])
    (url_id,) = numbers.values()
    for contact_id in (first, second, third):
        await tested.hit(contact_id)
    await tested.hit(third, url_id=url_id)
    await tested.hit(third, url_id=url_id)
    assert [("A", 2, 1, 0), ("B", 2, 2, 1)] == await tested.numbers()
    tested.clock.move(timedelta(hours=6))
    await work()
    await tested.hit(ContactId(new_id()))
    assert [("A", 2, 1, 0), ("B", 2, 2, 1)] == await tested.numbers()


async def test_what_cancels_out_in_the_counters_is_counted_again(tested: Compared) -> None:
    first, second = tested.samples["A"][0], tested.samples["B"][0]
    await tested.hit(first)
    assert [("A", 2, 1, 0), ("B", 2, 0, 0)] == await tested.numbers()
    async with tested.db.transaction() as conn:
        trap = await links.register_honeypot(conn, tested.account_id, tested.activity_id, "https://harborlane.example/")
    await tested.hit(first, url_id=trap, sign="honeypot")
    await tested.hit(second)
    assert [("A", 2, 0, 0), ("B", 2, 1, 0)] == await tested.numbers()


async def test_nothing_is_counted_while_nothing_moves_and_what_is_kept_is_checked(tested: Compared) -> None:
    await tested.hit(tested.samples["A"][0])
    before = await tested.numbers()
    async with tested.db.transaction() as conn:
        await run(conn, "UPDATE counted_variants SET counted = '{7, 1, 0, 0}'")
        found = await variants.find(conn, tested.account_id, tested.campaign_id)
        assert found is not None and 7 == found.variants[0].opened
        wrong = await variants.wrong(conn, tested.account_id, tested.activity_id)
        assert [("opened_a of the test", 7, 1), ("clicked_a of the test", 1, 0)] == [
            (each.name, each.stored, each.counted) for each in wrong
        ]
        await variants.forget(conn, tested.account_id, tested.activity_id)
        assert 0 == await one(conn, int, "SELECT count(*) FROM counted_variants")
    assert before == await tested.numbers()
