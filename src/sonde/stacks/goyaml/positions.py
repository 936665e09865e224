"""Where a path of keys and indices stands in a composed document, through aliases and merges."""

from collections.abc import Iterator, Sequence

from sonde.stacks.goyaml.gotext import go_text
from sonde.stacks.goyaml.nodes import Node
from sonde.stacks.goyaml.scalars import MERGE, STR, ScalarError, resolve


def find(root: Node | None, path: Sequence[str | int]) -> Node | None:
    """The value's node, or None."""
    node = root
    for step in path:
        found = _step(node, step)
        if found is None:
            return None
        node = found[1]
    return node


def find_key(root: Node | None, path: Sequence[str | int]) -> Node | None:
    """The node of the last key of the path (of the item itself in a list), or None."""
    if not path:
        return root
    found = _step(find(root, path[:-1]), path[-1])
    return found[0] if found else None


def _step(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    while node is not None and node.kind == "alias":
        node = node.alias
    if node is None:
        return None
    if node.kind == "sequence":
        if isinstance(step, int) and 0 <= step < len(node.content):
            return node.content[step], node.content[step]
        return None
    return next((pair for pair in _pairs(node, set()) if key_text(pair[0]) == str(step)), None)


def _pairs(node: Node, seen: set[int]) -> Iterator[tuple[Node, Node]]:
    """Own entries first, then merged ones: the order in which they win."""
    if id(node) in seen:
        return
    seen.add(id(node))
    merges = []
    for key, value in zip(node.content[::2], node.content[1::2], strict=False):
        if key.tag == MERGE:
            merges.append(value)
        else:
            yield key, value
    for merge in merges:
        for source in merge.content if merge.kind == "sequence" else [merge]:
            target = source.alias if source.kind == "alias" else source
            if target is not None and target.kind == "mapping":
                yield from _pairs(target, seen)


def key_text(node: Node) -> str:
    """The string a key became."""
    while node.kind == "alias" and node.alias is not None:
        node = node.alias
    if node.tag in ("", STR) or (node.tag.startswith("!") and not node.tag.startswith("!!")):
        return node.value
    try:
        return go_text(resolve(node.tag, node.value)[1])
    except ScalarError:
        return node.value
