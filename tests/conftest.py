"""What every test stands on: one embedded PostgreSQL for the whole run, and a database per worker cloned from a template."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.support.fixtures",)

# What is drawn at random is the same in every run, and may take its time on a busy machine.
settings.register_profile(
    "everpost",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("everpost")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once, in the process that hands out the tests; workers find it through the environment."""
    if hasattr(config, "workerinput") or "EVERPOST_TEST_SERVER" in os.environ:
        return
    from tests.support import server

    server.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    from tests.support import server

    server.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per reason why tests were skipped, whatever their number."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(details[2].removeprefix("Skipped: ") for details in skipped if isinstance(details, tuple))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"Skipped {count}: {reason}")
