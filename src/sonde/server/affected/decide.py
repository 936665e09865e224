"""Which trigger an upload answers, and what the trigger then dispatches. Pure and total; each answer has a reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sonde.gotemplate import TemplateError
from sonde.gotemplate.closed import render_closed
from sonde.server.affected.model import CLOSED_SLACK, Match, Upload, Wait
from sonde.server.dispatches.decide import cycle
from sonde.server.dispatches.model import InstanceName, NewDispatch, Trigger, TriggerState
from sonde.server.dispatches.service import Plan
from sonde.wire.affected import AffectedItem

MAX_FILE_NAME = 255
OPEN = (TriggerState.WAITING, TriggerState.RUNNING, TriggerState.CONCLUDED)


def match(upload: Upload, triggers: Sequence[Trigger], seen: Mapping[str, frozenset[str]]) -> Match | Wait:
    """The trigger an upload answers (product.md §4 #7-#9). `triggers` at its SHA, newest first.

    `seen` maps a trigger to the digests of uploads that answered it. A session's claims tell a merge from a push: on the
    closed event `ref` is the base branch, before it `refs/pull/N/merge`. Without claims the oldest unanswered one is meant.
    """
    fitting = [item for item in triggers if _fits(upload, item)]
    if not fitting:
        held = next((item for item in triggers if item.state is TriggerState.HELD), None)
        if held:
            return Wait(f"#{held.number} is held: {held.because}")
        return Wait(
            f"no pull request event for {upload.head_sha[:12]} has arrived yet; the page Deliveries lists what GitHub sent"
        )
    unanswered = [item for item in reversed(fitting) if item.state is TriggerState.WAITING]
    chosen = unanswered[0] if unanswered else fitting[0]
    repeated = upload.digest in seen.get(chosen.id, frozenset())
    return Match(chosen.id, repeated, f"answers {chosen.event}.{chosen.activity} of #{chosen.number}")


def _fits(upload: Upload, trigger: Trigger) -> bool:
    if trigger.state not in OPEN:
        return False
    merged = trigger.activity == "merged"
    if upload.head_sha == trigger.sha != trigger.head_sha:
        return merged
    if upload.event_name in ("pull_request", "pull_request_target") and upload.ref:
        return merged is not upload.ref.startswith("refs/pull/")
    if merged:
        return upload.received_at >= trigger.created_at - CLOSED_SLACK
    return True


def plan(items: Iterable[AffectedItem], trigger: Trigger) -> Plan:
    """What a trigger dispatches: `settings.pro.<event>.<activity>.workflows` of each affected instance, in dependency order.

    One graph over all items and their dependents, each instance once (product.md §1.3). Instances without a workflow keep
    the order through themselves. A dependency cycle refuses the whole plan.
    """
    graph = _graph(items)
    if chain := cycle({name: sorted(before, key=str) for name, (_, before) in graph.items()}):
        return Plan((), (), f"the dependencies form a cycle: {' → '.join(str(name) for name in chain)}")
    dispatches: list[NewDispatch] = []
    notes: list[tuple[str, str]] = []
    refused: list[str] = []
    chosen: dict[InstanceName, Mapping[str, Mapping[str, Any]]] = {}
    for name, (item, _) in sorted(graph.items(), key=lambda pair: str(pair[0])):
        workflows = _workflows(item, trigger)
        if isinstance(workflows, str):
            notes.append((str(name), workflows))
        else:
            chosen[name] = workflows
    for name, found in chosen.items():
        for workflow, given in sorted(found.items()):
            inputs = _inputs(name, given, _pro(graph[name][0]))
            if isinstance(inputs, str):
                refused.append(f"{name}, {workflow}: {inputs}")
                continue
            dispatches.append(NewDispatch(name, workflow, inputs, tuple(sorted(_before(name, graph, chosen), key=str))))
    return Plan(() if refused else dispatches, notes, "; ".join(refused))


Graph = Mapping[InstanceName, tuple[AffectedItem, set[InstanceName]]]


def _graph(items: Iterable[AffectedItem]) -> Graph:
    graph: dict[InstanceName, tuple[AffectedItem, set[InstanceName]]] = {}
    for item, parent in _walk(items):
        name = InstanceName(item.stack, item.component)
        standing = graph.setdefault(name, (item, set()))
        if item.settings and not standing[0].settings:
            graph[name] = (item, standing[1])
        if parent is not None:
            graph[name][1].add(parent)
    return graph


def _walk(items: Iterable[AffectedItem]) -> Iterator[tuple[AffectedItem, InstanceName | None]]:
    todo: list[tuple[AffectedItem, InstanceName | None]] = [(item, None) for item in items]
    while todo:
        item, parent = todo.pop()
        yield item, parent
        todo.extend((dependent, InstanceName(item.stack, item.component)) for dependent in item.dependents)


def _before(name: InstanceName, graph: Graph, chosen: Mapping[InstanceName, object]) -> set[InstanceName]:
    """The nearest prerequisites that are dispatched; one that is not passes its own prerequisites on."""
    found: set[InstanceName] = set()
    todo, seen = list(graph[name][1]), {name}
    while todo:
        before = todo.pop()
        if before in seen:
            continue
        seen.add(before)
        if before in chosen:
            found.add(before)
        else:
            todo.extend(graph[before][1])
    return found


def _workflows(item: AffectedItem, trigger: Trigger) -> Mapping[str, Mapping[str, Any]] | str:
    """The workflows of an instance for this activity, or the sentence that says why there are none."""
    if item.deleted:
        return "it was deleted; a component that is gone cannot be planned"
    pro = _pro(item)
    if not pro:
        return "it has no settings.pro"
    if pro.get("enabled") is False:
        return "settings.pro.enabled is false"
    path = f"settings.pro.{trigger.event}.{trigger.activity}.workflows"
    value: Any = pro
    for key in (trigger.event, trigger.activity, "workflows"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        return f"{path} is not set"
    if not isinstance(value, Mapping) or not all("/" not in name and len(name) <= MAX_FILE_NAME for name in value):
        return f"{path} is not a map of workflow file names"
    return {name: (given if isinstance(given, Mapping) else {}) for name, given in value.items()} or f"{path} is empty"


def _pro(item: AffectedItem) -> Mapping[str, Any]:
    pro = (item.settings or {}).get("pro")
    return pro if isinstance(pro, Mapping) else {}


def _inputs(name: InstanceName, given: Mapping[str, Any], pro: Mapping[str, Any]) -> Mapping[str, str] | str:
    """A workflow's inputs as text, with what the server knows filled in (ruling 13); or why they cannot be."""
    raw = given.get("inputs")
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        return "inputs is not a map"
    context = {"atmos_component": name.component, "atmos_stack": name.stack, "settings": {"pro": pro}}
    rendered = {}
    for key, value in raw.items():
        if isinstance(value, (Mapping, list)):
            return f"input {key} is not a plain value"
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        try:
            rendered[str(key)] = render_closed(text, context) if "{{" in text else text
        except TemplateError as error:
            return f"input {key} holds a template that only the client can fill ({error.message}); set templates.settings.enabled: true in atmos.yaml"
    return rendered
