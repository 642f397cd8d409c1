"""What ends a token counts at once where it happens, and everywhere within seconds. Source: contract, auth.md §9, §15."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from everpost.accounts import accounts, users
from everpost.oauth import apps, grants, tokens
from everpost.platform import memory
from everpost.platform.db import Db, one, run
from everpost.platform.http import App
from tests.oauth.conftest import PRIVILEGES, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Trade = Callable[..., Awaitable[Reply]]
Change = Callable[[Any, Client, Account], Awaitable[None]]


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    memory.resume()
    yield
    memory.resume()


async def _remove_access(conn: Any, client: Client, account: Account) -> None:
    await grants.remove_access(conn, client.client_id, account.user_id)


async def _deactivate_app(conn: Any, client: Client, account: Account) -> None:
    await apps.set_state(conn, client.client_id, "deactivated")


async def _deactivate_person(conn: Any, client: Client, account: Account) -> None:
    await users.deactivate(conn, account.user_id)


async def _cancel_account(conn: Any, client: Client, account: Account) -> None:
    await accounts.set_status(conn, account.account_id, "canceled")


@pytest.mark.parametrize(
    ("change", "status"),
    [(_remove_access, 401), (_deactivate_app, 403), (_deactivate_person, 401), (_cancel_account, 403)],
)
async def test_a_change_counts_at_once_although_the_caller_is_remembered(
    trade: Trade, app: App, db: Db, web_app: Client, account: Account, change: Change, status: int
) -> None:
    client = Api(app, (await trade(web_app)).body["access_token"])
    assert [(await client.get(PRIVILEGES)).status for _ in range(2)] == [200, 200]
    async with db.transaction() as conn:
        await change(conn, web_app, account)
        # Whoever calls before the commit is still let in, and must not be remembered for that.
        assert (await client.get(PRIVILEGES)).status == 200
    assert (await client.get(PRIVILEGES)).status == status


async def test_what_another_process_changed_counts_after_three_seconds(
    trade: Trade, app: App, db: Db, web_app: Client, clock: Any
) -> None:
    client = Api(app, (await trade(web_app)).body["access_token"])
    assert (await client.get(PRIVILEGES)).status == 200
    async with db.transaction() as conn:
        await run(conn, "UPDATE grants SET revoked_at = :now", now=clock.now())
    clock.move(timedelta(seconds=2.9))
    assert (await client.get(PRIVILEGES)).status == 200
    clock.move(timedelta(seconds=0.1))
    assert (await client.get(PRIVILEGES)).status == 401


async def test_a_remembered_caller_costs_no_statement(trade: Trade, app: App, db: Db, web_app: Client) -> None:
    token = (await trade(web_app)).body["access_token"]
    memory.resume()
    first = await tokens.read_caller(db, token)
    assert await tokens.read_caller(db, token) is first


async def test_the_last_use_is_written_down_every_ten_minutes_at_most(
    trade: Trade, app: App, db: Db, web_app: Client, account: Account, clock: Any
) -> None:
    client = Api(app, (await trade(web_app)).body["access_token"])
    begun = clock.now()
    used = []
    for minutes in (0, 5, 6):
        clock.move(timedelta(minutes=minutes))
        await client.get(PRIVILEGES)
        async with db.reader() as conn:
            (found,) = await grants.accesses_of_user(conn, account.user_id)
            used.append(found.last_used_at)
    assert used == [begun, begun, begun + timedelta(minutes=11)]


async def test_revoking_a_single_token_leaves_the_others_of_its_grant(
    trade: Trade, ask_token: Trade, app: App, db: Db, web_app: Client
) -> None:
    first = (await trade(web_app)).body
    renewed = await ask_token(web_app.basic, grant_type="refresh_token", refresh_token=first["refresh_token"])
    old, new = Api(app, first["access_token"]), Api(app, renewed.body["access_token"])
    assert [(await client.get(PRIVILEGES)).status for client in (old, new)] == [200, 200]
    claims = await tokens.read(db, first["access_token"])
    async with db.transaction() as conn:
        await tokens.revoke(conn, claims)
    assert [(await client.get(PRIVILEGES)).status for client in (old, new)] == [401, 200]
    async with db.reader() as conn:
        assert await one(conn, str, "SELECT jti FROM revoked_tokens") == claims.jti
