"""A test of two subjects: what is tested, how large the test is, and how long it waits for its winner.

Rules: a test belongs to a draft that has no resend, and it can only be taken away again while the campaign is a draft.
With one the campaign's type is AB_TEST, without one again NEWSLETTER, whatever it was before. `ab_phases` runs it.
Source: contract, campaigns.md §3.16.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from everpost.campaigns import campaign_activities, content, resends, states
from everpost.campaigns.errors import AbTestExists, CampaignNotFound, StateConflicts
from everpost.campaigns.shapes import AbTest
from everpost.ids import AccountId, CampaignActivityId, CampaignId, MailingId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, one, run
from everpost.platform.errors import Invalid

NO_TEST, WITH_TEST = content.NEWSLETTER_TYPE, content.AB_TEST_TYPE


class Test(Struct, frozen=True):
    """A test as it is stored."""

    alternative_subject: str
    test_size: int
    winner_wait_hours: int
    seed: str
    mailing_a: MailingId | None
    mailing_b: MailingId | None
    mailing_rest: MailingId | None
    decide_at: datetime | None
    winner: Literal["A", "B"] | None

    @property
    def has_begun(self) -> bool:
        return self.mailing_a is not None

    @property
    def waits_for_winner(self) -> bool:
        return self.has_begun and self.winner is None

    def subject_of_winner(self, subject: str) -> str:
        """What later sends say, given the activity's own subject."""
        return self.alternative_subject if self.winner == "B" else subject


async def get(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> AbTest:
    """Raises: CampaignNotFound (also when there is no test), StateForbids."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    return _shown(await _require(conn, account_id, stored.campaign_id))


async def create(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, new: AbTest) -> AbTest:
    """Raises: Invalid, CampaignNotFound, StateForbids, StateConflicts, AbTestExists, ResendExists."""
    subject = _subject(new)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    # From here on nobody else changes this campaign.
    await states.hold(conn, account_id, stored.campaign_id)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    if subject == stored.subject:
        raise Invalid("alternative_subject must differ from the subject.")
    if stored.status != "DRAFT":
        raise StateConflicts(f"Campaign activity is {stored.status}; an A/B test can only be added to a DRAFT.")
    await resends.refuse_beside_test(conn, account_id, stored.campaign_id)
    try:
        await _insert(conn, account_id, stored.campaign_id, new, subject)
    except Taken as error:
        raise AbTestExists from error
    await states.retype(conn, account_id, stored.campaign_id, WITH_TEST, now=clock.now())
    return await get(conn, account_id, activity_id)


async def delete(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> None:
    """Raises: CampaignNotFound (also when there is no test), StateForbids, StateConflicts."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    await states.hold(conn, account_id, stored.campaign_id)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    await _require(conn, account_id, stored.campaign_id)
    if stored.status != "DRAFT":
        raise StateConflicts(f"Campaign activity is {stored.status}; its A/B test can no longer be deleted.")
    await run(
        conn,
        "DELETE FROM campaign_ab_tests WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=stored.campaign_id,
    )
    await states.retype(conn, account_id, stored.campaign_id, NO_TEST, now=clock.now())


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Test | None:
    return await one(
        conn,
        Test,
        """
        SELECT alternative_subject, test_size, winner_wait_hours, seed, mailing_a, mailing_b, mailing_rest,
               decide_at, winner
          FROM campaign_ab_tests
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _require(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Test:
    test = await find(conn, account_id, campaign_id)
    if test is None:
        raise CampaignNotFound
    return test


def _subject(new: AbTest) -> str:
    subject = new.alternative_subject.strip()
    if not subject:
        raise Invalid("alternative_subject must not be empty.")
    if "\r" in subject or "\n" in subject:
        raise Invalid("alternative_subject does not have a valid value")
    return subject


def _shown(test: Test) -> AbTest:
    return AbTest(test.alternative_subject, test.test_size, _hours(test.winner_wait_hours))


def _hours(stored: int) -> Literal[6, 12, 24, 48]:
    match stored:
        case 6 | 12 | 24 | 48:
            return stored
    raise AssertionError(f"{stored} hours are not offered")


async def _insert(conn: Conn, account_id: AccountId, campaign_id: CampaignId, new: AbTest, subject: str) -> None:
    await run(
        conn,
        """
        INSERT INTO campaign_ab_tests (account_id, campaign_id, alternative_subject, test_size, winner_wait_hours, seed)
        VALUES (:account_id, :campaign_id, :subject, :test_size, :hours, :seed)""",
        account_id=account_id,
        campaign_id=campaign_id,
        subject=subject,
        test_size=new.test_size,
        hours=new.winner_wait_duration,
        seed=new_id().hex,
    )
