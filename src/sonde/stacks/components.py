"""One component of one stack: all layers of all its sections, merged (stacks.md §4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sonde.stacks import backends, kinds, marks, secrets
from sonde.stacks.deferred import Contest, merge_functions
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.inherit import Bases, Siblings, base_scalar, base_section, bases_of, is_abstract, level_strategy
from sonde.stacks.merge import Section, merge
from sonde.stacks.project import Project

_TYPE_SECTIONS = (
    "vars",
    "settings",
    "env",
    "auth",
    "hooks",
    "generate",
    "dependencies",
    "providers",
    "source",
    "provision",
    "render",
)
_TYPE_BACKENDS = ("backend", "remote_state_backend")
_TYPE_SCALARS = ("command", "backend_type", "remote_state_backend_type", "provider")
_ROOT_MAPS = (
    "vars",
    "hooks",
    "settings",
    "env",
    "generate",
    *kinds.BUILT_IN,
    "components",
    "auth",
    "metadata",
    "secrets",
)
_GLOBAL_METADATA = frozenset({"labels", "tags", "custom", "enabled", "locked", "terraform_workspace_pattern"})


@dataclass(frozen=True)
class Component:
    """A component's sections before templates and functions. Read-only."""

    kind: str
    name: str
    sections: Section
    contests: Mapping[str, tuple[Contest, ...]] = field(default_factory=dict)

    @property
    def metadata(self) -> Section:
        value = self.sections.get("metadata")
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class TypeLevel:
    """What a stack says for all components of one type: its own sections below those of the type."""

    sections: Mapping[str, Section]
    scalars: Mapping[str, str]
    anything: Mapping[str, Any]


@dataclass(frozen=True)
class Around:
    """What a manifest needs of the tree: whether a type has a folder, and where something is written, if anywhere."""

    folder_exists: Callable[[str, str], bool]
    written: Callable[[tuple[str, ...]], str]


