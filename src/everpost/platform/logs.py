"""Structured logs, one line per event, without personal data.

Rules: ids, never addresses, names, tokens or raw paths (links carry tokens); `request_id` joins the lines of a request.
"""

import logging
import sys
from typing import Any

import structlog

from everpost.platform import config


def get(name: str) -> Any:
    """A logger: `log.info("import finished", activity_id=...)`."""
    return structlog.get_logger(name)


def configure(process: str) -> None:
    """Set up logging for this process; lines go to standard error."""
    settings = config.current()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Rich tracebacks would print local variables, and with them people's data.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
    structlog.contextvars.bind_contextvars(process=process)
