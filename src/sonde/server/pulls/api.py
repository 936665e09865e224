"""`GET /api/v1/repos/{owner}/{repo}/pulls/{number}`: how far a pull request is, and why it waits. Additive to the protocol."""

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.dispatches import store as triggers
from sonde.server.dispatches.model import Dispatch, Trigger
from sonde.server.github import store as effects
from sonde.server.github.model import Effect
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, RefusedError, Reply
from sonde.server.pulls import render, store
from sonde.server.pulls.service import check_slot
from sonde.wire.codec import to_json
from sonde.wire.envelope import ErrorTag
from sonde.wire.reads import DispatchSeen, NotDispatched, PullSeen, TriggerSeen


def show(db: Database, actor: Actor, call: Call) -> Reply:
    """A pull request with its triggers, their dispatches, and what GitHub was told."""
    number = call.parameters["number"]
    with db.read() as tx:
        repository = repository_for(tx, actor, call.parameters["owner"], call.parameters["repo"])
        pull = store.get(tx, repository.id, int(number)) if number.isdecimal() and len(number) < 10 else None
        if pull is None:
            raise RefusedError(
                404,
                ErrorTag.NOT_FOUND,
                f"No event of pull request {number} of {repository.full_name} has arrived here.",
            )
        found = [
            (item, triggers.of_trigger(tx, item.id)) for item in triggers.triggers_of(tx, repository.id, pull.number)
        ]
        checks = {item.id: effects.get(tx, check_slot(item)) for item, _ in found}
    seen = PullSeen(
        number=pull.number,
        title=pull.title,
        head_sha=pull.head_sha,
        open=pull.open,
        merged=pull.merged,
        triggers=tuple(_trigger(item, mine, checks[item.id]) for item, mine in found),
    )
    return Reply(to_json(seen))


def _trigger(trigger: Trigger, dispatches: list[Dispatch], check: Effect | None) -> TriggerSeen:
    return TriggerSeen(
        id=trigger.id,
        activity=trigger.activity,
        sha=trigger.sha,
        state=trigger.state,
        conclusion=trigger.conclusion,
        because=render.headline(trigger, dispatches),
        dispatches=tuple(_dispatch(item) for item in dispatches),
        not_dispatched=tuple(NotDispatched(instance, because) for instance, because in trigger.notes),
        check_run_id=check.remote_id if check else None,
    )


def _dispatch(dispatch: Dispatch) -> DispatchSeen:
    return DispatchSeen(
        id=dispatch.id,
        stack=dispatch.instance.stack,
        component=dispatch.instance.component,
        workflow=dispatch.workflow,
        state=dispatch.state,
        because=dispatch.because,
        result=dispatch.outcome,
        run_id=dispatch.run_id,
        run_url=dispatch.run_url,
    )
