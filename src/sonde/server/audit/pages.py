"""`/audit`: who changed what."""

import json

from sonde.server.audit import store
from sonde.server.audit.model import Row
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call
from sonde.server.web.model import View, Visitor, whole

LISTED = 100
CATEGORIES = (
    "",
    "workspace",
    "github",
    "permission",
    "token",
    "session",
    "key",
    "lock",
    "commit",
    "sts",
    "pull_request",
    "auth",
    "audit",
)


def audit(db: Database, visitor: Visitor, call: Call) -> View:
    """The newest rows of all workspaces; `?category=` chooses, `?before=` (milliseconds) goes on where a page ended."""
    del visitor
    asked = call.query.get("category", "")
    chosen = asked if asked in CATEGORIES else ""
    with db.read() as tx:
        rows = store.newest(tx, None, chosen, LISTED, before=whole(call.query.get("before", "")))
        data = {
            "rows": [(row, _about(row)) for row in rows],
            "categories": CATEGORIES,
            "chosen": chosen,
            "older": rows[-1].at if len(rows) == LISTED else None,
        }
        return View("audit/audit.html", {**data, "now": tx.now, "nav": "/audit"})


def _about(row: Row) -> list[tuple[str, str]]:
    """The details of a row as a page shows them; nothing of a text that somebody made unreadable."""
    try:
        facts = json.loads(row.metadata)
    except ValueError:
        return []
    if not isinstance(facts, dict):
        return []
    return [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in sorted(facts.items())]
