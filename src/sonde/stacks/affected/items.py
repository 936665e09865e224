"""Affected instances as the answer shows them (stacks.md §10.3)."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sonde.stacks import dependents, integrations, kinds
from sonde.stacks.affected.compare import Affected, section, slug
from sonde.stacks.affected.dependents import Graph, Node
from sonde.stacks.engine import Instance
from sonde.stacks.merge import Section
from sonde.stacks.project import Project
from sonde.stacks.yamldump import Struct

_DEPENDENT_FIELDS = (
    *("component", "component_type", "component_path", "namespace", "tenant", "environment", "stage"),
    *("stack", "stack_slug", "spacelift_stack", "atlantis_project", "dependents", "included_in_dependents", "settings"),
)


@dataclass(frozen=True)
class View:
    """What the answer is to show. Without a graph, items have no `dependents`."""

    project: Project
    settings: bool = False
    graph: Graph | None = None
    full: Callable[[Instance], Instance] | None = None  # the instance with all its sections, where it has but a few

    def items(self, found: Sequence[Affected]) -> list[Struct]:
        """The answer, in the order given. Raises StacksError where dependencies form a cycle."""
        reached = [self._reached(each) for each in found]
        slugs = [slug(each.instance.stack, each.instance.name) for each in found]
        counts: dict[str, int] = {}
        for names in reached:
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        return [
            self._item(each, included=counts.get(name, 0) > (name in names))
            for each, name, names in zip(found, slugs, reached, strict=True)
        ]

    def _whole(self, instance: Instance) -> Instance:
        return self.full(instance) if self.full else instance

    def _reached(self, each: Affected) -> frozenset[str]:
        if self.graph is None or each.deletion:
            return frozenset()
        return self.graph.reached(each.instance.stack, each.instance.name)

    def _item(self, each: Affected, *, included: bool) -> Struct:
        instance = self._whole(each.instance)
        item = Struct(
            component=instance.name, component_type=instance.kind, component_path=self._component_path(instance)
        )
        if each.deletion:
            item |= dependents.context_parts(instance.sections)
        item |= {"stack": instance.stack, "stack_slug": slug(instance.stack, instance.name)}
        if instance.kind == kinds.TERRAFORM:
            item |= self._integrations(instance)
        item |= {"affected": each.reasons[0], "affected_all": list(each.reasons)}
        item |= {name: value for name, value in (("file", each.file), ("folder", each.folder)) if value}
        item["dependents"] = self._dependents(each)
        item["included_in_dependents"] = included
        item["settings"] = None if each.deletion else self._settings(instance)
        if each.deletion:
            item |= {"deleted": True, "deletion_type": each.deletion}
        return item

    def _component_path(self, instance: Instance) -> str:
        """The component's folder, seen from where the base path is as given; empty for types whose folders are not in the project's table."""
        base, folder = self.project.component_paths.get(instance.kind), instance.sections.get("component")
        prefix = section(instance, "metadata").get("component_folder_prefix")
        if base is None or not isinstance(folder, str):
            return ""
        parts = [prefix.strip() if isinstance(prefix, str) else "", folder]
        return posixpath.normpath(
            posixpath.join(self.project.base_path_as_given, base, *(part.lstrip("/") for part in parts))
        )

    def _integrations(self, instance: Instance) -> Section:
        return integrations.names_of(instance.name, instance.stack, instance.sections, self.project.atlantis_templates)

    def _settings(self, instance: Instance) -> Any:
        return section(instance, "settings") if self.settings else None

    def _dependents(self, each: Affected) -> list[Struct] | None:
        if self.graph is None:
            return None
        if each.deletion:
            return []
        return [self._node(node) for node in self.graph.below(each.instance.stack, each.instance.name)]

    def _node(self, node: Node) -> Struct:
        instance = self._whole(node.instance)
        row = dependents.entry(self.project, instance) | {
            "dependents": [self._node(each) for each in node.dependents],
            "included_in_dependents": node.included,
            "settings": self._settings(instance),
        }
        return Struct((name, row[name]) for name in _DEPENDENT_FIELDS if name in row)
