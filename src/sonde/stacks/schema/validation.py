"""Full validation, as `describe stacks`, `describe affected` and `validate stacks` do first (stacks.md §13.1).

In this order: every top-level manifest can be merged and its components resolved; no component of a stack is defined twice
and differently; every YAML file below the stacks folder imports what exists and has the form of the schema. Findings about
files are collected and told together.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from sonde.stacks import globs, goyaml, names, schema
from sonde.stacks.components import Component, StackContent
from sonde.stacks.config import Config
from sonde.stacks.engine import Engine
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import YamlError
from sonde.stacks.schema import Problem, failures
from sonde.stacks.schema.failures import Check

UNNAMED = "'stacks.name_template' (or the deprecated 'stacks.name_pattern') needs to be specified in 'atmos.yaml'"
CACHES = frozenset({"sources", "imports", "deps", "deps_all"})  # where a component comes from, not what it is


class Selection(NamedTuple):
    """Which files to check one by one: not those that an absolute glob excludes, and only those named, if any are."""

    exclude: tuple[str, ...] = ()
    only: frozenset[str] | None = None

    def takes(self, path: str) -> bool:
        named = self.only is None or path in self.only
        return named and not any(globs.matches(posixpath.normpath(pattern), path) for pattern in self.exclude)


EVERYTHING = Selection()
Row = tuple[str, str, str]  # stack, type, component


class Known(Protocol):
    """What an earlier run found in manifests (`sonde.stacks.affected.kept`)."""

    def rows(self, path: str) -> Iterable[Row] | None:
        """The instances of a manifest that is right, in its order; None where that is not known."""

    def note_rows(self, path: str, rows: list[Row]) -> None:
        """Remember them."""


def validate(
    config: Config,
    engine: Engine,
    *,
    schema_file: str = "",
    selection: Selection = EVERYTHING,
    warn: Callable[[str], None] | None = None,
    known: Known | None = None,
) -> list[Problem]:
    """Validate everything and give the warnings. Raises `StacksError` with all errors in one text.

    `schema_file` is the path of a JSON schema to use instead of ours; atmos.yaml's `schemas.atmos.manifest` is the fallback.
    `known` tells which manifests an earlier run found to be right. With `warn` a schema file that is not there is told and does without: what a command shows does not depend on it.
    """
    try:
        check = _chosen_check(config, schema_file)
    except schema.NoSchemaError as error:
        if warn is None:
            raise
        warn(f"{error.message}. The form of the manifests is not checked; `sonde validate stacks` fails.")
        check = _unchecked
    _check_duplicates(engine, known)
    found = list(_check_files(config, engine, check, selection))
    errors = list(
        dict.fromkeys(str(each) for each in found if not (isinstance(each, Problem) and each.severity == "warning"))
    )
    if errors:
        raise StacksError(
            "\n\n" + "\n".join(f"  • {text}" for text in errors) if _are_places(found) else "\n".join(errors)
        )
    return [each for each in found if isinstance(each, Problem)]


def _are_places(found: list[Problem | str]) -> bool:
    return any(isinstance(each, Problem) and each.severity == "error" for each in found)


def _chosen_check(config: Config, schema_file: str) -> Check:
    if schema_file:
        return schema.check_of(config.cwd / schema_file)
    configured = config.get("schemas.atmos.manifest")
    if not isinstance(configured, str) or not configured or "://" in configured:
        return schema.own_check()
    near = Path(posixpath.normpath(config.base_path / configured))
    return schema.check_of(near if near.exists() or not (config.cwd / configured).exists() else config.cwd / configured)


def _unchecked(value: object, path: failures.Path) -> failures.Failures:
    del value, path
    return failures.FINE


# ---------------------------------------------------------------------- one component, one manifest


def _check_duplicates(engine: Engine, known: Known | None) -> None:
    """Resolve every component of every manifest. Raises `StacksError` for one that is wrong, or defined twice differently."""
    project = engine.project
    if not (project.name_template or project.name_pattern):
        raise StacksError(UNNAMED)
    seen: dict[Row, str] = {}
    for path in engine.files:
        rows = known.rows(path) if known else None
        if rows is None:
            engine.folders.clear()
            rows = list(_rows(engine, path))
            if known:
                known.note_rows(path, rows)
        for row in rows:
            first = seen.setdefault(row, path)
            if first != path:
                _check_equal(engine, row, first, path)


def _rows(engine: Engine, path: str) -> Iterator[Row]:
    content = engine.stack(path)
    for component in _components(content):
        if component.metadata.get("type") != "abstract":
            yield _stack_name(engine, content, component), component.kind, component.name


def _check_equal(engine: Engine, row: Row, first: str, second: str) -> None:
    """Raise `StacksError` where two manifests give one instance two configurations."""
    stack, kind, name = row
    one, other = engine.stack(first), engine.stack(second)
    if one.name != other.name and _config(one.component(kind, name)) != _config(other.component(kind, name)):
        raise _conflict(name, stack, one.name, other.name)


def _components(content: StackContent) -> Iterator[Component]:
    for kind in content.types:
        for name in content.components(kind):
            yield content.component(kind, name)


def _stack_name(engine: Engine, content: StackContent, component: Component) -> str:
    project = engine.project
    if not content.explicit_name and not project.name_template:
        context = names.context_of(component.sections.get("vars") or {})
        return names.from_pattern(project.name_pattern, context, content.name, content.name)
    return engine.name_of(content, component)[0]


def _config(component: Component) -> dict[str, object]:
    return {key: value for key, value in component.sections.items() if key not in CACHES}


def _conflict(component: str, stack: str, one: str, other: str) -> StacksError:
    return StacksError(
        f"The Atmos component '{component}' in the stack '{stack}' is defined in more than one top-level stack manifest "
        f"file: {one}, {other}.\n\nThe component configurations in the stack manifests are different.",
        hints=[
            f"Compare them: `sonde describe component {component} -s {one}` and `sonde describe component {component} -s {other}`.",
            "Define the component once, or give the two different names; what both need can be inherited.",
        ],
    )


# ---------------------------------------------------------------------- every file


def _check_files(config: Config, engine: Engine, check: Check, selection: Selection) -> Iterator[Problem | str]:
    configured = Selection(
        tuple(posixpath.join(engine.project.stacks_path, pattern) for pattern in engine.project.excluded)
    )
    for path in _yaml_files(engine, engine.project.stacks_path):
        if not (configured.takes(path) and selection.takes(path)):
            continue
        try:
            engine.merged(path)
        except StacksError as error:
            yield error.message
            continue
        yield from _check_form(config, engine, path, check)


def _yaml_files(engine: Engine, folder: str) -> Iterator[str]:
    for name, is_folder in engine.tree.entries(folder):
        path = posixpath.join(folder, name)
        if is_folder:
            yield from _yaml_files(engine, path)
        elif name.endswith((".yaml", ".yml")):
            yield path


def _check_form(config: Config, engine: Engine, path: str, check: Check) -> Iterator[Problem]:
    text = engine.manifests.text(path)
    delimiter = config.get("settings.yaml.key_delimiter") or ""

    def loaded() -> goyaml.Loaded:
        return goyaml.load_mapping(text.encode("utf-8", "surrogateescape"), name=path, key_delimiter=delimiter)

    try:
        # `!append` is a list here and a mark in the engine's value.
        value = loaded().value if delimiter or "!append" in text else engine.manifests.parse(path, text)
    except (StacksError, YamlError):
        return  # a template that becomes YAML when it is rendered
    name = path.removeprefix(engine.project.stacks_path.rstrip("/") + "/")
    yield from schema.errors(value, file=name, loaded=loaded, check=check)
    from_base = posixpath.relpath(path, engine.project.base_path)
    yield from schema.warnings(value, file=from_base, loaded=loaded)
