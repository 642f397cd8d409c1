"""`everpost routes` and `everpost events`: where in the code a path is answered, and who reacts to a fact."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

import everpost
from everpost import app, worker
from everpost.platform import events
from everpost.platform.jobs import Job

commands = typer.Typer()

_PUBLISHES: Final = re.compile(r"publish\(\s*\w+,\s*\"([\w.]+)\"")


@commands.command()
def routes() -> None:
    """List every path that is answered, with the file and line of its door."""
    doors = sorted(app.all_doors(), key=lambda door: (door.path, door.method))
    width = max(len(door.path) for door in doors)
    for door in doors:
        print(f"{door.method:<6} {door.path:<{width}} {_from_here(door.source)}")


@commands.command("events")
def list_events() -> None:
    """List every fact, where it is published, and which jobs it causes."""
    app.all_doors()
    worker.load_jobs()
    published = dict.fromkeys(name for name, _ in _publications())
    for fact in sorted({*published, *events.subscribers}):
        print(fact)
        for name, source in _publications():
            if name == fact:
                print(f"  from {source}")
        for job in events.subscribers.get(fact, []):
            print(f"  to   {_source(job)}")


def _publications() -> Iterator[tuple[str, str]]:
    """Each fact with the line that publishes it, read from the source: publishers do not register."""
    for path in sorted(Path(everpost.__file__).parent.rglob("*.py")):
        if path.samefile(events.__file__):
            continue
        text = path.read_text("utf-8")
        for found in _PUBLISHES.finditer(text):
            yield found[1], _from_here(f"{path}:{text.count(chr(10), 0, found.start()) + 1}")


def _source(job: Job[Any]) -> str:
    code = inspect.unwrap(job.function).__code__
    return _from_here(f"{code.co_filename}:{code.co_firstlineno}")


def _from_here(source: str) -> str:
    """The path as an editor opens it from the working folder."""
    path = Path(source)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else source
