"""The files that Terraform finds in the component's folder: variables, backend, provider overrides (stacks.md §12)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.tf import hcl

BACKEND = "backend.tf.json"
PROVIDERS = "providers_override.tf.json"
REQUIRED_PROVIDERS = "terraform_override.tf.json"


def as_json(value: Any) -> str:
    """Two spaces, sorted keys, a newline at the end."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(path: Path, value: Any) -> None:
    """Replace a file by a JSON value, readable by its owner alone: variables and backends may hold secrets."""
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(as_json(value), encoding="utf-8")
    beside.replace(path)


def backend(kind: str, settings: Mapping[str, Any], workspace: str) -> dict[str, Any]:
    """The content of backend.tf.json. `cloud` is a block of its own, in which `{terraform_workspace}` is filled in.

    Raises CliError where the kind is not said.
    """
    if not kind:
        raise CliError(
            "backend_type is required",
            hints=["Set `backend_type`, or `components.terraform.auto_generate_backend_file: false` in atmos.yaml."],
        )
    if kind == "cloud":
        return {"terraform": {"cloud": _filled(dict(settings), workspace) if workspace else dict(settings)}}
    return {"terraform": {"backend": {kind: dict(settings)}}}


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


def _filled(value: Any, workspace: str) -> Any:
    if isinstance(value, str):
        return value.replace("{terraform_workspace}", workspace)
    if isinstance(value, Mapping):
        return {key: _filled(item, workspace) for key, item in value.items()}
    return [_filled(item, workspace) for item in value] if isinstance(value, list) else value
