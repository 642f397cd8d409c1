"""The address of a campaign's public web copy: `<origin>/p/<permalink_id>`, open from the first send on.

Source: contract, campaigns.md §3.7, §6.5.
"""

import secrets

from msgspec import Struct

from everpost.ids import AccountId, CampaignId
from everpost.platform import config
from everpost.platform.db import Conn, one, run


class Target(Struct):
    """The campaign that a public address belongs to."""

    account_id: AccountId
    campaign_id: CampaignId


async def create(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    await run(
        conn,
        """
        INSERT INTO permalinks (permalink_id, account_id, campaign_id)
        VALUES (:permalink_id, :account_id, :campaign_id)""",
        permalink_id=secrets.token_urlsafe(9),
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def url(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> str:
    """Where the web copy is, or will be."""
    permalink_id = await one(
        conn,
        str,
        "SELECT permalink_id FROM permalinks WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return f"{config.current().origin}/p/{permalink_id}"


async def find(conn: Conn, permalink_id: str) -> Target | None:
    """Spans accounts: the address itself says whose it is."""
    return await one(
        conn,
        Target,
        "SELECT account_id, campaign_id FROM permalinks WHERE permalink_id = :permalink_id",
        permalink_id=permalink_id,
    )
