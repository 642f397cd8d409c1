"""The Makefile's promises: `make serve` and nothing else, moved by PORT= and DATA=, stopped by Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instance import START_SECONDS, Instance, await_true

ROOT = Path(__file__).parents[2]

needs_setup = pytest.mark.skipif(not (ROOT / ".venv" / "ready").exists(), reason="Not set up by make: `make setup`.")


class Made(Instance):
    """An instance that `make serve` runs, in a session of its own as in a terminal."""

    def begin(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["make", "serve", f"PORT={self.port}", f"DATA={self.data}"],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Whoever runs the tests by `make -j` must not have this make take part in that.
                env={name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS|EVERPOST", name)},
            )

    def press_control_c(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = Made(tmp_path / "my data")
    made.start()
    yield made
    if made.is_alive():
        made.press_control_c()
        made.await_end()


@needs_setup
def test_make_serve_runs_everything_where_it_was_told_and_control_c_ends_it(made: Made) -> None:
    await_true(lambda: "Ctrl-C" in made.output())
    assert made.address in made.output()
    printed = re.search(r"Token +(.*)", made.output())
    assert printed is not None
    token = subprocess.check_output(printed[1], shell=True, text=True).strip()
    assert made.get("/v3/account/summary", token=token) == 200

    made.press_control_c()
    made.await_end()
    await_true(lambda: made.processes() == {})
    assert "unexpectedly" not in made.output()


@needs_setup
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ending_make_ends_everything(made: Made, number: signal.Signals) -> None:
    made.send(number)
    made.await_end()
    await_true(lambda: made.processes() == {}, START_SECONDS)


@pytest.fixture
def empty_project(tmp_path: Path) -> Path:
    """The Makefile beside a project that needs nothing, so that setting it up takes no network."""
    project = tmp_path / "my project"
    (project / "src").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", project)
    (project / "requirements.lock").touch()
    (project / "pyproject.toml").touch()
    return project


def test_setting_up_finds_a_python_that_runs(empty_project: Path) -> None:
    done = setup(empty_project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (empty_project / ".venv" / "bin" / "everpost").exists()
    again = setup(empty_project)
    assert "Setting up" not in again.stdout


def test_a_python_that_does_not_run_is_explained(empty_project: Path) -> None:
    done = setup(empty_project, "PYTHON=/bin/false")
    assert done.returncode == 2
    assert "needs Python 3.11 or later" in done.stderr
    assert "make PYTHON=/path/to/python3" in done.stderr


def test_python_can_be_chosen(empty_project: Path) -> None:
    done = setup(empty_project, f"PYTHON={sys.executable}")
    assert f"Setting up .venv with {sys.executable}" in done.stdout


def setup(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS|PYTHON", name)}
    return subprocess.run(
        ["make", "setup", *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
