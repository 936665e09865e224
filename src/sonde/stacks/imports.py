"""From one top-level manifest to its merged content: imports, contexts, overrides (stacks.md §3)."""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sonde.stacks import globs, templates
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.goyaml import YamlError
from sonde.stacks.locals import CONTEXT_SECTIONS, Tools, file_context
from sonde.stacks.manifests import REMOTE, YAML_EXTENSIONS, Manifests
from sonde.stacks.merge import APPEND_KEY, Section, merge, resolve_appends

OVERRIDE_TYPES = ("terraform", "helmfile")
Overrides = dict[str, Section]  # type -> merged overrides
_HINT = " (hint: if this file contains Go template directives, rename it to .yaml.tmpl)"


@dataclass(frozen=True)
class Import:
    """One entry of `import:`."""

    path: str
    context: Section = field(default_factory=dict)
    skip_templates_processing: bool = False
    ignore_missing_template_values: bool = False
    skip_if_missing: bool = False


@dataclass(frozen=True)
class Earlier:
    """The imports before one, newest first: import paths may use their settings, vars and env."""

    content: Section
    before: "Earlier | None" = None

    def merged(self, strategy: str) -> Section:
        """The sections of all of them that an import path may use, later imports winning."""
        parts: list[Section] = []
        node: Earlier | None = self
        while node:
            parts.append({name: node.content[name] for name in CONTEXT_SECTIONS if node.content.get(name) is not None})
            node = node.before
        return merge(reversed(parts), strategy)


@dataclass(frozen=True)
class Scope:
    """What an importing file hands down."""

    context: Section = field(default_factory=dict)
    earlier: Earlier | None = None
    entry: Import | None = None
    inline: Overrides = field(default_factory=dict)
    imported: Overrides = field(default_factory=dict)
    chain: tuple[str, ...] = ()

    def missing(self, *, ignored: bool) -> Literal["default", "error"]:
        """What a missing key gives; `ignored` is the project's own word on it."""
        return "default" if ignored or (self.entry and self.entry.ignore_missing_template_values) else "error"


@dataclass(frozen=True)
class Merged:
    """A manifest with everything it imports. Read-only."""

    content: Section
    own: Section  # the file's own content, rendered, with overrides written into its components
    imports: dict[str, Section]  # every file below it -> that file's own content
    inline: Overrides = field(default_factory=dict)
    imported: Overrides = field(default_factory=dict)
    fixed: bool = True  # no import path below depends on who imports


EMPTY = Merged({}, {}, {})


