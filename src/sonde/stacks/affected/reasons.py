"""Why an instance is affected (stacks.md §10.2)."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.stacks import globs, kinds
from sonde.stacks.affected.changes import Changes, Modules
from sonde.stacks.engine import Instance

# Sections that are compared, in the order of the answer; `describe.affected.sections` replaces the list.
SECTIONS = (
    "vars",
    "env",
    "providers",
    "required_providers",
    "required_version",
    "generate",
    "backend",
    "backend_type",
    "remote_state_backend",
    "remote_state_backend_type",
    "auth",
    "command",
    "dependencies",
    "source",
    "provision",
)
_HELM = ("vars", "env", "source", "provision", "generate", "render", "values", "values_files", "chart", "repositories")
_KUBERNETES = (
    *("vars", "env", "source", "provision", "generate"),
    *("provider", "paths", "manifests", "render", "validate"),
)
_ABSENT = object()


@dataclass(frozen=True)
class Hit:
    """The reasons, in their order; `file` or `folder` is the dependency that changed, as the manifest names it, where
    that is the first reason.
    """

    reasons: tuple[str, ...]
    file: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Rules:
    """How the comparison is made. Paths are absolute; `cwd` is what dependencies on files are relative to."""

    cwd: str
    base_path: str
    component_paths: Mapping[str, str]  # type -> path as written in atmos.yaml
    sections: tuple[str, ...] = ()  # `describe.affected.sections`; empty means the built-in lists
    exclude_locked: bool = False
    rendered: bool = True  # templates were processed: numbers have been text in between, and 1.0 is 1

    def folder_of(self, instance: Instance) -> str | None:
        """The instance's component folder; None where its type has none."""
        base = self.component_paths.get(instance.kind)
        folder = instance.sections.get("component")
        if not isinstance(folder, str) or not folder or base is None:
            return None
        return posixpath.normpath(posixpath.join(self.base_path, base, folder))


def hit(now: Instance, before: Instance | None, rules: Rules, changes: Changes, modules: Modules) -> Hit:
    """Every reason why an instance is affected; none if it is not."""
    found = list(_compared(("metadata",), now, before, rules))
    folder = rules.folder_of(now)
    if folder:
        found += ["component.module"] if modules.changed(now, folder) else []
        found += ["component"] if changes.below(folder) else []
    found += _compared(sections_of(now.kind, rules.sections), now, before, rules)
    found += _compared(("settings",), now, before, rules)
    for kind, name in dependency_paths(now):
        if _touched(changes, posixpath.normpath(posixpath.join(rules.cwd, name)), folder=kind == "folder"):
            return Hit((*found, kind)) if found else Hit((kind,), **{kind: name})
    return Hit(tuple(found))


def sections_of(kind: str, configured: tuple[str, ...]) -> tuple[str, ...]:
    """The sections that are compared: the configured ones or else the built-in list; Kubernetes components have some of
    their own in front of either, Helm components only their own.
    """
    general = configured or SECTIONS
    if kind == kinds.KUBERNETES:
        return tuple(dict.fromkeys((*_KUBERNETES, *general)))
    return _HELM if kind == kinds.HELM else general


def _touched(changes: Changes, path: str, *, folder: bool) -> bool:
    """Whether a change lies at, or below, an absolute path, which may be a pattern."""
    if globs.has_meta(path):
        return any(globs.matches(path + "/**" if folder else path, changed) for changed in changes.paths)
    return changes.below(path) if folder else changes.has(path)


def _compared(names: tuple[str, ...], now: Instance, before: Instance | None, rules: Rules) -> Iterator[str]:
    """A section that HEAD does not have is not compared, except for Kubernetes' `validate`; an instance that BASE does
    not have differs in all others.
    """
    for name in names if now is not before else ():
        if name not in now.sections:
            if name == "validate" and now.kind == kinds.KUBERNETES and before and name in before.sections:
                yield f"stack.{name}"
            continue
        old = before.sections.get(name, _ABSENT) if before else _ABSENT
        if old is _ABSENT or not same(now.sections[name], old, loose=rules.rendered):
            yield f"stack.{name}"


def same(one: Any, other: Any, *, loose: bool) -> bool:
    """Equality as Go's types have it: 1 is not "1" and not true; `loose` lets 1 be 1.0."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        numbers = {kind, type(other)} == {int, float}
        return loose and numbers and one == other
    if kind is dict:
        return len(one) == len(other) and all(
            key in other and same(value, other[key], loose=loose) for key, value in one.items()
        )
    if kind is list:
        return len(one) == len(other) and all(
            same(left, right, loose=loose) for left, right in zip(one, other, strict=True)
        )
    return bool(one == other)


def dependency_paths(instance: Instance) -> list[tuple[str, str]]:
    """The files and folders that an instance says it depends on, as `("file" | "folder", path)`.

    Of several that changed the first is reported: entries of `dependencies.components`, then `files`, then `folders`.
    `settings.depends_on` counts only where these name none, and there files come before folders, each kind in the order
    of its keys (the Go CLI picks one at random: Q18).
    """
    dependencies = instance.sections.get("dependencies")
    found = list(_from_dependencies(dependencies)) if isinstance(dependencies, dict) else []
    if not found:
        found = sorted(_from_settings(instance.sections.get("settings")), key=lambda pair: pair[0])
    return found


def _from_dependencies(section: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in _list(section.get("components")):
        if isinstance(entry, dict) and entry.get("kind") in ("file", "folder") and isinstance(entry.get("path"), str):
            yield entry["kind"], entry["path"]
    for kind, name in (("file", "files"), ("folder", "folders")):
        for path in _list(section.get(name)):
            if isinstance(path, str) and path:
                yield kind, path


def _from_settings(settings: Any) -> Iterator[tuple[str, str]]:
    section = settings.get("depends_on") if isinstance(settings, dict) else None
    entries = sorted(section.items()) if isinstance(section, dict) else []
    for _, entry in entries:
        for name in ("file", "folder"):
            path = entry.get(name) if isinstance(entry, dict) else None
            if isinstance(path, str) and path:
                yield name, path


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
