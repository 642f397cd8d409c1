"""A whole instance in processes of its own, as people run it: `everpost up`, and commands beside it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import everpost
from everpost.platform.launch import Account

SOURCE = Path(everpost.__file__).parents[1]
START_SECONDS = 60


class Instance:
    """`everpost up` on a data folder and a port of its own."""

    def __init__(
        self,
        data: Path,
        *,
        environment: Mapping[str, str] | None = None,
        interpreter: Path = Path(sys.executable),
        modules: tuple[Path, ...] = (SOURCE,),
        account: Account | None = None,
    ) -> None:
        self.data = data
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}.log"
        self._interpreter = interpreter
        self._account = account
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")},
            "PYTHONPATH": os.pathsep.join(map(str, modules)),
            "EVERPOST_DATA": str(data),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers."""
        self.begin()
        await_true(lambda: self.get("/healthz") == 200 or not self.is_alive(), START_SECONDS)
        assert self.is_alive(), self.output()

    def begin(self) -> None:
        """Start it and do not wait."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command("up", "--port", str(self.port)),
                stdout=log,
                stderr=log,
                env=self._environment,
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
                cwd="/",
            )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def await_end(self, seconds: float = 20) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> None:
        """Ctrl-C, and force where that does not help."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """One of the other commands; it knows the data folder and nothing else."""
        return subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            env={**self._environment, **(environment or {})},
            cwd="/",
            timeout=60,
            check=False,
        )

    def start_node(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """One more process of this instance, such as `serve`; the caller ends it."""
        return subprocess.Popen(self._command(*arguments), env=self._environment, cwd="/")

    def get(self, path: str, token: str | None = None, port: int | None = None) -> int | None:
        """The status of the answer; None when nothing answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def processes(self) -> dict[int, str]:
        """Every living process of this instance and its command line, found by the environment or the folder they have."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
                works_here = os.fsencode(f"EVERPOST_DATA={self.data}\0") in environment
                is_server = (process / "cwd").samefile(self.data / "postgres")
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if (works_here or is_server) and command:
                found[int(process.name)] = command
        return found

    def pid_of(self, words: str) -> int:
        """The first process with these words in its command line."""
        return min(pid for pid, command in self.processes().items() if words in command)

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._interpreter), "-P", "-m", "everpost", *arguments]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def await_true(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not become true in time."
        time.sleep(0.05)
