"""An email as the account's owner would receive it.

Rules: the owner is the contact who has the account's contact address; without one, only the names and the address that
the account itself has are known. Nothing is tracked, and the links of the footer lead nowhere.
Source: contract, campaigns.md §3.13.
"""

from uuid import UUID

from msgspec import UNSET

from everpost.accounts import summaries
from everpost.accounts.summaries import SummaryQuery
from everpost.campaigns import campaign_activities, readings
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.readings import Reading
from everpost.campaigns.shapes import Preview
from everpost.contacts import email_addresses
from everpost.delivery import merge_fields
from everpost.delivery.merge_fields import Person
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, ContactId, new_id
from everpost.platform.db import Conn, one


async def get(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Preview:
    """Raises: CampaignNotFound."""
    stored = await campaign_activities.require(conn, account_id, activity_id)
    content = await campaign_activities.written(conn, account_id, stored)
    reading = await of_content(conn, account_id, stored, content)
    return Preview(
        campaign_activity_id=stored.campaign_activity_id,
        from_email=stored.from_email,
        from_name=stored.from_name,
        reply_to_email=stored.reply_to_email,
        subject=reading.subject,
        preheader=reading.preheader or UNSET,
        preview_html_content=reading.html,
        preview_text_content=reading.text,
    )


async def of_content(conn: Conn, account_id: AccountId, stored: Stored, content: Content) -> Reading:
    """The same of something that may not be saved yet, sent as `stored` is."""
    return await readings.for_person(
        conn,
        account_id,
        content,
        await owner(conn, account_id),
        from_email=stored.from_email,
        address=campaign_activities.own_address(stored),
    )


async def owner(conn: Conn, account_id: AccountId) -> Person:
    """As whom the account's owner reads their own emails."""
    account = await summaries.get(conn, account_id, SummaryQuery())
    address = account.contact_email or ""
    contact_id = await _contact_of(conn, account_id, email_addresses.key(address))
    if contact_id is not None:
        fields = await merge_fields.fields(conn, account_id, await merge_fields.names(conn, account_id))
        (person,) = await fields.people(conn, account_id, [contact_id])
        return person
    return Person(
        contact_id=ContactId(new_id()),
        email_address=address,
        first_name=account.first_name,
        last_name=account.last_name,
    )


async def _contact_of(conn: Conn, account_id: AccountId, email_key: str) -> ContactId | None:
    found = await one(
        conn,
        UUID,
        """
        SELECT contact_id
          FROM contacts
         WHERE account_id = :account_id AND email_key = :email_key AND deleted_at IS NULL""",
        account_id=account_id,
        email_key=email_key,
    )
    return None if found is None else ContactId(found)
