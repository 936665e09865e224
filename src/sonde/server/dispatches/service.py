"""Use cases of triggers and dispatches: plan, advance in order, follow runs, end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sonde.server.auth import run_store as runs
from sonde.server.dispatches import decide, store
from sonde.server.dispatches.model import (
    ENDED,
    ON_GITHUB,
    UNSENT,
    Conclusion,
    Dispatch,
    Move,
    NewDispatch,
    State,
    Trigger,
    TriggerState,
)
from sonde.server.github import store as effects
from sonde.server.github.client import Run
from sonde.server.github.model import Effect, Kind, Refused, Sent
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.ids import new_id
from sonde.server.kernel.log import log
from sonde.server.locks import ending
from sonde.server.locks import service as locks
from sonde.server.locks.decide import described
from sonde.server.locks.model import Held
from sonde.server.workspaces.store import repository as repository_of

UPLOAD_LIMIT = 60 * 60 * 1000  # milliseconds until a trigger without an upload concludes (product.md §4 #20)
BLOCKED_PAUSE = 1_000  # milliseconds between two looks at a held lock
SILENCE = 120_000  # milliseconds without news of a run before GitHub is asked (reliability.md F18)
NO_UPLOAD = "No affected stacks workflow detected"


def slot_of(dispatch_id: str) -> str:
    """The effect that sends a dispatch."""
    return f"dispatch:{dispatch_id}"


@dataclass(frozen=True)
class Plan:
    """What an upload makes of a trigger: dispatches to make, and instances that get none, with the reason."""

    dispatches: Sequence[NewDispatch]
    notes: Sequence[tuple[str, str]]
    refused: str = ""


def plan(tx: Tx, trigger: Trigger, upload_id: str, wanted: Plan) -> None:
    """Write a trigger's dispatches down; those it has already stay (a repeated or a partial upload adds to them)."""
    for item in wanted.dispatches:
        dispatch_id = new_id("run", tx.now)
        because = f"waits for {', '.join(str(name) for name in item.after)}" if item.after else "ready"
        store.add(
            tx,
            Dispatch(
                dispatch_id,
                trigger.id,
                trigger.repository_id,
                item.instance,
                item.workflow,
                item.inputs,
                item.after,
                State.PLANNED,
                because,
            ),
        )
    if wanted.refused:
        conclude(tx, trigger, Conclusion.FAILURE, wanted.refused, notes=wanted.notes, upload_id=upload_id)
        return
    because = f"{len(wanted.dispatches)} to dispatch" if wanted.dispatches else NO_UPLOAD
    store.set_trigger(
        tx,
        trigger.id,
        look_at=tx.now,
        state=TriggerState.RUNNING,
        because=because,
        notes=list(wanted.notes),
        upload_id=upload_id,
        conclusion=None,
    )


def conclude(tx: Tx, trigger: Trigger, conclusion: Conclusion, because: str, **changes: object) -> None:
    """End a trigger; check and comment follow from its row."""
    store.set_trigger(
        tx, trigger.id, look_at=None, state=TriggerState.CONCLUDED, conclusion=conclusion, because=because, **changes
    )


def advance(db: Database, trigger_id: str) -> bool:
    """Look at a trigger: skip, lock and queue, conclude. One transaction; True if something changed."""
    with db.write("trigger.advance") as tx:
        trigger = store.trigger(tx, trigger_id, lock=True)
        if trigger is None or trigger.state not in (TriggerState.WAITING, TriggerState.RUNNING):
            store.rest(tx, trigger_id)
            return False
        if trigger.state is TriggerState.WAITING:
            return _wait_for_upload(tx, trigger)
        return _advance(tx, trigger)


def _wait_for_upload(tx: Tx, trigger: Trigger) -> bool:
    due = trigger.created_at + UPLOAD_LIMIT
    if tx.now < due:
        store.rest(tx, trigger.id, until=due)
        return False
    conclude(tx, trigger, Conclusion.NEUTRAL, f"{NO_UPLOAD}: no upload for {trigger.head_sha[:12]} came in 60 minutes")
    return True


def _advance(tx: Tx, trigger: Trigger) -> bool:
    found = decide.advance(store.of_trigger(tx, trigger.id), tx.now)
    for move in found.moves:
        _move(tx, move)
    changes = [_queue(tx, trigger, dispatch) for dispatch in found.ready]
    if found.conclusion is not None:
        conclude(tx, trigger, found.conclusion, found.because)
        return True
    blocked = any(change is State.BLOCKED for change in changes)
    changed = bool(found.moves) or any(change is not None for change in changes)
    look_at = tx.now + BLOCKED_PAUSE if blocked or _any_blocked(found.ready) else None
    if changed:
        store.set_trigger(tx, trigger.id, look_at=look_at)
    else:
        store.rest(tx, trigger.id, until=look_at)
    return changed


def _any_blocked(ready: Sequence[Dispatch]) -> bool:
    return any(dispatch.state is State.BLOCKED for dispatch in ready)


def _move(tx: Tx, move: Move) -> None:
    store.set_state(tx, move.dispatch, move.to, move.because)
    log.info("dispatch.moved", dispatch=move.dispatch.id, state=move.to.value, because=move.because)


