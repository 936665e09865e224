"""`sonde describe workflows`: the workflow files of the project and what is in them (stacks.md §8)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sonde.cli import inventory, process
from sonde.cli.describe_stacks import write
from sonde.cli.errors import CliError
from sonde.cli.options import examples, flags_of, global_flags
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import load_mapping

FORMATS = ("yaml", "json")
OUTPUTS = ("list", "map", "all")


@click.command(
    name="workflows",
    epilog=examples(
        "sonde describe workflows",
        "sonde describe workflows --output all --format json",
        codes="0 shown; 1 a wrong workflow file.",
    ),
)
@click.option("-f", "--format", "form", default="yaml", help="yaml or json.")
@click.option("-o", "--output", default="list", help="list, map or all: names by file, or all that the files say.")
@click.option("-q", "--query", default="", help="A yq expression over the result.")
@global_flags
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Show the workflows of the project."""
    if given["form"] not in FORMATS:
        raise CliError("invalid format specified. Valid values are 'yaml' and 'json'")
    if given["output"] not in OUTPUTS:
        raise CliError("invalid output type specified. Valid values are 'list', 'map', and 'all'")
    world = process.current()
    config = inventory.load_config(world, flags_of(ctx))
    if not config.get("workflows.base_path"):
        raise CliError("'workflows.base_path' must be configured in 'atmos.yaml'")
    folder = config.workflows_base
    if not folder.is_dir():
        raise CliError(f"workflow directory does not exist: '{folder}'. Review 'workflows.base_path' in 'atmos.yaml'")
    files, passed_over = manifests(folder)
    for reason in passed_over:
        world.stderr.write(f"⚠ {reason}\n")
    write(shown(files, given["output"], nulls=given["form"] == "json"), given["form"], None, given["query"])


def manifests(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The files with workflows by their path below the folder, sorted, and why others are none."""
    found: dict[str, dict[str, Any]] = {}
    passed_over = []
    for path in sorted(each for each in folder.rglob("*") if each.suffix in (".yaml", ".yml")):
        name = path.relative_to(folder).as_posix()
        try:
            content = load_mapping(path.read_text(encoding="utf-8"), name=name).value
        except (StacksError, OSError, UnicodeDecodeError) as error:
            passed_over.append(f"the workflow file {name} is passed over: {error}")
            continue
        if isinstance(content.get("workflows"), Mapping):
            found[name] = content
        else:
            passed_over.append(f"the workflow file {name} is passed over: it has no 'workflows'")
    return found, passed_over


def shown(files: Mapping[str, Mapping[str, Any]], output: str, *, nulls: bool) -> Any:
    """The answer in one of its shapes. `nulls` shows conditions of steps that have none, as JSON does."""
    names = {file: sorted(content["workflows"]) for file, content in files.items()}
    if output == "map":
        return names
    if output == "list":
        return [{"file": file, "workflow": name} for file, listed in names.items() for name in listed]
    return {file: _whole(content, nulls=nulls) for file, content in files.items()}


def _whole(content: Mapping[str, Any], *, nulls: bool) -> dict[str, Any]:
    """A file with a name for each step."""
    workflows = {}
    for name, workflow in content["workflows"].items():
        steps = workflow.get("steps") if isinstance(workflow, Mapping) else None
        workflows[name] = workflow
        if isinstance(steps, list):
            empty = {"when": None, "continue": None} if nulls else {}
            named = [
                {"name": f"step{number}", **empty, **step} if isinstance(step, Mapping) else step
                for number, step in enumerate(steps, start=1)
            ]
            workflows[name] = {**workflow, "steps": named}
    return {**content, "workflows": workflows}
