"""Why somebody did or did not get a mailing of a campaign: as delivery tells it, and why a resend left somebody out.

Rules: a resend leaves out whom the first email had reached in some way, or was about to. That is told from what is so
now, like everything about those who were no recipients.
"""

from msgspec import structs

from everpost.campaigns import campaign_activities
from everpost.campaigns.errors import CampaignNotFound
from everpost.delivery import mailings, traces
from everpost.delivery.traces import Trace
from everpost.ids import AccountId, CampaignActivityId, ContactId, MailingId
from everpost.platform.db import Conn, one


async def find(conn: Conn, account_id: AccountId, mailing_id: MailingId, contact_id: ContactId) -> Trace:
    """Raises: interruptions.NoMailing, traces.NoContact."""
    trace = await traces.find(conn, account_id, mailing_id, contact_id)
    if trace.status != "no_recipient" or trace.reason is not None:
        return trace
    primary_id = await _first_of_resend(conn, account_id, mailing_id)
    if primary_id is None:
        return trace
    return structs.replace(trace, reason=await _left_out(conn, account_id, primary_id, contact_id))


async def _first_of_resend(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> CampaignActivityId | None:
    """The email that this mailing sends again; None when it is no resend."""
    mailing = await mailings.find(conn, account_id, mailing_id)
    if mailing is None:
        return None
    try:
        primary_id = await campaign_activities.primary_of(conn, account_id, mailing.campaign_id)
    except CampaignNotFound:
        return None
    return None if primary_id == mailing.campaign_activity_id else primary_id


async def _left_out(
    conn: Conn, account_id: AccountId, primary_id: CampaignActivityId, contact_id: ContactId
) -> str | None:
    return await one(
        conn,
        str,
        """
        SELECT CASE WHEN engagement.clicks > 0 THEN 'clicked'
                    WHEN engagement.opens > 0 THEN 'opened'
                    WHEN EXISTS (SELECT FROM tracking_events
                                  WHERE account_id = :account_id AND campaign_activity_id = :primary_id
                                    AND contact_id = :contact_id AND kind = 'bounce' AND bounce_code <> 'V')
                         OR recipient.state = 'bounced' THEN 'bounced'
                    WHEN recipient.state IN ('queued', 'sending') THEN 'on_its_way' END
          FROM outbox AS recipient
          LEFT JOIN engagement
            ON engagement.account_id = :account_id AND engagement.campaign_activity_id = :primary_id
           AND engagement.contact_id = recipient.contact_id
         WHERE recipient.account_id = :account_id AND recipient.campaign_activity_id = :primary_id
           AND recipient.contact_id = :contact_id""",
        account_id=account_id,
        primary_id=primary_id,
        contact_id=contact_id,
    )
