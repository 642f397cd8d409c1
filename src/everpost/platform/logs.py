"""Structured logs, one line per event, without personal data.

Rules: ids, never addresses, names, tokens or raw paths (links carry tokens); `request_id` joins the lines of a request.
Of an exception the log tells where it happened and of which kind it is, not its message: messages quote the values
that did not fit. Only at level `debug`, which is for a developer's own machine, messages are shown.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TypeAlias

import structlog

from everpost.platform import config

_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def get(name: str) -> Any:
    """A logger: `log.info("import finished", activity_id=...)`."""
    return structlog.get_logger(name)


def configure(process: str) -> None:
    """Set up logging for this process; lines go to standard error."""
    settings = config.current()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    # The pool tells every failed try to connect, with its stack; who needed the connection tells it once.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _describe_exception,
            renderer,
        ],
    )
    structlog.contextvars.bind_contextvars(process=process)


def _describe(error: BaseException) -> str:
    """Where it was raised and what it is, and the same of what caused it."""
    if config.current().log_level == "debug":
        return "".join(traceback.format_exception(error)).rstrip()
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_describe(cause)}\n\nwhich led to\n\n" if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{_kind(error)}"


class _Formatter(logging.Formatter):
    """For what the libraries log."""

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 -- the library's name
        return "" if ei[1] is None else _describe(ei[1])


def _kind(error: BaseException) -> str:
    kind = type(error)
    # The database's code and the name of a constraint say what was wrong, without the row that was.
    known = [getattr(error, name, None) for name in ("sqlstate", "constraint_name")]
    if isinstance(error, OSError) and error.strerror:
        known.append(error.strerror)
    details = ", ".join(str(each) for each in known if each)
    return f"{kind.__module__}.{kind.__qualname__}" + (f" ({details})" if details else "")


def _describe_exception(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raised = event.pop("exc_info", None)
    error = sys.exc_info()[1] if raised is True else raised
    if isinstance(error, BaseException):
        event["exception"] = _describe(error)
    return event
