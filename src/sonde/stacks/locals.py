"""File-scoped locals and the template context that a manifest makes of itself (stacks.md §5.3)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.stacks import templates
from sonde.stacks.errors import StacksError
from sonde.stacks.merge import Section

LOCAL_TYPES = ("terraform", "helmfile", "packer")  # sections that may have locals of their own
CONTEXT_SECTIONS = ("settings", "vars", "env")
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"(?<![\w$)\]])\.locals\.([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`")


@dataclass(frozen=True)
class LocalsScope:
    """Where locals are resolved: the file for messages, what templates see, and the YAML functions."""

    file: str
    context: Mapping[str, Any]
    tools: "Tools"


@dataclass(frozen=True)
class Tools:
    """What templates and functions in manifests are worked out with."""

    library: templates.Library
    evaluate: Callable[[str], Any]  # a YAML function's text to its value


def file_context(raw: Section, inherited: Section, file: str, tools: Tools) -> Section:
    """The context that renders a manifest: what its importer passed, and its own locals with settings, vars and env.

    Locals are never inherited. A file without locals adds nothing, not even its vars.
    """
    context = {key: value for key, value in inherited.items() if key != "locals"}
    found = _all_locals(raw, file, tools)
    if found is None:
        return context
    context["locals"] = found
    base = dict(context)
    for name in CONTEXT_SECTIONS:
        section = raw.get(name)
        if isinstance(section, dict):
            context[name] = base[name] = _rendered(section, base, templates.Rendering(tools.library, file, "error"))
    return context


def _rendered(section: Section, context: Section, rendering: templates.Rendering) -> Section:
    """The section with its templates filled in; left as it is when one of them cannot be."""
    try:
        done = templates.render_value(templates.structured(section, context), context, rendering)
    except templates.TemplateError:
        return section
    return done if isinstance(done, dict) else section


def _all_locals(raw: Section, file: str, tools: Tools) -> Section | None:
    """Global locals overlaid by those of the type sections; None when the file has none."""
    context = {name: raw[name] for name in CONTEXT_SECTIONS if isinstance(raw.get(name), dict)}
    scope = LocalsScope(file, context, tools)
    found = _section_locals(raw, {}, scope, "global")
    has = "locals" in raw
    result = dict(found)
    for kind in LOCAL_TYPES:
        section = raw.get(kind)
        if isinstance(section, dict) and "locals" in section:
            has = True
            inner = LocalsScope(file, _overlaid(context, section), tools)
            result.update(_section_locals(section, found, inner, kind))
    return result if has else None


def _overlaid(context: Section, section: Section) -> Section:
    overlay = {name: section[name] for name in CONTEXT_SECTIONS if isinstance(section.get(name), dict)}
    return context | {name: context.get(name, {}) | value for name, value in overlay.items()}


def _section_locals(section: Section, parents: Section, scope: LocalsScope, kind: str) -> Section:
    if "locals" not in section:
        return dict(parents)
    own = section["locals"]
    if not isinstance(own, dict):
        raise StacksError(
            "invalid stack manifest: failed to process stack locals: "
            f"failed to resolve {kind} locals: locals must be a map in {scope.file}"
        )
    resolved = dict(parents)
    for name in _order(own, scope.file, kind):
        resolved[name] = _resolve(own[name], name, resolved, scope)
    return resolved


def references(value: Any) -> list[str]:
    """The names of locals that the templates in a value use, in order of appearance."""
    if isinstance(value, str):
        actions = (_QUOTED.sub('""', action) for action in _ACTION.findall(value))
        return list(dict.fromkeys(name for action in actions for name in _REFERENCE.findall(action)))
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return list(dict.fromkeys(name for item in items for name in references(item)))
    return []


def _order(own: Section, file: str, kind: str) -> list[str]:
    """Names so that each comes after what it uses; a cycle is an error that shows it."""
    needs = {name: [used for used in references(value) if used in own] for name, value in own.items()}
    done: dict[str, None] = {}
    for name in sorted(needs):
        _visit(name, needs, done, (), (file, kind))
    return list(done)


def _visit(
    name: str, needs: dict[str, list[str]], done: dict[str, None], path: tuple[str, ...], where: tuple[str, str]
) -> None:
    if name in done:
        return
    if name in path:
        cycle = " → ".join([*path[path.index(name) :], name])
        raise StacksError(
            f"circular dependency in locals: invalid stack manifest: failed to process stack locals: failed to resolve "
            f"{where[1]} locals: circular dependency in locals at {where[0]}\n\nDependency cycle detected:\n  {cycle}",
            hints=[
                f"Fix the circular dependency in '{where[0]}'",
                "Ensure locals don't reference each other in a cycle",
            ],
        )
    for used in needs[name]:
        _visit(used, needs, done, (*path, name), where)
    done[name] = None


def _resolve(value: Any, name: str, resolved: Section, scope: LocalsScope) -> Any:
    if isinstance(value, str):
        return _resolve_text(value, name, resolved, scope)
    if isinstance(value, dict):
        return {key: _resolve(item, name, resolved, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, name, resolved, scope) for item in value]
    return value


def _resolve_text(text: str, name: str, resolved: Section, scope: LocalsScope) -> Any:
    if text.startswith("!"):
        result = scope.tools.evaluate(text)
        if result is not None:
            return result
    if "{{" not in text:
        return text
    context = {**scope.context, "locals": resolved}
    path = templates.plain_field(text)
    if path:
        found, value = templates.lookup(context, path)
        if found:
            return value
    try:
        return templates.render_text(text, context, templates.Rendering(scope.tools.library, name, "error"))
    except templates.TemplateError as error:
        known = "\n".join(f"  - {each}" for each in sorted(resolved)) or "  (none)"
        raise StacksError(
            "invalid stack manifest: failed to process stack locals: failed to resolve global locals: "
            f'failed to resolve local "{name}" in {scope.file}: {error}\n\nAvailable locals at this scope:\n{known}'
        ) from error
