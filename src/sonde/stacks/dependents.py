"""What depends on a component: by `dependencies.components`, else by `settings.depends_on` (stacks.md §8.3)."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sonde.stacks import integrations, kinds
from sonde.stacks.merge import Section

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine, Instance, Options, Stacks
    from sonde.stacks.project import Project

_PARTS = ("namespace", "tenant", "environment", "stage")
_PATH_TYPES = (kinds.TERRAFORM, kinds.HELMFILE, kinds.PACKER)


@dataclass(frozen=True)
class Edge:
    """One dependency as written."""

    component: str
    stack: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    legacy: bool = False  # settings.depends_on: matched by the parts of the stack's context


@dataclass(frozen=True)
class Target:
    """The component that is depended on."""

    component: str
    stack: str
    parts: Mapping[str, str]


def dependents(engine: "Engine", component: str, stack: str, options: "Options") -> list[Section]:
    """Direct dependents in all stacks, sorted by stack slug. Raises StacksError when the component is not there."""
    found = engine.stacks(options)
    target = Target(component, stack, context_parts(engine.component(component, stack, options)))
    return of_target(engine.project, found, target)


def of_target(project: "Project", found: "Stacks", target: Target, *, settings: bool = False) -> list[Section]:
    """The dependents of a component among resolved instances; `settings` adds each one's settings."""
    rows = []
    for instance in found.instances:
        if instance.name == target.component or is_out(instance.sections):
            continue
        for edge in edges(instance.sections):
            if edge.component == target.component and matches(edge, target, instance):
                rows.append(
                    entry(project, instance) | ({"settings": instance.sections.get("settings")} if settings else {})
                )
    return sorted(rows, key=lambda row: (row["stack_slug"], row["component"], row["stack"]))


Key = tuple[str, str, str]  # stack, type, component


def graph(found: "Stacks") -> dict[Key, set[Key]]:
    """For each instance those it depends on. Abstract and disabled ones depend on nothing."""
    by_name: dict[str, list[Instance]] = {}
    for instance in found.instances:
        by_name.setdefault(instance.name, []).append(instance)
    result: dict[Key, set[Key]] = {}
    for instance in found.instances:
        own = result.setdefault(key_of(instance), set())
        for edge in [] if is_out(instance.sections) else edges(instance.sections):
            own |= {key_of(one) for one in by_name.get(edge.component, ()) if matches(edge, target_of(one), instance)}
    return result


def target_of(instance: "Instance") -> Target:
    """An instance as what an edge may point at."""
    return Target(instance.name, instance.stack, context_parts(instance.sections))


def key_of(instance: "Instance") -> Key:
    """What names an instance: stack, type, component."""
    return (instance.stack, instance.kind, instance.name)


def closure(chosen: set[Key], links: Mapping[Key, set[Key]], depth: int | None) -> set[Key]:
    """The chosen instances and all that links lead to, in at most `depth` steps; a circle ends by itself."""
    reached, border = set(chosen), set(chosen)
    while border and depth != 0:
        border = {target for key in border for target in links.get(key, ())} - reached
        reached |= border
        depth = None if depth is None else depth - 1
    return reached


def turned(links: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    """The links the other way round."""
    result: dict[Key, set[Key]] = {}
    for key, targets in links.items():
        for target in targets:
            result.setdefault(target, set()).add(key)
    return result


def is_out(sections: Section) -> bool:
    """Abstract and disabled components depend on nothing."""
    metadata = sections.get("metadata")
    return isinstance(metadata, dict) and (metadata.get("type") == "abstract" or metadata.get("enabled") is False)


def edges(sections: Section) -> list[Edge]:
    """What a component depends on. One entry in `dependencies.components` makes the older forms count for nothing."""
    modern = list(_modern(sections.get("dependencies")))
    if modern:
        return modern
    settings = sections.get("settings")
    for place in (settings if isinstance(settings, dict) else {}, sections):
        legacy = place.get("depends_on")
        if isinstance(legacy, dict) and legacy:
            return [
                edge for entry in legacy.values() if isinstance(entry, dict) and (edge := _edge(entry, legacy=True))
            ]
    return []


def _modern(section: Any) -> Iterator[Edge]:
    entries = section.get("components") if isinstance(section, dict) else None
    for each in entries if isinstance(entries, list) else []:
        if isinstance(each, dict) and each.get("kind") not in ("file", "folder"):
            edge = _edge(each, legacy=False)
            if edge:
                yield edge


def _edge(entry: Section, *, legacy: bool) -> Edge | None:
    component = entry.get("component") or (None if legacy else entry.get("name"))
    if not isinstance(component, str) or not component:
        return None
    stack = entry.get("stack")
    return Edge(component, stack if isinstance(stack, str) else "", _parts(entry), legacy)


def _parts(section: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name in _PARTS if isinstance(value := section.get(name), str) and value}


def context_parts(sections: Section) -> dict[str, str]:
    """namespace, tenant, environment and stage of a component's vars."""
    variables = sections.get("vars")
    return _parts(variables) if isinstance(variables, dict) else {}


def matches(edge: Edge, target: Target, instance: "Instance") -> bool:
    """Whether an edge of `instance` points at `target`: in the named stack, else in its own; a legacy edge by context (stacks.md §8.3)."""
    if edge.stack or not (edge.legacy and edge.parts):
        if target.stack != (edge.stack or instance.stack):
            return False
        if not edge.legacy:
            return True
    own = context_parts(instance.sections)
    return all(target.parts.get(name, "") == (edge.parts.get(name) or own.get(name, "")) for name in _PARTS)


def entry(project: "Project", instance: "Instance") -> Section:
    """One dependent as `describe dependents` prints it."""
    sections = instance.sections
    folder = sections.get("component") or instance.name
    path = ""
    if instance.kind in _PATH_TYPES:
        path = posixpath.normpath(
            posixpath.join(project.base_path_as_given, project.component_paths.get(instance.kind, ""), folder)
        )
    row: Section = {
        "component": instance.name,
        "component_type": instance.kind,
        "component_path": path,
        **context_parts(sections),
        "stack": instance.stack,
        "stack_slug": f"{instance.stack}-{instance.name.replace('/', '-')}",
        "dependents": None,
        "included_in_dependents": False,
        "settings": None,
    }
    return row | integrations.names_of(instance.name, instance.stack, sections, project.atlantis_templates)
