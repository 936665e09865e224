"""Structured logs: one event a line, with ids bound once per request or job."""

import logging
import sys
from typing import Any

import structlog

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def configure(*, json_lines: bool, level: str = "info") -> None:
    """Write events to stderr: JSON for machines, one readable line each on a terminal."""
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
