"""Fixtures of every test. The database is this worker's own and empty at each test's beginning."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from everpost import app as web
from everpost import worker
from everpost.accounts import accounts, addresses, demo, passwords, users
from everpost.contacts import provisioning
from everpost.ids import AccountId, ListId, UserId
from everpost.oauth import tokens
from everpost.platform import clock as platform_clock
from everpost.platform import config, jobs, rate_limits
from everpost.platform import db as platform_db
from everpost.platform import mailbox as platform_mailbox
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.support import server
from tests.support.api import Api

ALL_SCOPES = "account_read account_update contact_data campaign_data offline_access"
PASSWORD = "correct horse battery"
# Kept between tests: the schema's ledger, and keys that take a tenth of a second to make.
_KEPT = ("schema_migrations", "signing_keys")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}  # as the real processes do


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashes of no strength: each account's owner has one, and 20 ms of a core for each were a tenth of all tests.

    The processes that tests start hash as everpost does.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this worker's instance: keys and uploads."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
async def database_url(anyio_backend: Any) -> str:
    return await server.clone(f"everpost_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


@pytest.fixture
def settings(data: Path, database_url: str) -> Iterator[config.Settings]:
    """This test's settings; a test changes them with config.override."""
    before = config._current
    config._current = None
    yield config.override(
        data=data, database_url=database_url, public_url="http://everpost.test", rate_per_second=0, rate_per_day=0
    )
    config._current = before


@pytest.fixture
def clock() -> Iterator[Any]:
    """The clock, stopped; `clock.move(timedelta(...))` moves it."""
    platform_clock.stop(platform_clock.now().replace(microsecond=0))
    yield platform_clock
    platform_clock.resume()


@pytest.fixture
async def db(settings: config.Settings) -> AsyncIterator[Db]:
    assert settings.database_url is not None
    database = await platform_db.connect(settings.database_url, size=10)
    await _empty(database)
    rate_limits.forget()
    yield database
    await database.close()
    platform_clock.resume()


@dataclass(frozen=True)
class Account:
    """A ready account: confirmed sender, postal address, the list `My Contacts` with its owner."""

    account_id: AccountId
    user_id: UserId
    email: str
    list_id: ListId


@pytest.fixture
async def new_account(db: Db) -> Callable[[str], Awaitable[Account]]:
    """Makes accounts: `await new_account("owner@example.com")`."""

    async def create(email: str) -> Account:
        async with db.transaction() as conn:
            new = accounts.NewAccount(
                email=email, password=PASSWORD, organization_name="Harbor Lane Books", first_name="Sample",
                last_name="Owner", country_code="US", state_code="ME",
            )  # fmt: skip
            created = await accounts.create(conn, new)
            await addresses.replace(conn, created.account_id, demo.ADDRESS)
            list_id = await provisioning.provision(conn, created.account_id)
        return Account(created.account_id, created.user_id, email, list_id)

    return create


@pytest.fixture
async def account(new_account: Callable[[str], Awaitable[Account]]) -> Account:
    return await new_account("owner@harborlane.example")


@pytest.fixture
async def app(db: Db) -> AsyncIterator[App]:
    """The web application, started, on this test's database."""
    application = web.create()
    await application.start()
    yield application
    await application.stop()


class AccountApi(Api):
    """A client that can make clients with other rights on the same account."""

    def __init__(self, app: App, token: str, db: Db, account: Account) -> None:
        super().__init__(app, token)
        self._db, self._account = db, account

    async def with_scopes(self, scopes: str) -> Api:
        """The owner's token with only these scopes."""
        return Api(self.app, await tokens.mint_for_command_line(self._db, self._account.email, scopes.split()))

    async def as_role(self, role: Any, scopes: str = ALL_SCOPES) -> Api:
        """A colleague's token: account_manager or campaign_creator."""
        email = f"{role}@harborlane.example"
        async with self._db.transaction() as conn:
            await users.create(conn, self._account.account_id, email=email, password=PASSWORD, role=role)
        return Api(self.app, await tokens.mint_for_command_line(self._db, email, scopes.split()))

    def anonymous(self) -> Api:
        return Api(self.app, None)


@pytest.fixture
async def api(app: App, db: Db, account: Account) -> AsyncIterator[AccountApi]:
    """The owner's client, with every scope."""
    token = await tokens.mint_for_command_line(db, account.email, ALL_SCOPES.split())
    client = AccountApi(app, token, db, account)
    yield client
    await client.client.aclose()


@pytest.fixture
def work(db: Db) -> Callable[[], Awaitable[int]]:
    """`await work()` runs every job that is due by the clock, and what these enqueue, until none is left."""
    worker.load_jobs()

    async def run_due() -> int:
        done = 0
        while (picked := await _take_due(db, platform_clock.now())) is not None:
            name, payload = picked
            await jobs.registry[name].run_payload(db, payload)
            done += 1
        return done

    return run_due


@pytest.fixture
def mailbox(db: Db) -> Callable[[], Awaitable[list[Any]]]:
    """`await mailbox()` lists what was sent, newest first (50 at most), with its source."""

    async def read() -> list[Any]:
        async with db.reader() as conn:
            listed = (await platform_mailbox.page(conn, None)).mails
            return [await platform_mailbox.find(conn, None, mail.mail_id) for mail in listed]

    return read


async def _take_due(db: Db, now: datetime) -> tuple[str, bytes] | None:
    async with db.transaction() as conn:
        row = await conn.fetchrow(
            """
            DELETE FROM pgqueuer WHERE id = (
                SELECT id FROM pgqueuer WHERE status = 'queued' AND execute_after <= $1
                 ORDER BY execute_after, id LIMIT 1)
            RETURNING entrypoint, payload""",
            now,
        )
    return None if row is None else (row["entrypoint"], row["payload"])


async def _empty(database: Db) -> None:
    """Ten times faster than TRUNCATE, which makes new files for every table; no test leaves many rows behind."""
    async with database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # no foreign key minds the order
        names = await conn.fetch(
            """
            SELECT format('%I', relname) FROM pg_class
             WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relispartition
               AND NOT relname = ANY($1)""",
            list(_KEPT),
        )
        await conn.execute(";".join(f"DELETE FROM {name}" for (name,) in names))