class Importer:
    """Reads manifests with their imports. What does not depend on the importer is worked out once."""

    def __init__(self, manifests: Manifests, tools: Tools) -> None:
        self.manifests = manifests
        self.project = manifests.project
        self.strategy = manifests.project.list_merge_strategy
        self.tools = tools
        self._keys: dict[str, str] = {}
        self._known: dict[tuple[str, str, bool, str], Merged] = {}

    def relative(self, path: str) -> str:
        """The path below the stacks folder, as messages and `atmos_stack_file` show it."""
        base = self.project.stacks_path.rstrip("/") + "/"
        return path.removeprefix(base)

    def load(self, path: str, scope: Scope = Scope()) -> Merged:
        """The manifest at an absolute path, merged with its imports. Raises StacksError with file and import chain."""
        name = self.relative(path)
        if name in scope.chain:
            raise self._cycle(name, scope)
        if scope.inline or scope.imported:
            return self._load(path, scope)
        entry = scope.entry or Import(path)
        key = (path, _fingerprint(scope.context), entry.skip_templates_processing, self._missing(scope))
        known = self._known.get(key)
        if known is None:
            known = self._load(path, scope)
            if known.fixed and not (known.inline or known.imported):
                self._known[key] = known
        return known

    def _cycle(self, name: str, scope: Scope) -> StacksError:
        if scope.chain[-1] == name:
            entry = scope.entry.path if scope.entry else name
            return TitledError("stack manifest imports itself", f"manifest '{name}' imports itself via '{entry}'")
        chain = "\n".join(f"  → {each}" for each in (*scope.chain[scope.chain.index(name) :], name))
        return TitledError(
            "stack manifest imports itself",
            f"the imports of '{name}' lead back to it\n\nImport chain:\n{chain}",
            hints=["Remove one of the imports in the chain, or move what both files need into a third one."],
        )

    def _load(self, path: str, scope: Scope) -> Merged:
        entry = scope.entry
        try:
            text = self.manifests.text(path)
        except (FileNotFoundError, IsADirectoryError) as error:
            if entry and entry.skip_if_missing:
                return EMPTY
            raise StacksError(f"open {path}: no such file or directory") from error
        if not text:
            return EMPTY
        scope = replace(scope, chain=(*scope.chain, self.relative(path)))
        own = self._content(path, text, scope)
        return self._with_imports(own, scope)

    # ------------------------------------------------------------------ one file

    def _content(self, path: str, text: str, scope: Scope) -> tuple[Section, Section]:
        """The file's own content and the context it hands to its imports."""
        if scope.entry and scope.entry.skip_templates_processing:
            return self._parse(path, text, scope), scope.context
        context = self._context(path, text, scope)
        if not (context or path.endswith(".tmpl")):
            return self._parse(path, text, scope), context
        content = self._render(path, text, context, scope)
        for section in ("locals", *CONTEXT_SECTIONS):
            if isinstance(context.get(section), dict) and context[section]:
                content = content | {section: context[section]}
        return content, context

    def _parse(self, path: str, text: str, scope: Scope) -> Section:
        try:
            return self.manifests.parse(path, text)
        except YamlError as error:
            raise self._error(f"invalid stack manifest: {error.message}", scope) from error

    def _context(self, path: str, text: str, scope: Scope) -> Section:
        without = {key: value for key, value in scope.context.items() if key != "locals"}
        try:
            raw = self.manifests.parse(path, text)
        except (YamlError, StacksError) as error:
            if path.endswith(".tmpl"):
                return without
            message = f"invalid stack manifest: failed to parse YAML for locals extraction{_HINT}: {error.flat if isinstance(error, StacksError) else error.message}"
            raise self._error(message, scope) from error
        if "locals" not in raw and not any("locals" in raw[k] for k in raw if isinstance(raw[k], dict)):
            return without
        try:
            return file_context(raw, scope.context, path, self.tools)
        except StacksError as error:
            raise self._error(error.flat, scope, error) from error

    def _render(self, path: str, text: str, context: Section, scope: Scope) -> Section:
        """The rendered content. A template that fails is left for the component stage, unless an importer gave a context."""
        name = scope.chain[-1]
        rendering = templates.Rendering(self.tools.library, name, self._missing(scope))
        try:
            value = self.manifests.parse(path, text) if context else None
        except (YamlError, StacksError):
            value = None
        try:
            if value is not None:
                return self._render_value(value, context, rendering)
            rendered = templates.render_text(text, context, rendering)
        except templates.TemplateError as error:
            if scope.context:
                raise self._error(f"invalid stack manifest: {error}", scope) from error
            if value is not None:
                done = templates.structured(value, context)
                return done if isinstance(done, dict) else value
            rendered = text
        return self._parse(path, rendered, scope)

    def _render_value(self, value: Section, context: Section, rendering: templates.Rendering) -> Section:
        done = templates.render_value(templates.structured(value, context), context, rendering)
        if not isinstance(done, dict):
            raise templates.TemplateError("the rendered manifest is not a map")
        return done

    def _error(self, message: str, scope: Scope, cause: StacksError | None = None) -> StacksError:
        """The message with the file, the chain of imports that led to it, and the cause's hints (stacks.md §3)."""
        name = scope.chain[-1]
        chain = "".join(f"\n  {'' if index == 0 else '  '}→ {each}" for index, each in enumerate(scope.chain))
        text = f"{message}\n\nFile being processed: {name}\nImport chain:{chain}\nstack manifest '{name}'"
        hints = cause.hints if cause else ()
        return StacksError(text, hints=hints, exit_code=cause.exit_code if cause else 1)

    # ------------------------------------------------------------------ its imports

    def _with_imports(self, found: tuple[Section, Section], scope: Scope) -> Merged:
        own, context = found
        name = scope.chain[-1]
        inline = _own_overrides(own, scope.inline, name, self.strategy)
        imported, layers = dict(scope.imported), []
        below: dict[str, Section] = {}
        earlier, fixed = scope.earlier, True
        for entry in import_entries(own, name):
            path = self._render_path(entry, earlier, name)
            fixed = fixed and "{{" not in entry.path
            child_context = merge([entry.context, context], self.strategy)
            child = Scope(child_context, earlier, entry, inline, imported, scope.chain)
            for file in self._files(entry, path, name):
                part = self.load(file, child)
                imported = _merge_overrides([imported, part.imported, part.inline], self.strategy)
                layers.append(part.content)
                below.update(part.imports)
                below[self._import_key(file)] = part.own
                earlier = Earlier(part.content, earlier)
                fixed = fixed and part.fixed
        own = _write_overrides(own, _merge_overrides([imported, inline], self.strategy))
        return Merged(self._merge_file(layers, own), own, below, inline, imported, fixed)

    def _merge_file(self, layers: list[Section], own: Section) -> Section:
        if not has_append(own):
            return merge([*layers, own], self.strategy)
        below = merge(layers, self.strategy)
        return merge([below, resolve_appends(own, below, self.strategy)], self.strategy)

    def _missing(self, scope: Scope) -> Literal["default", "error"]:
        return scope.missing(ignored=self.project.ignore_missing_values)

    def paths(self) -> dict[str, str]:
        """Names of manifests, without their last extension, to their paths; of all that was read so far."""
        return {posixpath.splitext(self.relative(path))[0]: path for path in self.manifests.read}

    def _import_key(self, file: str) -> str:
        known = self._keys.get(file)
        if known is None:
            known = self._keys[file] = posixpath.splitext(self.relative(file))[0]
        return known

    def _render_path(self, entry: Import, earlier: Earlier | None, name: str) -> str:
        if "{{" not in entry.path or entry.skip_templates_processing or not self.project.templates_enabled:
            return entry.path
        ignore = entry.ignore_missing_template_values or self.project.ignore_missing_values
        rendering = templates.Rendering(self.tools.library, f"import-path({name})", "default" if ignore else "error")
        try:
            context = earlier.merged(self.strategy) if earlier else {}
            return templates.render_text(entry.path, merge([context, entry.context], self.strategy), rendering)
        except templates.TemplateError as error:
            raise StacksError(
                f"failed to render Go template in import path: import path '{entry.path}' in file '{name}': {error}",
                hints=["Define the variable in an earlier import of the same file, or in this import's `context:`."],
            ) from error

    def _files(self, entry: Import, path: str, name: str) -> list[str]:
        if path.startswith(REMOTE) or "::" in path:
            raise StacksError(
                f"failed to download remote import '{path}' in file '{name}': remote imports are not fetched",
                hints=["Vendor the file into the stacks folder and import the copy."],
            )
        pattern = posixpath.normpath(posixpath.join(self.project.stacks_path, self._with_extension(path)))
        if pattern == posixpath.join(self.project.stacks_path, name):
            raise TitledError("stack manifest imports itself", f"manifest '{name}' imports itself via '{path}'")
        found = self._matches(pattern)
        if not found and not entry.skip_if_missing and "{{" not in path:
            raise StacksError(
                f"stack import not found: import '{path}' in file '{name}': failed to find import",
                hints=["Verify that `base_path` and `stacks.base_path` in `atmos.yaml` are correct"],
            )
        return found

    def _matches(self, pattern: str) -> list[str]:
        tree = self.manifests.tree
        if globs.has_meta(pattern):
            return globs.glob(tree, pattern)
        return [pattern] if tree.exists(pattern) else []

    def _with_extension(self, path: str) -> str:
        """`x` becomes the first of x.yaml, x.yml and their .tmpl that exists; `x.yaml` gives way to `x.yaml.tmpl`."""
        base, tree = self.project.stacks_path, self.manifests.tree
        extension = posixpath.splitext(path)[1]
        if extension in (".yaml", ".yml"):
            return path + ".tmpl" if tree.exists(posixpath.join(base, path + ".tmpl")) else path
        if extension:
            return path
        exists = (path + each for each in YAML_EXTENSIONS if tree.exists(posixpath.join(base, path + each)))
        return next(exists, path + ".yaml")


