"""A run reports the exit code of its command: what that means for the instance and for the dispatch behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.dispatches import service, store
from sonde.server.dispatches.model import Dispatch, InstanceName, State
from sonde.server.github import store as effects
from sonde.server.github.model import EffectState
from sonde.server.instances import decide
from sonde.server.instances import store as instances
from sonde.server.instances.model import Instance, Report, Status
from sonde.server.kernel.db import Tx
from sonde.server.kernel.ids import new_id


@dataclass(frozen=True)
class Reported:
    """What became of a report; `component` is the full path, also where an old client cut it."""

    component: str
    status: Status
    because: str


def report(tx: Tx, actor: Actor, *, owner: str, name: str, instance: InstanceName, found: Report) -> Reported:
    """Take a report in; the very same one again changes nothing (protocol.md §8). Raises RefusedError 403."""
    repository = repository_for(tx, actor, owner, name)
    of_run = store.by_run(tx, repository.id, actor.run_id) if actor.run_id is not None else None
    instance = InstanceName(instance.stack, _full_component(tx, repository.id, instance, of_run))
    dispatch = _dispatch_of(tx, actor, repository.id, instance, of_run)
    before = instances.get(tx, repository.id, instance.stack, instance.component)
    outcome = decide.outcome(found)
    proposed = _proposed(tx, actor.claims, dispatch)
    status, because = decide.status_after(before.status if before else Status.UNKNOWN, outcome, proposed=proposed)
    event = {
        "id": new_id("iev", tx.now),
        "repository_id": repository.id,
        "stack": instance.stack,
        "component": instance.component,
        "command": found.command,
        "exit_code": found.exit_code,
        "last_run": found.last_run,
        "outcome": outcome,
        "status": status,
        "because": because,
        "dispatch_id": dispatch.id if dispatch else None,
        "run_id": actor.run_id,
    }
    if instances.reported_twice(tx, event):
        return Reported(instance.component, status, "the same report came before")
    instances.note(tx, event)
    instances.put(
        tx,
        Instance(
            repository.id,
            instance.stack,
            instance.component,
            status,
            found.command,
            found.exit_code,
            found.last_run,
            tx.now,
        ),
    )
    if dispatch is not None:
        store.set_outcome(tx, dispatch.id, outcome)
        store.touch(tx, dispatch.trigger_id)
    return Reported(instance.component, status, because)


def _full_component(tx: Tx, repository_id: str, instance: InstanceName, of_run: Dispatch | None) -> str:
    """The path that a client may have cut to its last part (protocol.md §6.3).

    The run's own instance first, since we dispatched it by its full name; then the exact name, then the only `…/name` of
    that stack, else the name as it came.
    """
    own = of_run.instance if of_run else None
    if own and own.stack == instance.stack and own.component.endswith(f"/{instance.component}"):
        return own.component
    if instances.get(tx, repository_id, instance.stack, instance.component):
        return instance.component
    longer = instances.ending_with(tx, repository_id, instance.stack, instance.component)
    return longer[0] if len(longer) == 1 else instance.component


def _dispatch_of(
    tx: Tx, actor: Actor, repository_id: str, instance: InstanceName, of_run: Dispatch | None
) -> Dispatch | None:
    """The dispatch whose run this is: by run id, else the one that still waits for its run (product.md §4 #14).

    A static token names no run: it is the instance's one on GitHub, where the automatic lock lets one run at a time.
    """
    if actor.run_id is None:
        live = store.on_github(tx, repository_id, instance)
        return live[0] if len(live) == 1 else None
    if of_run is not None:
        return of_run if of_run.instance == instance else None
    workflow = str(actor.claims.get("workflow_ref", "")).partition("@")[0].rpartition("/")[2]
    waiting = store.awaiting_run(tx, repository_id, instance, workflow)
    if waiting is None or str(actor.claims.get("event_name", "")) != "workflow_dispatch":
        return None
    store.set_state(
        tx, waiting, State.RUNNING, "its run reports", run_id=actor.run_id, look_at=tx.now + service.SILENCE
    )
    effect = effects.get(tx, service.slot_of(waiting.id), lock=True)
    if effect and effect.state in (EffectState.SENDING, EffectState.LOST):
        effects.set_sent(tx, effect, effect.version, actor.run_id, "")
    return waiting


def _proposed(tx: Tx, claims: Mapping[str, Any], dispatch: Dispatch | None) -> bool:
    """Whether the command looked at a change that is not merged: by the dispatch, else by the signed event and ref."""
    if dispatch is not None:
        trigger = store.trigger(tx, dispatch.trigger_id)
        return trigger is None or trigger.proposed
    return str(claims.get("event_name", "")) in ("pull_request", "pull_request_target", "merge_group")
