"""`sonde list stacks`, `components` and `instances` (stacks.md §9)."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import click

from sonde.cli import inventory, process, tables
from sonde.cli.describe_stacks import function_flags, options_of
from sonde.cli.errors import CliError
from sonde.cli.options import examples, flags_of, global_flags
from sonde.stacks import rows
from sonde.stacks.config import Config
from sonde.stacks.discovery import NoManifestsError
from sonde.stacks.engine import Stacks

LIST_FLAGS = (
    click.option("-f", "--format", "form", default=None, help="table, json, yaml, csv or tsv; see also below."),
    click.option("--columns", multiple=True, help="Columns, as Name={{ .field }}."),
    click.option("--sort", default="", help="Columns to sort by, e.g. stack:asc,component:desc."),
    click.option("--tags", multiple=True, help="Only with any of these tags."),
    click.option("--labels", multiple=True, help="Only with all of these labels, e.g. team=core."),
    click.option(
        "--include-dependencies",
        is_flag=False,
        flag_value="",
        default=None,
        help="Also what these depend on; =N limits the steps.",
    ),
    click.option(
        "--include-dependents",
        is_flag=False,
        flag_value="",
        default=None,
        help="Also what depends on these; =N limits the steps.",
    ),
)
# What the environment says where no flag does.
VARIABLES = {
    "form": ("ATMOS_LIST_FORMAT", "ATMOS_FORMAT"),
    "columns": ("ATMOS_LIST_COLUMNS", "ATMOS_COLUMNS"),
    "sort": ("ATMOS_LIST_SORT", "ATMOS_SORT"),
    "delimiter": ("ATMOS_LIST_DELIMITER", "ATMOS_DELIMITER"),
    "predicate": ("ATMOS_LIST_FILTER", "ATMOS_FILTER"),
    "tags": ("ATMOS_COMPONENT_TAGS", "ATMOS_TAGS"),
    "labels": ("ATMOS_COMPONENT_LABELS", "ATMOS_LABELS"),
    "stack": ("ATMOS_STACK",),
    "component": ("ATMOS_COMPONENT",),
    "kind": ("ATMOS_COMPONENT_TYPE", "ATMOS_TYPE"),
    "output_file": ("ATMOS_LIST_OUTPUT_FILE", "ATMOS_OUTPUT_FILE"),
    "include_dependencies": ("ATMOS_INCLUDE_DEPENDENCIES",),
    "include_dependents": ("ATMOS_INCLUDE_DEPENDENTS",),
}


# Listings never reach for what needs credentials (stacks.md §9).
NEEDS_CREDENTIALS = (
    "terraform.state",
    "terraform.output",
    "store",
    "store.get",
    "secret",
    "aws.account_id",
    "aws.caller_identity_arn",
    "aws.caller_identity_user_id",
    "aws.region",
    "aws.organization_id",
)


def list_flags(command: Any) -> Any:
    """Give a command the flags about rows and columns."""
    for option in reversed(LIST_FLAGS):
        command = option(command)
    return command


def _with_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """The flags, and the environment's word for those that were not given."""
    env = process.current().env
    found = dict(given)
    for name, variables in VARIABLES.items():
        value = next((env[variable] for variable in variables if env.get(variable)), "")
        if name in given and given[name] in (None, "", ()) and value:
            found[name] = (value,) if isinstance(given[name], tuple) else value
    return found


def _load(ctx: click.Context, given: Mapping[str, Any], attempt: tuple[str, str]) -> tuple[Config, Stacks]:
    """All stacks. `attempt` stands before errors of the configuration and of the stacks themselves."""
    world = process.current()
    try:
        config, engine = inventory.open_project(world, flags_of(ctx))
    except inventory.NoStacksError as error:
        raise inventory.prefixed(error, attempt[0]) from error
    engine.require_manifests()
    options = options_of(config.get("list.error_mode") or "", given)
    options = replace(options, skip=(*options.skip, *NEEDS_CREDENTIALS))
    try:
        found = engine.stacks(options)
    except inventory.StacksError as error:
        raise inventory.prefixed(error, attempt[1]) from error
    inventory.summary(engine, options, world)
    return config, rows.extended(found, given.get("stack") or "", _selection(given), _reach(given))


