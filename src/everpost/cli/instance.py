"""Which instance a command is about: its settings, its database, and connections to it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from everpost.cli import running
from everpost.platform import config, migrate
from everpost.platform.config import Settings
from everpost.platform.db import Db, Unreachable, connect, connect_once
from everpost.platform.postgres import NotRunning, Postgres


def find() -> Settings:
    """The settings of the instance that runs, with its database. Raises: NotRunning, BadSetting."""
    settings = settings_of_running()
    if settings.database_url:
        return settings
    postgres = Postgres(settings.data, settings.pg_bin)
    postgres.attach()
    return config.override(database_url=postgres.dsn())


def settings_of_running() -> Settings:
    """What the instance that runs has told, with what this command's own environment says instead."""
    return _follow(config.current())


@asynccontextmanager
async def database() -> AsyncIterator[Db]:
    """The database of the instance that runs. Raises: NotRunning."""
    with explained():
        db = await connect(database_url(), size=2)
    try:
        yield db
    finally:
        await db.close()


def database_url() -> str:
    """Raises: NotRunning."""
    url = find().database_url
    assert url is not None
    return url


def require_tables() -> None:
    """For what runs on: see that the database is as up to date as we are. Raises: NotRunning, WrongTables."""
    with explained():
        asyncio.run(_require_tables(database_url()))


@contextmanager
def explained() -> Iterator[None]:
    """Say plainly that the database does not answer. Raises: NotRunning."""
    try:
        yield
    except (OSError, *Unreachable) as error:
        raise NotRunning(f"The database of this instance does not answer: {error}") from error


async def _require_tables(url: str) -> None:
    conn = await connect_once(url)
    try:
        await migrate.require(conn)
    finally:
        await conn.close()


def _follow(settings: Settings) -> Settings:
    """Take over what the running instance told, except what this command's own environment says."""
    told = running.read(settings.data)
    chosen_here = {name: value for name, value in os.environ.items() if value}
    return config.override(**msgspec.structs.asdict(config.load({**told, **chosen_here})))
