"""What a page handler is given and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call


@dataclass(frozen=True)
class Visitor:
    """Who opened a page. Until there are accounts (decisions.md, ruling 15) it is whoever had the sign-in link."""

    session_id: str
    name: str = "a signed-in member"


@dataclass(frozen=True)
class View:
    """A page: `template` below `templates/`, rendered with `data`, which holds `now` (the database's clock)."""

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Goto:
    """After a write: the browser gets `path` with a GET (303)."""

    path: str


@dataclass(frozen=True)
class File:
    """An answer that is no page: text of another media type."""

    text: str
    media_type: str


PageHandler = Callable[[Database, Visitor, Call], View | Goto | File]


def missing(what: str, now: int) -> View:
    """The 404 page; `what` is a sentence that says what there is none of, and the next step."""
    return View("missing.html", {"what": what, "now": now}, 404)


def form(call: Call) -> Mapping[str, str]:
    """The fields of a posted form, the first value of each."""
    fields = parse_qs(call.body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def whole(text: str) -> int | None:
    """A whole number of a path or query; None for anything that is none or that no database column holds."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None
