"""What is over is deleted: codes, refresh tokens, the list of revoked tokens, and grants without any of them."""

from datetime import timedelta

from everpost.oauth import codes, grants, refresh, tokens
from everpost.platform.db import Db
from everpost.platform.jobs import every


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Spans accounts: it touches only tables that belong to no account."""
    async with db.transaction() as conn:
        await codes.sweep(conn)
        await refresh.sweep(conn)
        await tokens.sweep(conn)
        await grants.sweep(conn)
