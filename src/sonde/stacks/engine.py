"""Stacks from manifests: what `describe` and `list` show (stacks.md §2 to §9)."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.gotemplate import functions as libraries
from sonde.stacks import depends_on, discovery, functions, kinds, names, rendering, versions
from sonde.stacks.components import Around, Component, StackContent
from sonde.stacks.errors import StacksError
from sonde.stacks.functions import Caller, Host
from sonde.stacks.imports import Importer, Merged
from sonde.stacks.locals import Tools
from sonde.stacks.manifests import Manifests
from sonde.stacks.merge import Section
from sonde.stacks.places import Places
from sonde.stacks.project import Project, from_config
from sonde.stacks.templates import Library
from sonde.stacks.tree import Tree


@dataclass(frozen=True)
class Options:
    """What to work out. Empty filters let everything through."""

    process_templates: bool = True
    process_functions: bool = True
    skip: tuple[str, ...] = ()  # YAML functions to leave alone, without `!`
    stack: str = ""
    components: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    error_mode: str = "strict"  # or warn, silent: what to do when a value is not there yet


@dataclass(frozen=True)
class Instance:
    """A component in a stack, resolved."""

    stack: str
    kind: str
    name: str
    file: str  # the manifest, without extension
    sections: Section


@dataclass(frozen=True)
class Stacks:
    """All instances, by stack, type and component, sorted by manifest."""

    instances: tuple[Instance, ...]
    empty: tuple[str, ...] = ()  # stacks without components
    warnings: tuple[str, ...] = ()

    def as_dict(self, *, empty: bool = False) -> dict[str, Any]:
        """`{stack: {"components": {type: {component: sections}}}}`, as `describe stacks` prints it."""
        result: dict[str, Any] = {name: {"components": {}} for name in (self.empty if empty else ())}
        for each in self.instances:
            stack = result.setdefault(each.stack, {"components": {}})
            stack["components"].setdefault(each.kind, {})[each.name] = each.sections
        return result

    def find(self, stack: str, kind: str, name: str) -> Instance | None:
        return next(
            (each for each in self.instances if (each.stack, each.kind, each.name) == (stack, kind, name)), None
        )


@dataclass(frozen=True)
class Stage:
    """How the component stage names itself in errors, and the version track it works with."""

    name: str
    track: str


@dataclass
class Engine:
    """One tree under one configuration. Everything is read, merged and rendered at most once."""

    project: Project
    tree: Tree
    host: Host
    warnings: list[str] = field(default_factory=list)
    locked_versions: dict[str, Any] | None = None  # tracks of versions.lock.yaml, once read
    outputs: dict[tuple[str, str], Section] = field(default_factory=dict)  # (component, stack) -> Terraform outputs
    pending: list[tuple[str, str]] = field(default_factory=list)  # whose outputs are being read, outermost first
    folders: set[tuple[str, str]] = field(default_factory=set)  # (type, component folder) that were found on disk

    def __post_init__(self) -> None:
        self.manifests = Manifests(self.project, self.tree)
        self.importer = Importer(self.manifests, Tools(self.project.library, self._evaluate_local))
        self.env = rendering.Environment(self.project, self)
        # Templates in manifests and names know `atmos` too, which needs the engine that they are given to.
        self.project.library.functions = self.env.with_atmos(self.project.library.functions)
        self.places = Places(self)
        self._files: list[str] | None = None
        self._stacks: dict[str, StackContent] = {}
        self._described: dict[Any, Any] = {}

    def _evaluate_local(self, text: str) -> Any:
        return functions.evaluate(text, Caller(self, "", {}, ()))

    # ------------------------------------------------------------------ manifests

    @property
    def files(self) -> list[str]:
        """Top-level manifests, sorted. Raises StacksError when there are none."""
        if self._files is None:
            self._files = discovery.top_level(self.project, self.tree)
        return self._files

    def require_manifests(self) -> None:
        """Raise NoManifestsError when there is no top-level manifest at all."""
        self._files = self.files

    def merged(self, path: str) -> Merged:
        return self.importer.load(path)

    def stack(self, path: str) -> StackContent:
        """The content of a top-level manifest, ready for its components to be resolved."""
        known = self._stacks.get(path)
        if known is None:
            name = discovery.stack_file(self.project, path)
            around = Around(self.folder_exists, lambda keys: self.places.written(path, keys))
            known = StackContent(self.project, name, self.merged(path).content, around)
            self._stacks[path] = known
        return known

    def folder_exists(self, kind: str, folder: str) -> bool:
        """Whether a component's folder is there."""
        base = self.project.component_paths.get(kind, "")
        there = self.tree.exists(posixpath.normpath(posixpath.join(self.project.base_path, base, folder)))
        if there:
            self.folders.add((kind, folder))
        return there

    # ------------------------------------------------------------------ all stacks

    def stacks(self, options: Options) -> Stacks:
        """Every instance that the options let through. Of equal instances in several manifests the first one counts."""
        found: dict[tuple[str, str, str], Instance] = {}
        empty: dict[str, None] = {}
        for path in self.files:
            for instance in self.instances_of(path, options):
                found.setdefault((instance.stack, instance.kind, instance.name), instance)
            content = self.stack(path)
            if not any(content.components(kind) for kind in content.types):
                empty[content.explicit_name or content.name] = None
        return Stacks(tuple(found.values()), tuple(empty), tuple(self.warnings))

    def instances_of(self, path: str, options: Options) -> Iterator[Instance]:
        """The instances of one top-level manifest that the options let through."""
        content = self.stack(path)
        for kind in content.types:
            if kind not in kinds.DESCRIBED or (options.types and kind not in options.types):
                continue
            for name in content.components(kind):
                if options.components and not _wanted(content, kind, name, options.components):
                    continue
                instance = self._instance(content, content.component(kind, name), options)
                if instance:
                    yield instance

    def name_of(self, content: StackContent, component: Component) -> tuple[str, names.Context]:
        """The stack's name as this component sees it; a component may change it by its own vars."""
        return names.stack_name(self.project, content.name, content.explicit_name, _naming_sections(component))

    def _instance(self, content: StackContent, component: Component, options: Options) -> Instance | None:
        stack, context = self.name_of(content, component)
        if options.stack and options.stack not in (stack, content.name):
            return None
        stack = stack or content.name
        sections = dict(component.sections) | _identity(component.name, stack, content.name)
        sections.setdefault("component", component.name)
        if component.kind == kinds.TERRAFORM:
            sections["workspace"] = self._workspace(
                component, names_place(stack, content, context, component), sections
            )
        sections["component_info"] = self._component_info(component.kind, sections)
        sections = self.finish(
            component,
            sections,
            options,
            stage=Stage("describe-stacks-all-sections", versions.track_of(None, self.project.version_track)),
        )
        if component.kind == kinds.TERRAFORM and not self.project.include_empty:
            sections = {key: value for key, value in sections.items() if value != {}}
        return Instance(stack, component.kind, component.name, content.name, sections)

    def _workspace(self, component: Component, place: names.Place, sections: Section) -> str:
        return names.workspace(self.project, place, _naming_sections(component) | {k: sections[k] for k in _IDENTITY})

    def _component_info(self, kind: str, sections: Section) -> Section:
        info = {"component_type": kind}
        base = self.project.component_paths.get(kind)
        folder = sections.get("component")
        if base and isinstance(folder, str) and folder:
            metadata = sections.get("metadata")
            prefix = metadata.get("component_folder_prefix") if isinstance(metadata, dict) else None
            parts = [base, prefix.strip() if isinstance(prefix, str) else "", folder]
            info["component_path"] = posixpath.normpath(
                posixpath.join(*(part.lstrip("/") if i else part for i, part in enumerate(parts)))
            )
        return info

    def finish(self, component: Component, sections: Section, options: Options, *, stage: Stage) -> Section:
        """Templates, then YAML functions, over everything but mocks, sources and component_info (stacks.md §5, §7)."""
        aside = {key: sections[key] for key in ("mocks", "sources") if key in sections}
        work = {key: value for key, value in sections.items() if key not in aside}
        if options.process_templates:
            depends_on.check(component)
            work = self.env.render(work, name=stage.name, track=stage.track)
        if options.process_functions:
            skip = options.skip
            if component.metadata.get("enabled") is False:
                skip = (*skip, "terraform.state", "terraform.output")
            lenient = options.error_mode != "strict"
            caller = Caller(self, work["atmos_stack"], work, skip, lenient=lenient, track=stage.track)
            work = functions.process(work, caller)
            work = functions.settle_contests(work, component.contests, caller, self.env)
        if not options.process_templates and not work.get("inheritance", True):
            work = work | {"inheritance": None}  # Go's empty list before the YAML round trip of the template stage
        return work | aside

    # ------------------------------------------------------------------ one component

    def component(self, name: str, stack: str, options: Options = Options()) -> Section:
        """All sections of one component as `describe component` sees them. Raises StacksError when it is not there."""
        from sonde.stacks import describe

        key = (name, stack, options)
        known = self._described.get(key)
        if known is None:
            known = self._described[key] = describe.component(self, name, stack, options)
        return known

    def forget_outputs(self) -> None:
        """Read the outputs of other components anew from here on: Terraform has run in between."""
        self.outputs.clear()
        self._described.clear()


