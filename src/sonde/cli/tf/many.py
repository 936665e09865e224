"""One call for several instances, in the order of their dependencies."""

from collections.abc import Mapping
from typing import Any

from sonde.cli.errors import CliError, ToolError
from sonde.cli.project import Project
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.execute import execute
from sonde.cli.tf.order import Node, in_order, needs_of
from sonde.stacks import yq

Sections = Mapping[str, Any]


def is_many(call: Call) -> bool:
    """Whether the call names a selection, or no component at all where a stack is given."""
    selects = call.on("all") or call.on("affected") or any(call.values.get(name) for name in ("components", "query"))
    return selects or (not call.component and bool(call.stack) and call.name in ("plan", "apply", "deploy", "destroy"))


def execute_many(home: Project, call: Call) -> int:
    """Run a call for each selected instance. The first failure ends it, unless the call says to keep going.

    Raises ToolError with 2 where a plan of any of them found changes and said so by its exit code.
    """
    if call.component:
        raise CliError(f"the component '{call.component}' and a selection of components exclude each other")
    if call.on("affected"):
        raise CliError(
            "`--affected` is not available yet", hints=["Name the components: sonde describe affected --format json"]
        )
    engine = instances.engine_of(home)
    nodes = selected(engine.stacks(instances.options_of(call, stack=call.stack)).instances, call)
    if not nodes:
        home.process.stderr.write("✓ No components matched\n")
        return 0
    changed, failed = False, 0
    for node in nodes:
        code = execute(home, call, instances.find(engine, call, node.component, node.stack))
        changed |= code == 2 and call.name == "plan"
        if code and not (code == 2 and call.name == "plan"):
            failed = failed or code
            message = f"component={node.component} stack={node.stack}: subcommand exited with code {code}"
            if call.values.get("failure-mode") != "keep-going":
                raise CliError(f"terraform execution failed: {message}", hints=_skipped(nodes, node))
            home.log.warning("Terraform execution failed, going on.", component=node.component, stack=node.stack)
    if failed:
        raise CliError("terraform execution failed for some components, named above")
    if changed:
        raise ToolError(2)
    return 0


def _skipped(nodes: list[Node], failed: Node) -> list[str]:
    left = len(nodes) - nodes.index(failed) - 1
    return [f"{left} component(s) skipped after the failure; --failure-mode keep-going runs them."] if left else []


def selected(found: tuple[Any, ...], call: Call) -> list[Node]:
    """The nodes to run, in order. `found` are the engine's instances; abstract and disabled ones are never run."""
    known: dict[Node, Sections] = {
        Node(each.name, each.stack): each.sections
        for each in found
        if each.kind == "terraform" and _can_run(each.sections)
    }
    variables = {node: sections.get("vars") or {} for node, sections in known.items()}
    needs = {node: needs_of(node.component, node.stack, sections, variables) for node, sections in known.items()}
    wanted = {node for node, sections in known.items() if _wanted(node, sections, call)}
    ordered = in_order(needs, reverse=call.name == "destroy")
    return [node for node in ordered if node in wanted]


def _can_run(sections: Sections) -> bool:
    metadata = sections.get("metadata") or {}
    return metadata.get("type") != "abstract" and metadata.get("enabled") is not False


def _wanted(node: Node, sections: Sections, call: Call) -> bool:
    names = [name for name in call.values.get("components", "").split(",") if name]
    if names and node.component not in names:
        return False
    query = call.values.get("query", "")
    return not query or yq.evaluate(dict(sections), query) is True
