"""`/deliveries`: what GitHub sent, and why it did something or nothing."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import Call
from sonde.server.web.model import View, Visitor, missing, whole
from sonde.server.webhooks import store

LISTED = 100
SHOWN = 200_000  # characters of a body that a page shows


def deliveries(db: Database, visitor: Visitor, call: Call, *, waiting: Callable[[Tx], Sequence[Any]]) -> View:
    """The newest deliveries, and what waits for one (`waiting`, since this domain knows no other)."""
    del visitor
    state, before = call.query.get("state", ""), whole(call.query.get("before", ""))
    with db.read() as tx:
        found = store.listed(tx, LISTED, state=state, before=before)
        data: dict[str, Any] = {
            "deliveries": found,
            "chosen": state,
            "older": found[-1].received_at if len(found) == LISTED else None,
            "uploads": [] if state or before else waiting(tx),
        }
        return View("webhooks/deliveries.html", {**data, "now": tx.now, "nav": "/deliveries"})


def delivery(db: Database, visitor: Visitor, call: Call) -> View:
    """One delivery with its body, as long as it is kept."""
    del visitor
    guid = call.parameters["guid"]
    with db.read() as tx:
        found = store.get(tx, guid)
        now = tx.now
    if found is None:
        return missing(f"There is no delivery {guid}. GitHub may have sent it elsewhere, or not at all.", now)
    body, cut = readable(found.body)
    data = {"delivery": found, "body": body, "cut": cut}
    return View("webhooks/delivery.html", {**data, "now": now, "nav": "/deliveries"})


def readable(body: bytes | None) -> tuple[str | None, int]:
    """A body indented, as far as a page shows it; and its length in bytes where that is not all of it."""
    if body is None:
        return None, 0
    text = body.decode(errors="replace")
    if len(text) <= SHOWN:
        with suppress(ValueError, RecursionError):  # a body that is no JSON is shown as it came
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:SHOWN], len(body) if len(text) > SHOWN else 0
