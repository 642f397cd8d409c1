"""ECharts, as `npm ci` has installed it. It draws what the tables of a page say; charts.js tells it how."""

from typing import Final

from everpost.platform.http import OpenDoors
from everpost.portal.npm_files import NpmFile

_PROGRAM: Final = NpmFile("echarts", "dist/echarts.common.min.js", place="echarts")

open_doors = OpenDoors()
_PROGRAM.add_to(open_doors)

address = _PROGRAM.address
