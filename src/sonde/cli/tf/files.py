"""The files that Terraform finds in the component's folder: variables, backend, provider overrides (stacks.md §12)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.tf import hcl
from sonde.stacks.backend_file import BACKEND, as_json, backend, write

__all__ = ["BACKEND", "as_json", "backend", "generated", "providers", "required", "write"]

PROVIDERS = "providers_override.tf.json"
REQUIRED_PROVIDERS = "terraform_override.tf.json"


def providers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The content of providers_override.tf.json. `aws.west` is a second configuration of `aws`, with that alias."""
    grouped: dict[str, list[Any]] = {}
    for name in sorted(settings):
        base, dot, alias = name.partition(".")
        value = settings[name]
        grouped.setdefault(base, []).append({"alias": alias, **value} if dot and isinstance(value, Mapping) else value)
    return {
        "provider": {
            name: items if len(items) > 1 or f"{name}" not in settings else items[0] for name, items in grouped.items()
        }
    }


def required(version: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The content of terraform_override.tf.json: the versions that the stack pins; empty where it pins none."""
    block = {
        **({"required_version": version} if version else {}),
        **({"required_providers": dict(wanted)} if wanted else {}),
    }
    return {"terraform": block} if block else {}


def generated(folder: Path, section: Mapping[str, Any]) -> dict[Path, str]:
    """The files of a component's `generate` section with their content: texts as they are, maps by the name's ending.

    Raises CliError for a name that leads out of the folder.
    """
    found: dict[Path, str] = {}
    for name, content in section.items():
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise CliError(f"generate: {name} lies outside of the component's folder {folder}")
        found[path] = content if isinstance(content, str) else _structured(name, content)
    return found


def _structured(name: str, content: Any) -> str:
    if name.endswith((".tf", ".hcl")) and isinstance(content, Mapping):
        return hcl.document(content)
    if name.endswith(".tfvars") and isinstance(content, Mapping):
        return hcl.attributes(content)
    if name.endswith((".yaml", ".yml")):
        from sonde.stacks import yamldump

        return yamldump.dump(content)
    return as_json(content)
