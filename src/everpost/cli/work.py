"""`everpost work`: worker processes, of the local instance or of one more node."""

import gc
import sys
from functools import partial
from typing import Annotated

import typer
import uvloop

from everpost import worker
from everpost.cli import instance
from everpost.platform.config import Settings
from everpost.platform.processes import Fork, Supervisor

commands = typer.Typer()


@commands.command()
def work(
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the work.")] = 1,
) -> None:
    """Run a worker process: imports, sending, everything that outlives a request."""
    settings = instance.find()
    instance.require_tables()
    # Loaded here, where nothing runs yet: workers that are forks of this process find it loaded.
    worker.load_jobs()
    # Whoever looks through these objects for garbage also writes to them, and what is written is shared no more.
    gc.collect()
    gc.freeze()
    if processes == 1:
        _run(settings)
        return
    workers = [Fork(f"Worker {number}", partial(_run, settings)) for number in range(1, processes + 1)]
    Supervisor(workers, _say).run(is_ready=lambda: True, announce=lambda: None)


def _run(settings: Settings) -> None:
    uvloop.run(worker.main(settings))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