class StackContent:
    """The merged content of one top-level manifest. Components are resolved when asked for, each once."""

    def __init__(self, project: Project, name: str, content: Section, around: "Around") -> None:
        self.project = project
        self.name = name
        self.content = content
        self.around = around
        self._levels: dict[str, TypeLevel] = {}
        self._components: dict[tuple[str, str], Component] = {}
        self._check()

    def _check(self) -> None:
        for key in (*_ROOT_MAPS, "dependencies"):
            _as_map(self.content, key, f"invalid {key} section in file '{self.name}'")
        wrong = sorted(set(self.content.get("metadata", {})) - _GLOBAL_METADATA)
        if wrong:
            raise StacksError(
                "metadata field is not allowed at global (stack-wide) scope",
                hints=[
                    f"In '{self.name}': {', '.join(wrong)}. A stack-wide metadata section may hold {', '.join(sorted(_GLOBAL_METADATA))}.",
                    "Move the others to components.<type>.<name>.metadata.",
                ],
            )
        for kind in kinds.BUILT_IN:
            self.components(kind)
            if kind in self.content:
                self.level(kind)

    @cached_property
    def explicit_name(self) -> str:
        name = self.content.get("name")
        return name if isinstance(name, str) else ""

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Types with components, the built-in ones first."""
        found = self.content.get("components", {})
        return tuple(kind for kind in dict.fromkeys((*kinds.DESCRIBED, *found)) if isinstance(found.get(kind), dict))

    def components(self, kind: str) -> Mapping[str, Any]:
        """The components of a type as written."""
        error = f"invalid components.{kind} section in file '{self.name}'"
        return _as_map(self.content.get("components", {}), kind, error)

    def level(self, kind: str) -> TypeLevel:
        known = self._levels.get(kind)
        if known is None:
            known = self._levels[kind] = self._level(kind)
        return known

    def _level(self, kind: str) -> TypeLevel:
        section = _as_map(self.content, kind, f"invalid {kind} section in file '{self.name}'")
        strategy = self.project.list_merge_strategy
        merged = {}
        for name in _TYPE_SECTIONS:
            own = _as_map(section, name, f"invalid {kind} {name} section in file '{self.name}'")
            rule = next((rule for rule in kinds.SECTIONS if rule.name == name), None)
            shared = _as_map(self.content, name, "") if rule and kinds.STACK in rule.levels else {}
            below = self.project.env if name == "env" else {}
            merged[name] = merge([below, shared, own], strategy)
            marks.mark(merged[name])
        for name in _TYPE_BACKENDS:
            merged[name] = _as_map(section, name, f"invalid {kind}.{name} section in file '{self.name}'")
        scalars = {
            name: _as_text(section, name, f"invalid {kind} {name} in file '{self.name}'") for name in _TYPE_SCALARS
        }
        return TypeLevel(merged, scalars, section)

    def component(self, kind: str, name: str) -> Component:
        """One component with all its layers. Raises StacksError where a section has the wrong shape."""
        key = (kind, name)
        known = self._components.get(key)
        if known is None:
            if kind in kinds.BUILT_IN:
                known = _Resolution(self, kind, name).component()
            else:
                from sonde.stacks import custom

                known = Component(kind, name, custom.sections(self, kind, name))
            self._components[key] = known
        return known

    def bases(self, kind: str, name: str) -> Bases:
        return bases_of(
            name,
            Siblings(kind, self.name, self.components(kind), lambda folder: self.around.folder_exists(kind, folder)),
        )


class _Resolution:
    """The layers of one component of a built-in type."""

    def __init__(self, stack: StackContent, kind: str, name: str) -> None:
        self.stack = stack
        self.kind = kind
        self.name = name
        own = stack.components(kind)[name]
        if not isinstance(own, dict):
            raise StacksError(f"invalid component map type for component {name}")
        self.own: Section = own
        self.level = stack.level(kind)
        self.overrides = self._map("overrides")
        self._check_texts()
        self.metadata = self._map("metadata")
        self.bases = stack.bases(kind, name)
        strategy = stack.project.list_merge_strategy
        own_settings = (self._map("settings"), self._override("settings"))
        self.base_strategy = level_strategy(strategy, *own_settings)
        below = (self.level.sections["settings"], base_section(self.bases, "settings", self.base_strategy))
        self.strategy = level_strategy(strategy, *below, *own_settings)

    def _map(self, name: str) -> Section:
        if name not in self.own:
            return {}
        value = self.own[name]
        if name == "source" and isinstance(value, str):
            return {"uri": value} if value else {}
        if not isinstance(value, dict):
            raise self._invalid(f"{name} section", name)
        return value

    def _override(self, name: str) -> Section:
        value = self.overrides.get(name, {})
        if not isinstance(value, dict):
            raise self._invalid(f"overrides {name} section", f"overrides.{name}")
        return value

    def _check_texts(self) -> None:
        for name in ("command", "backend_type", "remote_state_backend_type", "required_version", "provider"):
            for section, path in ((self.own, name), (self.overrides, f"overrides.{name}")):
                if name in section and not isinstance(section[name], str):
                    raise self._invalid(f"{path.replace('.', ' ')} attribute", path)

    def _invalid(self, what: str, path: str) -> StacksError:
        where = f"components.{self.kind}.{self.name}.{path}"
        place = self.stack.around.written(("components", self.kind, self.name, *path.split(".")))
        hints = [f"It is written in {place}."] if place else []
        return TitledError(f"invalid component {what}", f"'{where}' in the file '{self.stack.name}'", hints=hints)

    def component(self) -> Component:
        sections: Section = {}
        contests: dict[str, tuple[Contest, ...]] = {}
        for rule in kinds.RULES[self.kind]:
            value, open_places = self._section(rule)
            if value or rule.always:
                sections[rule.name] = value
            if open_places:
                contests[rule.name] = open_places
        sections["metadata"] = self._merged_metadata()
        sections["settings"] = self._settings(sections["settings"])
        sections["command"] = self._command()
        sections["inheritance"] = list(self.bases.chain)
        sections["overrides"] = self.overrides
        sections["component"] = self._folder()
        self._add_any_sections(sections)
        self._add_secrets(sections)
        if self.kind == kinds.TERRAFORM:
            self._add_terraform(sections)
        return Component(self.kind, self.name, sections, contests)

    def _section(self, rule: kinds.SectionRule) -> tuple[Section, tuple[Contest, ...]]:
        name = rule.name
        layers: list[Section] = []
        if name == "auth" and self.kind == kinds.TERRAFORM:
            layers.append(dict(self.stack.project.auth))
        if rule.reads_globals(self.kind):
            layers.append(self.level.sections[name])
        if self.bases.layers and (name not in ("source", "provision") or self.stack.project.inherit_source):
            bases = _normal_sources(self.bases) if name == "source" else self.bases
            layers.append(base_section(bases, name, self.base_strategy))
        layers.append(self._map(name))
        if self.overrides and kinds.OVERRIDES in rule.levels:
            layers.append(self._override(name))
        return merge_functions([layer for layer in layers if layer], self.strategy)

    def _merged_metadata(self) -> Section:
        layers = [self.stack.content.get("metadata")]
        if self.stack.project.inherit_metadata:
            layers.append(inherited_metadata(self.bases, self.base_strategy))
        return merge([*layers, self.metadata], self.strategy) if any(layers) else self.metadata

    def _settings(self, settings: Section) -> Section:
        """settings.integrations.github lies above atmos.yaml's `integrations.github`; abstract ones lose a switch."""
        shared = self.stack.project.github_integration
        if shared:
            integrations = settings.get("integrations")
            integrations = integrations if isinstance(integrations, dict) else {}
            own = integrations.get("github")
            github = merge([shared, own if isinstance(own, dict) else {}], self.strategy)
            settings = settings | {"integrations": integrations | {"github": github}}
        spacelift = settings.get("spacelift")
        if self.kind == kinds.TERRAFORM and is_abstract(self.own) and "spacelift" in settings:
            if not isinstance(spacelift, dict):
                raise StacksError(
                    f"invalid spacelift settings section: 'components.{self.kind}.{self.name}.settings.spacelift'"
                )
            settings = settings | {"spacelift": {k: v for k, v in spacelift.items() if k != "workspace_enabled"}}
        return settings

    def _scalar(self, name: str) -> str:
        """Overrides > component > bases."""
        return self.overrides.get(name) or self.own.get(name) or base_scalar(self.bases, name)

    def _command(self) -> str:
        configured = self.stack.project.commands.get(self.kind)
        return self._scalar("command") or self.level.scalars["command"] or configured or self.kind

    def _folder(self) -> str:
        own = self.metadata.get("component")
        if own is None and "component" not in self.metadata:
            return self.bases.folder or self.name
        if not isinstance(own, str):
            raise self._invalid("metadata.component attribute", "metadata.component")
        return own

    def _add_any_sections(self, sections: Section) -> None:
        for name in kinds.ANY_SECTIONS.get(self.kind, ()):
            layers = [self.level.anything.get(name) if self.kind == kinds.KUBERNETES else None]
            layers += [layer.get(name) for layer in self.bases.layers]
            layers.append(self.own.get(name))
            present = [{name: value} for value in layers if value is not None]
            if present:
                sections[name] = merge(present, self.strategy)[name]
        if self.kind == kinds.KUBERNETES:
            provider = self.own.get("provider") or base_scalar(self.bases, "provider") or self.level.scalars["provider"]
            if provider:
                sections["provider"] = provider
        if self.kind == kinds.HELM:
            parts = [
                {key: layer[key] for key in kinds.HELM_KEYS if key in layer} for layer in (*self.bases.layers, self.own)
            ]
            sections.update(merge(parts, self.strategy))

    def _add_secrets(self, sections: Section) -> None:
        shared = self.stack.content.get("secrets", {}) if self.kind not in (kinds.KUBERNETES, kinds.HELM) else {}
        own = (base_section(self.bases, "secrets", self.base_strategy), self._map("secrets"), self._override("secrets"))
        merged = merge(
            [secrets.scoped(shared, "stack"), *(secrets.scoped(layer, "instance") for layer in own)], self.strategy
        )
        if merged:
            sections["secrets"] = merged

    def _add_terraform(self, sections: Section) -> None:
        sections["required_version"] = self._scalar("required_version")
        owner = backends.Owner(
            self.name, self.stack.name, sections["component"], sections["metadata"], self.stack.project.prefix_separator
        )
        layers = [self._backend_layer(level, "backend") for level in range(3)]
        # The backend itself is merged with atmos.yaml's strategy, whatever the component's settings say.
        kind, section = backends.backend(layers, owner, self.stack.project.list_merge_strategy)
        sections["backend_type"], sections["backend"] = kind, section
        remote = [self._backend_layer(level, "remote_state_backend") for level in range(3)]
        kind, section = backends.remote_state(
            remote, backends.Layer(kind, section), owner, self.stack.project.list_merge_strategy
        )
        sections["remote_state_backend_type"], sections["remote_state_backend"] = kind, section

    def _backend_layer(self, level: int, name: str) -> backends.Layer:
        if level == 0:
            return backends.Layer(self.level.scalars[f"{name}_type"], self.level.sections[name])
        if level == 1:
            return backends.Layer(
                base_scalar(self.bases, f"{name}_type"), base_section(self.bases, name, self.base_strategy)
            )
        return backends.Layer(self.own.get(f"{name}_type") or "", self._map(name))


def inherited_metadata(bases: Bases, strategy: str) -> Section:
    """Metadata of all bases, save for what is a base's own affair: its type and its own inherits."""
    result: Section = {}
    for layer in bases.layers:
        part = {key: value for key, value in (layer.get("metadata") or {}).items() if key not in ("inherits", "type")}
        result = merge([result, part], level_strategy(strategy, layer.get("settings")))
    return result


def _normal_sources(bases: Bases) -> Bases:
    layers = tuple(
        layer | {"source": {"uri": layer["source"]}} if isinstance(layer.get("source"), str) else layer
        for layer in bases.layers
    )
    return Bases(bases.order, bases.chain, bases.folder, bases.top_level, layers)


def _as_map(section: Mapping[str, Any], key: str, error: str) -> Section:
    value = section.get(key, {})
    if not isinstance(value, dict):
        raise StacksError(error)
    return value


def _as_text(section: Mapping[str, Any], key: str, error: str) -> str:
    value = section.get(key, "")
    if not isinstance(value, str):
        raise StacksError(error)
    return value
