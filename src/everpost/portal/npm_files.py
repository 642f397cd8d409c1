"""Programs that `npm ci` has installed beside this module, served from here.

An installation without them loses only what they add: every page can be read without scripts.
"""

import gzip
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from everpost.platform.errors import NotFound
from everpost.platform.http import Answer, OpenDoors, Request

_FOLDER: Final = Path(__file__).parent / "npm" / "node_modules"
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_TYPE: Final = "text/javascript; charset=utf-8"


class NpmFile:
    """One script of a package; the package's version in its address lets browsers keep it."""

    def __init__(self, package: str, path: str, *, place: str) -> None:
        self._folder = _FOLDER / package
        self._path = path
        self._prefix = f"/static/{place}"
        self._name = Path(path).name

    def add_to(self, doors: OpenDoors) -> None:
        @doors.get(f"{self._prefix}/{{version}}/{self._name}")
        async def send_program(version: str, request: Request) -> Answer:
            return self._answer(version, request.headers.get("accept-encoding", ""))

    def address(self) -> str | None:
        """Where it is served; None where it is not installed."""
        return f"{self._prefix}/{self._version}/{self._name}" if self._version else None

    def _answer(self, version: str, encodings: str) -> Answer:
        if version != self._version:
            raise NotFound
        if "gzip" in encodings:
            return Answer(self._compressed, headers={**_HEADERS, "Content-Encoding": "gzip"}, media_type=_TYPE)
        return Answer((self._folder / self._path).read_bytes(), headers=_HEADERS, media_type=_TYPE)

    @cached_property
    def _version(self) -> str | None:
        try:
            package = (self._folder / "package.json").read_bytes()
        except OSError:
            return None
        return str(msgspec.json.decode(package)["version"])

    @cached_property
    def _compressed(self) -> bytes:
        """A megabyte becomes a third of that, once per process."""
        return gzip.compress((self._folder / self._path).read_bytes(), mtime=0)
