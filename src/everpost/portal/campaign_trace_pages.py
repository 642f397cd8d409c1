"""Why somebody did or did not get a campaign: a search by email address, told in sentences."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from everpost.campaigns import audience, send_history, traces
from everpost.delivery import mailings, reach
from everpost.delivery import traces as recipient_traces
from everpost.delivery.reach import Standing
from everpost.delivery.traces import NoContact
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, MailingId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Html, Pages
from everpost.portal import campaign_parts, report
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Reporting")

# Whoever may see who opened a campaign may see who got it.
_TRACE: Final[dict[str, Any]] = {"privilege": "ui:campaign:metrics", "bad_id_status": 404}
_NOW: Final = "If it were sent now"
_STANDINGS: Final[Mapping[Standing | None, str]] = {
    "reached": "Gets it.",
    "unsubscribed": "Does not get it: is unsubscribed.",
    "pending": "Does not get it: has not confirmed yet that they want mail.",
    "not_mailable": "Does not get it: gave no permission to send.",
    "no_address": "Does not get it: has no email address.",
    "complained": "Does not get it: called an earlier mail spam.",
    "on_hold": "Does not get it: the address is on hold, because servers said that it does not exist.",
    None: "Does not get it: is not in the audience.",
}


class TraceQuery(msgspec.Struct, frozen=True):
    address: Annotated[str, Meta(max_length=320)] = ""


class Told(msgspec.Struct, frozen=True):
    """What became of one person with one mail of the campaign."""

    mail: str
    sentence: str
    is_good: bool


@pages.get("/campaigns/{campaign_id}/trace", **_TRACE)
async def show_trace(conn: Conn, session: Session, campaign_id: CampaignId, query: TraceQuery) -> Html:
    """The search, and what it found."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    address = query.address.strip()
    contact_id = await _contact(conn, session.account_id, address) if address else None
    told = [] if contact_id is None else await _tell(conn, session.account_id, opened, contact_id)
    return campaign_parts.page(
        "portal/campaign_trace.html",
        opened,
        search=address,
        contact_id=contact_id,
        told=told,
        can_change=opened.may_change,
    )


async def _contact(conn: Conn, account_id: AccountId, address: str) -> ContactId | None:
    try:
        return await recipient_traces.contact_at(conn, account_id, address)
    except NoContact:
        return None


async def _tell(conn: Conn, account_id: AccountId, opened: Opened, contact_id: ContactId) -> list[Told]:
    """What became of the campaign's mails, and what would if it were sent now."""
    told = []
    for each in opened.campaign.campaign_activities:
        mailing_id = await _mailing(conn, account_id, each.campaign_activity_id, contact_id)
        if each.role in report.MAILS and mailing_id is not None:
            trace = await traces.find(conn, account_id, mailing_id, contact_id)
            told.append(Told(report.MAILS[each.role], trace.sentence, trace.status == "sent"))
    standing = await _standing(conn, account_id, opened, contact_id)
    if standing != "received":
        told.append(Told(_NOW, _STANDINGS[standing], standing == "reached"))
    return told


async def _mailing(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, contact_id: ContactId
) -> MailingId | None:
    """The one that had this contact among its recipients, else the last one, else none."""
    received = await mailings.find_received(conn, account_id, activity_id, contact_id)
    if received is not None:
        return received.mailing_id
    return await send_history.last_mailing(conn, account_id, activity_id)


async def _standing(conn: Conn, account_id: AccountId, opened: Opened, contact_id: ContactId) -> Standing | None:
    email = opened.email
    members = await audience.members(conn, account_id, email.contact_list_ids, email.segment_ids)
    return await reach.standing_of(conn, account_id, email.campaign_activity_id, members, contact_id)