def _queue(tx: Tx, trigger: Trigger, dispatch: Dispatch) -> State | None:
    """Take the automatic lock and write the dispatch down as an effect, or note who holds the lock. None: no change."""
    repository = repository_of(tx, dispatch.repository_id)
    assert repository is not None  # noqa: S101 - a foreign key holds it
    message = f"{dispatch.workflow} for #{trigger.number} ({trigger.activity})"
    name = dispatch.instance
    answer = locks.acquire_for_dispatch(
        tx, repository, stack=name.stack, component=name.component, dispatch_id=dispatch.id, message=message
    )
    if isinstance(answer, Held):
        because = f"{described(answer.lock)}. It goes on when the lock is released: sonde pro unlock {name.component} -s {name.stack}"
        if dispatch.state is State.BLOCKED and dispatch.because == because:
            return None
        store.set_state(tx, dispatch, State.BLOCKED, because, blocked_since=dispatch.blocked_since or tx.now)
        return State.BLOCKED
    desired = {
        "workflow": dispatch.workflow,
        "ref": trigger.ref,
        "sha": trigger.sha,
        "inputs": dict(dispatch.inputs),
        "run": dispatch.id,
    }
    effects.want(
        tx,
        Effect(
            slot_of(dispatch.id),
            Kind.DISPATCH,
            dispatch.repository_id,
            dispatch.id,
            json.dumps(desired, sort_keys=True),
        ),
    )
    store.set_state(tx, dispatch, State.QUEUED, "its lock is taken; GitHub is asked to run it", blocked_since=None)
    return State.QUEUED


def on_outcome(tx: Tx, effect: Effect, outcome: Sent | Refused) -> None:
    """GitHub accepted or refused a dispatch."""
    dispatch = store.get(tx, effect.subject_id)
    if dispatch is None:
        return
    if isinstance(outcome, Refused):
        store.set_state(tx, dispatch, State.FAILED, f"GitHub refused the dispatch: {outcome.because}")
        ending.release_of_dispatch(tx, dispatch.id, "refused")
    elif dispatch.state is State.QUEUED:
        more = {"run_id": outcome.remote_id, "run_url": outcome.remote_url} if outcome.remote_id else {}
        store.set_state(
            tx,
            dispatch,
            State.SENT,
            "GitHub accepted it; the run has not begun",
            sent_at=tx.now,
            look_at=tx.now + SILENCE,
            **more,
        )
        if outcome.remote_id:
            runs.note(tx, dispatch.repository_id, outcome.remote_id, 1, completed=False)
            locks.bind_run(tx, dispatch.id, outcome.remote_id, outcome.remote_url)
    store.touch(tx, dispatch.trigger_id)


def on_run(tx: Tx, repository_id: str, run: Run) -> str | None:
    """News of a workflow run, by webhook or by asking. Returns what it meant, None where the run is none of ours."""
    dispatch = store.by_run(tx, repository_id, run.id) or store.open_named(
        tx, repository_id, run.title.replace("/", " ").split()
    )
    if dispatch is None:
        return None
    if dispatch.run_id is not None and dispatch.run_id != run.id:
        cancel = json.dumps({"run_id": run.id})
        effects.want(tx, Effect(f"cancel:{run.id}", Kind.CANCEL, repository_id, dispatch.id, cancel))
        return f"a second run of {dispatch.id}; it is cancelled, {dispatch.run_id} is the one that counts"
    state, because = _state_of(run)
    if dispatch.state in ENDED:
        return f"{dispatch.id} had ended already: {dispatch.because}"
    sent_at = dispatch.sent_at or tx.now
    store.set_state(
        tx,
        dispatch,
        state,
        because,
        run_id=run.id,
        run_url=run.url or dispatch.run_url,
        sent_at=sent_at,
        look_at=tx.now + SILENCE,
    )
    if state in ENDED:
        ending.release_of_dispatch(tx, dispatch.id, "run_ended")
    else:
        locks.bind_run(tx, dispatch.id, run.id, run.url)
    store.touch(tx, dispatch.trigger_id)
    return f"{dispatch.instance}: {because}"


def _state_of(run: Run) -> tuple[State, str]:
    if run.status == "completed":
        return decide.RUN_ENDS.get(run.conclusion, (State.FAILED, f"the run ended as {run.conclusion or 'nothing'}"))
    if run.status == "in_progress":
        return State.RUNNING, "the run is in progress"
    if run.status == "waiting":
        return State.SENT, "the run waits for an approval of its environment on GitHub"
    return State.SENT, f"the run is {run.status or 'requested'} on GitHub"


def close(tx: Tx, triggers: Sequence[Trigger], because: str, *, stop_runs: bool) -> None:
    """Take triggers out of the race: what was not sent is cancelled; `stop_runs` also frees the locks of what runs.

    A newer push supersedes (runs go on and keep their locks); a pull request closed unmerged concludes.
    """
    for trigger in triggers:
        if trigger.state in (TriggerState.CONCLUDED, TriggerState.SUPERSEDED):
            continue
        for dispatch in store.of_trigger(tx, trigger.id):
            _close_dispatch(tx, dispatch, because, stop_runs=stop_runs)
        store.set_trigger(
            tx, trigger.id, look_at=None, state=TriggerState.SUPERSEDED, conclusion=Conclusion.NEUTRAL, because=because
        )


def _close_dispatch(tx: Tx, dispatch: Dispatch, because: str, *, stop_runs: bool) -> None:
    withdrawn = dispatch.state is State.QUEUED and effects.withdraw(tx, slot_of(dispatch.id), because)
    if dispatch.state in UNSENT or withdrawn:
        store.set_state(tx, dispatch, State.CANCELLED, because)
    if withdrawn or stop_runs:
        ending.release_of_dispatch(tx, dispatch.id, "closed")
    if stop_runs and dispatch.state in ON_GITHUB:
        store.set_state(tx, dispatch, State.CANCELLED, f"{because}; its run was left to end on GitHub")
