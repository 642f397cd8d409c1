"""Files that outlive a request: uploads that wait for a worker, results that wait to be fetched.

Names are made by the program from ids, like `imports/<account>/<activity>.csv`. They lie below `files` in the data
folder, which all nodes share. A file is there whole or not at all, and once `put` returns it survives a power cut.
"""

import asyncio
import contextlib
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from everpost.platform import config, logs
from everpost.platform.errors import Unavailable

_PIECE_BYTES: Final = 256 * 1024
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

log = logs.get(__name__)


async def put(name: str, content: bytes) -> None:
    """Store a file; one of that name is replaced. Raises: Unavailable, while the disk is full."""
    try:
        await asyncio.to_thread(_write, _path(name), content)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        log.error("no room for files", folder=str(root()), reason=error.strerror)  # noqa: TRY400 - it says all there is
        raise Unavailable from error


@contextlib.asynccontextmanager
async def create(name: str) -> AsyncIterator[BinaryIO]:
    """A file to be written, in a thread; it is stored when the block ends well, and else never was."""
    path = _path(name)
    temporary = await asyncio.to_thread(_begin, path)
    try:
        with temporary.open("wb") as file:
            yield file
        await asyncio.to_thread(_publish, temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_file(name: str) -> BinaryIO:
    """For reading, where it is needed: in a thread. Raises: FileNotFoundError."""
    return _path(name).open("rb")


def exists(name: str) -> bool:
    return _path(name).is_file()


def size_bytes(name: str) -> int:
    """Raises: FileNotFoundError."""
    return _path(name).stat().st_size


async def pieces(names: Sequence[str]) -> AsyncIterator[bytes]:
    """What several files hold, one after the other. Raises: FileNotFoundError."""
    for name in names:
        with await asyncio.to_thread(open_file, name) as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece


async def delete(name: str) -> None:
    """Delete a file; it may be gone already."""
    await asyncio.to_thread(_path(name).unlink, missing_ok=True)


async def delete_older(folder: str, than: datetime) -> int:
    """Delete what lies in a folder, subfolders included, and was last written before a moment; returns how many."""
    return await asyncio.to_thread(_delete_older, _path(folder), than.timestamp())


def root() -> Path:
    """The folder of all of them."""
    return config.current().data / "files"


def _path(name: str) -> Path:
    parts = Path(name).parts
    assert parts, name
    assert not Path(name).is_absolute(), name
    assert ".." not in parts, name
    return root().joinpath(*parts)


def _write(path: Path, content: bytes) -> None:
    temporary = _begin(path)
    try:
        temporary.write_bytes(content)
        _publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _begin(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    os.close(handle)
    return Path(name)


def _publish(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Without this the renaming itself may be lost, though the content is on disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_older(folder: Path, before_seconds: float) -> int:
    deleted = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < before_seconds:
                path.unlink()
                deleted += 1
    return deleted
