"""What the engine needs of atmos.yaml, as one flat value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.stacks.config import Config, as_described
from sonde.stacks.merge import check_strategy
from sonde.stacks.templates import Library


@dataclass(frozen=True)
class Project:
    """Folders are absolute, normalised paths; texts and maps are atmos.yaml's own (stacks.md §1)."""

    base_path: str
    stacks_path: str
    cwd: str
    library: Library  # what templates in manifests and names may call: everything
    base_path_as_given: str = ""  # as atmos.yaml has it
    stacks_path_as_given: str = ""
    included: tuple[str, ...] = ("**/*",)
    excluded: tuple[str, ...] = ()
    name_template: str = ""
    name_pattern: str = ""
    list_merge_strategy: str = "replace"
    key_delimiter: str = ""  # `settings.yaml.key_delimiter`: `a.b: 1` means `a: {b: 1}`
    inherit_metadata: bool = True
    inherit_source: bool = True
    component_paths: Mapping[str, str] = field(default_factory=dict)  # type -> path as written in atmos.yaml
    commands: Mapping[str, str] = field(default_factory=dict)  # type -> `components.<type>.command`
    generates_backend: bool = True  # `components.terraform.auto_generate_backend_file`
    workspaces_enabled: bool = True
    prefix_separator: str = "-"
    env: Mapping[str, Any] = field(default_factory=dict)  # atmos.yaml `env`, below every component's own
    auth: Mapping[str, Any] = field(default_factory=dict)
    github_integration: Mapping[str, Any] = field(default_factory=dict)
    templates: Mapping[str, Any] = field(default_factory=dict)  # `templates.settings`
    version_track: str = ""
    atlantis_templates: Mapping[str, Any] = field(default_factory=dict)  # `integrations.atlantis.project_templates`
    include_empty: bool = True  # `describe.settings.include_empty`
    cli_config: Mapping[str, Any] = field(default_factory=dict)  # what `atmos_cli_config` shows

    @property
    def templates_enabled(self) -> bool:
        return bool(self.templates.get("enabled"))

    @property
    def ignore_missing_values(self) -> bool:
        return bool(self.templates.get("ignore_missing_template_values"))


def from_config(config: Config, library: Library) -> Project:
    """The engine's view of a loaded `sonde.stacks.config.Config`."""
    types = ("terraform", "helmfile", "packer", "ansible")
    get = config.get
    return Project(
        base_path=str(config.base_path),
        stacks_path=str(config.stacks_base),
        cwd=str(config.cwd),
        stacks_path_as_given=get("stacks.base_path") or "",
        base_path_as_given=get("base_path") or "",
        library=library,
        included=config.included_paths,
        excluded=config.excluded_paths,
        name_template=config.name_template,
        name_pattern=config.name_pattern,
        list_merge_strategy=check_strategy(config.list_merge_strategy),
        key_delimiter=get("settings.yaml.key_delimiter") or "",
        inherit_metadata=get("stacks.inherit.metadata", default=True) is not False,
        inherit_source=get("stacks.inherit.source", default=True) is not False,
        component_paths={kind: get(f"components.{kind}.base_path") or "" for kind in types}
        | {"container": "components/container"},
        commands={kind: get(f"components.{kind}.command") or "" for kind in types},
        generates_backend=get("components.terraform.auto_generate_backend_file") is True,
        workspaces_enabled=get("components.terraform.workspaces_enabled") is not False,
        prefix_separator=get("components.terraform.workspace.prefix_separator") or "-",
        env=get("env") or {},
        auth=_auth(as_described(config)["auth"]),
        github_integration=get("integrations.github") or {},
        templates=config.templates,
        version_track=get("version.track") or "",
        atlantis_templates=get("integrations.atlantis.project_templates") or {},
        include_empty=get("describe.settings.include_empty") is not False,
        cli_config={name: config.raw[name] for name in ("components", "stacks", "workflows")}
        | {"base_path": get("base_path")},
    )


def _auth(auth: Mapping[str, Any]) -> Mapping[str, Any]:
    """atmos.yaml's `auth` lies below each terraform component's own, but only once it names providers or identities."""
    return auth if auth.get("providers") or auth.get("identities") else {}
