"""A whole instance as an operator runs it: `everpost up` on a fresh data folder and a free port."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.architecture.sources import ROOT

EMAIL = "demo@everpost.example"
PASSWORD = "a demo password"


class Instance:
    """Start it, use its address and commands, kill its parts, stop it."""

    def __init__(self, **settings: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="everpost-instance-", ignore_cleanup_errors=True)
        self.data = Path(self._folder.name) / "data"
        Path(self._folder.name).chmod(0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(self._folder.name) / "log.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")}
        self.environment = kept | {
            "PYTHONPATH": str(ROOT / "src"),
            "EVERPOST_DATA": str(self.data),
            "EVERPOST_PORT": str(self.port),
            "EVERPOST_DEMO_EMAIL": EMAIL,
            "EVERPOST_DEMO_PASSWORD": PASSWORD,
            **{f"EVERPOST_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Instance":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command("up"), env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"everpost up ended:\n{self.log.read_text()}")
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"no answer within a minute:\n{self.log.read_text()}")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()

    def run(self, *arguments: str) -> str:
        """What one of everpost's commands prints."""
        done = subprocess.run(
            self._command(*arguments), env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"everpost {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def token(self, scope: str = "account_read account_update contact_data campaign_data") -> str:
        return self.run("token", "--scope", scope)

    def kill_worker(self) -> int:
        """`kill -9` of the worker process; the supervisor will start another. Returns the pid it had."""
        (pid,) = self.worker_pids()
        os.kill(pid, signal.SIGKILL)
        return pid

    def worker_pids(self) -> list[int]:
        return [pid for pid in self._children() if b"\0work" in _read(f"/proc/{pid}/cmdline")]

    def await_worker(self, *, other_than: int | None = None) -> None:
        deadline = time.monotonic() + 30
        while not [pid for pid in self.worker_pids() if pid != other_than]:
            assert time.monotonic() < deadline, "no worker within 30 s"
            time.sleep(0.05)

    def _children(self) -> list[int]:
        mine = f"EVERPOST_DATA={self.data}".encode()
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in pids if mine in _read(f"/proc/{pid}/environ").split(b"\0")]

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "everpost", *arguments]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
