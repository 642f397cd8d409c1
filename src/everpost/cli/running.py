"""What a running instance tells other commands: its settings, in `running.json` in the data folder.

`everpost up` holds a lock on that file, so that commands started anywhere else know its port, its public address and
its database, and a killed instance's file counts no more.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from everpost.platform.config import PREFIX, Settings

FILE = "running.json"


@contextmanager
def recorded(settings: Settings) -> Iterator[None]:
    """Let other commands find these settings while the block runs; a second instance on the folder changes nothing."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data / FILE
    # It may hold passwords, so nobody else reads it.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _may_lock(handle):
        os.truncate(handle, 0)
        os.write(handle, json.dumps(_variables(settings), indent=2).encode())
    try:
        yield
    finally:
        os.close(handle)


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process with these settings."""
    return {**os.environ, **_variables(settings)}


def read(data: Path) -> dict[str, str]:
    """The variables of the instance that runs on this data folder; none when nothing runs."""
    try:
        handle = os.open(data / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(handle) as file:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            found: dict[str, str] = json.loads(file.read() or "{}")
            return found
        return {}


def _may_lock(handle: int) -> bool:
    for _ in range(20):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another instance, or only a command that looks whether there is one.
            time.sleep(0.01)
        else:
            return True
    return False


def _variables(settings: Settings) -> dict[str, str]:
    values = msgspec.to_builtins(settings, enc_hook=str)
    return {PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}
