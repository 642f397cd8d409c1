"""The statistics reports: many campaigns, or many activities, in one call.

Rules: ids are a comma-separated list in the path, duplicates count once and the order is kept. Campaigns: one id that
is malformed or unknown fails the whole call, those never sent stand under `errors`. Activities: a malformed id fails
the whole call, whatever else is wrong stands under `errors`. Source: contract, reporting.md §5.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from everpost.campaigns.shapes import timestamp
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, NotFound
from everpost.platform.validation import is_uuid
from everpost.reports import activities, totals
from everpost.reports.activities import Reportable
from everpost.reports.percents import percent
from everpost.reports.shapes import (
    ActivityStats,
    CampaignActivityStats,
    CampaignActivityStatsReport,
    CampaignStats,
    CampaignStatsReport,
    Percents,
    Stats,
    StatsError,
)
from everpost.reports.totals import Totals

MOST_CAMPAIGNS: Final = 150
MOST_ACTIVITIES: Final = 10


# The dot at the end of both is the vendor's.
CAMPAIGNS_KEY: Final = "reportingsvc.not_found.invalid_path_param.campaign_ids."
ACTIVITIES_KEY: Final = "reportingsvc.not_found.invalid_path_param.campaign_activity_ids."


class NoCampaignStats(NotFound):
    """Could not find any campaign stats for all requested campaigns."""

    key = CAMPAIGNS_KEY


class NoActivityStats(NotFound):
    """Could not find any campaign activity stats for all requested campaign activities."""

    key = ACTIVITIES_KEY


async def of_campaigns(conn: Conn, account_id: AccountId, campaign_ids: str) -> CampaignStatsReport:
    """Raises: Invalid, NoCampaignStats."""
    ids = [CampaignId(each) for each in _ids(campaign_ids, "campaign_ids", MOST_CAMPAIGNS, NoCampaignStats)]
    groups = _by_campaign(ids, await activities.of_campaigns(conn, account_id, ids))
    if not all(groups):
        raise NoCampaignStats
    found = dict(zip(ids, await totals.find(conn, account_id, groups), strict=True))
    if not any(found.values()):
        raise NoCampaignStats
    refreshed = timestamp(clock.now())
    return CampaignStatsReport(
        errors=[
            StatsError(error_key=CAMPAIGNS_KEY, error_message=f"No stats found for campaign_id {campaign_id}.")
            for campaign_id, total in found.items()
            if total is None
        ],
        results=[
            CampaignStats(
                campaign_id=campaign_id, stats=_stats(total), percents=_percents(total), last_refresh_time=refreshed
            )
            for campaign_id, total in found.items()
            if total is not None
        ],
    )


async def of_activities(conn: Conn, account_id: AccountId, campaign_activity_ids: str) -> CampaignActivityStatsReport:
    """Raises: Invalid, NoActivityStats."""
    read = _ids(campaign_activity_ids, "campaign_activity_ids", MOST_ACTIVITIES, NoActivityStats)
    ids = [CampaignActivityId(each) for each in read]
    known = {each.campaign_activity_id: each for each in await activities.find(conn, account_id, ids)}
    found = dict(zip(ids, await totals.find(conn, account_id, [[each] for each in ids]), strict=True))
    report = CampaignActivityStatsReport(errors=[], results=[])
    for activity_id, total in found.items():
        activity = known.get(activity_id)
        if activity is None or activity.is_removed or total is None:
            report.errors.append(_activity_error(activity_id))
        else:
            report.results.append(_activity_result(activity, total))
    return report


def _ids(text: str, name: str, most: int, error: type[NotFound]) -> list[UUID]:
    parts = list(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if len(parts) > most:
        raise Invalid(f"{name} does not have a valid value")
    if not all(is_uuid(part) for part in parts):
        raise error
    return [UUID(part) for part in parts]


def _by_campaign(ids: Sequence[CampaignId], found: Sequence[Reportable]) -> list[list[CampaignActivityId]]:
    grouped: dict[CampaignId, list[CampaignActivityId]] = {campaign_id: [] for campaign_id in ids}
    for activity in found:
        grouped[activity.campaign_id].append(activity.campaign_activity_id)
    return list(grouped.values())


def _activity_error(activity_id: CampaignActivityId) -> StatsError:
    message = f"No stats found for campaign_activity_id {activity_id}."
    return StatsError(error_key=ACTIVITIES_KEY, error_message=message)


def _activity_result(activity: Reportable, total: Totals) -> CampaignActivityStats:
    counted = total.events
    stats = ActivityStats(
        **msgspec.structs.asdict(_stats(total)),
        em_abuse=total.abuse,
        em_bounces_blocked=counted.bounces_blocked,
        em_bounces_mailbox_full=counted.bounces_mailbox_full,
        em_bounces_nonexistent_address=counted.bounces_nonexistent_address,
        em_bounces_other=counted.bounces_other,
        em_bounces_suspended=counted.bounces_suspended,
        em_bounces_undeliverable=counted.bounces_undeliverable,
        em_bounces_vacation=counted.bounces_vacation,
    )
    return CampaignActivityStats(
        campaign_id=activity.campaign_id,
        campaign_activity_id=activity.campaign_activity_id,
        stats=stats,
        last_refresh_time=timestamp(clock.now()),
    )


def _stats(total: Totals) -> Stats:
    counted = total.events
    return Stats(
        em_sends=total.sends,
        em_opens=total.opens,
        em_opens_all=counted.opens_all,
        em_opens_all_computer=counted.opens_computer,
        em_opens_all_mobile=counted.opens_mobile,
        em_opens_all_tablet=counted.opens_tablet,
        em_opens_all_other=counted.opens_other,
        em_opens_all_none=counted.opens_none,
        em_clicks=total.clicks,
        em_clicks_all=counted.clicks_all,
        em_clicks_all_computer=counted.clicks_computer,
        em_clicks_all_mobile=counted.clicks_mobile,
        em_clicks_all_tablet=counted.clicks_tablet,
        em_clicks_all_other=counted.clicks_other,
        em_clicks_all_none=counted.clicks_none,
        em_bounces=total.bounces,
        em_not_opened=total.not_opened,
        em_optouts=total.optouts,
        em_forwards=total.forwards,
    )


def _percents(total: Totals) -> Percents:
    counted = total.events
    return Percents(
        bounce=percent(total.bounces, total.sends),
        open=percent(total.opens, total.delivered),
        did_not_open=percent(total.not_opened, total.delivered),
        unsubscribe=percent(total.optouts, total.delivered),
        click=percent(total.clicks, total.opens),
        desktop_open=percent(counted.opens_computer, counted.opens_all),
        mobile_open=percent(counted.opens_mobile + counted.opens_tablet, counted.opens_all),
        desktop_click=percent(counted.clicks_computer, counted.clicks_all),
        mobile_click=percent(counted.clicks_mobile + counted.clicks_tablet, counted.clicks_all),
    )
