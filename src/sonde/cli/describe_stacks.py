"""`sonde describe stacks`, `component`, `config` and `dependents` (stacks.md §8)."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sonde.cli import inventory, printing, process
from sonde.cli.errors import CliError
from sonde.cli.options import examples, flags_of, global_flags
from sonde.stacks.cache import watching
from sonde.stacks.config import Config
from sonde.stacks.engine import Engine, Options

ERROR_MODES = ("warn", "silent", "strict")
FUNCTION_FLAGS = (
    click.option(
        "--process-templates", type=bool, default=True, flag_value=True, is_flag=False, help="Render Go templates."
    ),
    click.option(
        "--process-functions", type=bool, default=True, flag_value=True, is_flag=False, help="Evaluate YAML functions."
    ),
    click.option("--skip", multiple=True, help="Leave a YAML function alone, e.g. terraform.output."),
    click.option(
        "--error-mode", default=None, help="warn, silent or strict: what to do when a value is not there yet."
    ),
    click.option("--identity", default=None, hidden=True),
)


def function_flags(command: Any) -> Any:
    """Give a command the flags about templates and YAML functions."""
    for option in reversed(FUNCTION_FLAGS):
        command = option(command)
    return command


def _error_mode(config: Config) -> str:
    return process.current().env.get("ATMOS_DESCRIBE_ERROR_MODE") or str(config.get("describe.error_mode") or "")


def options_of(engine_defaults: str, given: Mapping[str, Any], **filters: Any) -> Options:
    """The engine's options from a command's flags; the error mode falls back to the configured one.

    Raises CliError for an error mode that is none.
    """
    mode = given.get("error_mode") or engine_defaults or "warn"
    if mode not in ERROR_MODES:
        raise CliError(f'invalid error mode\n\n"{mode}"', hints=["Use warn, silent or strict."])
    return Options(
        process_templates=given["process_templates"],
        process_functions=given["process_functions"],
        skip=inventory.split(given["skip"]),
        error_mode=mode,
        **filters,
    )


@click.command(
    name="stacks",
    epilog=examples(
        "sonde describe stacks",
        "sonde describe stacks -s prod --sections vars,settings --format json",
        codes="0 shown; 1 wrong manifests or usage.",
    ),
)
@click.option("-s", "--stack", default="", help="Only this stack: its name, or its manifest's path.")
@click.option("--components", multiple=True, help="Only these components.")
@click.option("--component-types", multiple=True, help="Only these types.")
@click.option("--sections", multiple=True, help="Only these sections.")
@click.option("--format", "form", default="yaml", help="yaml or json.")
@click.option("-f", "form_short", default=None, hidden=True)
@click.option("--file", default=None, help="Write to this file instead of the standard output.")
@click.option("-q", "--query", default="", help="A yq expression over the result.")
@click.option("--include-empty-stacks", is_flag=True, help="Also show stacks without components.")
@function_flags
@global_flags
@click.pass_context
def stacks(ctx: click.Context, /, **given: Any) -> None:
    """Show all stacks with their components."""
    world = process.current()
    config, engine = inventory.open_project(world, flags_of(ctx))
    options = options_of(
        _error_mode(config),
        given,
        stack=given["stack"],
        components=inventory.split(given["components"]),
        types=inventory.split(given["component_types"]),
    )
    inventory.validate(config, engine, world)
    found = engine.stacks(options)
    result = found.as_dict(empty=given["include_empty_stacks"])
    sections = inventory.split(given["sections"])
    if sections:
        result = _keep(result, sections)
    write(result, given["form_short"] or given["form"], given["file"], given["query"])
    inventory.summary(engine, options, world)


def _keep(result: dict[str, Any], sections: tuple[str, ...]) -> dict[str, Any]:
    """Only these sections, and only what has any of them."""
    found: dict[str, Any] = {}
    for stack, content in result.items():
        of_kinds = {kind: _having(components, sections) for kind, components in content["components"].items()}
        if of_kinds := {kind: components for kind, components in of_kinds.items() if components}:
            found[stack] = {"components": of_kinds}
    return found


def _having(components: dict[str, Any], sections: tuple[str, ...]) -> dict[str, Any]:
    cut = {name: {key: part[key] for key in part if key in sections} for name, part in components.items()}
    return {name: part for name, part in cut.items() if part}


@click.command(
    name="component",
    epilog=examples(
        "sonde describe component vpc -s prod",
        "sonde describe component vpc -s prod --query .vars",
        codes="0 shown; 1 wrong manifests or usage, or no such component in the stack.",
    ),
)
@click.argument("name", metavar="COMPONENT")
@click.option("-s", "--stack", default="", help="The stack: its name, or its manifest's path.")
@click.option("-f", "--format", "form", default=None, help="yaml or json.")
@click.option("--file", default=None, help="Write to this file instead of the standard output.")
@click.option("-q", "--query", default="", help="A yq expression over all sections.")
@click.option(
    "--provenance", type=bool, default=None, flag_value=True, is_flag=False, help="Say where each value was written."
)
@click.option("--use-mocks", is_flag=True, hidden=True)
@function_flags
@global_flags
@click.pass_context
def component(ctx: click.Context, /, **given: Any) -> None:
    """Show one component in a stack."""
    world = process.current()
    config, engine = inventory.open_project(world, flags_of(ctx))
    options = options_of(_error_mode(config), given)
    everything = sections = engine.component(given["name"], given["stack"], options)
    if config.get("describe.component.filter") != "full" and not given["query"]:
        from sonde.stacks.describe import SCHEMA_SECTIONS

        sections = {key: value for key, value in sections.items() if key in SCHEMA_SECTIONS}
    told = config.get("describe.provenance") if given["provenance"] is None else given["provenance"]
    if told and (given["form"] or "yaml") == "yaml" and not given["query"]:
        from sonde.stacks import provenance

        put([provenance.annotated(engine, sections, everything).encode("utf-8", "surrogateescape")], given["file"])
    else:
        write(sections, given["form"] or "yaml", given["file"], given["query"])
    inventory.summary(engine, options, world)


@click.command(
    name="config",
    epilog=examples(
        "sonde describe config",
        "sonde describe config --query .stacks --format yaml",
        codes="0 shown; 1 a wrong atmos.yaml.",
    ),
)
@click.option("-f", "--format", "form", default="json", help="json or yaml.")
@click.option("-q", "--query", default="", help="A yq expression over the result.")
@global_flags
@click.pass_context
def config(ctx: click.Context, /, **given: Any) -> None:
    """Show the configuration the CLI works with."""
    from sonde.stacks import config as configuration

    loaded = inventory.load_config(process.current(), flags_of(ctx))
    write(configuration.as_described(loaded), given["form"], None, given["query"])


@click.command(
    name="dependents",
    epilog=examples(
        "sonde describe dependents vpc -s prod",
        "sonde describe dependents vpc -s prod --format yaml --file dependents.yaml",
        codes="0 shown; 1 wrong manifests or usage, or no such component in the stack.",
    ),
)
@click.argument("name", metavar="COMPONENT")
@click.option("-s", "--stack", default="", help="The component's stack.")
@click.option("-f", "--format", "form", default="json", help="json or yaml.")
@click.option("--file", default=None, help="Write to this file instead of the standard output.")
@click.option("-q", "--query", default="", help="A yq expression over the result.")
@function_flags
@global_flags
@click.pass_context
def dependents(ctx: click.Context, /, **given: Any) -> None:
    """Show what depends on a component."""
    from sonde.stacks import dependents as graph

    world = process.current()
    config, engine = inventory.open_project(world, flags_of(ctx))
    options = options_of(_error_mode(config), given)
    found: Any = graph.dependents(engine, given["name"], given["stack"], options)
    if given["query"] or given["form"] == "yaml":
        found = [
            {**each, "dependents": each.get("dependents") or [], "settings": each.get("settings") or {}}
            for each in found
        ]
    write(found, given["form"], given["file"], given["query"])


def write(value: Any, form: str, file: str | None, query: str = "") -> None:
    """Print the value, or write it to a file and print nothing."""
    if query:
        from sonde.stacks import yq

        value = yq.evaluate(_by_name(value), query)
    put(printing.pieces(value, form), file)


def _by_name(value: Any) -> Any:
    """The keys of maps sorted, as a query meets them; those of our own structs in their order."""
    if type(value) is dict:
        return {key: _by_name(value[key]) for key in sorted(value, key=str)}
    return [_by_name(each) for each in value] if isinstance(value, list) else value


def put(pieces: Sequence[bytes], file: str | None) -> None:
    """Print the text, or write it to a file."""
    if not file:
        watching.printed(1, pieces)
    with Path(file).open("wb") if file else os.fdopen(os.dup(1), "wb", buffering=1 << 20) as out:
        out.writelines(pieces)


__all__ = ["Engine", "component", "config", "dependents", "stacks"]
