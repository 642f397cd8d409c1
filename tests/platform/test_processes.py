"""The supervisor, with real processes: it starts, watches, restarts and stops them, and they die with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from everpost.platform import processes

SOURCE = Path(processes.__file__).parents[2]

# Two services, each `python -c SERVICE name folder`; they note their starts and how they ended in files of the folder.
SUPERVISE = """
import os, sys
from pathlib import Path
from functools import partial
from everpost.platform.processes import Fork, Program, StartFailed, Supervisor
kind, folder, service, *names = sys.argv[1:]
def run(name):
    sys.argv[1:] = [name, folder]
    exec(service, {})
if kind == "Fork":
    programs = [Fork(name, partial(run, name)) for name in names]
else:
    programs = [Program(name, [sys.executable, "-c", service, name, folder], os.environ) for name in names]
notes = [Path(folder, name + ".started") for name in names]
is_ready = lambda: all(note.exists() and note.stat().st_size for note in notes)
try:
    Supervisor(programs, lambda text: print(text, flush=True)).run(is_ready, lambda: print("ready", flush=True))
except StartFailed as error:
    sys.exit(str(error))
print("stopped", flush=True)
"""

SERVICE = """
import os, signal, sys, time
from pathlib import Path
name, folder = sys.argv[1:]
def note(what):
    with Path(folder, name + what).open("a") as file:
        file.write(f"{os.getpid()}\\n")
def finish(*_):
    note(".finished")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "stubborn" else finish)
signal.signal(signal.SIGINT, lambda *_: note(".interrupted"))
if name == "broken":
    sys.exit(3)
note(".started")
while True:
    time.sleep(1)
"""


both_kinds = pytest.mark.parametrize("kind", ["Program", "Fork"])


class Supervised:
    """A supervisor in a process of its own, and what its services noted."""

    def __init__(self, kind: str, folder: Path, *names: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, kind, folder, SERVICE, *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def pids(self, name: str, what: str = "started") -> list[int]:
        notes = self.folder / f"{name}.{what}"
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    running: list[Supervised] = []

    def start(*names: str, kind: str = "Program") -> Supervised:
        running.append(Supervised(kind, tmp_path, *names))
        return running[-1]

    yield start
    for supervised in running:
        supervised.process.kill()
        supervised.process.communicate()


@pytest.mark.parametrize(
    ("kind", "number"),
    [("Program", signal.SIGINT), ("Program", signal.SIGTERM), ("Program", signal.SIGHUP), ("Fork", signal.SIGTERM)],
)
def test_a_signal_lets_everything_finish(
    supervise: Callable[..., Supervised], kind: str, number: signal.Signals
) -> None:
    supervised = supervise("web", "worker", kind=kind)
    assert supervised.line() == "ready"
    supervised.process.send_signal(number)
    assert supervised.line() == "stopped"
    assert supervised.process.wait(5) == 0
    assert supervised.pids("web") == supervised.pids("web", "finished")
    assert supervised.pids("worker") == supervised.pids("worker", "finished")


def test_a_terminals_interrupt_reaches_only_the_supervisor(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise("web")
    assert supervised.line() == "ready"
    assert os.getpgid(supervised.pids("web")[0]) != os.getpgid(supervised.process.pid)


@both_kinds
def test_what_dies_is_started_again(supervise: Callable[..., Supervised], kind: str) -> None:
    supervised = supervise("web", "worker", kind=kind)
    assert supervised.line() == "ready"
    os.kill(supervised.pids("worker")[0], signal.SIGKILL)
    assert "worker ended unexpectedly" in supervised.line()
    await_true(lambda: len(supervised.pids("worker")) == 2)
    assert len(supervised.pids("web")) == 1
    supervised.process.terminate()
    assert supervised.line() == "stopped"
    assert supervised.pids("worker", "finished") == supervised.pids("worker")[1:]


def test_what_dies_again_and_again_waits_longer(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise("web")
    assert supervised.line() == "ready"
    said = []
    for times in range(1, 4):
        await_true(lambda times=times: len(supervised.pids("web")) == times)  # type: ignore[misc]
        os.kill(supervised.pids("web")[-1], signal.SIGKILL)
        said.append(supervised.line())
    again = "web ended unexpectedly; starting it again"
    assert said == [again, f"{again} in 0.5 s", f"{again} in 1 s"]


@both_kinds
def test_killing_the_supervisor_leaves_nothing_behind(supervise: Callable[..., Supervised], kind: str) -> None:
    supervised = supervise("web", "worker", kind=kind)
    assert supervised.line() == "ready"
    supervised.process.kill()
    await_true(lambda: not any(is_alive(pid) for pid in supervised.pids("web") + supervised.pids("worker")))
    assert supervised.pids("web", "finished") == supervised.pids("web")


@both_kinds
def test_a_second_signal_kills_what_does_not_finish(supervise: Callable[..., Supervised], kind: str) -> None:
    supervised = supervise("stubborn", kind=kind)
    assert supervised.line() == "ready"
    supervised.process.terminate()
    time.sleep(0.3)
    assert supervised.process.poll() is None
    supervised.process.terminate()
    assert supervised.line() == "stopped"
    assert supervised.process.wait(5) == 0


def test_what_ends_before_everything_is_ready_stops_the_start(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise("web", "broken")
    _, said = supervised.process.communicate(timeout=10)
    assert "broken ended while the instance started." in said
    assert supervised.process.returncode == 1
    assert not any(is_alive(pid) for pid in supervised.pids("web"))


def is_alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_true(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not become true in time."
        time.sleep(0.02)
