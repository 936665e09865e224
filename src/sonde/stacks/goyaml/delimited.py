"""`settings.yaml.key_delimiter`: a plain key `vars.a.b` stands for nested mappings; a quoted key is left as it is."""

from sonde.stacks.goyaml.nodes import Node
from sonde.stacks.goyaml.scalars import MAP, STR


def expand(node: Node, delimiter: str) -> None:
    """Split the delimited keys of all mappings below a node, in place; equal first parts share one mapping."""
    for child in node.content:
        expand(child, delimiter)
    if node.kind != "mapping" or not any(_is_split(key, delimiter) for key in node.content[::2]):
        return
    old, node.content = node.content, []
    made: set[int] = set()
    for key, value in zip(old[::2], old[1::2], strict=True):
        parts = key.value.split(delimiter) if _is_split(key, delimiter) else [key.value]
        _put(node, key, parts, value, made)


def _is_split(key: Node, delimiter: str) -> bool:
    if key.kind != "scalar" or key.quoted or key.tag != STR or delimiter not in key.value:
        return False
    return all(key.value.split(delimiter))


def _put(mapping: Node, key: Node, parts: list[str], value: Node, made: set[int]) -> None:
    """Put a value below the parts of its key; `made` holds the mappings that only split keys have made so far.

    What two keys then say twice stays twice, so that it is refused as a duplicate key.
    """
    found = _entry(mapping, key, parts[0])
    if len(parts) > 1:
        if found is None or found.kind != "mapping":
            found = Node("mapping", value.line, value.column)
            found.tag = MAP
            made.add(id(found))
            mapping.content += [_named(key, parts[0]), found]
        _put(found, key, parts[1:], value, made)
    elif found is not None and id(found) in made and value.kind == "mapping":
        made.discard(id(found))
        for inner_key, inner in zip(value.content[::2], value.content[1::2], strict=True):
            _put(found, inner_key, [inner_key.value], inner, made)
    else:
        mapping.content += [key if key.value == parts[0] else _named(key, parts[0]), value]


def _entry(mapping: Node, key: Node, name: str) -> Node | None:
    pairs = zip(mapping.content[::2], mapping.content[1::2], strict=True)
    return next((value for own, value in pairs if own.kind == key.kind == "scalar" and own.value == name), None)


def _named(key: Node, name: str) -> Node:
    node = Node("scalar", key.line, key.column)
    node.tag, node.value = STR, name
    return node
