"""`/locks`: who holds what until when, and who did before."""

from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call
from sonde.server.locks import queue_store, store
from sonde.server.locks.model import WAITER_LEASE
from sonde.server.web.model import View, Visitor
from sonde.server.workspaces import store as workspaces

EVENTS = 100
LAPSED = 10
KINDS = {
    "granted": "taken",
    "renewed": "renewed",
    "taken_over": "taken over by the run of the dispatch",
    "owner": "given back",
    "forced": "ended by somebody else",
    "admin": "ended by an administrator",
    "run_ended": "ended with its run",
    "refused": "ended: GitHub refused the dispatch",
    "closed": "ended: the pull request was closed or superseded",
}


def locks(db: Database, visitor: Visitor, call: Call) -> View:
    """Held locks, who waits for one, those whose time ran out, and the newest events of all keys."""
    del visitor, call
    with db.read() as tx:
        names = {repository.id: repository.full_name for repository in workspaces.all_repositories(tx)}
        data = {
            "held": store.all_live(tx),
            "queue": [(waiter, names[waiter.repository_id], place) for waiter, place in queue_store.queue(tx)],
            "lease": WAITER_LEASE // 1000,
            "lapsed": store.lapsed(tx, LAPSED),
            "events": [(event, names[event.repository_id]) for event in store.history(tx, EVENTS)],
            "kinds": KINDS,
        }
        return View("locks/locks.html", {**data, "now": tx.now, "nav": "/locks"})
