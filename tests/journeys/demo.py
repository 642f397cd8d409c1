"""A fresh instance with its demo account, as a journey starts from."""

import os
import signal
import tempfile
from pathlib import Path

from tests.support.instance import Instance, await_true

EMAIL = "demo@everpost.example"
PASSWORD = "a demo password"
_WORKER = "everpost work"


class DemoInstance(Instance):
    """`everpost up` in a folder of its own; settings by their names."""

    def __init__(self, **settings: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="everpost-journey-", ignore_cleanup_errors=True)
        Path(self._folder.name).chmod(0o755)  # PostgreSQL's own account must pass through it
        data = Path(self._folder.name) / "data"
        demo = {"data": str(data), "demo_email": EMAIL, "demo_password": PASSWORD, "log_level": "info"}
        environment = {f"EVERPOST_{name.upper()}": value for name, value in (demo | settings).items()}
        super().__init__(data, environment=environment)
        self.url = self.address

    def begin(self) -> None:
        self._environment["EVERPOST_PORT"] = str(self.port)  # type: ignore[index]
        super().begin()

    def stop(self) -> None:
        super().stop()
        self._folder.cleanup()

    def command(self, *arguments: str) -> str:
        """What a command prints."""
        done = self.run(*arguments)
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout.strip()

    def token(self, scope: str = "account_read account_update contact_data campaign_data") -> str:
        return self.command("token", "--scope", scope)

    def kill_worker(self) -> None:
        """`kill -9` of the worker, and wait until the supervisor has started another."""
        gone = self.pid_of(_WORKER)
        os.kill(gone, signal.SIGKILL)
        await_true(lambda: any(_WORKER in each for pid, each in self.processes().items() if pid != gone), 30)
