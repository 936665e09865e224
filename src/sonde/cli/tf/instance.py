"""The instance that a call is about: its sections, its folder, and the names of its files (stacks.md §12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.tf.argv import Call
from sonde.cli.tf.steps import Subject
from sonde.stacks import describe, names
from sonde.stacks.engine import Engine, Options, open_engine
from sonde.stacks.tree import WorkingTree


@dataclass(frozen=True)
class Instance:
    """`stack` is what was typed, `stack_name` the stack's own name (they differ where a manifest was named)."""

    component: str
    stack: str
    stack_name: str
    sections: Mapping[str, Any]

    def section(self, name: str) -> Mapping[str, Any]:
        """A section that is a map; empty where it is missing."""
        value = self.sections.get(name)
        return value if isinstance(value, Mapping) else {}

    @property
    def folder(self) -> Path:
        return Path(str(self.section("component_info").get("component_path", "")))

    @property
    def folder_name(self) -> str:
        """The component's folder below the base of its type, as the stack names it."""
        own = self.section("metadata").get("component")
        return str(own or self.sections.get("component") or self.component)

    @property
    def enabled(self) -> bool:
        return self.section("metadata").get("enabled") is not False

    @property
    def subject(self) -> Subject:
        metadata = self.section("metadata")
        return Subject(
            component=self.component,
            stem=stem(self.stack_name, self.folder_name, self.component),
            workspace=str(self.sections.get("workspace") or ""),
            abstract=metadata.get("type") == "abstract",
            locked=metadata.get("locked") is True,
            backend_type=str(self.sections.get("backend_type") or ""),
        )

    @property
    def secret_variables(self) -> frozenset[str]:
        """Variables that the component declares `sensitive`: they are not written to a file."""
        declared = self.section("component_info").get("terraform_config") or {}
        variables = declared.get("variables") or {}
        return frozenset(name for name, each in variables.items() if each.get("sensitive") is True)


def stem(stack_name: str, folder_name: str, component: str) -> str:
    """The begin of the names of varfile and planfile: stack, the folders above the component's own, its last name.

    >>> stem("acme-dev", "app", "app/slash")
    'acme-dev-slash'
    >>> stem("acme-dev", "net/vpc", "net/vpc")
    'acme-dev-net-vpc'
    """
    prefix = "-".join(folder_name.split("/")[:-1])
    parts = [stack_name.replace("/", "-"), prefix, component.rpartition("/")[2]]
    return "-".join(part for part in parts if part)


def engine_of(home: Project) -> Engine:
    """The engine over the project's working tree."""
    return open_engine(home.config, WorkingTree(home.config.base_path), env=home.process.env)


def options_of(call: Call, *, stack: str = "") -> Options:
    """What of the manifests is worked out, by the call's flags."""
    return Options(
        process_templates=call.on("process-templates", default=True),
        process_functions=call.on("process-functions", default=True),
        skip=call.lists.get("skip", ()),
        stack=stack,
        types=("terraform",),
    )


def find(engine: Engine, call: Call, component: str, stack: str) -> Instance:
    """The instance with its templates and functions worked out. Raises StacksError where it is not there."""
    sections = engine.component(component, stack, options_of(call))
    kind = sections.get("component_type", "terraform")
    if kind != "terraform":
        raise CliError(f"invalid component\n\n'{component}' in the stack {stack} is a {kind} component")
    where = describe.find(engine, component, stack)
    component = where.component.name
    name, _ = names.component_context(
        engine.project, where.content.name, where.content.explicit_name, where.component.sections
    )
    return Instance(component, stack, name or where.content.name, sections)


def require_folder(home: Project, instance: Instance) -> None:
    """Raises CliError where the component's folder is not there."""
    if not instance.folder.is_dir():
        raise CliError(
            "invalid Terraform component\n\n"
            f"'{instance.component}' points to the Terraform component '{instance.folder_name}', "
            f"but it does not exist in '{home.config.component_base('terraform')}'"
        )
