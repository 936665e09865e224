"""A run reports the exit code of its command: what that means for the instance and for the dispatch behind it."""

from dataclasses import dataclass

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.dispatches import decide, service, store
from sonde.server.dispatches.model import ON_GITHUB, Dispatch, InstanceName, Origin, State
from sonde.server.github import store as effects
from sonde.server.github.model import EffectState
from sonde.server.instances import store as instances
from sonde.server.instances.decide import outcome, status_after
from sonde.server.instances.model import Instance, Report, Status
from sonde.server.kernel.db import Tx
from sonde.server.kernel.ids import new_id
from sonde.server.locks import service as locks
from sonde.server.workspaces import store as workspaces


@dataclass(frozen=True)
class Reported:
    """What became of a report; `component` is the full path, also where an old client cut it."""

    component: str
    status: Status
    because: str


@dataclass(frozen=True)
class Claim:
    """What a client says of one command; `hint` is its `atmos_pro_run_id`, which nothing signs."""

    instance: InstanceName
    found: Report
    hint: str = ""


@dataclass(frozen=True)
class Known:
    """What the database says of a report: whose it is, what was known before, and why it may not count (sentences)."""

    instance: InstanceName
    dispatch: Dispatch | None
    before: Instance | None
    history_only: str
    overtaken: str


def report(tx: Tx, actor: Actor, *, owner: str, name: str, claim: Claim) -> Reported:
    """Take a report in; the very same one again changes nothing (protocol.md §8). Raises RefusedError 403.

    A plan moves the status only if it looked at what is deployed (`decide.history_only`); history gets every report.
    A job that lost its lock to another holder moves no status at all.
    A static token names neither run nor commit. With a live dispatch of its instance it speaks for that one. Without, its
    plan moves the status unless a run of ours ended after the command did, or a later command reported: then the token
    may be a late retry of that run, or simply be older.
    """
    repository = repository_for(tx, actor, owner, name)
    found, known = claim.found, _gathered(tx, actor, repository.id, claim)
    before = known.before.status if known.before else Status.UNKNOWN
    status, because = status_after(before, found, known.history_only, known.overtaken)
    component = known.instance.component
    event = {
        "id": new_id("iev", tx.now),
        "repository_id": repository.id,
        "stack": known.instance.stack,
        "component": component,
        "command": found.command,
        "exit_code": found.exit_code,
        "last_run": found.last_run,
        "outcome": outcome(found),
        "status": status,
        "because": because,
        "dispatch_id": known.dispatch.id if known.dispatch else None,
        "run_id": actor.run_id,
    }
    if instances.reported_twice(tx, event):
        return Reported(component, status, "the same report came before")
    instances.note(tx, event)
    name_and_status = (repository.id, known.instance.stack, component, status)
    instances.put(tx, Instance(*name_and_status, found.command, found.exit_code, found.last_run, tx.now))
    if known.dispatch is not None:
        store.set_outcome(tx, known.dispatch.id, outcome(found))
        store.touch(tx, known.dispatch.trigger_id)
    return Reported(component, status, because)


def _gathered(tx: Tx, actor: Actor, repository_id: str, claim: Claim) -> Known:
    found, said = claim.found, claim.instance
    of_run = store.by_run(tx, repository_id, actor.run_id) if actor.run_id is not None else None
    hinted = _hinted(tx, actor, repository_id, claim)
    own = of_run or hinted
    of_stack = own.instance.component if own and own.instance.stack == said.stack else None
    alike = instances.named_like(tx, repository_id, said.stack, said.component)
    instance = InstanceName(said.stack, decide.full_component(said.component, of_stack, alike))
    dispatch = _dispatch_of(tx, actor, instance, of_run, _awaiting(tx, actor, repository_id, instance, hinted))
    before = instances.get(tx, repository_id, instance.stack, instance.component)
    origin = _origin(tx, actor, before, dispatch or of_run, (repository_id, instance, found))
    place = f"{instance.stack}/{instance.component}"
    overtaken = locks.overtaken(tx, actor, repository_id, place, dispatch.id if dispatch else None)
    return Known(instance, dispatch, before, decide.history_only(origin), overtaken)


def _hinted(tx: Tx, actor: Actor, repository_id: str, claim: Claim) -> Dispatch | None:
    """The dispatch that the client's hint names, if all we know besides allows it.

    It must be on its way in this repository and be of this instance. A session's claims must name its workflow, and its run
    must not be known to be another; a static token may only tell live dispatches of an instance apart.
    """
    named = store.get(tx, claim.hint) if claim.hint else None
    if named is None or named.repository_id != repository_id or named.state not in (State.QUEUED, *ON_GITHUB):
        return None
    full, said = named.instance, claim.instance
    if full.stack != said.stack or not f"/{full.component}".endswith(f"/{said.component}"):
        return None
    if actor.run_id is None:
        return named if named.state in ON_GITHUB else None
    fits = named.run_id in (None, actor.run_id) and named.workflow == _workflow(actor) and _dispatched(actor)
    return named if fits else None


def _awaiting(
    tx: Tx, actor: Actor, repository_id: str, instance: InstanceName, hinted: Dispatch | None
) -> Dispatch | None:
    """The dispatch that this run may be, as far as no run id tells (product.md §4 #14): the hinted, or the only fitting one."""
    if hinted is not None and hinted.instance == instance:
        return hinted
    if actor.run_id is None:
        live = store.on_github(tx, repository_id, instance)
        return live[0] if len(live) == 1 else None
    return store.awaiting_run(tx, repository_id, instance, _workflow(actor)) if _dispatched(actor) else None


def _dispatch_of(
    tx: Tx, actor: Actor, instance: InstanceName, of_run: Dispatch | None, awaiting: Dispatch | None
) -> Dispatch | None:
    """The dispatch whose run this is: by run id, else the one that still waits for its run, which is then known.

    A static token names no run: it is the instance's one on GitHub, where the automatic lock lets one run at a time.
    """
    if of_run is not None:
        return of_run if of_run.instance == instance else None
    if actor.run_id is None or awaiting is None:
        return awaiting
    store.set_state(
        tx, awaiting, State.RUNNING, "its run reports", run_id=actor.run_id, look_at=tx.now + service.SILENCE
    )
    effect = effects.get(tx, service.slot_of(awaiting.id), lock=True)
    if effect and effect.state in (EffectState.SENDING, EffectState.LOST):
        effects.set_sent(tx, effect, effect.version, actor.run_id, "")
    return awaiting


def _workflow(actor: Actor) -> str:
    return str(actor.claims.get("workflow_ref", "")).partition("@")[0].rpartition("/")[2]


def _dispatched(actor: Actor) -> bool:
    return str(actor.claims.get("event_name", "")) == "workflow_dispatch"


def _origin(
    tx: Tx,
    actor: Actor,
    before: Instance | None,
    dispatch: Dispatch | None,
    reported: tuple[str, InstanceName, Report],
) -> Origin:
    repository_id, instance, found = reported
    proposed, newer = None, ""
    if dispatch is not None:
        trigger = store.trigger(tx, dispatch.trigger_id)
        proposed = trigger is None or trigger.proposed
    elif not actor.claims:
        ended = found.last_run or tx.now
        last = store.newest_of(tx, repository_id, instance)
        if last and last.updated_at >= ended:
            newer = f"{last.workflow} of {instance} was on its way then"
        elif before and before.last_run and before.last_run > ended:
            newer = "a later command has reported"
    return Origin(
        proposed,
        str(actor.claims.get("event_name", "")),
        str(actor.claims.get("ref", "")),
        workspaces.default_branch(tx, repository_id),
        newer,
    )
