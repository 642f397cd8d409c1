"""What is over is deleted: sessions, throttles, links in mails, old diary entries; trials end."""

from datetime import timedelta

from everpost.accounts import accounts, audit, mail_links, sessions, throttles
from everpost.platform.db import Db
from everpost.platform.jobs import every


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Spans accounts: it touches only tables that belong to no account."""
    async with db.transaction() as conn:
        await sessions.sweep(conn)
        await throttles.sweep(conn)
        await mail_links.sweep(conn)
        await audit.sweep(conn)


@every(timedelta(days=1))
async def end_trials(db: Db) -> None:
    """Spans accounts."""
    async with db.transaction() as conn:
        await accounts.end_trials(conn)
