"""The tree of dependents below an item (stacks.md §8.3, §10.3). One edge is `sonde.stacks.dependents`' affair."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sonde.stacks import dependents
from sonde.stacks.affected.compare import slug
from sonde.stacks.engine import Instance
from sonde.stacks.errors import StacksError

Name = tuple[str, str]  # stack, component


@dataclass(frozen=True)
class Node:
    """A dependent with its own dependents; `included` if it is also below one of its siblings."""

    instance: Instance
    dependents: tuple["Node", ...]
    included: bool


class Graph:
    """Dependencies between the instances of all stacks. What lies below an instance is worked out once and shared.

    With `only_stack` dependents in other stacks do not count.
    """

    def __init__(self, instances: Iterable[Instance], *, only_stack: str = "") -> None:
        everything = list(instances)
        by_component: dict[str, list[Instance]] = {}
        for each in everything:
            by_component.setdefault(each.name, []).append(each)
        self._dependents: dict[Name, dict[Name, Instance]] = {}
        for each in everything:
            if dependents.is_out(each.sections) or (only_stack and each.stack != only_stack):
                continue
            for target in _targets(each, by_component):
                self._dependents.setdefault(target, {}).setdefault((each.stack, each.name), each)
        self._below: dict[Name, tuple[Node, ...]] = {}
        self._reached: dict[Name, frozenset[str]] = {}
        self._path: list[Name] = []

    def below(self, stack: str, component: str) -> tuple[Node, ...]:
        """The dependents of an instance sorted by slug, each with its own.

        Raises StacksError with the chain where they form a cycle: the Go CLI does not end then (Q23).
        """
        name = (stack, component)
        known = self._below.get(name)
        if known is not None:
            return known
        if name in self._path:
            raise _cycle([*self._path[self._path.index(name) :], name])
        children = {slug(each.stack, each.name): each for each in self._dependents.get(name, {}).values()}
        children = dict(sorted(children.items()))
        self._path.append(name)
        trees = {key: self.below(each.stack, each.name) for key, each in children.items()}
        self._path.pop()
        reached = {key: self._reached[(each.stack, each.name)] for key, each in children.items()}
        nodes = tuple(
            Node(each, trees[key], any(key in names for other, names in reached.items() if other != key))
            for key, each in children.items()
        )
        self._below[name] = nodes
        self._reached[name] = frozenset(children).union(*reached.values())
        return nodes

    def reached(self, stack: str, component: str) -> frozenset[str]:
        """The slugs of everything below an instance."""
        self.below(stack, component)
        return self._reached[(stack, component)]


def _cycle(chain: list[Name]) -> StacksError:
    shown = "\n".join(f"  → {component} in {stack}" for stack, component in chain)
    return StacksError(
        f"dependency cycle: each of these depends on the one above it\n\n{shown}",
        hints=["Remove one of these dependencies (`dependencies.components`, or `settings.depends_on`)."],
    )


def _targets(instance: Instance, by_component: dict[str, list[Instance]]) -> Iterator[Name]:
    for edge in dependents.edges(instance.sections):
        if edge.component == instance.name:
            continue
        for candidate in by_component.get(edge.component, ()):
            target = dependents.target_of(candidate)
            if dependents.matches(edge, target, instance):
                yield (candidate.stack, candidate.name)