def _fingerprint(context: Section) -> str:
    return json.dumps(context, sort_keys=True, default=repr) if context else ""


def has_append(value: Any) -> bool:
    """Whether a `!append` list is anywhere in the maps of a value."""
    if type(value) is not dict:
        return False
    return APPEND_KEY in value or any(type(item) is dict and has_append(item) for item in value.values())


def import_entries(own: Section, name: str) -> Iterator[Import]:
    """The entries of `import:`, with paths relative to the stacks folder (stacks.md §3.1)."""
    entries = own.get("import")
    if entries is None:
        return
    if not isinstance(entries, list):
        raise StacksError(f"invalid import section in the file '{name}'")
    for entry in entries:
        yield _entry(entry, name)


_FLAGS = ("skip_templates_processing", "ignore_missing_template_values", "skip_if_missing")


def _entry(entry: Any, name: str) -> Import:
    if isinstance(entry, dict):
        path, context = entry.get("path") or "", entry.get("context") or {}
        flags = {flag: entry.get(flag) or False for flag in _FLAGS}
        if not isinstance(path, str) or not isinstance(context, dict) or set(map(type, flags.values())) != {bool}:
            raise StacksError(f"invalid import '{entry}' in the file '{name}'")
        if not path:
            raise StacksError(f"invalid import in the manifest '{name}'")
        return Import(_resolve_relative(path, name), context, **flags)
    if not isinstance(entry, str):
        what = "" if entry is None else f" '{entry}'"
        raise StacksError(f"invalid import{what} in the file '{name}'")
    if not entry:
        raise StacksError(f"invalid import (empty) in the file '{name}'")
    return Import(_resolve_relative(entry, name))


