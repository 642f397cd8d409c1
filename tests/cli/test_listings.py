"""`everpost routes` and `everpost events`: they read the program, so they need no instance."""

import re
from pathlib import Path

from everpost import worker
from everpost.platform import events
from tests.support.instance import SOURCE, Instance


def test_each_path_leads_to_the_line_that_answers_it(tmp_path: Path) -> None:
    printed = Instance(tmp_path / "data").run("routes").stdout
    door = re.search(r"^GET +/healthz +(\S+):(\d+)$", printed, re.MULTILINE)
    assert door is not None
    lines = Path("/", door[1]).read_text().splitlines()
    assert "/healthz" in "\n".join(lines[int(door[2]) - 1 : int(door[2]) + 2])
    assert re.search(rf"^POST +/v3/contact_lists +{re.escape(str(SOURCE)[1:])}\S+:\d+$", printed, re.MULTILINE)


def test_each_fact_is_listed_with_its_publishers_and_jobs(tmp_path: Path) -> None:
    printed = Instance(tmp_path / "data").run("events").stdout
    assert re.search(r"^[\w.]+$\n  from \S+\.py:\d+$", printed, re.MULTILINE)
    worker.load_jobs()
    for fact, jobs in events.subscribers.items():
        listed = printed.partition(f"{fact}\n")[2].partition("\n\n")[0]
        # Other tests may have subscribed in this process, too.
        for job in (each for each in jobs if each.function.__module__.startswith("everpost.")):
            assert f"{job.function.__module__.replace('.', '/')}.py:" in listed
