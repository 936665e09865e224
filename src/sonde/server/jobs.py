"""What the loop does, as one table of jobs over rows: each says what is due, how one item is done, and what people see
where it cannot be done.

`pump` runs jobs until nothing is due: tests call it, the engine calls it. Nothing lives outside the rows, so a process
that dies anywhere leaves work that the next pump finds (decisions.md, Shape), and several replicas may pump at once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sonde.server.affected import service as affected
from sonde.server.affected import store as uploads
from sonde.server.chunks import service as chunks
from sonde.server.chunks import store as batches
from sonde.server.dispatches import follow
from sonde.server.dispatches import service as dispatches
from sonde.server.dispatches import store as triggers
from sonde.server.github import store as effects
from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Delivery, deliver, give_up
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.log import log
from sonde.server.kernel.outage import unavailable
from sonde.server.pulls import service as pulls
from sonde.server.stumbles import store as stumbles
from sonde.server.webhooks import service as webhooks
from sonde.server.webhooks import store as deliveries
from sonde.server.webhooks.service import Handler

BATCH = 100
ROUNDS = 10_000  # a pump that never gets quiet is a bug; it gives way to other work now and then
TRIES = 5  # after so many exceptions in a row an item is parked
PAUSES = (1_000, 5_000, 30_000, 120_000, 3_600_000)  # milliseconds after each; the last where even parking raises


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
    """`due` reads ids of rows, `run` does one of them and says whether anything changed.

    `park` takes a row out of what is due and writes where people see it why: it raised TRIES times in a row. `together`
    does several and returns which; what it leaves is tried again with it, and by `run` where it does none.
    """

    name: str
    due: Callable[[Loop, Tx, int], Sequence[str]]
    run: Callable[[Loop, str], bool]
    park: Callable[[Loop, Tx, str, str], None]
    together: Callable[[Loop, Sequence[str]], Collection[str]] | None = None


def _deliver(loop: Loop, slot: str) -> bool:
    assert loop.delivery is not None  # noqa: S101 - nothing is due without an App
    with loop.db.read() as tx:
        effect = effects.get(tx, slot)
    return effect is not None and deliver(loop.delivery, effect)


def _give_up(loop: Loop, tx: Tx, slot: str, because: str) -> None:
    assert loop.delivery is not None  # noqa: S101 - nothing is due without an App
    give_up(loop.delivery, tx, slot, because)


def _ask(loop: Loop, dispatch_id: str) -> bool:
    assert loop.github is not None  # noqa: S101 - nothing is due without an App
    return follow.ask(loop.db, loop.github, dispatch_id)


OUR_ROWS: tuple[Job, ...] = (
    Job(
        "webhooks",
        lambda _, tx, limit: deliveries.waiting(tx, limit),
        lambda loop, guid: webhooks.process(loop.db, guid, loop.handlers),
        lambda _, tx, guid, because: deliveries.finish(tx, guid, "failed", because),
        together=lambda loop, guids: webhooks.process_together(loop.db, guids, loop.handlers),
    ),
    Job(
        "uploads",
        lambda _, tx, limit: uploads.due(tx, limit),
        lambda loop, upload: affected.meet(loop.db, upload),
        lambda _, tx, upload, because: uploads.park(tx, upload, because),
    ),
    Job(
        "triggers",
        lambda _, tx, limit: triggers.due_triggers(tx, limit),
        lambda loop, trigger: dispatches.advance(loop.db, trigger),
        lambda _, tx, trigger, because: triggers.park(tx, trigger, because),
    ),
    Job(
        "mirror",
        lambda _, tx, limit: triggers.unmirrored_triggers(tx, limit),
        lambda loop, trigger: pulls.mirror(loop.db, trigger, loop.site_url),
        lambda _, tx, trigger, because: triggers.park_mirror(tx, trigger, because),
    ),
    Job(
        "batches",
        lambda _, tx, limit: batches.expired(tx, limit),
        lambda loop, batch: chunks.forget(loop.db, batch),
        lambda _, tx, batch, because: batches.rest(tx, batch, because),
    ),
)
AT_GITHUB: tuple[Job, ...] = (
    Job(
        "effects",
        lambda loop, tx, limit: [item.slot for item in effects.due(tx, limit)] if loop.github else [],
        _deliver,
        _give_up,
    ),
    Job(
        "runs",
        lambda loop, tx, limit: [row.id for row in triggers.due_runs(tx, limit)] if loop.github else [],
        _ask,
        lambda _, tx, dispatch, because: follow.park(tx, dispatch, because),
    ),
)
JOBS = (*OUR_ROWS, *AT_GITHUB)


def pump(loop: Loop, table: Sequence[Job] = JOBS, stopping: Callable[[], bool] = lambda: False) -> int:
    """Do everything that is due, in the order of `table`, until a round changes nothing or `stopping` says so.

    Returns how many items changed something. Raises what `unavailable` knows: the database is away.
    """
    changed = 0
    for _ in range(ROUNDS):
        before = changed
        rest = table
        while found := _first_due(loop, rest):
            job, rest = found.job, found.rest
            done = _together(loop, job, [item for item in found.items if item not in found.stumbled], stopping)
            changed += len(done)
            for item in found.items:
                if stopping():
                    return changed
                if item not in found.resting and item not in done:
                    changed += _one(loop, job, item, item in found.stumbled)
        if changed == before:
            break
    return changed


@dataclass(frozen=True)
class _Due:
    """A job, what is due of it, which of that once raised and which of those rest, and the jobs after it."""

    job: Job
    items: Sequence[str]
    stumbled: Collection[str]
    resting: Collection[str]
    rest: Sequence[Job]


def _first_due(loop: Loop, table: Sequence[Job]) -> _Due | None:
    """The first job that has something to do: one transaction asks for all that have nothing, as most have at any time."""
    if not table:
        return None
    with loop.db.read() as tx:
        known = stumbles.every(tx)
        for number, job in enumerate(table):
            stumbled = {item: one for (name, item), one in known.items() if name == job.name}
            resting = {item for item, one in stumbled.items() if one.retry_at > tx.now}
            due = job.due(loop, tx, BATCH + len(resting))  # resting rows must not crowd the others out
            if any(item not in resting for item in due):
                return _Due(job, due, stumbled, resting, table[number + 1 :])
    return None


def _together(loop: Loop, job: Job, items: Sequence[str], stopping: Callable[[], bool]) -> set[str]:
    """The items that the job did several at a time."""
    done: set[str] = set()
    while job.together and len(left := [item for item in items if item not in done]) > 1 and not stopping():
        more = job.together(loop, left)
        if not more:
            break
        done.update(more)
    return done


def _one(loop: Loop, job: Job, item: str, stumbled: bool) -> bool:  # noqa: FBT001 - private
    try:
        changed = job.run(loop, item)
    except Exception as error:
        if unavailable(error):
            raise  # the engine waits and starts again from the rows
        log.exception("job.crashed", job=job.name, item=item)
        return _count(loop, job, item, error)
    if stumbled:
        with loop.db.write("job.recovered") as tx:
            # one that is still due keeps its count: an effect may be found again and again, and raise each time it is sent
            if item not in job.due(loop, tx, BATCH):
                stumbles.forget(tx, job.name, item)
    return changed


def _count(loop: Loop, job: Job, item: str, error: Exception) -> bool:
    """Let a row rest after an exception, longer each time; park it after TRIES. Returns whether people see a change."""
    lines = str(error).splitlines() or [""]  # SQLAlchemy's further lines show parameters: not for people
    # no surrogate and no NUL: what raised may be just what no column holds
    said = lines[0][:200].encode(errors="replace").decode().replace("\x00", "")
    reason = f"{type(error).__name__}: {said}"
    with loop.db.write("job.stumble") as tx:
        tries = stumbles.count(tx, job.name, item, reason, PAUSES)
    if tries < TRIES:
        return False
    because = f"Sonde met an error of its own {tries} times and gave up ({reason}). Push again; if it stays, report it."
    try:
        with loop.db.write("job.park") as tx:
            job.park(loop, tx, item, because)
            stumbles.forget(tx, job.name, item)
    except Exception as worse:
        if unavailable(worse):
            raise
        log.exception("job.unparkable", job=job.name, item=item)
        return False
    log.error("job.parked", job=job.name, item=item, because=reason)
    return True
