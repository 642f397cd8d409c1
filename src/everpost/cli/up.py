"""`everpost up`: a whole instance in one command, which is what `make serve` runs; and `everpost migrate`."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from everpost.accounts import demo
from everpost.cli import addresses, instance
from everpost.contacts import provisioning
from everpost.platform import config, db, launch, logs, migrate
from everpost.platform.config import Settings
from everpost.platform.postgres import Postgres
from everpost.platform.processes import Program, Service, Supervisor, own_command

commands = typer.Typer()
_console = Console(stderr=True, highlight=False)


@commands.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else EVERPOST_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else EVERPOST_PORT.")] = None,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when the starting process ends.")] = False,
) -> None:
    """Start everything: PostgreSQL, migrations, the demo account, a web process and a worker."""
    if with_parent:
        launch.die_with_parent(signal.SIGTERM, os.getppid())
    # Until the supervisor takes over, both ways of stopping look the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs.configure("up")
    addresses.choose(host, port)
    settings = config.current()
    addresses.require_free(settings)
    services: list[Service] = []
    if not settings.database_url:
        database = _Embedded(settings)
        services.append(database)
        database.start()
        settings = config.override(database_url=database.postgres.dsn())
    try:
        asyncio.run(_prepare(settings))
    except BaseException:
        for service in services:
            service.await_end()
        raise
    environment = _environment(settings)
    services += [
        Program("The web process", own_command("serve"), environment),
        Program("The worker", own_command("work"), environment),
    ]
    Supervisor(services, _say).run(lambda: addresses.health(settings) is not None, lambda: _announce(settings))


@commands.command("migrate")
def migrate_database() -> None:
    """Bring the database's tables up to date."""
    logs.configure("migrate")
    settings = instance.find()
    assert settings.database_url is not None
    applied = asyncio.run(migrate.apply(settings.database_url))
    print("\n".join(applied) if applied else "The database is up to date.")


class _Embedded:
    """The embedded PostgreSQL as a service; when another instance on this folder runs it, we use and replace that."""

    name = "PostgreSQL"

    def __init__(self, settings: Settings) -> None:
        self.postgres = Postgres(settings.data, settings.pg_bin)

    def start(self) -> None:
        self.postgres.start()

    def is_alive(self) -> bool:
        return self.postgres.is_running_ours() if self.postgres.is_ours else self.postgres.is_running()

    def ask_to_stop(self) -> None:
        """Nothing: the others still write their last rows."""

    def await_end(self) -> None:
        self.postgres.stop()

    def kill(self) -> None:
        """Nothing: it needs no force, and every open transaction is rolled back anyway."""


async def _prepare(settings: Settings) -> None:
    assert settings.database_url is not None
    await migrate.apply(settings.database_url)
    database = await db.connect(settings.database_url, size=2)
    try:
        await demo.ensure(database, provisioning.provision)
    finally:
        await database.close()


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url is not None
    return {
        **os.environ,
        "EVERPOST_DATABASE_URL": settings.database_url,
        "EVERPOST_DATA": str(settings.data.absolute()),
    }


def _say(text: str) -> None:
    _console.print(text, style="yellow", markup=False)


def _announce(settings: Settings) -> None:
    lines = {
        "Address": settings.origin,
        "Sign in": f"{settings.demo_email} with the password {settings.demo_password}",
        "Data": str(settings.data.absolute()),
        "Token": _command("token"),
        "Stop": "Ctrl-C",
    }
    console = Console(highlight=False)
    console.print("\n[bold green]everpost is running[/bold green]\n")
    for label, value in lines.items():
        console.print(f"  [dim]{label:<9}[/dim] {escape(value)}", soft_wrap=True)
    console.print()
    sys.stdout.flush()


def _command(name: str) -> str:
    """How to call one of our commands from the caller's shell, for the instance that runs here."""
    script = Path(sys.argv[0])
    is_on_path = shutil.which("everpost") == str(script)
    words = ["everpost" if is_on_path else str(script), name]
    if config.current().data != Settings().data:
        words[1:1] = ["--data", str(config.current().data)]
    return shlex.join(words)
