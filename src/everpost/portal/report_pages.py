"""What a campaign's report is made of besides its numbers: its mail with the clicks on it, and who did what."""

from typing import Any, Final

from everpost.campaigns import campaigns
from everpost.campaigns.errors import CampaignNotFound
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.http import Answer, Html, Pages, Stream
from everpost.portal import mail_views, report, report_heat_map, report_people
from everpost.portal.report_people import Filter, Mails, PeopleQuery
from everpost.reports import link_maps

pages: Final = Pages(tag="Email Reporting")

_REPORT: Final[dict[str, Any]] = {"privilege": "ui:campaign:metrics", "bad_id_status": 404}


@pages.get("/campaigns/{campaign_id}/mail", **_REPORT)
async def show_report_mail(conn: Conn, session: Session, campaign_id: CampaignId) -> Answer:
    """The mail with the clicks on its links, for the report's frame."""
    mails = await _mails(conn, session.account_id, campaign_id)
    links = await link_maps.find(conn, session.account_id, list(mails.values()))
    html = await link_maps.mail(conn, session.account_id, campaign_id, mails["primary_email"])
    return Answer(
        report_heat_map.draw(html, links).encode(),
        headers=mail_views.FRAME_HEADERS,
        media_type="text/html; charset=utf-8",
    )


@pages.get("/campaigns/{campaign_id}/people", **_REPORT)
async def show_people(conn: Conn, session: Session, campaign_id: CampaignId, query: PeopleQuery) -> Html:
    """Who did what with a mail, 50 a page."""
    campaign = await campaigns.get(conn, session.account_id, campaign_id)
    mails = await _mails(conn, session.account_id, campaign_id)
    chosen = await _chosen(conn, session.account_id, mails, query)
    page = await report_people.page(conn, session.account_id, chosen, query)
    return Html(
        "portal/report_people.html",
        campaign=campaign,
        address=f"/campaigns/{campaign_id}/people",
        query=query,
        page=page,
        choices=report_people.CHOICES,
        reasons=report_people.REASONS,
        mails={role: report.MAILS[role] for role in mails},
        links=chosen.links,
    )


@pages.get("/campaigns/{campaign_id}/people.csv", **_REPORT)
async def download_people(db: Db, session: Session, campaign_id: CampaignId, query: Filter) -> Answer:
    """The rows of that page, all of them, as a file."""
    async with db.reader() as conn:
        mails = await _mails(conn, session.account_id, campaign_id)
        chosen = await _chosen(conn, session.account_id, mails, query)
    name = f"campaign_{campaign_id}_{query.did}.csv"
    return Answer(
        Stream(report_people.file(db, session.account_id, chosen, query), None),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        media_type="text/csv; charset=utf-8",
    )


async def _mails(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> dict[str, CampaignActivityId]:
    """The activities that are sent to contacts, by role. Raises: CampaignNotFound."""
    campaign = await campaigns.get(conn, account_id, campaign_id)
    return {each.role: each.campaign_activity_id for each in campaign.campaign_activities if each.role in report.MAILS}


async def _chosen(conn: Conn, account_id: AccountId, mails: dict[str, CampaignActivityId], query: Filter) -> Mails:
    """Raises: CampaignNotFound."""
    ids = {role: activity_id for role, activity_id in mails.items() if query.mail in ("both", role)}
    if not ids:
        raise CampaignNotFound
    return Mails(ids, await link_maps.find(conn, account_id, list(ids.values())))
