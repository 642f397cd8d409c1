"""What is over is forgotten, and nothing else."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from everpost.oauth import sweeps, tokens
from everpost.platform.db import Db, one
from tests.oauth.conftest import Client
from tests.support.api import Reply
from tests.support.fixtures import Account


async def test_only_what_is_over_is_forgotten(
    trade: Callable[..., Awaitable[Reply]],
    ask_token: Callable[..., Awaitable[Reply]],
    db: Db,
    account: Account,
    web_app: Client,
    clock: Any,
) -> None:
    kept = (await trade(web_app)).body["refresh_token"]
    await trade(web_app, "contact_data")
    await tokens.mint_for_command_line(db, account.email)
    await sweeps.sweep(db)
    assert await _count(db) == 3
    clock.move(timedelta(days=3))
    await sweeps.sweep(db)
    assert await _count(db) == 1
    renewed = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token=kept)
    assert renewed.status == 200
    clock.move(timedelta(days=181))
    await sweeps.sweep(db)
    assert await _count(db) == 0


async def _count(db: Db) -> int:
    async with db.reader() as conn:
        return await one(conn, int, "SELECT count(*) FROM grants") or 0
