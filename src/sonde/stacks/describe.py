"""One component in full: what `describe component` shows (stacks.md §8.2)."""

import itertools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sonde.stacks import (
    component_paths,
    discovery,
    global_auth,
    integrations,
    kinds,
    names,
    sources,
    terraform_config,
    versions,
)
from sonde.stacks.components import Component, StackContent
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.merge import Section

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine, Options

# What a manifest can define; the default answer shows no more than this.
SCHEMA_SECTIONS = frozenset(
    {
        "vars",
        "settings",
        "env",
        "backend",
        "metadata",
        "overrides",
        "providers",
        "imports",
        "dependencies",
        "component",
        "hooks",
    }
)
_ELSEWHERE = frozenset(
    {
        "atmos_cli_config",
        "atmos_stack",
        "stack",
        "atmos_stack_file",
        "atmos_manifest",
        "imports",
        "sources",
        "deps",
        "deps_all",
    }
)


@dataclass(frozen=True)
class Found:
    """A component in the manifest that defines it."""

    path: str
    content: StackContent
    component: Component
    context: names.Context


def component(engine: "Engine", name: str, stack: str, options: "Options") -> Section:
    """All sections of a component. Raises StacksError when it is not there, or is there twice with different content."""
    found = find(engine, name, stack)
    name = found.component.name
    sections = dict(found.component.sections)
    merged = engine.merged(found.path)
    file = found.content.name
    sections |= {
        "atmos_component": name,
        "atmos_stack": stack,
        "stack": stack,
        "atmos_stack_file": file,
        "atmos_manifest": file,
    }
    if not sections.get("component"):
        sections["component"] = name
    if not sections.get("auth") and (auth := global_auth.section(engine.project.auth)):
        sections["auth"] = auth
    sections["imports"] = sorted(merged.imports)
    subject = sources.Subject(found.component.kind, name, sections.get("inheritance") or [], file, merged)
    sections["sources"] = sources.sources(subject, sections)
    sections["deps"], sections["deps_all"] = sources.dependencies(sections["sources"], file)
    sections["workspace"] = _workspace(engine, found, stack, sections)
    sections |= integrations.names_of(name, stack, sections, engine.project.atlantis_templates)
    track = versions.track_of(found.content.content.get("version"), engine.project.version_track)
    from sonde.stacks.engine import Stage

    stage = Stage("templates-all-atmos-sections", track)
    sections = engine.finish(found.component, sections, options, stage=stage)
    sections["component_info"] = _component_info(engine, found.component.kind, name, sections)
    sections |= {"cli_args": ["describe", "component"], "tf_cli_vars": {}, "component_type": found.component.kind}
    sections["atmos_cli_config"] = dict(engine.project.cli_config)
    return sections if engine.project.include_empty else _without_empty(sections)


def _without_empty(sections: Section) -> Section:
    """The sections without empty texts and maps, at any depth below maps (`describe.settings.include_empty: false`)."""
    result = {}
    for key, value in sections.items():
        kept = _without_empty(value) if isinstance(value, dict) and key != "sources" else value
        if kept not in ({}, ""):
            result[key] = kept
    return result


def _workspace(engine: "Engine", found: Found, stack: str, sections: Section) -> str:
    backend_type = found.component.sections.get("backend_type", "")
    place = names.Place(stack, found.content.explicit_name, found.context, found.component.metadata, backend_type)
    return names.workspace(engine.project, place, sections)


# ---------------------------------------------------------------------- finding it


def find(engine: "Engine", name: str, stack: str) -> Found:
    """The component in the stack. A stack is given by its name, or by the path of its manifest; a component by its name
    or by a path: `./vpc` stands for whatever uses that folder, `components/terraform/vpc` for the component so named.
    """
    if component_paths.is_path(name):
        folder = component_paths.component_of(engine, name)
        return _named(engine, component_paths.only_user(folder, stack, _users(engine, folder, stack)), stack)
    try:
        return _named(engine, name, stack)
    except StacksError:
        folder = component_paths.below_base(engine, name) if "/" in name else ""
        if not folder or folder == name:
            raise
        return _named(engine, folder, stack)


def _users(engine: "Engine", folder: str, stack: str) -> list[str]:
    """The stack's components that are called like a folder, or use it."""
    wanted = discovery.physical(engine.files, stack)
    contents = [engine.stack(path) for path in (engine.files if wanted is None else [wanted])]
    users = set()
    for content, kind in itertools.product(contents, kinds.LOOKED_UP):
        for name in content.components(kind):
            uses = name == folder or folder_of(content.component(kind, name)) == folder
            if uses and (wanted is not None or any(_candidates(engine, kind, name, stack, {}))):
                users.add(name)
    return sorted(users)


