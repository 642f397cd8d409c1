"""`everpost work`: a worker process, of the local instance or of one more node."""

import typer
import uvloop

from everpost import worker
from everpost.cli import instance

commands = typer.Typer()


@commands.callback()
def _several() -> None:
    """Keeps a single command a subcommand."""


@commands.command()
def work() -> None:
    """Run a worker process: imports, sending, everything that outlives a request."""
    uvloop.run(worker.main(instance.find()))
