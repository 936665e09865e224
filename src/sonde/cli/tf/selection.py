"""Which instances a call for several of them means, in which order, and what each of them waits for."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sonde.cli import inventory
from sonde.cli.project import Project
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.order import Edges, Node, in_order, needs_of, reached, turned
from sonde.stacks import rows, yq
from sonde.stacks.engine import Engine, Options

Sections = Mapping[str, Any]
# Values of other components' states. They may not be there yet, and are read anew when it is an instance's turn.
LATER = ("terraform.state", "terraform.output")


class Selection(NamedTuple):
    """`order` has each after what it needs, or before it for destroy; `needs` says what each waits for among them."""

    order: tuple[Node, ...]
    needs: Mapping[Node, frozenset[Node]]
    folders: Mapping[Node, str]


def select(home: Project, call: Call, engine: Engine) -> Selection:
    """The instances of a call. Raises CliError for a cycle, StacksError for manifests that are wrong."""
    expands = call.on("include-dependents") or call.on("include-dependencies")
    everywhere = _known(engine, _options(call, stack="" if expands else call.stack))
    here = _known(engine, _options(call, stack=call.stack)) if expands and call.stack else everywhere
    variables = {node: sections.get("vars") or {} for node, sections in everywhere.items()}
    needs = {node: needs_of(node.component, node.stack, each, variables) for node, each in everywhere.items()}
    among = _affected(home, call) if call.on("affected") else here
    wanted = {node for node, sections in here.items() if node in among and _wanted(node, sections, call)}
    return ordered(needs, _expanded(wanted, needs, call), _folders(home, everywhere), reverse=call.name == "destroy")


def ordered(needs: Edges, wanted: set[Node], folders: Mapping[Node, str], *, reverse: bool) -> Selection:
    """Put what is wanted in order. One waits for another also where the way between them leads over what is not wanted."""
    order = tuple(node for node in in_order(needs, reverse=reverse) if node in wanted)
    edges = turned(needs) if reverse else needs
    waits = {
        node: frozenset(reached(edges, [node], through=lambda each: each not in wanted) & wanted) for node in order
    }
    return Selection(order, waits, {node: folders[node] for node in order})


def _options(call: Call, *, stack: str) -> Options:
    """With --query all is worked out, as it may ask for anything."""
    options = instances.options_of(call, stack=stack)
    if call.values.get("query"):
        return options
    return replace(options, skip=(*options.skip, *LATER))


def _known(engine: Engine, options: Options) -> dict[Node, Sections]:
    found = engine.stacks(options).instances
    return {
        Node(each.name, each.stack): each.sections
        for each in found
        if each.kind == "terraform" and _can_run(each.sections)
    }


def _folders(home: Project, known: Mapping[Node, Sections]) -> dict[Node, str]:
    """The real folder of each, so that two names of one folder are seen as one."""
    base, found = home.config.component_base("terraform"), {}
    for node, sections in known.items():
        path = (sections.get("component_info") or {}).get("component_path")
        found[node] = os.path.realpath(home.config.base_path / str(path) if path else base / node.component)
    return found


def _affected(home: Project, call: Call) -> set[Node]:
    """What a change touches. Raises as `describe affected`."""
    from sonde.cli import affected_question as asked
    from sonde.stacks.affected.items import View

    names = ("base", "ref", "sha", "repo-path", "ssh-key", "ssh-key-password")
    given = {
        **{name.replace("-", "_"): call.values.get(name, "") for name in names},
        "stack": call.stack,
        "include_dependents": False,
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
    items = View(question.engine.project, graph=None).items(answer.found)
    return {Node(item["component"], item["stack"]) for item in items if not item.get("deleted")}


def _expanded(wanted: set[Node], needs: Edges, call: Call) -> set[Node]:
    """With what they depend on, and what depends on them; `--include-dependents=2` goes two steps."""
    found = set(wanted)
    for flag, edges in (("include-dependencies", needs), ("include-dependents", turned(needs))):
        if call.on(flag):
            found |= reached(edges, wanted, steps=int(call.values.get(flag) or 0)) & needs.keys()
    return found


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
