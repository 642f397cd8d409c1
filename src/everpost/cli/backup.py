"""`everpost backup` and `everpost restore`: a whole instance into one file, and out of it again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from zipfile import ZipFile

import typer
from rich.console import Console

from everpost.accounts import accounts
from everpost.campaigns import restored
from everpost.campaigns.restored import Held
from everpost.cli import instance, running
from everpost.platform import backups, db, logs
from everpost.platform.backups import BadBackup, Manifest
from everpost.platform.config import Settings
from everpost.platform.postgres import NotRunning, Postgres, PostgresError

commands = typer.Typer()
_console = Console(highlight=False, soft_wrap=True)


@commands.command()
def backup(target: Annotated[Path, typer.Argument(help="File to make, such as everpost.zip.")]) -> None:
    """Write all that the instance knows into one file, whether it runs or not."""
    if target.exists():
        raise PostgresError(f"{target} is there already; a backup replaces nothing.")
    settings = instance.settings_of_running()
    if settings.database_url is None and not (settings.data / "postgres").exists():
        raise NotRunning(f"There is no instance in {settings.data}. EVERPOST_DATA or --data names another folder.")
    with _explained(), _database(settings) as url:
        written = asyncio.run(backups.write(url, target))
    _console.print(f"{written.rows:,} rows of {len(written.tables)} tables are in {target}.")
    _console.print("It holds the contacts and the instance key: keep it where nobody else reads it.")


@commands.command()
def restore(
    source: Annotated[Path, typer.Argument(help="File that `everpost backup` made.", exists=True, dir_okay=False)],
    moved: Annotated[
        bool, typer.Option("--moved", help="Nothing was sent since the backup, so go on with what is due.")
    ] = False,
) -> None:
    """Make an instance from a backup, in a new data folder or an empty database."""
    logs.configure("restore")
    settings = instance.settings_of_running()
    if running.read(settings.data):
        raise PostgresError(f"An instance runs on {settings.data}. Stop it, or choose another folder with --data.")
    with _explained(), backups.opened(source) as (archive, manifest):
        backups.restore_key(archive, manifest)
        with _database(settings) as url:
            held = asyncio.run(_restore(url, archive, manifest, is_moved=moved))
        asyncio.run(backups.restore_files(archive))
    _console.print(f"{manifest.rows:,} rows are back, as they were on {manifest.taken_at:%Y-%m-%d at %H:%M:%S} UTC.")
    for line in _told(held):
        _console.print(line)


async def _restore(url: str, archive: ZipFile, manifest: Manifest, *, is_moved: bool) -> Held:
    conn = await db.connect_once(url)
    try:
        async with db.savepoint(conn):
            await backups.restore_tables(conn, archive, manifest)
            account_ids = [] if is_moved else await accounts.all_ids(conn)
            found = [await restored.hold_back(conn, account_id) for account_id in account_ids]
        # What the planner knows of the tables did not come along.
        await db.run(conn, "ANALYZE")
    finally:
        await conn.close()
    return Held(*(sum(getattr(held, name) for held in found) for name in Held.__struct_fields__))


def _told(held: Held) -> Iterator[str]:
    if held.sends:
        yield f"Sends that were under way and rest now: {held.sends}. Resume or cancel them: `everpost mailing list`."
    if held.failed:
        yield f"Sends that had only begun and have failed: {held.failed}. Schedule them again."
    if held.dates:
        yield f"Campaigns that were due since then and are not scheduled any more: {held.dates}."
    if held.resends:
        yield f"Resends that were due since then and are given up: {held.resends}."
    if held.automations:
        yield f"Automatic mails that are switched off now: {held.automations}. See `everpost automation list`."


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The database's address; an embedded server that does not run is started for the length of the block."""
    if settings.database_url:
        yield settings.database_url
        return
    postgres = Postgres(settings.data, settings.pg_bin)
    postgres.start()
    try:
        yield postgres.dsn()
    finally:
        postgres.stop()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        with instance.explained():
            yield
    except BadBackup as error:
        raise PostgresError(str(error)) from error
