"""What a new account still has to do before its first campaign can go out.

Each step is one question to a slice below, with an answer of yes or no.
"""

from uuid import UUID

import msgspec

from everpost.accounts import addresses, sender_emails
from everpost.accounts.sender_emails import EmailQuery
from everpost.ids import AccountId
from everpost.platform.db import Conn, one


class Step(msgspec.Struct, frozen=True):
    """One thing to do, and where."""

    title: str
    text: str
    is_done: bool
    address: str | None
    label: str


async def of_account(conn: Conn, account_id: AccountId) -> list[Step]:
    """In the order in which people do them."""
    address = await addresses.find(conn, account_id)
    confirmed = await sender_emails.listing(conn, account_id, EmailQuery(confirm_status="CONFIRMED"))
    return [
        Step(
            "Give your postal address",
            "The law wants one under every campaign email.",
            address is not None,
            "/account/address",
            "Add the address",
        ),
        Step(
            "Confirm a sender address",
            "Campaigns are sent from addresses that are proved to be yours.",
            bool(confirmed),
            "/account/senders",
            "See sender addresses",
        ),
        Step(
            "Bring your contacts",
            "Import a CSV file, or add them one by one.",
            await _has_contacts(conn, account_id),
            "/contacts/import",
            "Import contacts",
        ),
        Step(
            "Create your first campaign",
            "Write it, look at its preview, and send it to a list.",
            await _has_campaign(conn, account_id),
            "/campaigns/new",
            "New campaign",
        ),
    ]


async def _has_contacts(conn: Conn, account_id: AccountId) -> bool:
    """Whether there is anybody besides the first one, who is the owner."""
    second = await one(
        conn,
        UUID,
        """
        SELECT contact_id FROM contacts
         WHERE account_id = :account_id AND deleted_at IS NULL
         LIMIT 1 OFFSET 1""",
        account_id=account_id,
    )
    return second is not None


async def _has_campaign(conn: Conn, account_id: AccountId) -> bool:
    found = await one(
        conn, UUID, "SELECT campaign_id FROM campaigns WHERE account_id = :account_id LIMIT 1", account_id=account_id
    )
    return found is not None
