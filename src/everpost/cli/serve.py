"""`everpost serve`: a web process, of the local instance or of one more node."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from everpost.cli import addresses, instance
from everpost.platform.config import Settings
from everpost.platform.processes import Fork, Gate, Supervisor

# Python's 700 are a few dozen requests' worth, whose objects are in use still and would count as long-lived.
_NEW_OBJECTS_BEFORE_A_COLLECTION: Final = 20_000

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else EVERPOST_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else EVERPOST_PORT.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
) -> None:
    """Run a web process."""
    addresses.choose(host, port)
    settings = instance.find()
    addresses.require_free(settings)
    # Loaded here, where nothing runs yet: processes that are forks of this one find it loaded.
    import_module("everpost.app")
    _calm_the_collector()
    Gate.wait()
    instance.require_tables()
    if processes == 1:
        _run(settings)
        return
    run = partial(_run, settings, is_shared=True)
    forks = [Fork(f"Web process {number}", run) for number in range(1, processes + 1)]
    Supervisor(forks, _say).run(is_ready=lambda: True, announce=lambda: None)


def load() -> Callable[..., Any]:
    """The application, as it is served."""
    made: Callable[..., Any] = import_module("everpost.app").create()
    _calm_the_collector()
    return made


def _run(settings: Settings, *, is_shared: bool = False) -> None:
    # The server is not needed until everything else is loaded, and by no other command.
    server = import_module("everpost.platform.server")
    server.run(load(), server.listen(settings.host, settings.port, is_shared=is_shared))


def _calm_the_collector() -> None:
    """What is loaded now stays until the end; looking through it for garbage again and again holds requests up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_BEFORE_A_COLLECTION)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
