"""Which instance a command is about: its settings, its database, and connections to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from everpost.platform import config
from everpost.platform.config import Settings
from everpost.platform.db import Db, Unreachable, connect
from everpost.platform.postgres import NotRunning, Postgres


def find() -> Settings:
    """The settings, with the database of the instance that runs. Raises: NotRunning, BadSetting."""
    settings = config.current()
    if settings.database_url:
        return settings
    postgres = Postgres(settings.data, settings.pg_bin)
    postgres.attach()
    return config.override(database_url=postgres.dsn())


@asynccontextmanager
async def database() -> AsyncIterator[Db]:
    """The database of the instance that runs. Raises: NotRunning."""
    settings = find()
    assert settings.database_url is not None
    try:
        db = await connect(settings.database_url, size=2)
    except (OSError, *Unreachable) as error:
        raise NotRunning(f"EVERPOST_DATABASE_URL names a server that does not answer: {error}") from error
    try:
        yield db
    finally:
        await db.close()
