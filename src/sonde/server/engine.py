"""The engine that pumps the loop: threads that wake when something arrived and look around once in a while.

It owns no state. Killing it anywhere loses nothing, since `jobs.pump` finds all work in our rows; that is also why it can
be replaced by another engine behind the same three functions (docs/adr/0004-the-pump-needs-no-job-engine-yet.md).
"""

import threading
import time
from collections.abc import Callable, Sequence

from sonde.server import jobs
from sonde.server.auth import run_store as runs
from sonde.server.auth import store as auth
from sonde.server.executions import store as executions
from sonde.server.github import store as effects
from sonde.server.kernel.db import Database
from sonde.server.kernel.log import log
from sonde.server.kernel.outage import unavailable
from sonde.server.webhooks import store as deliveries

PURGE_EVERY = 3_600_000  # milliseconds
# seconds that a lane works, and then waits while requests burst in: it gets a thirtieth of the time at least
WORK, REST = 0.01, 0.3
BURST = 500  # hot writes a second from which on requests are a burst
LONGEST_PAUSE = 10.0  # seconds between two looks while the database is away


class Engine:
    """Pumps one loop in two lanes, so that a slow GitHub keeps no webhook waiting.

    GitHub is called by one thread: it asks its clients not to make requests concurrently. `poll` in seconds: how long a
    quiet lane sleeps before it looks at the clock again.
    """

    def __init__(self, loop: jobs.Loop, *, poll: float, body_days: float) -> None:
        self._loop, self._body_days = loop, body_days
        self._stop = threading.Event()
        self._lanes = (
            _Lane("rows", loop, jobs.OUR_ROWS, poll=poll, stop=self._stop, quiet=self._purge, changed=self.nudge),
            _Lane("github", loop, jobs.AT_GITHUB, poll=poll, stop=self._stop, quiet=lambda: None, changed=self.nudge),
        )
        self._purged_at = 0

    def start(self) -> None:
        """Take over what a dead process left, then run."""
        with self._loop.db.write(
            "engine.start"
        ) as tx:  # SQLite is one process: whoever claimed an effect before us is dead
            abandoned = effects.abandon_claims(tx) if self._loop.db.dialect == "sqlite" else 0
        log.info("engine.started", abandoned_effects=abandoned)
        for lane in self._lanes:
            lane.thread.start()

    def nudge(self) -> None:
        """Something changed: look now."""
        for lane in self._lanes:
            lane.wake.set()

    def arrived(self) -> None:
        """A delivery is in the inbox: our rows first, and GitHub if anything follows from it."""
        wake = self._lanes[0].wake
        if not wake.is_set():  # in a burst it nearly always is, and this is asked for each of its requests
            wake.set()

    def stop(self) -> None:
        """Finish the items at hand, then stop."""
        self._stop.set()
        self.nudge()
        for lane in self._lanes:
            lane.thread.join(timeout=30)

    def _purge(self) -> None:
        db: Database = self._loop.db
        with db.read() as tx:
            now = tx.now
        if now - self._purged_at < PURGE_EVERY:
            return
        with db.write("purge") as tx:
            bodies = deliveries.purge_bodies(tx, now - int(self._body_days * 86_400_000))
            tokens = auth.purge(tx) + runs.purge(tx)
            old = executions.purge(tx)
        self._purged_at = now
        log.info("purged", delivery_bodies=bodies, credentials=tokens, executions=old)


class _Lane:
    """One thread that pumps one table of jobs. `quiet` runs after each pump, `changed` where the pump changed a row."""

    def __init__(
        self,
        name: str,
        loop: jobs.Loop,
        table: Sequence[jobs.Job],
        *,
        poll: float,
        stop: threading.Event,
        quiet: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._name, self._loop, self._table, self._poll = name, loop, table, poll
        self._stop, self._quiet, self._changed = stop, quiet, changed
        self._turn = _Turn(loop.db, stop)
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._failures = 0

    def _run(self) -> None:
        while True:
            self.wake.clear()
            if self._stop.is_set():  # after the clear: `stop` sets this first, then wakes
                return
            try:
                changed = jobs.pump(self._loop, self._table, self._turn.over)
                self._quiet()
            except Exception as error:  # noqa: BLE001 - the lane must outlive whatever one round meets
                self._wait_out(error)
                continue
            if self._failures:
                log.info("engine.recovered", lane=self._name, failures=self._failures)
                self._failures = 0
            if changed:
                self._changed()  # this lane looks once more too, which finds nothing and sleeps
            self.wake.wait(self._poll)

    def _wait_out(self, error: Exception) -> None:
        """Pause, longer each time. A nudge says that a request reached the database: then look at once."""
        self._failures += 1
        pause = min(self._poll * 2 ** min(self._failures, 10), LONGEST_PAUSE)
        if unavailable(error):
            because = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            log.warning("engine.no_database", lane=self._name, because=because, again_in_seconds=pause)
            self.wake.wait(pause)
        else:
            log.error("engine.stumbled", lane=self._name, again_in_seconds=pause, exc_info=error)
            self._stop.wait(pause)


class _Turn:
    """Whose turn the interpreter is: who is accepted waits for an answer, what the engine does can wait a moment.

    So while requests burst in, a lane rests after it has worked for a while. The rest is short, and nothing lengthens it.
    """

    def __init__(self, db: Database, stop: threading.Event) -> None:
        self._db, self._stop = db, stop
        self._began, self._asked = time.monotonic(), db.asked

    def over(self) -> bool:
        """Asked between two items: rest if it is time to; whether the engine is to stop."""
        worked, asked = time.monotonic() - self._began, self._db.asked
        if worked > WORK:
            if (asked - self._asked) / worked > BURST:
                self._stop.wait(REST)
            self._began, self._asked = time.monotonic(), self._db.asked
        return self._stop.is_set()
