"""Rows as tables: columns by template, order, and the formats of `list` (stacks.md §9)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sonde.cli import printing
from sonde.cli.errors import CliError
from sonde.stacks import templates

FORMATS = ("table", "json", "yaml", "csv", "tsv", "tree", "matrix")
_LIBRARY = templates.Library({})


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
    """The table in a format; without one, tab-separated lines without headings, as for a pipe."""
    if form in ("json", "yaml"):
        records = [dict(zip(shown.headings, row, strict=True)) for row in shown.cells]
        out.write(printing.render(records, form))
    elif form in ("csv", "tsv", "", "table", "tree"):
        headed = form in ("csv", "tsv", "table")
        lines = [shown.headings, *shown.cells] if headed else shown.cells
        out.write(_delimited(lines, delimiter or ("," if form == "csv" else "\t")))
    else:
        raise CliError(f"invalid format '{form}'", hints=[f"Supported formats: {', '.join(FORMATS)}."])


def _delimited(lines: Sequence[tuple[str, ...]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(lines)
    return text.getvalue()