def _named(engine: "Engine", name: str, stack: str) -> Found:
    path = discovery.physical(engine.files, stack)
    if path is not None:
        return _in_manifest(engine, path, name, stack)
    other_names: dict[str, str] = {}
    for kind in kinds.LOOKED_UP:
        candidates = list(_candidates(engine, kind, name, stack, other_names))
        if len(candidates) > 1 and not _same(candidates):
            files = ", ".join(each.content.name for each in candidates)
            raise TitledError(
                "duplicate component configuration",
                f"Found duplicate config for the component {name} in the stack {stack} "
                f"in the manifests: {files}\nCheck that all the context variables are correctly defined in the manifests and "
                "not duplicated\nCheck that all imports are valid",
            )
        if candidates:
            return candidates[0]
    raise _not_found(name, stack, other_names)


def _candidates(engine: "Engine", kind: str, name: str, stack: str, other_names: dict[str, str]) -> Iterator[Found]:
    for path in engine.files:
        content = engine.stack(path)
        if content.explicit_name and content.explicit_name != content.name:
            other_names[content.name] = content.explicit_name
        if name not in content.components(kind):
            continue
        one = content.component(kind, name)
        try:
            found, context = names.component_context(engine.project, content.name, content.explicit_name, one.sections)
        except StacksError:
            continue  # a stack without a name is not the one that was asked for
        canonical = found or content.name
        if canonical != content.name and not content.explicit_name:
            other_names[content.name] = canonical
        if canonical == stack:
            yield Found(path, content, one, names.with_component(context, name, folder_of(one)))


def folder_of(component: Component) -> str:
    """The component's folder by its own metadata, else by its `component` section."""
    own = component.metadata.get("component")
    folder = own if isinstance(own, str) else component.sections.get("component")
    return folder if isinstance(folder, str) and folder else component.name


def _in_manifest(engine: "Engine", path: str, name: str, stack: str) -> Found:
    content = engine.stack(path)
    if content.name != stack:
        raise StacksError(f"could not find the stack '{stack}'")
    for kind in kinds.LOOKED_UP:
        if name in content.components(kind):
            one = content.component(kind, name)
            _, context = names.component_context(engine.project, content.name, content.explicit_name, one.sections)
            return Found(path, content, one, names.with_component(context, name, folder_of(one)))
    raise StacksError(f"no config found for the component '{name}' in the stack manifest '{stack}'")


def without_place(sections: Section) -> Section:
    """The sections save for those that say where they were written."""
    return {key: value for key, value in sections.items() if key not in _ELSEWHERE}


def _same(candidates: list[Found]) -> bool:
    parts = [without_place(each.component.sections) for each in candidates]
    return all(part == parts[0] for part in parts)


def _not_found(name: str, stack: str, other_names: dict[str, str]) -> StacksError:
    if stack in other_names:
        return StacksError(
            f"invalid stack\n\nStack {stack} not found.",
            hints=[f"Did you mean {other_names[stack]}?", "Run sonde list stacks to see all available stacks."],
        )
    return TitledError(
        "invalid component",
        f"Could not find the component {name} in the stack {stack}.\nCheck that all the context "
        "variables are correctly defined in the stack manifests.\nAre the component and stack names correct? Did you forget "
        "an import?",
    )


# ---------------------------------------------------------------------- its folder


def _component_info(engine: "Engine", kind: str, name: str, sections: Section) -> Section:
    info: Section = {"component_type": kind}
    if kind not in (kinds.TERRAFORM, kinds.HELMFILE, kinds.PACKER):
        return info
    path = component_path(engine, kind, name, sections)
    info["component_path"] = path
    if kind == kinds.TERRAFORM:
        info["terraform_config"] = terraform_config.load(engine.tree, path, name, sections)
    return info


def component_path(engine: "Engine", kind: str, name: str, sections: Section) -> str:
    """The absolute folder of a component."""
    metadata = sections.get("metadata")
    own = metadata.get("component") if isinstance(metadata, dict) else None
    folder = own if isinstance(own, str) else sections.get("component") or name
    base = engine.project.component_paths.get(kind, "")
    return posixpath.normpath(posixpath.join(engine.project.base_path, base, folder))
