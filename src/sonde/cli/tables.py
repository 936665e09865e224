"""Rows as tables: columns by template, order, and the formats of `list` (stacks.md §9)."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sonde.cli import printing
from sonde.cli.errors import CliError
from sonde.stacks import templates

FORMATS = ("table", "json", "yaml", "csv", "tsv")
ORDERS = {"asc": False, "ascending": False, "desc": True, "descending": True}
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
    nothing: str  # said when there is nothing to choose rows from; empty: an empty table is shown
    title: str = ""  # of the tree; empty: there is no such format
    named_columns: bool = (
        False  # columns are only given as Name=Template, and the default order needs the default columns
    )


@dataclass(frozen=True)
class Table:
    headings: tuple[str, ...]
    cells: list[tuple[str, ...]]


STACKS = Kind(
    (Column("Stack", "{{ .stack }}"),),
    "list.stacks.columns",
    "stacks.list.format",
    "Stack:asc",
    "No stacks found",
    "Stacks",
)
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
    "Component Instances",
    named_columns=True,
)


def columns(given: Iterable[str], configured: Any, kind: Kind) -> tuple[Column, ...]:
    """The flag's columns, else the configured ones, else the defaults. Raises CliError for one that cannot be read.

    A flag may hold several, separated by commas; one with a comma in its template stands in quotes, as in CSV.
    """
    wanted = [spec.strip() for text in given for spec in next(csv.reader([text]), []) if spec.strip()]
    if wanted:
        return tuple(_column(number, spec, kind) for number, spec in enumerate(wanted, start=1))
    if isinstance(configured, list) and configured:
        return tuple(Column(str(each.get("name", "")), str(each.get("value", ""))) for each in configured)
    return kind.defaults


def _column(number: int, spec: str, kind: Kind) -> Column:
    name, equals, template = (part.strip() for part in spec.partition("="))
    if not name or (equals and not template) or (kind.named_columns and not equals):
        raise CliError(
            f"invalid configuration\n\ncolumn spec {number} must be in format 'Name=Template', got: \"{spec}\""
        )
    if not equals:
        return Column(name.title(), f"{{{{ .{name} }}}}")
    return Column(name, template if "{{" in template else f"{{{{ .{template} }}}}")


def table(rows: Sequence[Mapping[str, Any]], shown: tuple[Column, ...], order: str, kind: Kind) -> Table:
    """The cells, ordered by columns as `stack:asc,component:desc`. Raises CliError for an order that cannot be."""
    cells = [tuple(_cell(row, column) for column in shown) for row in rows]
    headings = tuple(column.name for column in shown)
    keys = [_key(part.strip()) for part in (order or _order_of(kind, headings)).split(",") if part.strip()]
    for number, (name, _) in enumerate(keys):
        if name not in headings:
            raise CliError(f'sorting failed: invalid configuration: sorter {number}: column "{name}" not found')
    for name, backwards in reversed(keys):
        index = headings.index(name)
        cells.sort(key=lambda row, index=index: row[index], reverse=backwards)  # type: ignore[misc]
    return Table(headings, cells)


def _order_of(kind: Kind, headings: tuple[str, ...]) -> str:
    """The default order; where columns are given by template it needs all columns that it names."""
    named = [part.partition(":")[0] for part in kind.sort.split(",")]
    return kind.sort if not kind.named_columns or set(named) <= set(headings) else ""


def _key(part: str) -> tuple[str, bool]:
    """A heading, and whether its order is reversed."""
    name, colon, direction = (text.strip() for text in part.partition(":"))
    if not colon:
        raise CliError(
            f'error parsing sort specification: invalid configuration: invalid sort spec "{part}", '
            "expected format 'column:order'"
        )
    if direction.lower() not in ORDERS:
        raise CliError(
            "error parsing sort specification: invalid configuration: "
            f"invalid sort order \"{direction.lower()}\", expected 'asc' or 'desc'"
        )
    return name[:1].upper() + name[1:], ORDERS[direction.lower()]


def _cell(row: Mapping[str, Any], column: Column) -> str:
    rendering = templates.Rendering(_LIBRARY, f"column-{column.name}")
    try:
        return templates.render_text(column.template, dict(row), rendering)
    except templates.TemplateError as error:
        raise CliError(f"column '{column.name}': {error}") from error


def tree(title: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Groups with their members below them, an empty line on the trunk before each."""
    lines = [f" {title}"]
    for number, (name, members) in enumerate(groups.items(), start=1):
        last = number == len(groups)
        trunk = "   " if last else "│  "
        lines += ["│", f"{'└──' if last else '├──'}{name}"]
        lines += [f"{trunk}{'└──' if at == len(members) else '├──'}{each}" for at, each in enumerate(members, start=1)]
    return "".join(f"{line}\n" for line in [*lines, ""])


def write(shown: Table, form: str, delimiter: str, out: TextIO) -> None:
    """The table in a format. Without one, or as `table`, a pipe gets tab-separated lines without headings."""
    if form in ("json", "yaml"):
        records = [dict(zip(shown.headings, row, strict=True)) for row in shown.cells]
        out.write(printing.render(records, form))
    elif form in ("csv", "tsv"):
        sign = delimiter or ("," if form == "csv" else "\t")
        out.write("".join(f"{sign.join(row)}\n" for row in (shown.headings, *shown.cells)))
    elif form in ("", "table"):
        out.write(_aligned(shown) if out.isatty() else "".join("\t".join(row) + "\n" for row in shown.cells))
    else:
        raise CliError(
            f"formatting failed: invalid configuration: unsupported format: {form}",
            hints=[f"Supported formats: {', '.join(FORMATS)}."],
        )


def _aligned(shown: Table) -> str:
    """Headings and cells in columns, for a terminal."""
    lines = [shown.headings, *shown.cells]
    widths = [max(len(row[index]) for row in lines) for index in range(len(shown.headings))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in lines
    )


def matrix(instances: Sequence[Mapping[str, str]], target: str, out: TextIO) -> None:
    """A GitHub Actions matrix: JSON on `out`, or `matrix=` and `count=` lines appended to the target file."""
    text = json.dumps({"include": list(instances)}, separators=(",", ":"), ensure_ascii=False)
    if not target:
        out.write(text + "\n")
        return
    with Path(target).open("a", encoding="utf-8") as file:
        file.write(f"matrix={text}\ncount={len(instances)}\n")