def _pattern(given: Mapping[str, Any]) -> str:
    return "" if _reach(given) != rows.Reach() else str(given["stack"])


def _selection(given: Mapping[str, Any]) -> rows.Selection:
    return rows.Selection(inventory.split(given["tags"]), rows.labels(inventory.split(given["labels"])))


def _reach(given: Mapping[str, Any]) -> rows.Reach:
    return rows.Reach(
        rows.depth("include-dependencies", given["include_dependencies"]),
        rows.depth("include-dependents", given["include_dependents"]),
    )


_PLAIN = ("error initializing CLI config: ", "failed to execute describe stacks: ")
_INSTANCES = ("", "failed to process instances\n\nfailed to execute describe stacks\n\n")


def _chosen(found: list[rows.Row], given: Mapping[str, Any]) -> list[rows.Row]:
    # An extended selection has been made already, and holds rows that the tags alone would not choose.
    return found if _reach(given) != rows.Reach() else rows.select(found, _selection(given))


def _show(chosen: list[rows.Row], config: Config, given: Mapping[str, Any], kind: tables.Kind) -> None:
    columns = tables.columns(given["columns"], config.get(kind.columns_at), kind)
    table = tables.table(chosen, columns, given["sort"], kind)
    tables.write(table, _form(config, given, kind), given.get("delimiter") or "", sys.stdout)


def _form(config: Config, given: Mapping[str, Any], kind: tables.Kind) -> str:
    return str(given["form"] or config.get(kind.format_at) or "")


@click.command(
    name="stacks",
    epilog=examples(
        "sonde list stacks",
        "sonde list stacks -c vpc --format json",
        codes="0 listed; 1 wrong manifests or usage.",
    ),
)
@click.option("-c", "--component", default="", help="Only stacks with this component.")
@click.option("--provenance", is_flag=True, hidden=True)
@list_flags
@function_flags
@global_flags
@click.pass_context
def stacks(ctx: click.Context, /, **given: Any) -> None:
    """List the stacks; `--format tree` is a format of its own."""
    given = _with_environment(given)
    if given["provenance"] and given["form"] != "tree":
        raise CliError("invalid flag\n\n--provenance flag only works with --format=tree")
    try:
        config, found = _load(ctx, given, _PLAIN)
    except NoManifestsError:
        sys.stderr.write(f"▶ {tables.STACKS.nothing}\n")
        return
    component = given["component"]
    chosen = _chosen(rows.of_stacks(found, component), given)
    if not chosen and component:
        raise CliError("no stacks found", hints=[f"No stack has the component {component}."])
    if not chosen:
        sys.stderr.write(f"▶ {tables.STACKS.nothing}\n")
    elif _form(config, given, tables.STACKS) == "tree":
        sys.stdout.write(tables.tree(tables.STACKS.title, {row["stack"]: () for row in chosen}))
    else:
        with_component = replace(
            tables.STACKS, defaults=(*tables.STACKS.defaults, tables.Column("Component", "{{ .component }}"))
        )
        _show(chosen, config, given, with_component if component else tables.STACKS)


@click.command(
    name="components",
    epilog=examples(
        "sonde list components -s prod",
        "sonde list components --type all --format csv",
        codes="0 listed; 1 wrong manifests or usage.",
    ),
)
@click.option("-s", "--stack", default="", help="Only in stacks that match this pattern.")
@click.option("-t", "--type", "kind", default="", help="real, abstract or all.")
@click.option("--abstract", is_flag=True, hidden=True)  # without effect, as in the Go CLI: `--type all` lists them too
@click.option("--enabled", type=bool, default=None, is_flag=False, flag_value=True, help="Only enabled, or not.")
@click.option("--locked", type=bool, default=None, is_flag=False, flag_value=True, help="Only locked, or not.")
@list_flags
@function_flags
@global_flags
@click.pass_context
def components(ctx: click.Context, /, **given: Any) -> None:
    """List the components and in how many stacks each is."""
    given = _with_environment(given)
    config, found = _load(ctx, given, _PLAIN)
    chosen = _chosen(rows.of_components(found, _pattern(given)), given)
    if not chosen:
        sys.stderr.write(f"▶ {tables.COMPONENTS.nothing}\n")
        return
    wanted = given["kind"] or "real"
    tests: list[Callable[[rows.Row], bool]] = []
    if wanted != "all":
        tests.append(lambda row: row["component_type"] == wanted)
    for name in ("enabled", "locked"):
        if given[name] is not None:
            tests.append(lambda row, name=name: row[name] == given[name])  # type: ignore[misc]
    _show([row for row in chosen if all(test(row) for test in tests)], config, given, tables.COMPONENTS)


