"""A workflow file as a tree in which each value knows its `file:line`.

GitHub reads YAML 1.2: `on`, `yes` and `off` are texts, dates are texts, `1:30` is a text, `<<` is an ordinary key.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sonde.sandbox.runner.expressions import names_in
from sonde.sandbox.runner.model import ExpressionError, UnsupportedWorkflow
from sonde.sandbox.runner.values import to_text


class WorkflowLoader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema; used for composing nodes only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way of declaring them


for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
):
    WorkflowLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))

SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda _text: None,
    "tag:yaml.org,2002:int": lambda text: int(text, 0) if text.startswith(("0x", "0o")) else int(text),
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


@dataclass(frozen=True)
class Entry:
    """One value of the file. `value` is a scalar, a list of entries, or a dict of entries."""

    value: Any
    where: str  # file:line, of the key if the value stands in a mapping

    def error(self, what: str) -> UnsupportedWorkflow:
        return UnsupportedWorkflow(f"{self.where}: {what}")

    def mapping(self, allowed: Iterable[str] | None = None, of: str = "") -> dict[str, "Entry"]:
        """The entry as a mapping; with `allowed`, any other key is an error that names `of`."""
        if not isinstance(self.value, dict):
            raise self.error(f"{of or 'this'} must be a mapping")
        known = None if allowed is None else set(allowed)
        for key, item in self.value.items():
            if known is not None and key not in known:
                raise item.error(f"'{key}' of {of} is not supported")
        return dict(self.value)

    def items(self, of: str) -> list["Entry"]:
        if not isinstance(self.value, list):
            raise self.error(f"{of} must be a list")
        return list(self.value)

    def text(self, of: str) -> str:
        """A scalar as GitHub writes it: `true`, `1.5`, and '' for null."""
        if isinstance(self.value, (list, dict)):
            raise self.error(f"{of} must be a text")
        return to_text(self.value)

    def texts(self, of: str) -> tuple[str, ...]:
        """One text or a list of texts; nothing for null."""
        if self.value is None:
            return ()
        return tuple(item.text(of) for item in self.value) if isinstance(self.value, list) else (self.text(of),)

    def one_of(self, allowed: Iterable[str], of: str) -> str:
        text = self.text(of)
        if text not in allowed:
            raise self.error(f"{of} '{text}' is not supported")
        return text

    def boolean(self, of: str) -> bool:
        if not isinstance(self.value, bool):
            raise self.error(f"{of} must be true or false")
        return self.value

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value

    def checked(self, contexts: Iterable[str], *, is_condition: bool = False) -> "Entry":
        """Itself, once every expression in it is known to parse and to use only `contexts`; else an error with its place."""
        for item in self.value.values() if isinstance(self.value, dict) else ():
            item.checked(contexts)
        for item in self.value if isinstance(self.value, list) else ():
            item.checked(contexts)
        if not isinstance(self.value, str):
            return self
        try:
            used, status = names_in(self.value, is_condition=is_condition)
        except ExpressionError as error:
            raise self.error(str(error)) from error
        if status and not is_condition:
            raise self.error(f"{min(status)}() is available in `if` only")
        for name in sorted(used - set(contexts)):
            raise self.error(f"the context '{name}' is not available here")
        return self


def scalar(node: yaml.ScalarNode, where: str) -> Any:
    if node.tag not in SCALARS:
        raise UnsupportedWorkflow(f"{where}: the YAML tag {node.tag} is not supported")
    try:
        return SCALARS[node.tag](node.value)
    except ValueError as error:
        raise UnsupportedWorkflow(f"{where}: {error}") from error


def entry(node: yaml.Node, path: str, line: int, above: tuple[int, ...] = ()) -> Entry:
    """The entry of a YAML node. `above` holds the nodes on the way down: an alias to one of them has no end."""
    where = f"{path}:{line}"
    if id(node) in above:
        raise UnsupportedWorkflow(f"{where}: an alias refers to what it stands in")
    below = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        return Entry([entry(item, path, item.start_mark.line + 1, below) for item in node.value], where)
    if isinstance(node, yaml.ScalarNode):
        return Entry(scalar(node, where), where)
    found: dict[str, Entry] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UnsupportedWorkflow(f"{path}:{at}: a key must be a text")
        if key.value in found:
            raise UnsupportedWorkflow(f"{path}:{at}: '{key.value}' is already defined")
        found[key.value] = entry(value, path, at, below)
    return Entry(found, where)


def read(text: str, path: str) -> Entry:
    """The whole file. UnsupportedWorkflow with file:line if it is no YAML mapping."""
    try:
        node = yaml.compose(text, Loader=WorkflowLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnsupportedWorkflow(f"{path}:{line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UnsupportedWorkflow(f"{path}:1: not valid YAML: {error}") from error
    except RecursionError as error:
        raise UnsupportedWorkflow(f"{path}:1: not read: it is nested too deep") from error
    if not isinstance(node, yaml.MappingNode):
        raise UnsupportedWorkflow(f"{path}:1: a workflow must be a mapping with `on` and `jobs`")
    return entry(node, path, 1)


def texts_of(entries: Mapping[str, Entry], of: str) -> dict[str, str]:
    return {key: item.text(f"{of}.{key}") for key, item in entries.items()}
