"""`everpost migrate`, and what `everpost up` has done to the database before anything else begins."""

import asyncio

import typer

from everpost.accounts import demo
from everpost.cli import instance
from everpost.contacts import provisioning
from everpost.oauth import keys
from everpost.platform import db, logs, migrate

commands = typer.Typer()


@commands.command("migrate")
def bring_up_to_date() -> None:
    """Bring the database's tables up to date."""
    logs.configure("migrate")
    with instance.explained():
        applied = asyncio.run(migrate.apply(instance.database_url()))
    print("\n".join(applied) if applied else "The database is up to date.")


@commands.command(hidden=True)
def prepare() -> None:
    """Migrate, make the key that signs tokens, and see that the demo account is there."""
    logs.configure("prepare")
    with instance.explained():
        asyncio.run(_prepare(instance.database_url()))


async def _prepare(database_url: str) -> None:
    await migrate.apply(database_url)
    database = await db.connect(database_url, size=2)
    try:
        await keys.current(database)
        await demo.ensure(database, provisioning.provision)
    finally:
        await database.close()
