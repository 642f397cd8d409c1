"""The README's tour works as it stands: every shell block after the start, run in order in one shell."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT
from tests.journeys.demo import EMAIL, DemoInstance


@pytest.fixture
def instance() -> Iterator[DemoInstance]:
    running = DemoInstance()
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_the_tour_of_the_readme_ends_with_a_report_of_two_sends(instance: DemoInstance) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    tour = readme.partition("## A tour in five minutes")[2].partition("## What it does today")[0]
    blocks = re.findall(r"```sh\n(.*?)```", tour, re.DOTALL)
    assert 5 == len(blocks)
    script = "shopt -s expand_aliases; set -eu\n" + "\n".join([*blocks[:4], "sleep 4", blocks[4]])
    script = script.replace("http://127.0.0.1:8080", instance.url)
    script = script.replace("$(.venv/bin/everpost token)", instance.token())
    done = subprocess.run(
        ["bash"], input=script, cwd=instance.data.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert EMAIL in done.stdout
    assert "Line 4: Invalid email address" in done.stdout
    assert {"zoe@reader.example", "sam@reader.example"} <= set(re.findall(r'"email_address":"([^"]+)"', done.stdout))
    assert '"sends":2' in done.stdout
