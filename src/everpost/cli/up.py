"""`everpost up`: a whole instance in one command, which is what `make serve` runs."""

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from everpost.cli import addresses, running
from everpost.platform import config, launch
from everpost.platform.config import Settings
from everpost.platform.postgres import Postgres
from everpost.platform.processes import Gate, Program, Service, Supervisor, own_command

_MOST_WORKERS: Final = 8

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
    addresses.choose(host, port)
    settings = config.current()
    # Fixed here for every process of the instance, or tokens of one port would be strangers at another.
    settings = config.override(data=settings.data.absolute(), public_url=addresses.origin(settings))
    addresses.require_free(settings)
    database = None if settings.database_url else _Embedded(settings)
    if database:
        settings = config.override(database_url=database.postgres.dsn())
    web = _program("The web process", "serve")
    _prepare(database, web)
    services: list[Service] = [database, web] if database else [web]
    services.append(_program("The worker", "work", "--processes", str(_workers(settings))))
    if settings.inbound_smtp:
        services.append(_program("The mail receiver", "receive"))
    with running.recorded(settings):
        Supervisor(services, _say).run(lambda: addresses.health(settings) is not None, lambda: _announce(settings))


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


def _prepare(database: _Embedded | None, web: Program) -> None:
    """Start the database and bring it up to date, while the web process loads its modules; on failure, undo that."""
    gate = Gate()
    preparation = _program("Preparing the database", "prepare")
    started: list[Service] = [preparation, web]
    web.start(gate)
    try:
        if database:
            started.append(database)
            database.start()
        preparation.start()
        preparation.await_success()
    except BaseException:
        for service in started:
            service.kill()
            service.await_end()
        raise
    gate.open()


def _workers(settings: Settings) -> int:
    """Sending keeps a core busy, so each has a worker of its own; beyond a few, PostgreSQL needs the others."""
    return settings.workers or min(launch.cores(), _MOST_WORKERS)


def _program(name: str, *command: str) -> Program:
    return Program(name, own_command(*command), running.as_environment(config.current()))


def _say(text: str) -> None:
    _console.print(text, style="yellow", markup=False)


def _announce(settings: Settings) -> None:
    lines = {
        "Address": settings.origin,
        "Sign in": f"{settings.demo_email} with the password {settings.demo_password}",
        "Data": str(settings.data),
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
    script = Path(sys.executable).with_name("everpost")
    is_on_path = shutil.which("everpost") == str(script)
    words = ["everpost" if is_on_path else str(script), name]
    if config.current().data != Settings().data:
        words[1:1] = ["--data", str(config.current().data)]
    return shlex.join(words)
