"""CPU time and memory of a process and everything below it, read from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system time that the living processes of the tree have used so far."""
    return sum(_fields(pid)[0] for pid in _tree(root)) / TICKS_PER_SECOND


def peak_megabytes(root: int) -> float:
    """The largest resident size that one process of the tree ever had."""
    return max((_peak_kilobytes(pid) for pid in _tree(root)), default=0) / 1024


def _tree(root: int) -> Iterator[int]:
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
    """Ticks used, and the parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]) + int(fields[12]), int(fields[1])


def _peak_kilobytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
