"""Values as HCL text, in the layout of `terraform fmt`."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sonde.cli.errors import CliError

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def attributes(values: Mapping[str, Any], depth: int = 0) -> str:
    """`name = value` lines, sorted by name; the `=` of neighbours on one line each stand below each other."""
    rendered = [(_name(key), value(values[key], depth)) for key in sorted(values)]
    lines: list[str] = []
    run: list[tuple[str, str]] = []
    for name, text in rendered:
        if "\n" in text:
            lines += [*_aligned(run, depth), f"{'  ' * depth}{name} = {text}"]
            run = []
        else:
            run.append((name, text))
    return "".join(f"{line}\n" for line in [*lines, *_aligned(run, depth)])


def block(header: str, body: str, depth: int = 0) -> str:
    """A block around lines that are already indented."""
    indent = "  " * depth
    return f"{indent}{header} {{\n{body}{indent}}}\n"


def value(item: Any, depth: int = 0) -> str:
    """One value; a map takes several lines."""
    if isinstance(item, Mapping):
        return "{\n" + attributes(item, depth + 1) + "  " * depth + "}" if item else "{}"
    if isinstance(item, list):
        return "[" + ", ".join(value(part, depth) for part in item) + "]"
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return json.dumps(item)


def backend(kind: str, settings: Mapping[str, Any]) -> str:
    """A `terraform` block with a backend."""
    return block("terraform", block(f'backend "{kind}"', attributes(settings, 2), 1))


def spaced(values: Mapping[str, Any]) -> str:
    """Settings with an empty line between them and the keys of maps in quotes, as variables and backends are listed."""
    return "\n\n".join(f"{_name(key)} = {_spaced(values[key], 0)}" for key in sorted(values))


def _spaced(item: Any, depth: int) -> str:
    if not isinstance(item, Mapping) or not item:
        return value(item, depth)
    inner = "".join(
        f"{'  ' * (depth + 1)}{json.dumps(key)} = {_spaced(item[key], depth + 1)}\n" for key in sorted(item)
    )
    return "{\n" + inner + "  " * depth + "}"


# How many labels a block has; what is in none of these two is an attribute.
LABELLED: Mapping[str, int] = {"variable": 1, "output": 1, "provider": 1, "module": 1, "resource": 2, "data": 2}
UNLABELLED = ("locals", "terraform")


def document(values: Mapping[str, Any]) -> str:
    """A Terraform file: maps that are called like its blocks are blocks, sorted by name."""
    parts = []
    for key in sorted(values):
        content = values[key]
        if isinstance(content, Mapping) and (key in UNLABELLED or key in LABELLED):
            parts.append(_blocks(key, content, LABELLED.get(key, 0)))
        else:
            parts.append(attributes({key: content}))
    return "".join(parts)


def _blocks(header: str, content: Any, labels: int) -> str:
    if not isinstance(content, Mapping):
        raise CliError(f"generate: the block {header} must be a map, not {type(content).__name__}")
    if not labels:
        return block(header, attributes(content, 1))
    return "".join(_blocks(f"{header} {json.dumps(name)}", content[name], labels - 1) for name in sorted(content))


def _aligned(run: list[tuple[str, str]], depth: int) -> list[str]:
    width = max((len(name) for name, _ in run), default=0)
    return [f"{'  ' * depth}{name.ljust(width)} = {text}" for name, text in run]


def _name(key: str) -> str:
    return key if IDENTIFIER.fullmatch(key) else json.dumps(key)
