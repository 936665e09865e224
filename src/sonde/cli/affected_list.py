"""`sonde list affected`: what a change touches, as a table (stacks.md §9, §10)."""

from collections.abc import Mapping
from typing import Any

import click

from sonde.cli import affected_base, affected_question, process, tables
from sonde.cli.affected_question import Answer, Question
from sonde.cli.describe_stacks import function_flags
from sonde.cli.options import examples, flags_of, global_flags
from sonde.cli.tables import Column
from sonde.stacks import rows
from sonde.stacks.affected.items import View
from sonde.stacks.rows import Row

AFFECTED = tables.Kind(
    tuple(
        Column(name, f"{{{{ .{name.lower()} }}}}")
        for name in ("Status", "Component", "Stack", "Type", "Affected", "File")
    ),
    "list.affected.columns",
    "list.affected.format",
    "",
    "No affected components found",
)
ORDER = "Stack:asc,Component:asc"  # where both columns are shown


TEXTS = (
    *("component", "component_type", "component_path", "stack", "stack_slug", "namespace", "tenant", "environment"),
    *("stage", "file", "folder", "spacelift_stack", "atlantis_project", "deletion_type"),
)


@click.command(
    name="affected",
    epilog=examples(
        "sonde list affected --base main",
        "sonde list affected --base main --include-dependents --format json",
        codes="0 listed; 1 wrong manifests or usage; 128 no such base.",
    ),
)
@affected_question.affected_flags
@click.option("-f", "--format", "form", default=None, help="table, json, yaml, csv or tsv.")
@click.option("--columns", multiple=True, help="Columns, as Name={{ .field }}.")
@click.option("--sort", default="", help="Columns to sort by, e.g. stack:asc,component:desc.")
@click.option("--delimiter", default="", help="Delimiter of csv and tsv.")
@function_flags
@global_flags
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """List what a change touches."""
    world = process.current()
    pattern = given["stack"]  # a pattern here: all stacks are compared, those that match are shown
    question = affected_question.ask(world, flags_of(ctx), {**given, "stack": ""}, validated=False)
    answer = affected_question.answer(question, affected_question.event_of(question))
    world.stderr.write(f"✓ Compared {_base_name(given)}...{_head_name(question, answer)}\n")
    shown = [row for row in _rows(question, answer) if rows.matches(pattern, row["stack"])]
    if not shown:
        world.stderr.write(f"▶ {AFFECTED.nothing}\n")
        return
    columns = tables.columns(given["columns"], question.config.get(AFFECTED.columns_at), AFFECTED)
    both = {"Stack", "Component"} <= {column.name for column in columns}
    table = tables.table(shown, columns, given["sort"] or (ORDER if both else ""), AFFECTED)
    tables.write(
        table, given["form"] or question.config.get(AFFECTED.format_at) or "", given["delimiter"], world.stdout
    )


def _base_name(given: dict[str, Any]) -> str:
    named = (given[name] for name in ("base", "sha", "ref", "repo_path"))
    return next((name for name in named if name), affected_base.DEFAULT)


def _head_name(question: Question, answer: Answer) -> str:
    """The branch that is checked out, else the commit."""
    done = question.repository.run("symbolic-ref", "--quiet", "HEAD")
    return done.stdout.decode().strip() or answer.base.head


def _rows(question: Question, answer: Answer) -> list[Row]:
    """What is affected, and with `--include-dependents` what depends on it, each instance once."""
    graph = answer.graph(question) if question.given["include_dependents"] else None
    items = View(question.engine.project, settings=True, graph=graph).items(answer.found)
    found = {(item["stack"], item["component"]): _row(item) for item in items}
    pending = [(below, 1) for item in items for below in item["dependents"] or ()]
    for item, depth in pending:
        found.setdefault((item["stack"], item["component"]), _row(item, depth=depth))
        pending += [(below, depth + 1) for below in item["dependents"]]
    return list(found.values())


def _row(item: Mapping[str, Any], *, depth: int = 0) -> Row:
    """One item as columns see it. Its status is that of `settings.metadata`, which hardly anybody has: kept as it was."""
    settings = item["settings"] if isinstance(item["settings"], dict) else {}
    texts = {name: item.get(name, "") for name in TEXTS}
    affected_all = ["dependent"] if depth else item["affected_all"]
    return texts | {
        "type": item["component_type"],
        "affected": affected_all[0],
        "affected_all": ",".join(affected_all),
        "is_dependent": bool(depth),
        "depth": depth,
        "dependents_count": len(item["dependents"] or ()),
        "settings": settings,
        "deleted": item.get("deleted", False),
        **rows.status(settings.get("metadata")),
    }
