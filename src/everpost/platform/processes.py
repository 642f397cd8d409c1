"""Keep an instance's processes running: start them in order, start again what ends, stop all of them on a signal.

Rules:
- What ends is started again at once; if it ends soon after, with growing delays, and never given up.
- The first SIGINT, SIGTERM or SIGHUP asks everything to finish, last started first; a second one kills.
- Something that ends before the instance has answered once is an error of the start, and stops everything.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from everpost.platform import launch

STOP_SECONDS: Final = 12
# Of all forks together, so that they have ended before their parent's own time is over.
FORKS_STOP_SECONDS: Final = 10
LONGEST_DELAY_SECONDS: Final = 15.0
# A process that lived this long failed for a reason of its own: its next start does not wait.
HEALTHY_SECONDS: Final = 10

_TICK_SECONDS: Final = 1.0
_TICK_SECONDS_AT_START: Final = 0.03
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StartFailed(Exception):
    """Part of the instance ended before it was ready; what it printed says why."""


class Service(Protocol):
    """Something that runs beside us."""

    name: str

    def start(self) -> None: ...

    def is_alive(self) -> bool: ...

    def ask_to_stop(self) -> None: ...

    def await_end(self) -> None:
        """Return when it has ended, by force if need be."""

    def kill(self) -> None: ...


class Gate:
    """Holds a process back after it has loaded and before it begins, while what it needs is still being prepared."""

    _VARIABLE: Final = "EVERPOST_GATE"

    def __init__(self) -> None:
        self.handle, self._ours = os.pipe()
        self.environment = {self._VARIABLE: str(self.handle)}

    def open(self) -> None:
        """Let it begin."""
        os.close(self._ours)
        os.close(self.handle)

    @classmethod
    def wait(cls) -> None:
        """In the process: return when its gate is open, or at once when it has none."""
        handle = os.environ.pop(cls._VARIABLE, None)
        if handle is not None:
            # Nobody ever writes: what is read is the end, when the other side is closed.
            os.read(int(handle), 1)
            os.close(int(handle))


class Program:
    """A process that is asked to finish by SIGTERM; it gets that when we are killed, too."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, gate: Gate | None = None) -> None:
        self._process = launch.start(
            self._command,
            dying=signal.SIGTERM,
            handles=[gate.handle] if gate else [],
            environment={**self._environment, **(gate.environment if gate else {})},
        )

    def await_success(self) -> None:
        """For a program that ends by itself. Raises: StartFailed."""
        assert self._process is not None
        if self._process.wait() != 0:
            raise StartFailed(f"{self.name} failed.")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        self._send(signal.SIGTERM)

    def await_end(self) -> None:
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
            return
        self.kill()
        self._process.wait()

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class Fork:
    """A copy of this process that does one piece of work: what was loaded before the copy, all copies share.

    For a process that has neither threads nor an event loop.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self._work = work
        self._process: BaseProcess | None = None
        self._ends_at = 0.0

    def start(self) -> None:
        self._process = get_context("fork").Process(target=_as_fork, args=(self._work, os.getpid()), name=self.name)
        # A signal that comes before the copy has forgotten our way of handling it waits until then.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def ask_to_stop(self) -> None:
        self._ends_at = time.monotonic() + FORKS_STOP_SECONDS
        if self._process is not None:
            self._process.terminate()

    def await_end(self) -> None:
        if self._process is not None:
            self._process.join(max(self._ends_at - time.monotonic(), 0))
            self._process.kill()
            self._process.join()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


def _as_fork(work: Callable[[], None], parent: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (*_STOPPING, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    launch.die_with_parent(signal.SIGTERM, parent)
    work()


def own_command(*arguments: str) -> list[str]:
    """The command line of one of everpost's own commands."""
    # -P keeps the working folder out of the module path: people start us from anywhere.
    return [sys.executable, "-P", "-m", "everpost", *arguments]


class _Watched:
    """A service and how it has fared."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.failures = 0
        self._started_at = 0.0
        self._due_at: float | None = None

    def start(self) -> None:
        self._started_at = time.monotonic()
        self._due_at = None
        self.service.start()

    def keep_alive(self, say: Callable[[str], None]) -> None:
        """Start it again when it has ended and its time has come. A start that fails counts as one more end."""
        if self._due_at is None:
            if self.service.is_alive():
                return
            delay = self._delay_seconds()
            self._due_at = time.monotonic() + delay
            say(f"{self.service.name} ended unexpectedly; starting it again" + (f" in {delay:g} s" if delay else ""))
        if time.monotonic() >= self._due_at:
            try:
                self.start()
            except Exception as error:
                # Whatever it was may pass (a full disk, a port still in use), and giving up would not help anybody.
                say(f"{self.service.name} did not start: {error}")

    def seconds_until_due(self) -> float:
        return _TICK_SECONDS if self._due_at is None else max(self._due_at - time.monotonic(), 0)

    def _delay_seconds(self) -> float:
        lived = time.monotonic() - self._started_at
        self.failures = 1 if lived > HEALTHY_SECONDS else self.failures + 1
        return 0.0 if self.failures == 1 else min(0.5 * 2 ** (self.failures - 2), LONGEST_DELAY_SECONDS)


class Supervisor:
    """Runs services until a signal says otherwise. For the main thread, as only that may handle signals."""

    def __init__(self, services: Sequence[Service], say: Callable[[str], None]) -> None:
        self._watched = [_Watched(service) for service in services]
        self._say = say
        self._signals = 0

    def run(self, is_ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Start all that is not alive yet, `announce` once `is_ready`, and return when everything has stopped.

        Raises: StartFailed.
        """
        bell, ringer = os.pipe()
        for end in (bell, ringer):
            os.set_blocking(end, False)
        # A signal rings even when it comes just before we fall asleep, which a plain flag would miss.
        signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, lambda *_: self._on_stopping())
        # It does nothing, but it rings: what ended is seen at once.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._start(bell, is_ready)
            if not self._signals:
                announce()
            self._watch(bell)
        finally:
            self._stop()
            signal.set_wakeup_fd(-1)

    def _start(self, bell: int, is_ready: Callable[[], bool]) -> None:
        for watched in self._watched:
            if not watched.service.is_alive():
                watched.start()
        while not self._signals and not is_ready():
            for watched in self._watched:
                if not watched.service.is_alive():
                    raise StartFailed(f"{watched.service.name} ended while the instance started.")
            _sleep(bell, _TICK_SECONDS_AT_START)

    def _watch(self, bell: int) -> None:
        while not self._signals:
            for watched in self._watched:
                watched.keep_alive(self._say)
            _sleep(bell, min(watched.seconds_until_due() for watched in self._watched))

    def _stop(self) -> None:
        services = [watched.service for watched in reversed(self._watched)]
        for service in services:
            service.ask_to_stop()
        for service in services:
            service.await_end()

    def _on_stopping(self) -> None:
        self._signals += 1
        if self._signals > 1:
            for watched in self._watched:
                watched.service.kill()


def _sleep(bell: int, seconds: float) -> None:
    """Until a signal rings, at most `seconds`."""
    select.select([bell], [], [], seconds)
    with suppress(BlockingIOError):
        os.read(bell, 4096)
