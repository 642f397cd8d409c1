"""What every test stands on: one embedded PostgreSQL for the whole run, and a database per worker cloned from a template."""

import os

import pytest

pytest_plugins = ("tests.support.fixtures",)


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
