"""Where each dispatch stands in the picture of the dependency order. Pure: dispatches in, coordinates out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sonde.server.dispatches.model import Dispatch, InstanceName

WIDTH, HEIGHT = 200, 60  # of a node, in pixels
ACROSS, DOWN = 42, 14  # between nodes
COLUMNS = 5  # of a picture in which nothing depends on anything
NAME, STACK = 20, 29  # characters that fit a node's first and second line, where most of them are wide ones


@dataclass(frozen=True)
class Node:
    """One dispatch; `x` and `y` are its upper left corner."""

    dispatch: Dispatch
    x: int
    y: int
    name: str
    stack: str


@dataclass(frozen=True)
class Picture:
    """`edges` are SVG paths from a prerequisite to what waits for it."""

    nodes: tuple[Node, ...]
    edges: tuple[str, ...]
    width: int
    height: int
    node_width: int = WIDTH
    node_height: int = HEIGHT


def draw(dispatches: Sequence[Dispatch]) -> Picture:
    """Columns by prerequisites: a dispatch stands right of everything it waits for."""
    depth = depths(dispatches)
    flat = not any(depth.values())
    columns: dict[int, list[Dispatch]] = {}
    for place, item in enumerate(sorted(dispatches, key=lambda one: (str(one.instance), one.workflow))):
        columns.setdefault(place % COLUMNS if flat else depth[item.instance], []).append(item)
    rows: dict[InstanceName, float] = {}
    nodes: list[Node] = []
    for column in sorted(columns):
        # beside the middle of what they wait for, so that few lines cross
        ordered = sorted(columns[column], key=lambda one: (_middle(one, rows), str(one.instance), one.workflow))
        for row, item in enumerate(ordered):
            rows[item.instance] = row
            nodes.append(_node(item, column, row))
    return Picture(
        tuple(nodes),
        tuple(_edges(nodes)),
        max((node.x + WIDTH for node in nodes), default=0) + 2,
        max((node.y + HEIGHT for node in nodes), default=0) + 2,
    )


def depths(dispatches: Sequence[Dispatch]) -> dict[InstanceName, int]:
    """How many instances, one after another, must succeed before each; those of a cycle, which no plan holds, get 0."""
    after = {item.instance: item.after for item in dispatches}
    found: dict[InstanceName, int] = {}
    for _ in range(len(after)):
        before = len(found)
        for name, prerequisites in after.items():
            known = [found.get(one) for one in prerequisites if one in after]
            if name not in found and None not in known:
                found[name] = max((one + 1 for one in known if one is not None), default=0)
        if len(found) == before:
            break
    return {name: found.get(name, 0) for name in after}


def _middle(dispatch: Dispatch, rows: Mapping[InstanceName, float]) -> float:
    above = [rows[name] for name in dispatch.after if name in rows]
    return sum(above) / len(above) if above else 0.0


def _node(dispatch: Dispatch, column: int, row: int) -> Node:
    return Node(
        dispatch,
        1 + column * (WIDTH + ACROSS),
        1 + row * (HEIGHT + DOWN),
        _fitting(dispatch.instance.component, NAME),
        _fitting(dispatch.instance.stack, STACK),
    )


def _fitting(text: str, size: int) -> str:
    """The end of a long name: that is where `network/eu/vpc` and `network/us/vpc` begin to say something."""
    return text if len(text) <= size else f"…{text[1 - size :]}"


def _edges(nodes: Sequence[Node]) -> list[str]:
    standing: dict[InstanceName, list[Node]] = {}
    for node in nodes:
        standing.setdefault(node.dispatch.instance, []).append(node)
    paths = []
    for node in nodes:
        for start in (one for name in node.dispatch.after for one in standing.get(name, ())):
            x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, node.x, node.y + HEIGHT // 2
            bend = ACROSS // 2
            paths.append(f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}")
    return paths
