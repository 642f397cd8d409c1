"""Files are there whole or not at all."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from everpost.platform import clock, config, storage
from everpost.platform.errors import Unavailable


async def test_a_file_is_put_read_replaced_and_deleted(settings: config.Settings):
    await storage.put("others/a/b", b"one")
    await storage.put("others/a/b", b"three")
    with storage.open_file("others/a/b") as file:
        assert file.read() == b"three"
    assert storage.size_bytes("others/a/b") == 5
    await storage.delete("others/a/b")
    await storage.delete("others/a/b")
    with pytest.raises(FileNotFoundError):
        storage.open_file("others/a/b")


async def test_a_write_that_fails_leaves_what_was_there(settings: config.Settings):
    await storage.put("things/kept", b"old")
    with pytest.raises(TypeError):
        await storage.put("things/kept", "text")  # type: ignore[arg-type]
    with storage.open_file("things/kept") as file:
        assert file.read() == b"old"
    assert [path.name for path in _folder(settings).iterdir()] == ["kept"]


async def test_a_full_disk_is_told_as_something_that_passes(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storage.put("things/kept", b"old")

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(Unavailable):
        await storage.put("things/more", b"new")
    assert [path.name for path in _folder(settings).iterdir()] == ["kept"]


async def test_names_stay_in_their_folder(settings: config.Settings):
    for name in ("../outside", "/etc/passwd", "", "a/../../b"):
        with pytest.raises(AssertionError):
            await storage.put(name, b"")


async def test_what_is_older_is_deleted(settings: config.Settings):
    await storage.put("things/kept", b"")
    assert await storage.delete_older("things", clock.now() - timedelta(hours=1)) == 0
    assert await storage.delete_older("things", clock.now() + timedelta(hours=1)) == 1
    assert list(_folder(settings).iterdir()) == []


def _folder(settings: config.Settings) -> Path:
    return settings.data / "files" / "things"


async def test_several_files_are_read_as_one_piece_by_piece(settings: config.Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storage, "_PIECE_BYTES", 2)
    await storage.put("parts/a", b"abc")
    await storage.put("parts/b", b"")
    await storage.put("parts/c", b"d")
    assert [b"ab", b"c", b"d"] == [piece async for piece in storage.pieces(["parts/a", "parts/b", "parts/c"])]
    with pytest.raises(FileNotFoundError):
        await anext(storage.pieces(["parts/missing"]))
