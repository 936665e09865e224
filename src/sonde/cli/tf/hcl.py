"""Values as HCL text, in the layout of `terraform fmt`."""

import json
import re
from collections.abc import Mapping
from typing import Any

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
    header = "cloud" if kind == "cloud" else f'backend "{kind}"'
    return block("terraform", block(header, attributes(settings, 2), 1))


def _aligned(run: list[tuple[str, str]], depth: int) -> list[str]:
    width = max((len(name) for name, _ in run), default=0)
    return [f"{'  ' * depth}{name.ljust(width)} = {text}" for name, text in run]


def _name(key: str) -> str:
    return key if IDENTIFIER.fullmatch(key) else json.dumps(key)
