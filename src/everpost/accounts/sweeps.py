"""What is over is deleted: sessions, throttles, old diary entries."""

from datetime import timedelta

from everpost.accounts import audit, sessions, throttles
from everpost.platform.db import Db
from everpost.platform.jobs import every


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Spans accounts: it touches only tables that belong to no account."""
    async with db.transaction() as conn:
        await sessions.sweep(conn)
        await throttles.sweep(conn)
        await audit.sweep(conn)
