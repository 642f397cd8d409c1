"""What an account has settled about consent: whether people who sign up must confirm by mail (confirmed opt-in).

Off until the operator or the account switches it on. Source: contract, contacts.md §4.2.
"""

from everpost.ids import AccountId
from everpost.platform.db import Conn, one, run


async def is_opt_in_confirmed(conn: Conn, account_id: AccountId) -> bool:
    """Whether people who come by themselves must confirm that they want mail."""
    is_on = await one(
        conn,
        bool,
        "SELECT is_opt_in_confirmed FROM consent_settings WHERE account_id = :account_id",
        account_id=account_id,
    )
    return bool(is_on)


async def set_opt_in_confirmed(conn: Conn, account_id: AccountId, *, is_on: bool) -> None:
    """From now on; who waits for a confirmation goes on waiting."""
    await run(
        conn,
        """INSERT INTO consent_settings (account_id, is_opt_in_confirmed)
           VALUES (:account_id, :is_on)
               ON CONFLICT (account_id) DO UPDATE SET is_opt_in_confirmed = excluded.is_opt_in_confirmed""",
        account_id=account_id,
        is_on=is_on,
    )
