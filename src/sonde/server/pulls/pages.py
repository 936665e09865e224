"""`/` and `/{owner}/{repo}/pull/{number}`: why is this waiting?"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sonde.server.affected import pages as uploads
from sonde.server.audit import model as audit
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.dispatches import store as triggers
from sonde.server.dispatches.model import State, Trigger, TriggerState
from sonde.server.github import store as effects
from sonde.server.github.model import Effect, EffectState, Kind
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import Call
from sonde.server.kernel.log import log
from sonde.server.locks import store as locks
from sonde.server.pulls import picture, service, store
from sonde.server.pulls.model import PullRequest
from sonde.server.pulls.render import headline
from sonde.server.web.model import Goto, View, Visitor, form, missing, whole
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository

NEWEST = 25
# what needs a look comes first
URGENT = (State.FAILED, State.BLOCKED, State.RUNNING, State.SENT, State.QUEUED, State.PLANNED, State.SKIPPED)
ORDER = {state: place for place, state in enumerate(URGENT)}


@dataclass(frozen=True)
class Line:
    """A pull request of the overview, its newest trigger, how many dispatches are in each state, and why it is so."""

    pull: PullRequest
    repository: str
    trigger: Trigger | None
    counts: dict[State, int]
    because: str


def overview(db: Database, visitor: Visitor, call: Call) -> View:
    """What goes on, newest first, and what waits."""
    del visitor, call
    with db.read() as tx:
        names = {repository.id: repository.full_name for repository in workspaces.all_repositories(tx)}
        data: dict[str, Any] = {
            "lines": _lines(tx, names),
            "repositories": sorted(set(names.values())),
            "locks": locks.all_live(tx)[:10],
            "uploads": uploads.waiting(tx)[:10],
            "troubled": [(effect, names[effect.repository_id]) for effect in effects.troubled(tx, 10)],
        }
        return View("pulls/overview.html", {**data, "now": tx.now, "nav": "/"})


def _lines(tx: Tx, names: dict[str, str]) -> list[Line]:
    pulls = store.newest(tx, NEWEST)
    newest = [next(reversed(triggers.triggers_of(tx, pull.repository_id, pull.number)), None) for pull in pulls]
    ids = [trigger.id for trigger in newest if trigger]
    counts, blocked = triggers.counts(tx, ids), triggers.blocked_because(tx, ids)
    lines = []
    for pull, trigger in zip(pulls, newest, strict=True):
        name = names[pull.repository_id]
        if trigger is None:
            lines.append(Line(pull, name, None, {}, ""))
            continue
        running = trigger.state is TriggerState.RUNNING
        because = blocked.get(trigger.id, "") if running else trigger.because
        lines.append(Line(pull, name, trigger, counts.get(trigger.id, {}), because))
    return lines


def pull(db: Database, visitor: Visitor, call: Call) -> View:
    """One pull request: its newest trigger in full (or the one that `?trigger=` names), and the others as a list."""
    del visitor
    with db.read() as tx:
        found, elsewhere = _found(tx, call)
        if found is None:
            return missing(_unknown(tx, call), tx.now)
        repository, known = found
        every = triggers.triggers_of(tx, repository.id, known.number)
        wanted = call.query.get("trigger", "")
        shown = next((item for item in every if item.id == wanted), every[-1] if every else None)
        data = _shown(tx, repository, shown) if shown else {"trigger": None}
        counts = triggers.counts(tx, [item.id for item in every])
        history = [(item, counts.get(item.id, {})) for item in reversed(every)]
        data |= {"pull": known, "repository": repository, "elsewhere": elsewhere, "history": history}
        return View("pulls/pull.html", {**data, "now": tx.now, "nav": "/"})


def _found(tx: Tx, call: Call) -> tuple[tuple[Repository, PullRequest] | None, list[Repository]]:
    """The pull request in the workspace that `?workspace=` names, else in the first that knows it; and other links of it."""
    linked = workspaces.repositories_named(tx, call.parameters["owner"], call.parameters["repo"])
    number = whole(call.parameters["number"])
    pairs = [
        (one, found)
        for one in linked
        if number is not None and number < 2**31 and (found := store.get(tx, one.id, number)) is not None
    ]
    workspace = call.query.get("workspace", "")
    chosen = next((pair for pair in pairs if pair[0].workspace_id == workspace), pairs[0] if pairs else None)
    return chosen, [one for one, _ in pairs if chosen and one.id != chosen[0].id]


def _unknown(tx: Tx, call: Call) -> str:
    owner, name, number = (call.parameters[part] for part in ("owner", "repo", "number"))
    if not workspaces.repositories_named(tx, owner, name):
        return f"{owner}/{name} is not linked to a workspace here. Link it with: sonde admin repo add {owner}/{name} …"
    return f"No event of pull request #{number} of {owner}/{name} has arrived yet. Deliveries lists what GitHub sent."


def _shown(tx: Tx, repository: Repository, trigger: Trigger) -> dict[str, Any]:
    mine = triggers.of_trigger(tx, trigger.id)
    # by slot: check and comment are shared by triggers, and their rows name only the one that wanted them first
    shared = [effects.get(tx, slot) for slot in (service.check_slot(trigger), service.comment_slot(trigger))]
    wanted = [effect for effect in shared if effect]
    wanted += effects.of_subjects(tx, repository.id, [item.id for item in mine])
    counts = triggers.counts(tx, [trigger.id])
    return {
        "trigger": trigger,
        "headline": headline(trigger, mine),
        "held": trigger.state is TriggerState.HELD,
        "counts": counts.get(trigger.id, {}),
        "dispatches": sorted(mine, key=lambda item: (ORDER.get(item.state, 9), str(item.instance))),
        "picture": picture.draw(mine),
        "effects": [effect for effect in wanted if _telling(effect)],
        "accepted": sum(effect.kind == Kind.DISPATCH and effect.state is EffectState.SENT for effect in wanted),
        "dispatch_of": {item.id: item for item in mine},
    }


def _telling(effect: Effect) -> bool:
    """A dispatch that GitHub accepted is told by its run; everything else is worth a line."""
    return not (effect.kind == Kind.DISPATCH and effect.state is EffectState.SENT)


def allow(db: Database, visitor: Visitor, call: Call) -> View | Goto:
    """*Run for this SHA*: a held trigger goes on (decisions.md, ruling 14). Pressed twice, it changes nothing more."""
    wanted = form(call).get("trigger", "")
    with db.write("run.allow") as tx:
        linked = workspaces.repositories_named(tx, call.parameters["owner"], call.parameters["repo"])
        trigger = triggers.trigger(tx, wanted)
        here = trigger is not None and trigger.repository_id in {one.id for one in linked}
        if trigger is None or not here or trigger.number != whole(call.parameters["number"]):
            return missing(f"There is no trigger {wanted} of this pull request.", tx.now)
        done = service.allow(tx, trigger.id, visitor.name)
        if done:
            repository = next(one for one in linked if one.id == trigger.repository_id)
            told = f"{repository.full_name} #{trigger.number} may run at {trigger.sha}"
            actor = audit.Actor("visitor", visitor.session_id, visitor.name)
            record(tx, Change(repository.workspace_id, "pull_request.allowed", actor, ("trigger", trigger.id), told))
    log.info("trigger.allowed", trigger=trigger.id, sha=trigger.sha, session=visitor.session_id, changed=done)
    owner, name = (quote(call.parameters[part]) for part in ("owner", "repo"))
    return Goto(f"/{owner}/{name}/pull/{trigger.number}")
