"""`--execution-summary-file`: how each instance of a plan ended, as JSON of the shape that the Go CLI writes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sonde.cli.tf.order import Node
from sonde.cli.tf.schedule import Ended


def write(path: Path, order: tuple[Node, ...], ended: Mapping[Node, Ended]) -> None:
    """Write the results in the order of the job. Raises OSError where the file cannot be written."""
    results = [_result(node, ended[node]) for node in order]
    path.write_text(json.dumps({"results": results}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def failure(node: Node, how: Ended) -> str:
    """A failure in one line, as errors and the summary have it."""
    return f"component={node.component} stack={node.stack}: {how.why}"


def _result(node: Node, how: Ended) -> dict[str, Any]:
    result = {
        "node_id": node.id,
        "stack": node.stack,
        "component": node.component,
        "status": how.status,
        "processed": how.status != "skipped",
        "changed": how.changed,
        "exit_code": how.exit_code,
    }
    if how.status != "skipped":
        result |= {"started_at": _time(how.started), "finished_at": _time(how.finished)}
        result["duration_ms"] = max(0, int((how.finished - how.started) * 1000))
    if how.logs:
        result["log_files"] = dict(how.logs)
    if how.status == "skipped":
        result["error"] = f"scheduler node skipped: {how.why}"
    elif how.status == "failed":
        result["error"] = f"terraform execution failed: {failure(node, how)}"
    return result


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
