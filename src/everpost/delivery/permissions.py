"""What the operator says about an account's sending: nothing while it is reviewed or staged, and to how many at most.

Source: contract, campaigns.md §3.14 (reasons 2, 4 and 5).
"""

from msgspec import Struct

from everpost.ids import AccountId
from everpost.platform.db import Conn, one, run


class Permissions(Struct, frozen=True, kw_only=True):
    """`most_recipients` bounds one run; None is no limit."""

    is_under_review: bool = False
    is_staging: bool = False
    most_recipients: int | None = None


async def find(conn: Conn, account_id: AccountId) -> Permissions:
    """Those of an account that nobody said anything about allow everything."""
    found = await one(
        conn,
        Permissions,
        """
        SELECT is_under_review, is_staging, most_recipients FROM send_permissions WHERE account_id = :account_id""",
        account_id=account_id,
    )
    return found or Permissions()


async def replace(conn: Conn, account_id: AccountId, wanted: Permissions) -> None:
    """From the next run on. What is on its way goes on: `interruptions.pause_account` stops it."""
    await run(
        conn,
        """
        INSERT INTO send_permissions (account_id, is_under_review, is_staging, most_recipients)
        VALUES (:account_id, :is_under_review, :is_staging, :most_recipients)
            ON CONFLICT (account_id) DO UPDATE
           SET is_under_review = excluded.is_under_review, is_staging = excluded.is_staging,
               most_recipients = excluded.most_recipients""",
        account_id=account_id,
        is_under_review=wanted.is_under_review,
        is_staging=wanted.is_staging,
        most_recipients=wanted.most_recipients,
    )
