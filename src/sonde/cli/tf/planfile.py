"""`sonde terraform generate planfile`: what a plan would change, as JSON or YAML for other tools (stacks.md §12)."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError, ToolError
from sonde.cli.project import Project
from sonde.cli.tf import environment, execute, files, run
from sonde.cli.tf.argv import Call
from sonde.cli.tf.instance import Instance


def generate(home: Project, call: Call, found: Instance) -> Path | None:
    """Plan the instance and write the plan that Terraform shows; the file, or None where nothing was planned.

    Terraform's binary plan is thrown away. Raises CliError for a format that is not ours, and ToolError with
    Terraform's exit code.
    """
    form = call.values.get("format") or "json"
    if form not in FORMATS:
        raise CliError(f"invalid format: {form}. Supported formats are 'json' and 'yaml'")
    with tempfile.TemporaryDirectory(prefix="sonde-planfile-") as folder:
        binary = Path(folder, "new.plan")
        code = execute.execute(home, _planning(call, binary), found)
        if code:
            raise ToolError(code)
        if not binary.is_file():  # the component is disabled, or it was a dry run
            return None
        text = FORMATS[form](_shown(home, found, binary))
    path = found.folder / (call.values.get("file") or f"{found.subject.planfile}.{form}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # a plan names secrets in the clear
    path.write_text(text, encoding="utf-8")
    return path


def _planning(call: Call, binary: Path) -> Call:
    """The plan behind the call. Nothing is reported: nobody asked for a run."""
    return replace(
        call,
        command=("plan",),
        switches={**call.switches, "upload-status": False},
        passed=(*call.passed, f"-out={binary}"),
    )


def _shown(home: Project, found: Instance, binary: Path) -> Any:
    tool = execute.program(home, found)
    code, said = run.quietly([tool, "show", "-json", str(binary)], found.folder, environment.of(home, found))
    start = said.find("{")
    if code or start < 0:
        raise CliError(f"terraform show failed for {found.component} in {found.stack}\n\n{said.strip()}")
    return json.JSONDecoder().raw_decode(said, start)[0]


def _yaml(value: Any) -> str:
    from sonde.stacks import yamldump

    return yamldump.dump(value)


FORMATS: Mapping[str, Callable[[Any], str]] = {"json": files.as_json, "yaml": _yaml}
