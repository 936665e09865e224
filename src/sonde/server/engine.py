"""The engine that pumps the loop: a thread that wakes when something arrived and looks around once in a while.

It owns no state. Killing it anywhere loses nothing, since `jobs.pump` finds all work in our rows; that is also why it can
be replaced by another engine behind the same three functions.
"""

import threading

from sonde.server import jobs
from sonde.server.auth import store as auth
from sonde.server.github import store as effects
from sonde.server.kernel.db import Database
from sonde.server.kernel.log import log
from sonde.server.webhooks import store as deliveries

PURGE_EVERY = 3_600_000  # milliseconds


class Engine:
    """Pumps one loop. `poll` in seconds: how long a quiet engine sleeps before it looks at the clock again."""

    def __init__(self, loop: jobs.Loop, *, poll: float, body_days: float) -> None:
        self._loop, self._poll, self._body_days = loop, poll, body_days
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._purged_at = 0

    def start(self) -> None:
        """Take over what a dead process left, then run."""
        with self._loop.db.write(
            "engine.start"
        ) as tx:  # SQLite is one process: whoever claimed an effect before us is dead
            abandoned = effects.abandon_claims(tx) if self._loop.db.dialect == "sqlite" else 0
        log.info("engine.started", abandoned_effects=abandoned)
        self._thread.start()

    def nudge(self) -> None:
        """Something arrived: look now."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the item at hand, then stop."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                jobs.pump(self._loop)
                self._purge(self._loop.db)
            except Exception:  # noqa: BLE001 - the loop must outlive whatever one round meets
                log.exception("engine.stumbled")  # the database is away, or a bug: wait and start again from the rows
                self._stop.wait(self._poll)
            self._wake.wait(self._poll)

    def _purge(self, db: Database) -> None:
        with db.read() as tx:
            now = tx.now
        if now - self._purged_at < PURGE_EVERY:
            return
        with db.write("purge") as tx:
            bodies = deliveries.purge_bodies(tx, now - int(self._body_days * 86_400_000))
            tokens = auth.purge(tx)
        self._purged_at = now
        log.info("purged", delivery_bodies=bodies, credentials=tokens)