def _resolve_relative(path: str, name: str) -> str:
    if path.startswith(("./", "../")) or path in (".", ".."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return path


# ---------------------------------------------------------------------- overrides (stacks.md §4.3)


def _own_overrides(own: Section, parents: Overrides, name: str, strategy: str) -> Overrides:
    """The file's inline overrides below those of the files that import it."""
    everywhere = _map_at(own, "overrides", f"invalid overrides section in the stack manifest '{name}'")
    result = {}
    for kind in OVERRIDE_TYPES:
        section = _map_at(own, kind, f"invalid {kind} section in the stack manifest '{name}'")
        typed = _map_at(section, "overrides", f"invalid {kind} overrides section in the stack manifest '{name}'")
        merged = merge([everywhere, typed, parents.get(kind)], strategy)
        if merged:
            result[kind] = merged
    return result


def _map_at(section: Section, key: str, error: str) -> Section:
    value = section.get(key, {})
    if not isinstance(value, dict):
        raise StacksError(error)
    return value


def _merge_overrides(layers: list[Overrides], strategy: str) -> Overrides:
    if not any(layers):
        return {}
    merged = {kind: merge([layer.get(kind) for layer in layers], strategy) for kind in OVERRIDE_TYPES}
    return {kind: value for kind, value in merged.items() if value}


def _write_overrides(own: Section, overrides: Overrides) -> Section:
    components = own.get("components")
    if not overrides or not isinstance(components, dict):
        return own
    written = dict(components)
    for kind, section in overrides.items():
        typed = components.get(kind)
        if isinstance(typed, dict):
            written[kind] = {
                name: part | {"overrides": section} if isinstance(part, dict) else part for name, part in typed.items()
            }
    return own | {"components": written}
