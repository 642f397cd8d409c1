"""Swagger UI's program, as `npm ci` has installed it beside this module, served from here.

It brings the forms and the requests; how they look is ours. An installation without it loses only those forms.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from everpost.platform.errors import NotFound
from everpost.platform.http import Answer, OpenDoors, Request

_FOLDER: Final = Path(__file__).parent / "npm" / "node_modules" / "swagger-ui-dist"
_NAME: Final = "swagger-ui-bundle.js"
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_TYPE: Final = "text/javascript; charset=utf-8"

open_doors = OpenDoors()


@open_doors.get(f"/static/swagger-ui/{{version}}/{_NAME}")
async def send_program(version: str, request: Request) -> Answer:
    """Its version in the address lets browsers keep it."""
    if version != _version():
        raise NotFound
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Answer(_compressed(), headers={**_HEADERS, "Content-Encoding": "gzip"}, media_type=_TYPE)
    return Answer((_FOLDER / _NAME).read_bytes(), headers=_HEADERS, media_type=_TYPE)


def address() -> str | None:
    """Where the program is served; None where it is not installed."""
    version = _version()
    return f"/static/swagger-ui/{version}/{_NAME}" if version else None


@cache
def _version() -> str | None:
    try:
        package = (_FOLDER / "package.json").read_bytes()
    except OSError:
        return None
    return str(msgspec.json.decode(package)["version"])


@cache
def _compressed() -> bytes:
    """Its 1.7 megabytes as a third of that, once per process."""
    return gzip.compress((_FOLDER / _NAME).read_bytes(), mtime=0)
