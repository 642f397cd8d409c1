"""What stands around a campaign's content: its name, who it is from, its subject; and removing it."""

from collections.abc import Mapping
from typing import Final

from everpost.campaigns import campaign_activities, campaigns
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.errors import CampaignNotFound
from everpost.campaigns.shapes import ActivityIn, CampaignNameIn
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_new_pages, campaign_pages, campaign_parts, forms
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns")

_LINES: Final = ("from_name", "from_email", "reply_to_email", "subject", "preheader")


@pages.get("/campaigns/{campaign_id}/details", **campaign_parts.WRITE)
async def show_details(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Sender, subject and preheader."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return await _details(conn, session, opened, _lines(opened.email))


@pages.post("/campaigns/{campaign_id}/details", **campaign_parts.WRITE)
async def save_details(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Change them."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            wanted = _wanted(opened.email, form)
            campaign_parts.check_mark(form, _lines(opened.email), _lines(wanted))
            await campaign_activities.replace(conn, session.account_id, opened.email.campaign_activity_id, wanted)
    except ApiError as error:
        return await _details(conn, session, opened, form, error=error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


@pages.get("/campaigns/{campaign_id}/rename", **campaign_parts.WRITE)
async def show_rename(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks for another name."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return _rename(opened, opened.campaign.name)


@pages.post("/campaigns/{campaign_id}/rename", **campaign_parts.WRITE)
async def rename_campaign(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Give it that name."""
    opened = await campaign_parts.hold(conn, session.account_id, campaign_id)
    typed = form.get("name", "")
    try:
        async with savepoint(conn):
            campaign_parts.check_mark(form, opened.campaign.name, typed.strip())
            await campaigns.rename(conn, session.account_id, campaign_id, forms.read(CampaignNameIn, form))
    except ApiError as error:
        return _rename(opened, typed, error=error)
    return redirect(f"/campaigns/{campaign_id}?done=renamed")


@pages.get("/campaigns/{campaign_id}/delete", **campaign_parts.DELETE)
async def ask_to_delete(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks before it is gone."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return Html(
        "confirm.html",
        title=f"Delete “{opened.campaign.name}”?",
        text=[
            "It disappears from the list, with its report, and its name is free again.",
            "Mails that were delivered keep working: their links, and unsubscribing.",
            "A resend or a winner of a subject test that is still to come is not sent.",
        ],
        action=f"/campaigns/{campaign_id}/delete",
        button_label="Delete the campaign",
        kind="danger",
        cancel=f"/campaigns/{campaign_id}",
    )


@pages.post("/campaigns/{campaign_id}/delete", **campaign_parts.DELETE)
async def delete_campaign(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Remove it. Somebody else may have been faster, which comes to the same."""
    try:
        async with savepoint(conn):
            await campaigns.delete(conn, session.account_id, campaign_id)
    except CampaignNotFound:
        return redirect("/campaigns?done=deleted")
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect("/campaigns?done=deleted")


def _lines(email: Stored | ActivityIn) -> dict[str, str]:
    return {name: getattr(email, name) or "" for name in _LINES}


def _wanted(email: Stored, form: Mapping[str, str]) -> ActivityIn:
    """The email with these lines; its audience stays. Raises: Invalid."""
    typed = forms.read(ActivityIn, {name: form.get(name, "") for name in _LINES})
    return campaign_parts.unchanged(email, **{name: getattr(typed, name) for name in _LINES})


async def _details(
    conn: Conn, session: Session, opened: Opened, values: Mapping[str, str], *, error: ApiError | None = None
) -> Html:
    return campaign_parts.page(
        "portal/campaign_details.html",
        opened,
        values={name: values.get(name, "") for name in _LINES},
        mark=campaign_parts.mark(_lines(opened.email)),
        senders=await campaign_new_pages.senders(conn, session.account_id),
        error=error,
    )


def _rename(opened: Opened, typed: str, *, error: ApiError | None = None) -> Html:
    mark = campaign_parts.mark(opened.campaign.name)
    return campaign_parts.page("portal/campaign_rename.html", opened, values={"name": typed}, mark=mark, error=error)
