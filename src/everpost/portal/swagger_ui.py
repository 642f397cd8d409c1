"""Swagger UI's program, as `npm ci` has installed it. It brings the forms and the requests; how they look is ours."""

from typing import Final

from everpost.platform.http import OpenDoors
from everpost.portal.npm_files import NpmFile

_PROGRAM: Final = NpmFile("swagger-ui-dist", "swagger-ui-bundle.js", place="swagger-ui")

open_doors = OpenDoors()
_PROGRAM.add_to(open_doors)

address = _PROGRAM.address
