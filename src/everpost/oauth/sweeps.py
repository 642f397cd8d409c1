"""What is over is deleted: codes, refresh tokens, revoked tokens, grants without any of them, and retired keys."""

from datetime import timedelta

from everpost.oauth import codes, devices, grants, keys, refresh, tokens
from everpost.platform.db import Db
from everpost.platform.jobs import every


@every(timedelta(hours=1))
async def sweep(db: Db) -> None:
    """Spans accounts: it touches only tables that belong to no account."""
    async with db.transaction() as conn:
        await codes.sweep(conn)
        await devices.sweep(conn)
        await refresh.sweep(conn)
        await tokens.sweep(conn)
        await grants.sweep(conn)
        await keys.sweep(conn)


@every(timedelta(hours=1))
async def rotate_keys(db: Db) -> None:
    """A new signing key from time to time."""
    await keys.rotate_when_due(db)