_IDENTITY = ("atmos_component", "atmos_stack", "stack", "atmos_stack_file", "atmos_manifest")
_NAMING = (
    "vars",
    "metadata",
    "settings",
    "env",
    "auth",
    "providers",
    "hooks",
    "test",
    "secrets",
    "overrides",
    "backend",
    "backend_type",
    "component",
)


def _identity(component: str, stack: str, file: str) -> Section:
    return dict(zip(_IDENTITY, (component, stack, stack, file, file), strict=True))


def _naming_sections(component: Component) -> Section:
    """What templates for names may use: a fixed set of sections, empty ones included."""
    sections = {key: component.sections.get(key, {}) for key in _NAMING}
    sections["component"] = component.sections.get("component") or component.name
    return sections


def names_place(stack: str, content: StackContent, context: names.Context, component: Component) -> names.Place:
    metadata = component.metadata
    backend_type = component.sections.get("backend_type", "")
    if isinstance(metadata.get("terraform_workspace"), str):
        # A fixed workspace beats what is inherited as pattern or template.
        metadata = {
            k: v
            for k, v in metadata.items()
            if k not in ("terraform_workspace_pattern", "terraform_workspace_template")
        }
    return names.Place(stack, content.explicit_name, context, metadata, backend_type, rendered=stack)


def _wanted(content: StackContent, kind: str, name: str, wanted: tuple[str, ...]) -> bool:
    """A component is wanted by its name, or because its folder's component is."""
    return name in wanted or content.component(kind, name).sections.get("component") in wanted


def open_engine(config: Any, tree: Tree, *, env: Mapping[str, str] | None = None, host: Host | None = None) -> Engine:
    """An engine to ask several questions of. With another engine's host, both live in the same world at one moment."""
    host = host or Host({} if env is None else env, str(config.cwd))
    library = Library(libraries.all(rendering.template_host(host, host.env)))
    return Engine(from_config(config, library), tree, host)


__all__ = ["Engine", "Instance", "Options", "Stacks", "StacksError", "open_engine"]
