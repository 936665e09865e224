"""Are stack manifests of the right form? Against our own schema, or one the project names (stacks.md §13.1).

`sonde.stacks.schema.manifest` (JSON) says what a manifest may hold. Messages are `file:line:column: error: path: text`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Loaded
from sonde.stacks.schema.compiled import compile_schema
from sonde.stacks.schema.failures import Check, Failure

COMPONENT_TYPES = ("terraform", "helmfile", "packer", "kubernetes", "helm", "ansible")


class NoSchemaError(StacksError):
    """The schema file that the project names is not there, or may not be read."""


class Problem(NamedTuple):
    """One finding in one file. Line and column count from 1; 0 where the place is not known."""

    file: str
    line: int
    column: int
    severity: str  # error or warning
    path: str
    text: str

    def __str__(self) -> str:
        after = f" {self.text}" if self.text else ""
        colon = ":" if self.severity == "error" else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.path}{colon}{after}"


@cache
def own_check() -> Check:
    """The check of our own schema, compiled once."""
    return compile_schema(json.loads(files(__name__).joinpath("manifest.json").read_text("utf-8")))


def check_of(path: Path) -> Check:
    """The check of a project's own JSON schema. Raises `NoSchemaError` if the file is not there, `StacksError` if it is none."""
    try:
        schema = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NoSchemaError(
            f"the Atmos manifest JSON schema file '{path}' cannot be read: {error.strerror}",
            hints=[
                "Check `schemas.atmos.manifest` in atmos.yaml, ATMOS_SCHEMAS_ATMOS_MANIFEST or --schemas-atmos-manifest."
            ],
        ) from error
    except ValueError as error:
        raise StacksError(f"the Atmos manifest JSON schema file '{path}' is not JSON: {error}") from error
    if not isinstance(schema, (dict, bool)):
        raise StacksError(f"the Atmos manifest JSON schema file '{path}' holds no schema")
    return compile_schema(schema)


def errors(
    value: Mapping[str, Any], *, file: str, loaded: Callable[[], Loaded], check: Check | None = None
) -> list[Problem]:
    """Check one manifest's value. `loaded` is called only to find the places of what is wrong."""
    failures = (check or own_check())(value, ())
    return _located(sorted(dict.fromkeys(failures)), file, "error", loaded)


def warnings(value: Mapping[str, Any], *, file: str, loaded: Callable[[], Loaded]) -> list[Problem]:
    """Deprecated keys of one manifest, in the order of their paths."""
    found = sorted(Failure(path, "is deprecated; use dependencies.components") for path in _deprecated(value))
    return _located(found, file, "warning", loaded)


def _deprecated(value: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    components = value.get("components")
    for kind in COMPONENT_TYPES:
        section = components.get(kind) if isinstance(components, dict) else None
        for name, component in section.items() if isinstance(section, dict) else ():
            if not isinstance(component, dict):
                continue
            if "depends_on" in component:
                yield ("components", kind, name, "depends_on")
            settings = component.get("settings")
            if isinstance(settings, dict) and "depends_on" in settings:
                yield ("components", kind, name, "settings", "depends_on")


def _located(failures: Iterable[Failure], file: str, severity: str, loaded: Callable[[], Loaded]) -> list[Problem]:
    problems = []
    document: Loaded | None = None
    for failure in failures:
        document = document or loaded()
        line, column = document.position(failure.path) or (0, 0)
        problems.append(Problem(file, line, column, severity, shown(failure.path), failure.text))
    return problems


def shown(path: Iterable[str | int]) -> str:
    """A path as the messages write it: keys joined by dots, positions and numeric keys in brackets."""
    text = ""
    for step in path:
        if str(step).isdigit():
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text
