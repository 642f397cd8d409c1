"""`everpost serve`: a web process, of the local instance or of one more node."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from everpost.cli import addresses, instance, running
from everpost.platform import launch
from everpost.platform.processes import Gate

# How long requests under way may take when the process is asked to stop.
_GRACE_SECONDS: Final = 5
# Python's 700 are a few dozen requests' worth, whose objects are in use still and would count as long-lived.
_NEW_OBJECTS_BEFORE_A_COLLECTION: Final = 20_000

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else EVERPOST_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else EVERPOST_PORT.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
) -> None:
    """Run a web process."""
    addresses.choose(host, port)
    settings = instance.find()
    addresses.require_free(settings)
    # Where processes are spawned and not forked, the server's children know only the environment.
    os.environ.update(running.as_environment(settings))
    server = Server(
        "everpost.app:create",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=processes,
        loop=Loops.uvloop,
        # HTTP/2 ends at the proxy; looking for its preface costs every connection a read.
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=_GRACE_SECONDS,
    )
    # Loaded here, where nothing runs yet: the server's children are forks of this process and find it loaded.
    import_module("everpost.app")
    Gate.wait()
    server.serve(target_loader=load, wrap_loader=False)


def load() -> Callable[..., Any]:
    """The application, made in the server's own child, which must not outlive it either."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        launch.die_with_parent(signal.SIGKILL, parent.pid)
    made: Callable[..., Any] = import_module("everpost.app").create()
    _calm_the_collector()
    return made


def _calm_the_collector() -> None:
    """What is loaded now stays until the end; looking through it for garbage again and again holds requests up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_BEFORE_A_COLLECTION)
