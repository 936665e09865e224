"""All SQL of triggers and dispatches."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)

from sonde.server.dispatches.model import (
    ENDED,
    ON_GITHUB,
    Conclusion,
    Dispatch,
    InstanceName,
    State,
    Trigger,
    TriggerState,
)
from sonde.server.kernel.db import Tx, metadata

triggers = Table(
    "triggers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("event", Text, nullable=False),
    Column("activity", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("head_sha", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("conclusion", Text),
    Column("upload_id", Text),
    Column("notes", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
    Column("look_at", BigInteger, index=True),  # when to look at it again; null: only when something happens
    Column("version", Integer, nullable=False),  # rises with each change people can see
    Column("mirrored_version", Integer, nullable=False, server_default="0"),  # the newest version that became effects
    UniqueConstraint("repository_id", "event", "activity", "number", "head_sha"),
    Index("ix_triggers_head", "repository_id", "head_sha"),
    Index("ix_triggers_pull", "repository_id", "number"),
)
dispatches = Table(
    "dispatches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("trigger_id", Text, ForeignKey("triggers.id"), nullable=False),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("stack", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("run_id", BigInteger),
    Column("run_url", Text, nullable=False, server_default=""),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("blocked_since", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Column("look_at", BigInteger, index=True),  # when to ask GitHub about a run that is silent
    UniqueConstraint("trigger_id", "stack", "component", "workflow"),
    Index("ix_dispatches_run", "repository_id", "run_id"),
)


def _trigger(row: Row[Any]) -> Trigger:
    return Trigger(
        id=row.id,
        repository_id=row.repository_id,
        event=row.event,
        activity=row.activity,
        number=row.number,
        head_sha=row.head_sha,
        sha=row.sha,
        ref=row.ref,
        state=TriggerState(row.state),
        because=row.because,
        conclusion=Conclusion(row.conclusion) if row.conclusion else None,
        created_at=row.created_at,
        version=row.version,
        upload_id=row.upload_id,
        notes=tuple((instance, because) for instance, because in json.loads(row.notes)),
    )


def _dispatch(row: Row[Any]) -> Dispatch:
    return Dispatch(
        id=row.id,
        trigger_id=row.trigger_id,
        repository_id=row.repository_id,
        instance=InstanceName(row.stack, row.component),
        workflow=row.workflow,
        inputs=json.loads(row.inputs),
        after=tuple(InstanceName(stack, component) for stack, component in json.loads(row.after)),
        state=State(row.state),
        because=row.because,
        run_id=row.run_id,
        run_url=row.run_url,
        outcome=row.outcome,
        blocked_since=row.blocked_since,
        sent_at=row.sent_at,
        updated_at=row.updated_at,
    )


def open_trigger(tx: Tx, trigger: Trigger, look_at: int | None) -> bool:
    """Insert a trigger; False where this activity at this SHA has one already (a repeated webhook)."""
    values = {
        "id": trigger.id,
        "repository_id": trigger.repository_id,
        "event": trigger.event,
        "activity": trigger.activity,
        "number": trigger.number,
        "head_sha": trigger.head_sha,
        "sha": trigger.sha,
        "ref": trigger.ref,
        "state": trigger.state,
        "because": trigger.because,
        "created_at": tx.now,
        "look_at": look_at,
        "version": 1,
    }
    return tx.added(tx.insert(triggers).values(**values).on_conflict_do_nothing())


def trigger(tx: Tx, trigger_id: str, *, lock: bool = False) -> Trigger | None:
    """One trigger; `lock` keeps it from other transactions until this one ends (PostgreSQL)."""
    query = select(triggers).where(triggers.c.id == trigger_id)
    row = tx.one(query.with_for_update() if lock else query)
    return _trigger(row) if row else None


def set_trigger(tx: Tx, trigger_id: str, *, look_at: int | None, **changes: Any) -> None:
    """Change a trigger and let its version rise, so that check and comment follow."""
    if "notes" in changes:
        changes["notes"] = json.dumps(changes["notes"])
    tx.run(
        update(triggers)
        .where(triggers.c.id == trigger_id)
        .values(**changes, look_at=look_at, version=triggers.c.version + 1)
    )


def rest(tx: Tx, trigger_id: str, *, until: int | None = None) -> None:
    """Leave a trigger alone until a time, or until something happens to it; nothing people can see has changed."""
    tx.run(update(triggers).where(triggers.c.id == trigger_id).values(look_at=until))


def touch(tx: Tx, trigger_id: str) -> None:
    """Something below a trigger changed: look at it now, and mirror it."""
    tx.run(update(triggers).where(triggers.c.id == trigger_id).values(look_at=tx.now, version=triggers.c.version + 1))


def due_triggers(tx: Tx, limit: int) -> list[str]:
    """Triggers whose time to be looked at has come, oldest first."""
    query = (
        select(triggers.c.id)
        .where(triggers.c.look_at <= tx.now)
        .order_by(triggers.c.look_at, triggers.c.id)
        .limit(limit)
    )
    return [row.id for row in tx.all(query)]


def unmirrored_triggers(tx: Tx, limit: int) -> list[str]:
    """Triggers that changed since their check and comment were last written down."""
    query = (
        select(triggers.c.id)
        .where(triggers.c.mirrored_version < triggers.c.version)
        .order_by(triggers.c.id)
        .limit(limit)
    )
    return [row.id for row in tx.all(query)]


def park(tx: Tx, trigger_id: str, because: str) -> None:
    """Conclude a trigger that cannot be advanced: its check fails and says why. Reads no row, since that may be what raises."""
    rest(tx, trigger_id)
    open_ = (triggers.c.id == trigger_id, triggers.c.state.in_((TriggerState.WAITING, TriggerState.RUNNING)))
    end = {"state": TriggerState.CONCLUDED, "conclusion": Conclusion.FAILURE, "because": because}
    tx.run(update(triggers).where(*open_).values(**end, version=triggers.c.version + 1))


def park_mirror(tx: Tx, trigger_id: str, because: str) -> None:
    """Check and comment of a trigger cannot be written down: say why on its page and wait until it changes."""
    values = {"because": because, "mirrored_version": triggers.c.version}
    tx.run(update(triggers).where(triggers.c.id == trigger_id).values(**values))


def set_mirrored(tx: Tx, trigger_id: str, version: int) -> None:
    """Check and comment as of `version` are written down as effects."""
    tx.run(update(triggers).where(triggers.c.id == trigger_id).values(mirrored_version=version))


def triggers_at(tx: Tx, repository_id: str, head_sha: str) -> list[Trigger]:
    """Triggers that an upload for this SHA may answer: by the PR's head or by the commit it was merged as; newest first."""
    at = (triggers.c.head_sha == head_sha) | (triggers.c.sha == head_sha)
    query = select(triggers).where(triggers.c.repository_id == repository_id, at)
    return [_trigger(row) for row in tx.all(query.order_by(triggers.c.created_at.desc(), triggers.c.id.desc()))]


