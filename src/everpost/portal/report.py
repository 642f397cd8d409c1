"""A campaign's report for people: what came of it, in numbers and in the words that stand beside them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from everpost.campaigns import campaigns, send_history
from everpost.campaigns.shapes import Campaign
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.db import Conn
from everpost.reports import link_maps, summaries, timelines, totals, variants
from everpost.reports.link_maps import Link
from everpost.reports.percents import percent
from everpost.reports.shapes import AggregatePercents
from everpost.reports.timelines import Timeline
from everpost.reports.totals import Totals
from everpost.reports.variants import Comparison
from everpost.tracking import visitors
from everpost.tracking.counters import Counters
from everpost.tracking.visitors import Visits

MAILS: Final[Mapping[str, str]] = {"primary_email": "First send", "resend": "Resend to those who did not open"}

SENT: Final = "Sent"
# What became of a run, by its reason code. Source: contract, campaigns.md §3.14.
_OUTCOMES: Final[Mapping[int, str]] = {
    0: SENT,
    1: "Failed",
    2: "The account is under review",
    3: "The account may not send",
    4: "More recipients than the account may have",
    5: "Held back for staging",
    6: "Cancelled part-way",
    8: "A link is too long",
    9: "The sender's address is not confirmed",
    10: "The sender's domain is not signed",
    12: "Nobody to send to",
}


class Part(msgspec.Struct, frozen=True):
    """A share of something, for a bar and a row of a table."""

    label: str
    count: int
    share: float
    code: str = ""


class Run(msgspec.Struct, frozen=True):
    """A line of the send history."""

    at: datetime
    count: int
    outcome: str


class Sent(msgspec.Struct, frozen=True):
    """One of the campaign's sends: the first, or the resend."""

    campaign_activity_id: CampaignActivityId
    label: str
    total: Totals
    history: list[Run]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page. Without `total` nothing was sent yet, and the rest is empty.

    `usual` are the shares of the campaigns before, where there were enough of them.
    """

    campaign: Campaign
    total: Totals | None
    usual: AggregatePercents | None
    sends: list[Sent]
    timeline: Timeline
    links: list[Link]
    comparison: Comparison | None
    opens: Visits
    clicks: Visits

    @property
    def devices(self) -> list[tuple[str, Part, Part]]:
        """Opens and clicks by what they were made with."""
        return [] if self.total is None else _devices(self.total.events)

    @property
    def bounces(self) -> list[Part]:
        return [] if self.total is None else _bounces(self.total)

    @property
    def most_clicks(self) -> int:
        """Of one link, by contacts."""
        return max((link.contacts for link in self.links), default=0)


async def get(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Report:
    """Raises: CampaignNotFound."""
    campaign = await campaigns.get(conn, account_id, campaign_id)
    ids: dict[str, CampaignActivityId] = {
        each.role: each.campaign_activity_id for each in campaign.campaign_activities if each.role in MAILS
    }
    sends = await _sends(conn, account_id, ids)
    sent_ids = [each.campaign_activity_id for each in sends]
    (total,) = await totals.find(conn, account_id, [sent_ids]) if sent_ids else [None]
    came = await visitors.find(conn, account_id, sent_ids)
    return Report(
        campaign=campaign,
        total=total,
        usual=await summaries.usual(conn, account_id, campaign_id) if total is not None else None,
        sends=sends,
        timeline=await timelines.find(conn, account_id, sent_ids),
        links=await link_maps.find(conn, account_id, sent_ids),
        comparison=await variants.find(conn, account_id, campaign_id),
        opens=_together([each.opens for each in came.values()]),
        clicks=_together([each.clicks for each in came.values()]),
    )


async def last_outcome(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> str:
    """What became of the last run, in a few words; empty when there was none."""
    runs = await _history(conn, account_id, activity_id)
    return runs[-1].outcome if runs else ""


async def _sends(conn: Conn, account_id: AccountId, ids: Mapping[str, CampaignActivityId]) -> list[Sent]:
    found = await totals.find(conn, account_id, [[each] for each in ids.values()])
    return [
        Sent(activity_id, MAILS[role], total, await _history(conn, account_id, activity_id))
        for (role, activity_id), total in zip(ids.items(), found, strict=True)
        if total is not None
    ]


async def _history(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> list[Run]:
    return [
        Run(datetime.fromisoformat(entry.run_date), entry.count, _OUTCOMES.get(entry.reason_code, entry.send_status))
        for entry in await send_history.listing(conn, account_id, activity_id)
    ]


def _together(visits: Sequence[Visits]) -> Visits:
    names = Visits.__struct_fields__
    return Visits(*(sum(getattr(each, name) for each in visits) for name in names))


def _devices(counted: Counters) -> list[tuple[str, Part, Part]]:
    kinds = [
        ("Computer", counted.opens_computer, counted.clicks_computer),
        ("Mobile", counted.opens_mobile, counted.clicks_mobile),
        ("Tablet", counted.opens_tablet, counted.clicks_tablet),
        ("Other", counted.opens_other, counted.clicks_other),
        ("Not known", counted.opens_none, counted.clicks_none),
    ]
    return [
        (
            label,
            Part(label, opens, percent(opens, counted.opens_all)),
            Part(label, clicks, percent(clicks, counted.clicks_all)),
        )
        for label, opens, clicks in kinds
    ]


def _bounces(total: Totals) -> list[Part]:
    counted = total.events
    kinds = [
        ("B", "The mailbox does not exist", counted.bounces_nonexistent_address),
        ("D", "Could not be delivered", counted.bounces_undeliverable),
        ("F", "The mailbox is full", counted.bounces_mailbox_full),
        ("S", "On hold after earlier bounces", counted.bounces_suspended),
        ("V", "Automatic answer (delivered)", counted.bounces_vacation),
        ("X", "Other reasons", counted.bounces_other),
        ("Z", "Blocked by the receiver", counted.bounces_blocked),
    ]
    return [Part(label, count, percent(count, total.sends), code) for code, label, count in kinds if count]
