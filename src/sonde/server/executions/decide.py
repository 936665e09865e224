"""What is kept of an execution. Pure and total."""

from collections.abc import Mapping
from typing import Any

from sonde.wire.executions import AFFECTED, COMPONENT, LISTS, OUTPUT, Execution

METRICS = 40  # numbers of one execution that are kept; clients send twelve
DEPTH = 64


def facts(body: Execution) -> Mapping[str, Any]:
    """What an execution says beside its result. The command is kept without its root: some clients send it (product.md §2.8)."""
    metrics = [(name, value) for name, value in (body.metrics or {}).items() if isinstance(value, (int, float))]
    return {
        "atmos_pro_run_id": body.atmos_pro_run_id,
        "atmos_version": body.atmos_version,
        "atmos_os": body.atmos_os,
        "atmos_arch": body.atmos_arch,
        "command": body.command.removeprefix("atmos ").strip(),
        "args": list(body.args),
        "flags": list(body.flags),
        "exit_code": body.exit_code,
        "git_sha": body.git_sha,
        "metrics": dict(metrics[:METRICS]),
    }


def kept(data: Any) -> Any:
    """A result with nothing but the documented fields: vars and unknown fields never reach the database (ruling 10)."""
    if isinstance(data, list):
        return [_item(item) for item in data]
    if not isinstance(data, Mapping):
        return None
    found = {name: [_item(item) for item in data[name]] for name in LISTS if isinstance(data.get(name), list)}
    return {"version": data.get("version"), **found}


def _item(item: Any, depth: int = 0) -> Any:
    if not isinstance(item, Mapping) or depth > DEPTH:
        return {}
    found = {name: item[name] for name in (*COMPONENT, *OUTPUT, *AFFECTED) if name in item}
    dependents = item.get("dependents")
    if isinstance(dependents, list):
        found["dependents"] = [_item(part, depth + 1) for part in dependents]
    settings = item.get("settings")
    if isinstance(settings, Mapping) and "pro" in settings:
        found["settings"] = {"pro": settings["pro"]}
    return found
