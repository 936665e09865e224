"""One call for several instances, in the order of their dependencies."""

from collections.abc import Mapping
from typing import Any

from sonde.cli import inventory
from sonde.cli.errors import CliError, ToolError
from sonde.cli.project import Project
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.execute import execute
from sonde.cli.tf.order import Node, in_order, needs_of
from sonde.stacks import rows, yq
from sonde.stacks.engine import Engine
from sonde.stacks.errors import StacksError

Sections = Mapping[str, Any]
FAIL_FAST, KEEP_GOING = "fail-fast", "keep-going"


def is_many(call: Call) -> bool:
    """Whether the call names a selection, or no component at all where a stack is given."""
    named = any(call.values.get(name) for name in ("components", "query", "tags", "labels"))
    selects = call.on("all") or call.on("affected") or named
    return selects or (not call.component and bool(call.stack) and call.name in ("plan", "apply", "deploy", "destroy"))


def execute_many(home: Project, call: Call) -> int:
    """Run a call for each selected instance. The first failure ends it, unless the call says to keep going.

    Raises ToolError with 2 where a plan of any of them found changes and said so by its exit code.
    """
    _check(call)
    engine = instances.engine_of(home)
    among = affected(home, call) if call.on("affected") else None
    nodes = selected(engine.stacks(instances.options_of(call, stack=call.stack)).instances, call, among)
    if not nodes:
        home.process.stderr.write("✓ No components matched\n")
        return 0
    changed, failed = False, list[str]()
    for node in nodes:
        code, why = _one(home, call, engine, node)
        changed |= code == 2 and call.name == "plan"
        if code and not (code == 2 and call.name == "plan"):
            message = f"component={node.component} stack={node.stack}: {why}"
            failed.append(message)
            if call.values.get("failure-mode") != KEEP_GOING:
                raise CliError(f"terraform execution failed: {message}", hints=_skipped(nodes, node))
            home.log.warning("Terraform execution failed, going on.", component=node.component, stack=node.stack)
    if failed:
        raise CliError("terraform execution failed: " + "\n".join(failed))
    if changed:
        raise ToolError(2)
    return 0


def _check(call: Call) -> None:
    """Raises CliError where the flags exclude each other, or have a value that means nothing."""
    if call.component:
        raise CliError(
            f"component {call.component}: the component argument can't be used with the multi-component (bulk operations) "
            "flags --affected, --all, --query, --components, --tags and --labels"
        )
    if call.on("affected") and (call.on("all") or call.values.get("query") or call.values.get("components")):
        raise CliError(
            "the --affected flag can't be used with the other multi-component (bulk operations) flags --all, --query and "
            "--components"
        )
    mode = call.values.get("failure-mode", "")
    if mode not in ("", FAIL_FAST, KEEP_GOING):
        raise CliError(
            f'invalid value for flag\n\ninvalid --failure-mode "{mode}": supported values are "{FAIL_FAST}", "{KEEP_GOING}"'
        )


def _one(home: Project, call: Call, engine: Engine, node: Node) -> tuple[int, str]:
    """The exit code for one of several, and what a failure is called; what cannot be run at all is a failure too."""
    try:
        code = execute(home, call, instances.find(engine, call, node.component, node.stack))
    except (CliError, StacksError) as error:
        why = " ".join(error.message.split())
        if call.on("dry-run"):
            home.process.stderr.write(f"Would fail: component={node.component} stack={node.stack}: {why}\n")
            return 0, ""
        return 1, why
    return code, f"subcommand exited with code {code}"


def _skipped(nodes: list[Node], failed: Node) -> list[str]:
    left = len(nodes) - nodes.index(failed) - 1
    return [f"{left} component(s) skipped after the failure; --failure-mode keep-going runs them."] if left else []


def affected(home: Project, call: Call) -> set[Node]:
    """What a change touches, with what depends on it if `--include-dependents` says so. Raises as `describe affected`."""
    from sonde.cli import affected_question as asked
    from sonde.stacks.affected.items import View

    names = ("base", "ref", "sha", "repo-path", "ssh-key", "ssh-key-password")
    given = {
        **{name.replace("-", "_"): call.values.get(name, "") for name in names},
        "stack": call.stack,
        "include_dependents": call.on("include-dependents"),
        "exclude_locked": False,
        "clone_target_ref": False,
        "error_mode": "",
        "process_templates": call.on("process-templates", default=True),
        "process_functions": call.on("process-functions", default=True),
        "skip": call.lists.get("skip", ()),
    }
    flags = {**call.values, **call.lists}
    question = asked.ask(home.process, flags, given, validated=False)
    answer = asked.answer(question, asked.event_of(question))
    graph = answer.graph(question) if given["include_dependents"] else None
    items = View(question.engine.project, graph=graph).items(answer.found)
    return {node for item in items if not item.get("deleted") for node in _with_dependents(item)}


def _with_dependents(item: Mapping[str, Any]) -> set[Node]:
    below = {node for dependent in item.get("dependents") or () for node in _with_dependents(dependent)}
    return {Node(item["component"], item["stack"])} | below


def selected(found: tuple[Any, ...], call: Call, among: set[Node] | None = None) -> list[Node]:
    """The nodes to run, in order: of the engine's instances those that can run and are wanted, `among` some if given."""
    known: dict[Node, Sections] = {
        Node(each.name, each.stack): each.sections
        for each in found
        if each.kind == "terraform" and _can_run(each.sections)
    }
    variables = {node: sections.get("vars") or {} for node, sections in known.items()}
    needs = {node: needs_of(node.component, node.stack, sections, variables) for node, sections in known.items()}
    wanted = {node for node, sections in known.items() if _wanted(node, sections, call)}
    ordered = in_order(needs, reverse=call.name == "destroy")
    return [node for node in ordered if node in wanted and (among is None or node in among)]


def _can_run(sections: Sections) -> bool:
    metadata = sections.get("metadata") or {}
    return metadata.get("type") != "abstract" and metadata.get("enabled") is not False


def _wanted(node: Node, sections: Sections, call: Call) -> bool:
    names = inventory.split([call.values.get("components", "")])
    if names and node.component not in names:
        return False
    metadata = sections.get("metadata") or {}
    tags = inventory.split([call.values.get("tags", "")])
    if tags and not set(tags) & set(metadata.get("tags") or ()):
        return False
    labels, has = rows.labels(inventory.split([call.values.get("labels", "")])), metadata.get("labels") or {}
    if any(has.get(name) != value for name, value in labels.items()):
        return False
    query = call.values.get("query", "")
    return not query or yq.evaluate(dict(sections), query) is True
