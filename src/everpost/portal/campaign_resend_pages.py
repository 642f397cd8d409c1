"""The campaign once more, with another subject, to those who did not open it."""

from collections.abc import Mapping
from typing import Final

from everpost.campaigns import resending, resends
from everpost.campaigns.errors import CampaignNotFound
from everpost.campaigns.shapes import ResendIn
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_pages, campaign_parts, campaign_times, forms
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns")

_FIELDS: Final = ("resend_subject", "delay_days")


@pages.get("/campaigns/{campaign_id}/resend", **campaign_parts.SEND)
async def show_resend(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The resend there is, or the form for one."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _page(conn, session, opened, {"delay_days": "3"})


@pages.post("/campaigns/{campaign_id}/resend", **campaign_parts.SEND)
async def create_resend(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Plan it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    subject = form.get("resend_subject", "").strip()
    values = {"resend_subject": subject, "delay_days": campaign_parts.number(form.get("delay_days", ""))}
    try:
        async with savepoint(conn):
            new = forms.checked(ResendIn, values)
            await resends.create(conn, session.account_id, opened.email.campaign_activity_id, new)
    except ApiError as error:
        return await _page(conn, session, opened, form, error=error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


@pages.post("/campaigns/{campaign_id}/resend/remove", **campaign_parts.SEND)
async def remove_resend(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Take it back. It may be gone already, which comes to the same."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            name = form.get("resend_request_id", "")
            await resends.delete(conn, session.account_id, opened.email.campaign_activity_id, name)
    except CampaignNotFound:
        pass
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


async def _page(
    conn: Conn, session: Session, opened: Opened, values: Mapping[str, str], *, error: ApiError | None = None
) -> Html:
    activity_id = opened.email.campaign_activity_id
    planned = await resending.find(conn, session.account_id, opened.campaign.campaign_id)
    found = await resends.listing(conn, session.account_id, activity_id)
    zone = await campaign_times.zone_of(conn, session.account_id)
    return campaign_parts.page(
        "portal/campaign_resend.html",
        opened,
        values={name: values.get(name, "") for name in _FIELDS},
        planned=planned,
        request_id=found[0].resend_request_id if found else "",
        delay=campaign_times.delay(planned.delay_minutes) if planned else "",
        due=campaign_times.written(planned.due_at, zone) if planned and planned.due_at else "",
        error=error,
    )
