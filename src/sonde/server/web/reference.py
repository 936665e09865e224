"""`/docs` and `/openapi.json`: the API for people and for programs."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call
from sonde.server.openapi import written
from sonde.server.web.model import File, View, Visitor

Described = Callable[[], Mapping[str, Any]]


def page(described: Described, db: Database, visitor: Visitor, call: Call) -> View:
    """The description as a page; it needs no script."""
    del db, visitor, call
    return View("reference.html", {"api": described(), "nav": "/docs"})


def openapi(described: Described, db: Database, visitor: Visitor, call: Call) -> File:
    """The description as it is committed."""
    del db, visitor, call
    return File(written(described()), "application/json")
