"""The file by which Terraform learns of its backend (stacks.md §12)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonde.stacks.errors import StacksError

BACKEND = "backend.tf.json"


def as_json(value: Any) -> str:
    """Two spaces, sorted keys, a newline at the end. Raises StacksError for what JSON cannot say."""
    try:
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise StacksError(
            "unsupported value: NaN or an infinity", hints=["Neither JSON nor Terraform has such numbers."]
        ) from error


def write(path: Path, value: Any) -> None:
    """Replace a file by a JSON value, readable by its owner alone: variables and backends may hold secrets."""
    text = as_json(value)
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def backend(kind: str, settings: Mapping[str, Any], workspace: str) -> dict[str, Any]:
    """The content of backend.tf.json. `cloud` is a block of its own, in which `{terraform_workspace}` is filled in.

    Raises StacksError where the kind is not said.
    """
    if not kind:
        raise StacksError(
            "backend_type is required",
            hints=["Set `backend_type`, or `components.terraform.auto_generate_backend_file: false` in atmos.yaml."],
        )
    if kind == "cloud":
        return {"terraform": {"cloud": _filled(dict(settings), workspace) if workspace else dict(settings)}}
    return {"terraform": {"backend": {kind: dict(settings)}}}


def _filled(value: Any, workspace: str) -> Any:
    if isinstance(value, str):
        return value.replace("{terraform_workspace}", workspace)
    if isinstance(value, Mapping):
        return {key: _filled(item, workspace) for key, item in value.items()}
    return [_filled(item, workspace) for item in value] if isinstance(value, list) else value
