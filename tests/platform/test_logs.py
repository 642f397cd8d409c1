"""What the log tells of a failure: where and of which kind, and nothing of the people it was about."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from everpost.platform import config, logs
from everpost.platform.db import Db, Taken, run


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, settings: config.Settings) -> Iterator[io.StringIO]:
    """Everything logged from here on, as an operator sees it."""
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    root = logging.getLogger()
    handlers, level, root.handlers = root.handlers, root.level, []
    config.override(log_format="json")
    logs.configure("test")
    yield text
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def _fail_on_a_row(db: Db) -> None:
    async with db.transaction() as conn:
        for _ in range(2):
            await run(conn, "INSERT INTO recurring_tasks VALUES ('ann@example.com', now())")


async def test_an_exception_is_told_without_the_values_in_its_message(db: Db, written: io.StringIO) -> None:
    try:
        await _fail_on_a_row(db)
    except Taken:
        logs.get("a").exception("request failed", request_id="7")
        logging.getLogger("library").exception("task failed")
    assert "ann@example.com" not in written.getvalue().replace("VALUES ('ann@example.com'", "")
    assert 2 == written.getvalue().count("UniqueViolationError (23505, recurring_tasks_pkey)")
    assert "in _fail_on_a_row" in written.getvalue()


async def test_causes_are_told_and_messages_of_the_system_stay(written: io.StringIO) -> None:
    name = "ann".upper()
    try:
        try:
            int(name)
        except ValueError as error:
            raise OSError(28, "No space left on device", name) from error
    except OSError:
        logs.get("a").warning("disk", exc_info=True)
    text = written.getvalue()
    assert name not in text
    assert text.index("builtins.ValueError") < text.index("builtins.OSError (No space left on device)")
