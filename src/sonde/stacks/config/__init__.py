"""The configuration of the CLI: atmos.yaml with its imports, profiles, environment and flags (stacks.md §1).

where it comes from   files, profiles, environ (variables and flags), defaults, functions (`!env` and its like)
what it becomes       shape and shape_commands (the table of fields), decode, paths, pro (`settings.pro`), constraint (version gate)
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sonde.stacks.config import profiles
from sonde.stacks.config.decode import decode
from sonde.stacks.config.defaults import BASE, VERSION, WITHOUT_FILE
from sonde.stacks.config.environ import Flags, overlay
from sonde.stacks.config.files import (
    Found,
    Search,
    find_git_root,
    git_root_wanted,
    has_local_configuration,
    merge_into,
    read_all,
    settled,
)
from sonde.stacks.config.paths import Places, clean, patterns, resolve_base
from sonde.stacks.config.pro import ProSettings, Value, pro_settings
from sonde.stacks.config.shape import ROOT
from sonde.stacks.errors import StacksError

__all__ = ["VERSION", "Config", "Flags", "ProSettings", "Value", "as_described", "load"]

LOG_LEVELS = ("Trace", "Debug", "Info", "Warning", "Error", "Off")
COMPONENT_TYPES = ("terraform", "helmfile", "packer", "ansible", "helm", "kubernetes")


class Config(NamedTuple):
    """One loaded configuration. `raw` is the decoded struct, below which every key of the table in `shape` is present."""

    raw: Mapping[str, Any]
    cwd: Path
    folder: Path | None  # of the atmos.yaml that counts; None when there is none
    git_root: Path | None
    base_path: Path
    stacks_base: Path
    included_paths: tuple[str, ...]  # as written, relative to stacks_base
    excluded_paths: tuple[str, ...]
    name_template: str
    name_pattern: str
    list_merge_strategy: str  # empty means replace
    pro: ProSettings
    warnings: tuple[str, ...]  # what was passed over while loading, one sentence each

    @property
    def templates(self) -> Mapping[str, Any]:
        """`templates.settings`: enabled, delimiters, evaluations, env, sprig.enabled, gomplate.enabled."""
        settings: Mapping[str, Any] = self.raw["templates"]["settings"]
        return settings

    def get(self, dotted: str, default: Any = None) -> Any:
        """The value at a dotted path of `raw`, e.g. `describe.affected.sections`."""
        value: Any = self.raw
        for step in dotted.split("."):
            if not isinstance(value, Mapping) or step not in value:
                return default
            value = value[step]
        return value

    def component_base(self, component_type: str) -> Path:
        """The absolute folder of a component type; a custom type's is `components.<type>.base_path`."""
        section = self.get(f"components.{component_type}") or self.get(f"components.Plugins.{component_type}") or {}
        return clean(self.base_path, str(section.get("base_path") or ""))

    def command(self, component_type: str) -> str:
        """The program of a component type: configured, else the type's own name."""
        return str(self.get(f"components.{component_type}.command") or component_type)

    @property
    def workflows_base(self) -> Path:
        return clean(self.base_path, self.raw["workflows"]["base_path"])

    @property
    def included_globs(self) -> tuple[str, ...]:
        """The included patterns as absolute globs."""
        return patterns(self.stacks_base, self.included_paths)

    @property
    def excluded_globs(self) -> tuple[str, ...]:
        return patterns(self.stacks_base, self.excluded_paths)

    def require_stacks(self) -> None:
        """Raise `StacksError` if the configuration does not say where stacks are."""
        if not self.raw["stacks"]["base_path"]:
            message = (
                "stack base path must be provided in 'stacks.base_path' config or ATMOS_STACKS_BASE_PATH' ENV variable"
            )
            raise StacksError(message)
        if not self.included_paths:
            raise StacksError(
                "at least one path must be provided in 'stacks.included_paths' config or ATMOS_STACKS_INCLUDED_PATHS' ENV variable"
            )


def load(*, cwd: Path, env: Mapping[str, str], flags: Flags | None = None) -> Config:
    """Load the configuration for a command run in `cwd` (absolute).

    Precedence, lowest first: defaults, files, profiles, environment, flags. Raises `StacksError` on files that cannot be
    read or decoded, an unsatisfied version constraint, or an unknown log level.
    """
    flags = flags or Flags()
    git_root = find_git_root(cwd)
    files = flags.config or _listed(env, "ATMOS_CONFIG")
    folders = flags.config_path or _listed(env, "ATMOS_CONFIG_PATH")
    search = Search(cwd, env, git_root, files, folders)
    found = read_all(search)
    if found.folder is None:
        found.merged = _without_file(search)
    profiles.apply(found, search, flags)
    found.merged = settled(found.merged)
    _check_level(found.merged.get("logs"))
    _check_pro(found.merged.get("settings"))
    base_from_files = not (env.get("ATMOS_BASE_PATH") or flags.base_path)
    merged = copy.deepcopy(BASE)
    merge_into(merged, found.merged)
    merge_into(merged, overlay(env, flags))
    _collect_plugins(merged)
    _rename_old_keys(merged)
    raw = decode(merged, ROOT)
    _check(raw)
    base = resolve_base(raw["base_path"], Places(cwd, found.folder, git_root), from_files=base_from_files)
    if base_from_files and raw["base_path"] in ("", ".") and base == git_root and _is_discovered(search):
        raw["base_path"] = str(base)
    return _config(raw, found, search, base)


