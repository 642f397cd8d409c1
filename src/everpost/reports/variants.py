"""How the two subjects of a test did: to how many each went, and how many of these opened and clicked.

Rules: only the two samples are compared; who got the winner afterwards says nothing about the loser. Counting takes a
look at everybody who opened, so what was counted is kept: only a counter of the activity that moves can make it wrong.
"""

from datetime import datetime
from typing import Literal

import msgspec

from everpost.ids import AccountId, CampaignActivityId, CampaignId, MailingId
from everpost.platform.db import Conn, one, run
from everpost.reports import activities
from everpost.reports.percents import percent
from everpost.tracking.recount import Difference


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


class _Test(msgspec.Struct, frozen=True, kw_only=True):
    campaign_activity_id: CampaignActivityId
    subject: str
    alternative_subject: str
    mailing_a: MailingId
    mailing_b: MailingId
    recipients_a: int
    recipients_b: int
    winner: Literal["A", "B"] | None
    decide_at: datetime | None
    # The activity's counters that move with the numbers below, the last two upwards only: see totals.py.
    moved: list[int]
    # What was counted when they stood like this.
    kept_moved: list[int] | None
    kept: list[int] | None

    @property
    def is_kept(self) -> bool:
        return self.kept is not None and self.kept_moved == self.moved


class _Counted(msgspec.Struct, frozen=True):
    """Contacts; the order is that of the kept array."""

    opened_a: int
    clicked_a: int
    opened_b: int
    clicked_b: int


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Comparison | None:
    """None where there is no test, or none has begun."""
    test = await _begun(conn, account_id, campaign_id)
    if test is None:
        return None
    counted = await _kept_or_counted(conn, account_id, test)
    return Comparison(
        (
            Variant("A", test.subject, test.recipients_a, counted.opened_a, counted.clicked_a),
            Variant("B", test.alternative_subject, test.recipients_b, counted.opened_b, counted.clicked_b),
        ),
        test.winner,
        test.decide_at,
    )


async def wrong(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> list[Difference]:
    """Where the numbers that are kept of this activity are not what a count says, though they would be believed."""
    campaign = await activities.find(conn, account_id, [campaign_activity_id])
    test = await _begun(conn, account_id, campaign[0].campaign_id) if campaign else None
    if test is None or test.kept is None or not test.is_kept:
        return []
    counted = msgspec.structs.astuple(await _count(conn, account_id, test))
    return [
        Difference(f"{name} of the test", stored, found)
        for name, stored, found in zip(_Counted.__struct_fields__, test.kept, counted, strict=True)
        if stored != found
    ]


async def forget(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Have the numbers that are kept of this activity counted anew by whoever asks next."""
    await run(
        conn,
        """
        DELETE FROM counted_variants
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _kept_or_counted(conn: Conn, account_id: AccountId, test: _Test) -> _Counted:
    if test.kept is not None and test.is_kept:
        return _Counted(*test.kept)
    # The counters were read before anything is counted, so what is newer than they are is counted again at once.
    counted = await _count(conn, account_id, test)
    await _keep(conn, account_id, test, counted)
    return counted


async def _begun(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> _Test | None:
    """A test with two samples: an audience of one has none."""
    return await one(
        conn,
        _Test,
        """
        SELECT first.campaign_activity_id, content.subject, test.alternative_subject, test.mailing_a, test.mailing_b,
               first.recipients AS recipients_a, second.recipients AS recipients_b, test.winner, test.decide_at,
               ARRAY [coalesce(counter.opens, 0), coalesce(counter.clicks, 0), coalesce(counter.opens_left_out, 0),
                      coalesce(counter.clicks_left_out, 0)] AS moved,
               kept.moved AS kept_moved, kept.counted AS kept
          FROM campaign_ab_tests AS test
          JOIN campaign_contents AS content
            ON content.account_id = test.account_id AND content.campaign_id = test.campaign_id
          JOIN mailings AS first ON first.account_id = test.account_id AND first.mailing_id = test.mailing_a
          JOIN mailings AS second ON second.account_id = test.account_id AND second.mailing_id = test.mailing_b
          LEFT JOIN activity_counters AS counter
            ON counter.account_id = :account_id AND counter.campaign_activity_id = first.campaign_activity_id
          LEFT JOIN counted_variants AS kept
            ON kept.account_id = :account_id AND kept.campaign_activity_id = first.campaign_activity_id
         WHERE test.account_id = :account_id AND test.campaign_id = :campaign_id
           AND content.account_id = :account_id AND first.account_id = :account_id
           AND second.account_id = :account_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _count(conn: Conn, account_id: AccountId, test: _Test) -> _Counted:
    found = await one(
        conn,
        _Counted,
        """
        SELECT count(*) FILTER (WHERE recipient.mailing_id = :mailing_a) AS opened_a,
               count(*) FILTER (WHERE recipient.mailing_id = :mailing_a AND engagement.clicks > 0) AS clicked_a,
               count(*) FILTER (WHERE recipient.mailing_id = :mailing_b) AS opened_b,
               count(*) FILTER (WHERE recipient.mailing_id = :mailing_b AND engagement.clicks > 0) AS clicked_b
          FROM engagement
          JOIN outbox AS recipient
            ON recipient.account_id = engagement.account_id
           AND recipient.campaign_activity_id = engagement.campaign_activity_id
           AND recipient.contact_id = engagement.contact_id
         WHERE engagement.account_id = :account_id AND engagement.campaign_activity_id = :campaign_activity_id
           AND engagement.opens > 0
           AND recipient.account_id = :account_id AND recipient.campaign_activity_id = :campaign_activity_id
           AND recipient.mailing_id IN (:mailing_a, :mailing_b)""",
        account_id=account_id,
        campaign_activity_id=test.campaign_activity_id,
        mailing_a=test.mailing_a,
        mailing_b=test.mailing_b,
    )
    assert found is not None
    return found


async def _keep(conn: Conn, account_id: AccountId, test: _Test, counted: _Counted) -> None:
    await run(
        conn,
        """
        INSERT INTO counted_variants (account_id, campaign_activity_id, moved, counted)
        VALUES (:account_id, :campaign_activity_id, :moved, :counted)
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE
           SET moved = excluded.moved, counted = excluded.counted""",
        account_id=account_id,
        campaign_activity_id=test.campaign_activity_id,
        moved=test.moved,
        counted=list(msgspec.structs.astuple(counted)),
    )
