"""One embedded PostgreSQL for a whole run of tests, with a template that holds the schema."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import asyncpg

from everpost.platform import migrate
from everpost.platform.postgres import Postgres

VARIABLE = "EVERPOST_TEST_SERVER"
TEMPLATE = "everpost_template"

_running: tuple[Postgres, Path] | None = None


def start() -> None:
    """Start the server and fill the template; other processes read its address from the environment."""
    global _running
    data = Path(tempfile.mkdtemp(prefix="everpost-tests-"))
    data.chmod(0o755)
    postgres = Postgres(data)
    postgres.start()
    _running = (postgres, data)
    os.environ[VARIABLE] = postgres.dsn("{database}")
    asyncio.run(_create_template())


def stop() -> None:
    if _running is not None:
        postgres, data = _running
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)
        os.environ.pop(VARIABLE, None)


def dsn(database: str) -> str:
    """The address of a database on the shared server."""
    address = os.environ[VARIABLE]
    return address.replace("{database}", database).replace("%7Bdatabase%7D", database)


async def create(database: str) -> str:
    """Make an empty database, replacing one of that name; returns its address."""
    conn = await asyncpg.connect(dsn("postgres"))
    try:
        await conn.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        await conn.execute(f'CREATE DATABASE "{database}"')
    finally:
        await conn.close()
    return dsn(database)


async def clone(database: str) -> str:
    """Make a database from the template, replacing one of that name; returns its address."""
    conn = await asyncpg.connect(dsn("postgres"))
    try:
        await conn.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        await conn.execute(f'CREATE DATABASE "{database}" TEMPLATE {TEMPLATE}')
    finally:
        await conn.close()
    return dsn(database)


async def _create_template() -> None:
    conn = await asyncpg.connect(dsn("postgres"))
    # Tests need no durability; commits that wait for no disk make the suite several times faster.
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
        await conn.execute(f"ALTER SYSTEM SET {setting}")
    await conn.execute("SELECT pg_reload_conf()")
    await conn.execute(f"CREATE DATABASE {TEMPLATE}")
    await conn.close()
    template = await asyncpg.connect(dsn(TEMPLATE))
    await migrate.create(template)
    await template.close()
