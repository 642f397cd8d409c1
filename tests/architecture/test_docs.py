"""The reference is written from the program, so it cannot drift: every setting, command, endpoint, error and fact."""

import subprocess
import sys

from tests.architecture.sources import ROOT


def test_the_reference_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, f"run `make docs`: {done.stdout}{done.stderr}"