@click.command(
    name="instances",
    epilog=examples(
        "sonde list instances -s 'prod*' --format json",
        "sonde list instances --upload   # tell the control plane, on push to the default branch",
        codes="0 listed, and uploaded if asked to; 1 wrong manifests, refused or no answer.",
    ),
)
@click.option("-s", "--stack", default="", help="Only in stacks that match this pattern.")
@click.option("--filter", "predicate", default="", help="A yq predicate over the rows.")
@click.option("-q", "--query", default="", help="A yq expression; rows for which it gives nothing are left out.")
@click.option(
    "--upload", type=bool, is_flag=False, flag_value=True, default=None, help="Send all instances to the control plane."
)
@click.option("--delimiter", default="", help="Delimiter of csv and tsv.")
@click.option("--output-file", default="", help="Where the matrix format is appended to.")
@click.option("--max-columns", type=int, default=0, hidden=True)
@list_flags
@function_flags
@global_flags
@click.pass_context
def instances(ctx: click.Context, /, **given: Any) -> None:
    """List every component in every stack; `--format tree` and `matrix` are formats of their own."""
    world = process.current()
    given = _with_environment(given)
    uploads = given["upload"]
    if uploads is None:
        uploads = world.env.get("ATMOS_UPLOAD", "").lower() in ("true", "1", "t")
    if uploads:
        _check_upload(given)
    if given["form"] in ("tree", "matrix"):
        _check_reach(given, f"--format={given['form']}")
    config, found = _load(ctx, given, _INSTANCES)
    if given["output_file"] and given["form"] != "matrix":
        raise CliError("invalid flag\n\n--output-file is only supported with --format=matrix")
    if given["form"] == "tree":
        sys.stdout.write(tables.tree(tables.INSTANCES.title, rows.folders(found, _pattern(given))))
        return
    if given["form"] == "matrix":
        target = given["output_file"] or (world.env.get("GITHUB_OUTPUT", "") if config.get("ci.enabled") else "")
        tables.matrix(rows.matrix(found, given["stack"]), target, sys.stdout)
        return
    chosen = rows.of_instances(found, _pattern(given))
    shown = rows.where(chosen, given["predicate"]) if given["predicate"] else chosen
    shown = rows.answering(shown, given["query"]) if given["query"] else shown
    _show(_chosen(shown, given), config, given, tables.INSTANCES)
    if uploads:
        from sonde.cli import project, upload

        sys.stdout.flush()
        upload.instances(project.of(world, config), [upload.Uploadable.of_row(row) for row in chosen])


def _check_upload(given: Mapping[str, Any]) -> None:
    """An upload is the whole inventory: what shows a part of it, or not as rows, cannot go with it."""
    if given["tags"] or given["labels"]:
        what = "--tags/--labels is not supported with --upload (the inventory upload is always unfiltered)"
        raise CliError(f"invalid flag\n\n{what}")
    _check_reach(given, "--upload")
    if given["form"] in ("tree", "matrix"):
        raise CliError(f"invalid flag\n\n--upload is not supported with --format={given['form']}")


def _check_reach(given: Mapping[str, Any], what: str) -> None:
    if _reach(given) != rows.Reach():
        raise CliError(f"invalid flag\n\n--include-dependencies/--include-dependents is not supported with {what}")
