"""CPU time and memory of a process and everything below it, read from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system time that the processes of the tree have used so far, those that ended included."""
    return sum(_fields(pid)[0] for pid in tree(root)) / TICKS_PER_SECOND


def peak_megabytes(root: int) -> float:
    """The largest resident size that one process of the tree ever had."""
    return max((_kilobytes(pid, "status", "VmHWM") for pid in tree(root)), default=0) / 1024


def resident_megabytes(pid: int) -> float:
    """The resident size of one process, pages that it shares with others included."""
    return _kilobytes(pid, "status", "VmRSS") / 1024


def proportional_megabytes(root: int) -> float:
    """What the tree has in memory, shared pages counted once."""
    return sum(_kilobytes(pid, "smaps_rollup", "Pss") for pid in tree(root)) / 1024


def tree(root: int) -> Iterator[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            pid = int(folder.name)
            children.setdefault(_fields(pid)[1], []).append(pid)
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting.extend(children.get(pid, []))


def _fields(pid: int) -> tuple[int, int]:
    """Ticks used, by children that ended as well, and the parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return sum(map(int, fields[11:15])), int(fields[1])


def _kilobytes(pid: int, file: str, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)
