"""Several instances in one call: which come first, and in which order exactly."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sonde.cli.errors import CliError


class Node(NamedTuple):
    """An instance by its names."""

    component: str
    stack: str

    @property
    def id(self) -> str:
        """What ties are broken by."""
        return f"{self.component}-{self.stack}"


Edges = Mapping[Node, Iterable[Node]]


def in_order(needs: Edges, *, reverse: bool = False) -> list[Node]:
    """Each node after those it needs; of the nodes that are ready the one whose id sorts first.

    `reverse` (destroy) puts each node before those it needs. A need outside of the selection does not count. Raises
    CliError for a cycle, naming it.
    """
    known = {node: {need for need in wanted if need in needs and need != node} for node, wanted in needs.items()}
    waits = turned(known) if reverse else known
    followers = turned(waits)
    left = {node: len(wanted) for node, wanted in waits.items()}
    ready = [(node.id, node) for node, count in left.items() if not count]
    heapq.heapify(ready)
    done: list[Node] = []
    while ready:
        _, node = heapq.heappop(ready)
        done.append(node)
        for follower in followers[node]:
            left[follower] -= 1
            if not left[follower]:
                heapq.heappush(ready, (follower.id, follower))
    if len(done) < len(needs):
        raise CliError(
            f"circular dependency: {' → '.join(_cycle(waits, set(needs) - set(done)))}",
            hints=["Remove one of the dependencies between these components."],
        )
    return done


def turned(edges: Edges) -> dict[Node, set[Node]]:
    """The edges the other way round; what is not itself a key does not count."""
    back: dict[Node, set[Node]] = {node: set() for node in edges}
    for node, needs in edges.items():
        for need in needs:
            if need in back:
                back[need].add(node)
    return back


def reached(
    edges: Edges, starts: Iterable[Node], *, steps: int = 0, through: Callable[[Node], bool] = lambda _: True
) -> set[Node]:
    """All that the edges lead to, in so many steps at most (0: in any number); `through` says where the way may go on."""
    found: set[Node] = set()
    border, step = set(starts), 0
    while border and (not steps or step < steps):
        border = {node for at in border for node in edges.get(at, ())} - found
        found |= border
        border = {node for node in border if through(node)}
        step += 1
    return found


def _cycle(waits: Mapping[Node, set[Node]], stuck: set[Node]) -> list[str]:
    """The names along one cycle, its first repeated at the end."""
    path = [min(stuck)]
    while True:
        following = min(need for need in waits[path[-1]] if need in stuck)
        if following in path:
            return [node.id for node in (*path[path.index(following) :], following)]
        path.append(following)


def needs_of(
    component: str, stack: str, sections: Mapping[str, Any], peers: Mapping[Node, Mapping[str, Any]]
) -> set[Node]:
    """What an instance depends on: `dependencies.components`, else `settings.depends_on` (stacks.md §8.3).

    A dependency without a stack lies in the same stack; context fields (`tenant`, `stage` …) select by the vars of
    its peers.
    """
    listed = (sections.get("dependencies") or {}).get("components") or _old(sections)
    own = sections.get("vars") or {}
    found = set()
    for item in listed:
        name = item.get("name") or item.get("component") if isinstance(item, Mapping) else item
        if not isinstance(name, str) or not name:
            continue
        wanted = item if isinstance(item, Mapping) else {}
        if isinstance(wanted.get("stack"), str) and wanted["stack"]:
            found.add(Node(name, wanted["stack"]))
        elif not any(wanted.get(key) for key in CONTEXT):
            found.add(Node(name, stack))
        else:
            context = {key: wanted.get(key) or own.get(key) for key in CONTEXT}
            found |= {peer for peer, vars_ in peers.items() if peer.component == name and _matches(vars_, context)}
    found.discard(Node(component, stack))
    return found


CONTEXT = ("namespace", "tenant", "environment", "stage")


def _old(sections: Mapping[str, Any]) -> list[Any]:
    depends_on = (sections.get("settings") or {}).get("depends_on") or {}
    return list(depends_on.values()) if isinstance(depends_on, Mapping) else list(depends_on)


def _matches(variables: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    return all(not value or variables.get(key) == value for key, value in context.items())
