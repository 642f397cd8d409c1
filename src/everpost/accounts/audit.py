"""The diary of the doors: sign-ins, consents, tokens and secrets, one entry each.

Rules: never a password, secret, code or token in it; tokens are named by their `jti`. Source: contract, auth.md §16.
"""

from datetime import timedelta
from typing import Final

from everpost.ids import AccountId, AppId, UserId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, run

KEPT_FOR: Final = timedelta(days=400)


async def append(
    conn: Conn,
    action: str,
    *,
    account_id: AccountId | None = None,
    user_id: UserId | None = None,
    client_id: AppId | None = None,
    **detail: str,
) -> None:
    """Record that something happened, in the transaction in which it happens."""
    await run(
        conn,
        """
        INSERT INTO audit_entries (entry_id, at, action, account_id, user_id, client_id, detail)
        VALUES (:entry_id, :now, :action, :account_id, :user_id, :client_id, :detail)""",
        entry_id=new_id(),
        now=clock.now(),
        action=action,
        account_id=account_id,
        user_id=user_id,
        client_id=client_id,
        detail=detail,
    )


async def sweep(conn: Conn) -> int:
    """Forget entries that are older than anybody asks for."""
    return await run(conn, "DELETE FROM audit_entries WHERE at < :before", before=clock.now() - KEPT_FOR)
