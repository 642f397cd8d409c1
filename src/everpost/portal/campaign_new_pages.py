"""A new campaign: what it is called, who it is from, what it is about, how its content is made. Or a copy of one."""

from collections.abc import Mapping
from typing import Final

from everpost.accounts import sender_emails, summaries
from everpost.accounts.sender_emails import EmailQuery
from everpost.accounts.summaries import SummaryQuery
from everpost.campaigns import campaigns, copies, documents
from everpost.campaigns.documents import NewEmail
from everpost.campaigns.shapes import Campaign, CampaignNameIn, NewActivity
from everpost.ids import AccountId, CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_parts, forms
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Email Campaigns")

_FIELDS: Final = ("name", "from_name", "from_email", "reply_to_email", "subject", "preheader", "kind")
# Complete, so that it can be looked at and sent to oneself at once.
_OWN_HTML: Final = f"""<!doctype html>
<html>
<body style="margin: 0; font-family: Arial, sans-serif; line-height: 1.5">
[[trackingImage]]
<div style="max-width: 600px; margin: 0 auto; padding: 24px">
<h1>What is this email about?</h1>
<p>Hello [[FirstName OR "there"]],</p>
<p>{documents.PROMPT}</p>
</div>
</body>
</html>
"""


@pages.get("/campaigns/new", privilege="campaign:write")
async def show_new_campaign(conn: Conn, session: Session) -> Html:
    """The form, with what most campaigns of this account begin with."""
    return await _form(conn, session, await _usual(conn, session.account_id))


@pages.post("/campaigns/new", privilege="campaign:write")
async def create_campaign(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Make a draft, and go on with its content."""
    try:
        async with savepoint(conn):
            made = await _create(conn, session.account_id, form)
    except ApiError as error:
        return await _form(conn, session, form, error=error)
    return redirect(f"/campaigns/{made.campaign_id}?done=created")


@pages.get("/campaigns/{campaign_id}/copy", **campaign_parts.WRITE)
async def show_copy(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """Asks what the copy is called."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    values = {"name": f"{opened.campaign.name[:73]} (copy)"}
    return campaign_parts.page("portal/campaign_copy.html", opened, values=values)


@pages.post("/campaigns/{campaign_id}/copy", **campaign_parts.WRITE)
async def copy_campaign(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Make a draft that says the same to the same."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            copy = await copies.create(conn, session.account_id, campaign_id, forms.read(CampaignNameIn, form))
    except ApiError as error:
        return campaign_parts.page(
            "portal/campaign_copy.html", opened, values={"name": form.get("name", "")}, error=error
        )
    return redirect(f"/campaigns/{copy.campaign_id}?done=copied")


async def _create(conn: Conn, account_id: AccountId, form: Mapping[str, str]) -> Campaign:
    new = forms.read(NewEmail, form)
    if form.get("kind") != "html":
        return await documents.create_campaign(conn, account_id, new, documents.starter())
    activity = NewActivity(
        format_type=5,
        from_name=new.from_name,
        from_email=new.from_email,
        reply_to_email=new.reply_to_email,
        subject=new.subject,
        preheader=new.preheader,
        html_content=_OWN_HTML,
    )
    return await campaigns.create_one(conn, account_id, new.name, activity)


async def _form(conn: Conn, session: Session, values: Mapping[str, str], *, error: ApiError | None = None) -> Html:
    return Html(
        "portal/campaign_new.html",
        200 if error is None else error.status,
        values={name: values.get(name, "") for name in _FIELDS},
        senders=await senders(conn, session.account_id),
        problems=Problems() if error is None else campaign_parts.problems(error, dict.fromkeys(_FIELDS)),
    )


async def senders(conn: Conn, account_id: AccountId) -> list[str]:
    """The addresses that may stand in From and Reply-To."""
    found = await sender_emails.listing(conn, account_id, EmailQuery(confirm_status="CONFIRMED"))
    return [each.email_address for each in found]


async def _usual(conn: Conn, account_id: AccountId) -> dict[str, str]:
    summary = await summaries.get(conn, account_id, SummaryQuery())
    address = summary.contact_email or ""
    return {
        "from_name": summary.organization_name or "",
        "from_email": address,
        "reply_to_email": address,
        "kind": "blocks",
    }
