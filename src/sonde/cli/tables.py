"""Rows as tables: columns by template, order, and the formats of `list` (stacks.md §9)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sonde.cli import printing
from sonde.cli.errors import CliError
from sonde.stacks import templates

FORMATS = ("table", "json", "yaml", "csv", "tsv", "tree", "matrix")
_LIBRARY = templates.sprig_library()


@dataclass(frozen=True)
class Column:
    """A heading and the template that gives the cell."""

    name: str
    template: str


@dataclass(frozen=True)
class Kind:
    """How one of the list commands shows its rows."""

    defaults: tuple[Column, ...]
    columns_at: str  # where atmos.yaml sets the columns
    format_at: str
    sort: str
    nothing: str  # said when there is no row; empty: an empty table is shown


@dataclass(frozen=True)
class Table:
    headings: tuple[str, ...]
    cells: list[tuple[str, ...]]


STACKS = Kind((Column("Stack", "{{ .stack }}"),), "list.stacks.columns", "stacks.list.format", "", "No stacks found")
COMPONENTS = Kind(
    (Column("Component", "{{ .component }}"), Column("Type", "{{ .type }}"), Column("Stacks", "{{ .stack_count }}")),
    "list.components.columns",
    "components.list.format",
    "Component:asc",
    "No components found",
)
INSTANCES = Kind(
    (Column("Component", "{{ .component }}"), Column("Stack", "{{ .stack }}")),
    "list.instances.columns",
    "list.instances.format",
    "Component:asc,Stack:asc",
    "",
)


def columns(given: Iterable[str], configured: Any, defaults: tuple[Column, ...]) -> tuple[Column, ...]:
    """The flag's columns, else the configured ones, else the defaults. Raises CliError for one that cannot be read."""
    wanted = [spec for spec in given if spec.strip()]
    if wanted:
        return tuple(_column(spec) for spec in wanted)
    if isinstance(configured, list) and configured:
        return tuple(Column(str(each.get("name", "")), str(each.get("value", ""))) for each in configured)
    return defaults


def _column(spec: str) -> Column:
    name, equals, template = (part.strip() for part in spec.partition("="))
    if not name or (equals and not template):
        raise CliError(f"column '{spec}' must be in format 'Name=Template'")
    if not equals:
        return Column(name.title(), f"{{{{ .{name} }}}}")
    return Column(name, template if "{{" in template else f"{{{{ .{template} }}}}")


def table(rows: Sequence[Mapping[str, Any]], shown: tuple[Column, ...], order: str) -> Table:
    """The cells, ordered by columns as `stack:asc,component:desc`."""
    cells = [tuple(_cell(row, column) for column in shown) for row in rows]
    headings = tuple(column.name for column in shown)
    lowered = [heading.lower() for heading in headings]
    parts = [part for part in order.split(",") if part]
    for part in reversed(parts):
        name, _, direction = part.partition(":")
        if name.lower() in lowered:
            index = lowered.index(name.lower())
            cells.sort(key=lambda row, index=index: row[index], reverse=direction == "desc")  # type: ignore[misc]
    return Table(headings, cells)


def _cell(row: Mapping[str, Any], column: Column) -> str:
    rendering = templates.Rendering(_LIBRARY, f"column-{column.name}")
    try:
        return templates.render_text(column.template, dict(row), rendering)
    except templates.TemplateError as error:
        raise CliError(f"column '{column.name}': {error}") from error


def write(shown: Table, form: str, delimiter: str, out: TextIO) -> None:
    """The table in a format. Without one, or as `table`, a pipe gets tab-separated lines without headings."""
    if form in ("json", "yaml"):
        records = [dict(zip(shown.headings, row, strict=True)) for row in shown.cells]
        out.write(printing.render(records, form))
    elif form in ("csv", "tsv"):
        sign = delimiter or ("," if form == "csv" else "\t")
        out.write("".join(f"{sign.join(row)}\n" for row in (shown.headings, *shown.cells)))
    elif form == "tree":
        out.write("".join(f"{line}\n" for line in _tree(shown)))
    elif form in ("", "table"):
        out.write(_aligned(shown) if out.isatty() else "".join("\t".join(row) + "\n" for row in shown.cells))
    else:
        raise CliError(f"invalid format '{form}'", hints=[f"Supported formats: {', '.join(FORMATS)}."])


def _aligned(shown: Table) -> str:
    """Headings and cells in columns, for a terminal."""
    lines = [shown.headings, *shown.cells]
    widths = [max(len(row[index]) for row in lines) for index in range(len(shown.headings))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in lines
    )


def _tree(shown: Table) -> list[str]:
    """Stacks with their components below them; rows of one column stand alone."""
    lowered = [heading.lower() for heading in shown.headings]
    if "stack" not in lowered or "component" not in lowered:
        return [row[0] for row in shown.cells]
    stack, component = lowered.index("stack"), lowered.index("component")
    groups: dict[str, list[str]] = {}
    for row in sorted(shown.cells, key=lambda row: (row[stack], row[component])):
        groups.setdefault(row[stack], []).append(row[component])
    lines = []
    for name, members in groups.items():
        lines.append(name)
        lines += [f"{'└──' if index == len(members) - 1 else '├──'} {member}" for index, member in enumerate(members)]
    return lines


def matrix(instances: Sequence[Mapping[str, str]], target: str, out: TextIO) -> None:
    """A GitHub Actions matrix: JSON on `out`, or `matrix=` and `count=` lines appended to the target file."""
    text = json.dumps({"include": list(instances)}, separators=(",", ":"), ensure_ascii=False)
    if not target:
        out.write(text + "\n")
        return
    with Path(target).open("a", encoding="utf-8") as file:
        file.write(f"matrix={text}\ncount={len(instances)}\n")
