"""Use cases: take a pull request event in; follow a workflow run; let a held one go; write down what GitHub shall show."""

import json
from dataclasses import replace

from sonde.server.affected import service as affected
from sonde.server.auth import run_store as runs
from sonde.server.dispatches import service as dispatches
from sonde.server.dispatches import store as triggers
from sonde.server.dispatches.model import Dispatch, Trigger, TriggerState
from sonde.server.github import store as effects
from sonde.server.github.client import Run
from sonde.server.github.events import PullRequestEvent, WorkflowRunEvent
from sonde.server.github.model import Effect, Kind
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.ids import new_id
from sonde.server.locks import ending
from sonde.server.pulls import decide, render, store
from sonde.server.pulls.model import Decision
from sonde.server.webhooks.service import Done, Ignored
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository


def _not_linked(full_name: str, github_id: int, owner_id: int) -> Ignored:
    command = f"sonde admin repo add {full_name} --workspace ws_… --repository-id {github_id} --owner-id {owner_id}"
    return Ignored(f"{full_name} is not linked to a workspace here; link it: {command}")


def on_pull_request(tx: Tx, event: object) -> Done | Ignored:
    """A `pull_request` event, for every workspace the repository is linked to."""
    assert isinstance(event, PullRequestEvent)  # noqa: S101 - wiring.EVENTS maps pull_request here
    found = workspaces.repositories_by_github_id(tx, event.repository.id)
    if not found:
        owner = event.repository.owner
        return _not_linked(f"{owner.login}/{event.repository.name}", event.repository.id, owner.id)
    return Done("; ".join(dict.fromkeys(_take_in(tx, repository, event) for repository in found)))


def _take_in(tx: Tx, repository: Repository, event: PullRequestEvent) -> str:
    if event.installation_id and event.installation_id != repository.installation_id:
        workspaces.set_installation(tx, repository.id, event.installation_id)
    pull = decide.seen(repository.id, event)
    known = store.get(tx, repository.id, pull.number, lock=True)
    mine = triggers.triggers_of(tx, repository.id, pull.number)
    decision = decide.on_event(event.action, pull, known, mine, new_id("trg", tx.now), tx.now)
    _apply(tx, decision)
    return decision.because


def _apply(tx: Tx, decision: Decision) -> None:
    if decision.pull is not None:
        store.put(tx, decision.pull)
    if decision.replaces and decision.pull is not None:
        newer = decision.pull.merge_sha if decision.pull.merged else decision.pull.head_sha
        verb = "merged as" if decision.pull.merged else "superseded by"
        dispatches.close(tx, decision.replaces, f"{verb} {newer[:12]}", stop_runs=False)
    if decision.ends:
        dispatches.close(tx, decision.ends, "the pull request was closed without merging", stop_runs=True)
    if decision.opens is not None:
        _open(tx, decision.opens)
    for trigger in decision.frees:
        free(tx, trigger, "ready for review")


def _open(tx: Tx, trigger: Trigger) -> None:
    if triggers.open_trigger(tx, trigger, look_at=tx.now):
        affected.wake(tx, trigger.repository_id, (trigger.head_sha, trigger.sha))


def free(tx: Tx, trigger: Trigger, because: str) -> None:
    """Let a held trigger go on: it waits for its upload, which may be here already."""
    waits = f"{because}; {decide.awaited(trigger.head_sha)}"
    triggers.set_trigger(tx, trigger.id, look_at=tx.now, state=TriggerState.WAITING, because=waits)
    affected.wake(tx, trigger.repository_id, (trigger.head_sha,))


def allow(tx: Tx, trigger_id: str, by: str) -> bool:
    """A member presses *Run for this SHA*; False where the trigger is not held any more."""
    trigger = triggers.trigger(tx, trigger_id, lock=True)
    if trigger is None or trigger.state is not TriggerState.HELD:
        return False
    free(tx, trigger, f"allowed by {by}")
    return True


def on_workflow_run(tx: Tx, event: object) -> Done | Ignored:
    """A `workflow_run` event: news of one of our dispatches, or none of our business."""
    assert isinstance(event, WorkflowRunEvent)  # noqa: S101 - wiring.EVENTS maps workflow_run here
    found = workspaces.repositories_by_github_id(tx, event.repository.id)
    if not found:
        owner = event.repository.owner
        return _not_linked(f"{owner.login}/{event.repository.name}", event.repository.id, owner.id)
    told = event.run
    run = Run(
        told.id,
        told.html_url,
        told.display_title or told.name or "",
        told.status,
        told.conclusion or "",
        told.run_attempt,
        "",
    )
    for repository in found:
        runs.note(tx, repository.id, run.id, run.attempt, completed=run.status == "completed")
        if run.status == "completed":
            ending.end_with_run(tx, repository, run.id, run.attempt)
    said = [text for repository in found if (text := dispatches.on_run(tx, repository.id, run))]
    return Done("; ".join(said)) if said else Ignored(f"run {run.id} was not dispatched by Sonde")


def mirror(db: Database, trigger_id: str, site_url: str) -> bool:
    """Write down the check run of a trigger and the comment of its pull request as effects."""
    with db.write("trigger.mirror") as tx:
        trigger = triggers.trigger(tx, trigger_id)
        if trigger is None:
            return False
        repository = workspaces.repository(tx, trigger.repository_id)
        # the pull request first: another replica that mirrors a sibling must not write an older picture over ours
        pull = store.get(tx, trigger.repository_id, trigger.number, lock=True)
        trigger = triggers.trigger(tx, trigger_id, lock=True) or trigger
        if repository is None or pull is None:
            triggers.set_mirrored(tx, trigger.id, trigger.version)
            return False
        every = [(item, _told(tx, item)) for item in triggers.triggers_of(tx, repository.id, trigger.number)]
        page = f"{site_url}/{repository.full_name}/pull/{pull.number}"
        newest = [pair for pair in every if pair[0].sha == trigger.sha][-1]
        check = json.dumps(render.check(*newest, check_slot(trigger), page), sort_keys=True)
        comment = json.dumps({"number": pull.number, "text": render.comment(pull, every, page)}, sort_keys=True)
        effects.want(tx, Effect(check_slot(trigger), Kind.CHECK, repository.id, newest[0].id, check))
        effects.want(tx, Effect(comment_slot(trigger), Kind.COMMENT, repository.id, trigger.id, comment))
        triggers.set_mirrored(tx, trigger.id, trigger.version)
        return True


def _told(tx: Tx, trigger: Trigger) -> list[Dispatch]:
    """The dispatches of a trigger as people read of them; also that somebody took a lock from one."""
    found = triggers.of_trigger(tx, trigger.id)
    places = {item.id: f"{item.instance.stack}/{item.instance.component}" for item in found}
    ended = ending.ended_by_hand(tx, trigger.repository_id, places)
    return [replace(item, because=f"{item.because}; {ended[item.id]}") if item.id in ended else item for item in found]


def comment_slot(trigger: Trigger) -> str:
    """One comment per pull request."""
    return f"comment:{trigger.repository_id}:{trigger.number}"


def check_slot(trigger: Trigger) -> str:
    """One check run per commit: the slot of its effect and its `external_id` at GitHub."""
    return f"check:{trigger.repository_id}:{trigger.sha}"
