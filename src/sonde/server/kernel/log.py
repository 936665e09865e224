"""Structured logs: one event a line, with ids bound once per request or job."""

import json
import logging
import re
import sys
from typing import Any

import msgspec
import structlog


def traced(trace_id: str) -> None:
    """From here on every line of this request carries its id, and nothing of the request before."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(trace_id=trace_id)


def retraced(trace_id: str) -> None:
    """The same on the event loop outside any task, where nothing but an id is ever bound: cheaper, and of each hot request."""
    structlog.contextvars.bind_contextvars(trace_id=trace_id)


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


LOGGED = 500  # characters of a text that a client may have chosen


def refused(status: int, tag: str, because: str, *, trace_id: str, request: str, crash: str = "") -> None:
    """Log a refusal under the trace id that its client prints, so that whoever is shown one can look up why.

    `crash` is the trace id of the lines that another process of ours wrote about it.
    """
    facts = {"status": status, "tag": str(tag), "because": because[:LOGGED], "request": request[:LOGGED]}
    facts |= {"crash": crash} if crash else {}
    log.info("request.refused", **facts, trace_id=trace_id)


# The second wall (reliability.md T15): nothing logs a secret, but a library's message may carry one.
_SECRET = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.[\w-]+|sonde_[\w-]{43}|(?i:bearer)\s+[^\s'\",]+")
_ROW = re.compile(
    r"^DETAIL:.*?(?=^HINT:|^CONTEXT:|^\[SQL|^\(Background|^The above|^During handling|\Z)", re.MULTILINE | re.DOTALL
)

_SUSPECT = re.compile(r"eyJ|sonde_|DETAIL:|(?i:bearer)")  # one look; nearly no text needs the others


def scrub(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Take tokens, and the rows that PostgreSQL quotes in its DETAIL, out of an event's texts."""
    for name, value in event.items():
        if isinstance(value, str) and _SUSPECT.search(value):
            event[name] = _ROW.sub("DETAIL: (a row, hidden)\n", _SECRET.sub("(hidden)", value))
    return event


def _json(event: structlog.typing.EventDict, **_: Any) -> str:
    try:
        return _ENCODER.encode(event).decode()
    except ValueError:  # a text with half a surrogate pair, which only escapes can carry
        return json.dumps(event, default=repr)


_ENCODER = msgspec.json.Encoder(enc_hook=repr)


def configure(*, json_lines: bool, level: str = "info") -> None:
    """Write events to stderr: JSON for machines, one readable line each on a terminal."""
    renderer: Any = (
        structlog.processors.JSONRenderer(_json) if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