def _is_discovered(search: Search) -> bool:
    """Whether the checkout's root was looked for: then the base path is told as an absolute one (stacks.md §1.2)."""
    return git_root_wanted(search.env) and not has_local_configuration(search.cwd)


def _config(raw: dict[str, Any], found: Found, search: Search, base: Path) -> Config:
    stacks = raw["stacks"]
    settings = found.merged.get("settings")
    pro = settings.get("pro") if isinstance(settings, dict) else None
    limit = raw["settings"]["pro"].get("max_payload_bytes", 0)
    return Config(
        raw=raw,
        cwd=search.cwd,
        folder=found.folder,
        git_root=search.git_root,
        base_path=base,
        stacks_base=clean(base, stacks["base_path"]),
        included_paths=tuple(stacks["included_paths"] or ()),
        excluded_paths=tuple(stacks["excluded_paths"] or ()),
        name_template=stacks["name_template"],
        name_pattern=stacks["name_pattern"],
        list_merge_strategy=raw["settings"]["list_merge_strategy"],
        pro=pro_settings(pro or {}, search.env, found.pro_from, limit),
        warnings=tuple(found.warnings),
    )


def _listed(env: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in env.get(name, "").split(",") if part.strip()]


def _without_file(search: Search) -> dict[str, Any]:
    merged = copy.deepcopy(WITHOUT_FILE)
    root = search.git_root
    if root and root != search.cwd and git_root_wanted(search.env) and not has_local_configuration(search.cwd):
        merged["base_path"] = str(root)
    return merged


def _collect_plugins(merged: dict[str, Any]) -> None:
    """Put component types that the table does not know below `components.plugins`."""
    components = merged["components"]
    if not isinstance(components, dict):
        return
    custom = {name: section for name, section in components.items() if name not in (*COMPONENT_TYPES, "list")}
    merged["components"] = {name: section for name, section in components.items() if name not in custom}
    merged["components"]["plugins"] = custom or None


def _rename_old_keys(merged: dict[str, Any]) -> None:
    docs = merged["settings"].get("docs") if isinstance(merged["settings"], dict) else None
    if isinstance(docs, dict) and "max-width" in docs:
        docs.setdefault("max_width", docs["max-width"])
    stores = merged.get("stores")
    for store in stores.values() if isinstance(stores, dict) else ():
        if isinstance(store, dict) and (store.get("type") or store.get("kind")) in ("onepassword", "keychain"):
            store["secret"] = True  # such a store holds nothing but secrets


def _check_level(logs: Any) -> None:
    """Refuse an unknown level, also one that the environment overrides."""
    level = logs.get("level") if isinstance(logs, dict) else None
    if isinstance(level, str) and level and level.lower() not in {name.lower() for name in LOG_LEVELS}:
        options = " ".join(LOG_LEVELS)
        raise StacksError(
            f"invalid log level\n\nthe log level '{level}' is not recognized. Valid options are: [{options}]"
        )


def _check_pro(settings: Any) -> None:
    """Refuse a section that is no map before the environment is laid over it and hides that."""
    pro = settings.get("pro") if isinstance(settings, dict) else None
    if pro is not None:
        decode({"pro": pro}, {"pro": {}}, below="settings")


def _check(raw: Mapping[str, Any]) -> None:
    _check_level(raw["logs"])
    constraint = raw["version"]["constraint"]
    require = constraint.get("require", "")
    if not require or constraint.get("enforcement", "fatal") in ("silent", "warn"):
        return
    from sonde.stacks.config.constraint import satisfies

    if not satisfies(VERSION, require):
        text = f"This configuration requires Atmos version {require}, but you are running {VERSION}"
        own = constraint.get("message")
        raise StacksError(f"version constraint not satisfied\n\n{text}" + (f"\n\n{own}" if own else ""))


def as_described(config: Config) -> dict[str, Any]:
    """The configuration as `describe config` prints it: the struct, with the absolute folders beside it."""
    described: dict[str, Any] = dict(config.raw)
    described["initialized"] = True
    described["basePathAbsolute"] = str(config.base_path)
    described["stacksBaseAbsolutePath"] = str(config.stacks_base)
    for component_type in COMPONENT_TYPES:
        described[f"{component_type}DirAbsolutePath"] = str(config.component_base(component_type))
    described["workflowsDirAbsolutePath"] = str(config.workflows_base)
    described["vendorDirAbsolutePath"] = str(clean(config.base_path, config.raw["vendor"]["base_path"]))
    if config.included_paths:
        described["includeStackAbsolutePaths"] = list(config.included_globs)
    if config.excluded_paths:
        described["excludeStackAbsolutePaths"] = list(config.excluded_globs)
    if config.folder:
        described["cli_config_path"] = str(config.folder)
    auth = dict(config.raw["auth"])
    auth["realm"] = auth["realm"] or _realm(config.folder)
    described["auth"] = auth
    if stores := config.raw.get("stores"):
        described["stores_registry"] = {name: {} for name in stores}
    return described


def _realm(folder: Path | None) -> str:
    """The namespace of cached credentials: a hash of the configuration's folder."""
    if folder is None:
        return "default"
    import hashlib

    return hashlib.sha256(str(folder).encode()).hexdigest()[:16]
