"""How the two subjects of a test did: to how many each went, and how many of these opened and clicked.

Rules: only the two samples are compared; who got the winner afterwards says nothing about the loser.
"""

from datetime import datetime
from typing import Literal

import msgspec

from everpost.ids import AccountId, CampaignId, MailingId
from everpost.platform.db import Conn, many, one
from everpost.reports.percents import percent


class Variant(msgspec.Struct, frozen=True):
    """One subject with its sample."""

    name: Literal["A", "B"]
    subject: str
    recipients: int
    opened: int
    clicked: int

    @property
    def open_percent(self) -> float:
        return percent(self.opened, self.recipients)

    @property
    def click_percent(self) -> float:
        return percent(self.clicked, self.recipients)


class Comparison(msgspec.Struct, frozen=True):
    """Both subjects; without a winner the test is not decided before `decide_at`."""

    variants: tuple[Variant, Variant]
    winner: Literal["A", "B"] | None
    decide_at: datetime | None


class _Test(msgspec.Struct, frozen=True):
    subject: str
    alternative_subject: str
    mailing_a: MailingId
    mailing_b: MailingId | None
    winner: Literal["A", "B"] | None
    decide_at: datetime | None


class _Counted(msgspec.Struct, frozen=True):
    mailing_id: MailingId
    recipients: int
    opened: int
    clicked: int


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Comparison | None:
    """None where there is no test, or none has begun."""
    test = await _begun(conn, account_id, campaign_id)
    if test is None or test.mailing_b is None:
        return None
    counted = {each.mailing_id: each for each in await _counted(conn, account_id, [test.mailing_a, test.mailing_b])}
    first, second = (
        counted.get(mailing_id, _Counted(mailing_id, 0, 0, 0)) for mailing_id in (test.mailing_a, test.mailing_b)
    )
    return Comparison(
        (
            Variant("A", test.subject, first.recipients, first.opened, first.clicked),
            Variant("B", test.alternative_subject, second.recipients, second.opened, second.clicked),
        ),
        test.winner,
        test.decide_at,
    )


async def _begun(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> _Test | None:
    return await one(
        conn,
        _Test,
        """
        SELECT content.subject, test.alternative_subject, test.mailing_a, test.mailing_b, test.winner, test.decide_at
          FROM campaign_ab_tests AS test
          JOIN campaign_contents AS content
            ON content.account_id = test.account_id AND content.campaign_id = test.campaign_id
         WHERE test.account_id = :account_id AND test.campaign_id = :campaign_id AND test.mailing_a IS NOT NULL""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _counted(conn: Conn, account_id: AccountId, mailing_ids: list[MailingId]) -> list[_Counted]:
    return await many(
        conn,
        _Counted,
        """
        SELECT outbox.mailing_id, count(*) AS recipients,
               count(*) FILTER (WHERE engagement.opens > 0) AS opened,
               count(*) FILTER (WHERE engagement.clicks > 0) AS clicked
          FROM mailings
          JOIN outbox
            ON outbox.account_id = mailings.account_id
           AND outbox.campaign_activity_id = mailings.campaign_activity_id AND outbox.mailing_id = mailings.mailing_id
          LEFT JOIN engagement
            ON engagement.account_id = :account_id AND engagement.contact_id = outbox.contact_id
           AND engagement.campaign_activity_id = outbox.campaign_activity_id
         WHERE mailings.account_id = :account_id AND mailings.mailing_id = ANY (:mailing_ids::uuid[])
           AND outbox.account_id = :account_id
         GROUP BY outbox.mailing_id""",
        account_id=account_id,
        mailing_ids=mailing_ids,
    )