def triggers_of(tx: Tx, repository_id: str, number: int) -> list[Trigger]:
    """Every trigger of a pull request, oldest first."""
    query = select(triggers).where(triggers.c.repository_id == repository_id, triggers.c.number == number)
    return [_trigger(row) for row in tx.all(query.order_by(triggers.c.created_at, triggers.c.id))]


def add(tx: Tx, dispatch: Dispatch) -> None:
    """Insert a dispatch; the same workflow for the same instance of a trigger is never there twice."""
    values = {
        "id": dispatch.id,
        "trigger_id": dispatch.trigger_id,
        "repository_id": dispatch.repository_id,
        "stack": dispatch.instance.stack,
        "component": dispatch.instance.component,
        "workflow": dispatch.workflow,
        "inputs": json.dumps(dict(dispatch.inputs)),
        "after": json.dumps([[name.stack, name.component] for name in dispatch.after]),
        "state": dispatch.state,
        "because": dispatch.because,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    tx.run(tx.insert(dispatches).values(**values).on_conflict_do_nothing())


def of_trigger(tx: Tx, trigger_id: str) -> list[Dispatch]:
    """The dispatches of a trigger, by stack, component and workflow."""
    query = select(dispatches).where(dispatches.c.trigger_id == trigger_id)
    return [
        _dispatch(row)
        for row in tx.all(query.order_by(dispatches.c.stack, dispatches.c.component, dispatches.c.workflow))
    ]


def get(tx: Tx, dispatch_id: str) -> Dispatch | None:
    """One dispatch."""
    row = tx.one(select(dispatches).where(dispatches.c.id == dispatch_id))
    return _dispatch(row) if row else None


def by_run(tx: Tx, repository_id: str, run_id: int) -> Dispatch | None:
    """The dispatch that a workflow run belongs to, if we dispatched it."""
    row = tx.one(select(dispatches).where(dispatches.c.repository_id == repository_id, dispatches.c.run_id == run_id))
    return _dispatch(row) if row else None


def awaiting_run(tx: Tx, repository_id: str, instance: InstanceName, workflow: str) -> Dispatch | None:
    """The dispatch of an instance that was handed to GitHub and whose run is not known yet."""
    mine = (
        dispatches.c.repository_id == repository_id,
        dispatches.c.stack == instance.stack,
        dispatches.c.component == instance.component,
        dispatches.c.workflow == workflow,
        dispatches.c.run_id.is_(None),
        dispatches.c.state.in_((State.QUEUED, *ON_GITHUB)),
    )
    row = tx.one(select(dispatches).where(*mine).order_by(dispatches.c.created_at).limit(1))
    return _dispatch(row) if row else None


def on_github(tx: Tx, repository_id: str, instance: InstanceName) -> list[Dispatch]:
    """The dispatches of an instance whose run is on GitHub now, oldest first."""
    mine = (
        dispatches.c.repository_id == repository_id,
        dispatches.c.stack == instance.stack,
        dispatches.c.component == instance.component,
        dispatches.c.state.in_(ON_GITHUB),
    )
    return [_dispatch(row) for row in tx.all(select(dispatches).where(*mine).order_by(dispatches.c.created_at))]


def newest_of(tx: Tx, repository_id: str, instance: InstanceName) -> Dispatch | None:
    """The dispatch of an instance that changed last, of those that GitHub has heard of."""
    mine = (
        dispatches.c.repository_id == repository_id,
        dispatches.c.stack == instance.stack,
        dispatches.c.component == instance.component,
        dispatches.c.sent_at.is_not(None) | dispatches.c.run_id.is_not(None),
    )
    row = tx.one(select(dispatches).where(*mine).order_by(dispatches.c.updated_at.desc()).limit(1))
    return _dispatch(row) if row else None


def set_state(tx: Tx, dispatch: Dispatch, state: State, because: str, **changes: Any) -> None:
    """Change a dispatch that has not ended; one that has ended stays as it is, whatever arrives late."""
    open_ = (dispatches.c.id == dispatch.id, dispatches.c.state.not_in(ENDED))
    tx.run(update(dispatches).where(*open_).values(state=state, because=because, updated_at=tx.now, **changes))


def set_outcome(tx: Tx, dispatch_id: str, outcome: str) -> None:
    """What the run's command said, by its status upload."""
    tx.run(update(dispatches).where(dispatches.c.id == dispatch_id).values(outcome=outcome, updated_at=tx.now))


def due_runs(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """Dispatches on GitHub that have been silent too long: id and repository_id."""
    silent = (dispatches.c.state.in_(ON_GITHUB), dispatches.c.look_at <= tx.now)
    return tx.all(
        select(dispatches.c.id, dispatches.c.repository_id).where(*silent).order_by(dispatches.c.look_at).limit(limit)
    )


def open_named(tx: Tx, repository_id: str, words: Sequence[str]) -> Dispatch | None:
    """A dispatch of the repository whose id is among `words` of a run's title."""
    mine = [word for word in words if word.startswith("run_")]
    if not mine:
        return None
    row = tx.one(select(dispatches).where(dispatches.c.repository_id == repository_id, dispatches.c.id.in_(mine)))
    return _dispatch(row) if row else None


def blocked_because(tx: Tx, trigger_ids: Sequence[str]) -> dict[str, str]:
    """For each trigger with a dispatch that waits for a lock, one of the reasons."""
    query = select(dispatches.c.trigger_id, func.min(dispatches.c.because).label("because"))
    blocked = query.where(dispatches.c.trigger_id.in_(trigger_ids), dispatches.c.state == State.BLOCKED)
    return {row.trigger_id: row.because for row in tx.all(blocked.group_by(dispatches.c.trigger_id))}


def counts(tx: Tx, trigger_ids: Sequence[str]) -> dict[str, dict[State, int]]:
    """How many dispatches of each trigger are in each state."""
    query = select(dispatches.c.trigger_id, dispatches.c.state, func.count().label("many"))
    mine = query.where(dispatches.c.trigger_id.in_(trigger_ids)).group_by(dispatches.c.trigger_id, dispatches.c.state)
    found: dict[str, dict[State, int]] = {}
    for row in tx.all(mine):
        found.setdefault(row.trigger_id, {})[State(row.state)] = row.many
    return found
