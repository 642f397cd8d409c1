"""One account's lock, for the few rules that count rows: at most 1,000 lists, 100 custom fields.

Reading a count and adding a row are two steps; between them another request may add one. Nobody else takes this lock
for long, and contacts never take it.
"""

from everpost.ids import AccountId
from everpost.platform.db import Conn, run


async def take(conn: Conn, account_id: AccountId) -> None:
    """Wait until no other transaction of this account holds it; it is held until the transaction ends."""
    await run(
        conn,
        "SELECT account_id FROM accounts WHERE account_id = :account_id FOR NO KEY UPDATE",
        account_id=account_id,
    )
