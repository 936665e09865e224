"""HCL in its JSON syntax (`*.tf.json`), as the same blocks as `hcl` gives; lines are those of the opening braces.

The syntax: https://developer.hashicorp.com/terraform/language/syntax/json.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from sonde.stacks.errors import StacksError
from sonde.stacks.hcl import Attribute, Block, unknown

LABELS = {"variable": 1, "output": 1, "module": 1, "provider": 1, "resource": 2, "data": 2, "terraform": 0}


def parse(text: str, name: str) -> Block:
    """The content of a file. Raises StacksError with file and line."""
    try:
        content = json.loads(text)
        # The same text once more, for the lines. A tab between tokens means nothing in JSON, and is an error in YAML.
        node = yaml.compose(text.replace("\t", " "), Loader=yaml.CSafeLoader)
    except json.JSONDecodeError as error:
        raise StacksError(f"{name}:{error.lineno}: {error.msg}") from error
    except yaml.YAMLError as error:
        raise StacksError(f"{name}: {error}") from error
    if not isinstance(content, dict):
        raise StacksError(f"{name}:1: the file's content must be an object")
    file = Block("", (), 1)
    for kind, value, below in _members(content, node):
        if kind in LABELS:
            file.blocks.extend(_blocks(kind, (), value, below))
    return file


def _blocks(kind: str, labels: tuple[str, ...], value: Any, node: Any) -> Iterator[Block]:
    """The blocks below a type and the labels seen so far; where an object may stand, so may a list of objects."""
    if isinstance(value, list):
        for each, below in zip(value, node.value, strict=True):
            yield from _blocks(kind, labels, each, below)
    elif isinstance(value, dict) and len(labels) < LABELS[kind]:
        for label, each, below in _members(value, node):
            yield from _blocks(kind, (*labels, label), each, below)
    elif isinstance(value, dict):
        yield _block(kind, labels, value, node)


def _block(kind: str, labels: tuple[str, ...], value: dict[str, Any], node: Any) -> Block:
    block = Block(kind, labels, node.start_mark.line + 1)
    for name, each, below in _members(value, node):
        line = below.start_mark.line + 1
        if name == "required_providers" and isinstance(each, dict):
            block.blocks.append(_block(name, (), each, below))
        else:
            text = each if isinstance(each, str) else json.dumps(each)
            plain = not isinstance(each, str) or ("${" not in each and "%{" not in each)
            block.attributes[name] = Attribute(name, line, text, each if plain else unknown())
    return block


def _members(value: dict[str, Any], node: Any) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and node of each member; of equal keys the last. `//` is a comment."""
    nodes = {key.value: below for key, below in node.value}
    return ((name, each, nodes[name]) for name, each in value.items() if name != "//" and name in nodes)
