"""What the loop does, as one table of jobs over rows: each says what is due and how one item is done.

`pump` runs every job until nothing is due: tests call it, the engine calls it. Nothing lives outside the rows, so a
process that dies anywhere leaves work that the next pump finds (decisions.md, Shape).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sonde.server.affected import service as affected
from sonde.server.affected import store as uploads
from sonde.server.dispatches import follow
from sonde.server.dispatches import service as dispatches
from sonde.server.dispatches import store as triggers
from sonde.server.github import store as effects
from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Delivery, deliver
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import unavailable
from sonde.server.kernel.log import log
from sonde.server.pulls import service as pulls
from sonde.server.webhooks import service as webhooks
from sonde.server.webhooks import store as deliveries
from sonde.server.webhooks.service import Handler

BATCH = 100
ROUNDS = 10_000  # a pump that never gets quiet is a bug; it gives way to other work now and then


@dataclass(frozen=True)
class Loop:
    """What the jobs need. Without a GitHub App the jobs that call GitHub have nothing to do."""

    db: Database
    github: GitHub | None
    delivery: Delivery | None
    handlers: "dict[tuple[str, str], Handler]"
    site_url: str


@dataclass(frozen=True)
class Job:
    """`due` reads ids of rows, `run` does one of them and says whether anything changed."""

    name: str
    due: Callable[[Loop, Tx], Sequence[str]]
    run: Callable[[Loop, str], bool]


def _deliver(loop: Loop, slot: str) -> bool:
    assert loop.delivery is not None  # noqa: S101 - nothing is due without an App
    with loop.db.read() as tx:
        effect = effects.get(tx, slot)
    return effect is not None and deliver(loop.delivery, effect)


def _ask(loop: Loop, dispatch_id: str) -> bool:
    assert loop.github is not None  # noqa: S101 - nothing is due without an App
    return follow.ask(loop.db, loop.github, dispatch_id)


JOBS: tuple[Job, ...] = (
    Job(
        "webhooks",
        lambda _, tx: deliveries.waiting(tx, BATCH),
        lambda loop, guid: webhooks.process(loop.db, guid, loop.handlers),
    ),
    Job("uploads", lambda _, tx: uploads.due(tx, BATCH), lambda loop, upload: affected.meet(loop.db, upload)),
    Job(
        "triggers",
        lambda _, tx: triggers.due_triggers(tx, BATCH),
        lambda loop, trigger: dispatches.advance(loop.db, trigger),
    ),
    Job(
        "mirror",
        lambda _, tx: triggers.unmirrored_triggers(tx, BATCH),
        lambda loop, trigger: pulls.mirror(loop.db, trigger, loop.site_url),
    ),
    Job("effects", lambda loop, tx: [item.slot for item in effects.due(tx, BATCH)] if loop.github else [], _deliver),
    Job("runs", lambda loop, tx: [row.id for row in triggers.due_runs(tx, BATCH)] if loop.github else [], _ask),
)


def pump(loop: Loop) -> int:
    """Do everything that is due, in the order of JOBS, until a round changes nothing; how many items changed something."""
    changed = 0
    for _ in range(ROUNDS):
        before = changed
        for job in JOBS:
            with loop.db.read() as tx:
                due = job.due(loop, tx)
            changed += sum(_one(loop, job, item) for item in due)
        if changed == before:
            break
    return changed


def _one(loop: Loop, job: Job, item: str) -> bool:
    try:
        return job.run(loop, item)
    except Exception as error:
        if unavailable(error):
            raise  # the database is away: the engine waits and starts again from the rows
        log.exception("job.crashed", job=job.name, item=item)
        return False
