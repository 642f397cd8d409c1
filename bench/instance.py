"""What every bench stands on: a data folder of its own, the embedded PostgreSQL in it, and how a result is worded."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from everpost.platform.postgres import Postgres


@dataclass(frozen=True)
class Instance:
    """Where everything is; `postmaster` is the process below which PostgreSQL's CPU time is counted."""

    data: Path
    url: str
    postmaster: int


@contextmanager
def embedded() -> Iterator[Instance]:
    """An empty instance, to which this process's settings and those of its children lead; gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    # As root the server runs as somebody else, who must find the way to its files.
    data.chmod(0o755)
    postgres = Postgres(data)
    try:
        postgres.start()
        os.environ.update(EVERPOST_DATA=str(data), EVERPOST_DATABASE_URL=postgres.dsn())
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        yield Instance(data, postgres.dsn(), postmaster)
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def machine() -> str:
    """What else went on: other programs may share the machine."""
    return f"load of the machine {os.getloadavg()[0]:.1f}"


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "MISSED"
