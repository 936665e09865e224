"""`sonde admin audit`: who changed what, and whether the log of it is whole."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import click

from sonde.server.admin.frame import HELP, as_json, database, operator, say, standing
from sonde.server.audit import decide, service, store
from sonde.server.audit.model import SERVER, Broken, Mark, Row, Sound
from sonde.server.kernel.db import Tx
from sonde.wire.times import wire_time

EXPECTED = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")
of_workspace = click.option(
    "--workspace",
    "workspace_id",
    default=SERVER,
    metavar="ws_…",
    help="The workspace; without it: rows that belong to none, such as sign-in links.",
)


def from_files(*, required: bool) -> Callable[[Any], Any]:
    """Exports, one after the other."""
    kind, told = click.Path(path_type=Path), "An export; several in the order in which they follow each other."
    return click.option("--file", "files", type=kind, multiple=True, required=required, metavar="FILE", help=told)


@click.group(context_settings=HELP)
def audit() -> None:
    """Who changed what. Rows are only ever added, and each is sealed with the one before it."""


@audit.command("list", context_settings=HELP)
@of_workspace
@click.option(
    "--category", default="", metavar="WORD", help="Only actions of this category: permission, token, lock, …"
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")
@as_json
def audit_list(workspace_id: str, category: str, limit: int, *, as_json: bool) -> None:
    """Show the newest changes, newest first."""
    with database() as db, db.read() as tx:
        _known(tx, workspace_id)
        rows = store.newest(tx, workspace_id, category, limit)
    lines = [
        f"{row.number:>5}  {wire_time(row.at)}  {row.action}  {row.actor_name} ({row.actor_type}): {row.description}"
        for row in rows
    ]
    say({"entries": [_facts(row) for row in rows]}, "\n".join(lines) or "Nothing is written down", machine=as_json)


def _known(tx: Tx, workspace_id: str) -> None:
    """A log of nobody is empty, and an empty one is whole: who mistyped the workspace must not read that."""
    if workspace_id != SERVER and not store.ends(tx, workspace_id).head.number:
        standing(tx, workspace_id)


def _facts(row: Row) -> dict[str, object]:
    return asdict(row) | {"at": wire_time(row.at)}


def _expected(ctx: click.Context, param: click.Parameter, value: str) -> Mark | None:
    del ctx, param
    found = EXPECTED.fullmatch(value)
    if value and not found:
        raise click.ClickException(f"{value!r} is no NUMBER:SEAL as verify prints it")
    return Mark(int(found[1]), found[2]) if found else None


@audit.command("verify", context_settings=HELP)
@of_workspace
@from_files(required=False)
@click.option(
    "--expect",
    "expected",
    default="",
    callback=_expected,
    metavar="NUMBER:SEAL",
    help="What an earlier verify printed: detects a log that was rewritten as a whole.",
)
@as_json
def audit_verify(workspace_id: str, files: Sequence[Path], expected: Mark | None, *, as_json: bool) -> None:
    """Check that every row is as it was written. Names the first that is not, and exits with 1.

    With --file it reads exports, in the order in which they follow each other, and no database.

    \b
    Examples:
      sonde admin audit verify --workspace ws_…
      sonde admin audit verify --file 2025.jsonl --file 2026.jsonl
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    if files:
        answer = _sound(_of_files(files, expected))
    else:
        with database() as db, db.read() as tx:
            _known(tx, workspace_id)
            answer = _sound(service.verify(tx, workspace_id, expected))
    facts = {"rows": answer.end.number - answer.begin.number, "head": str(answer.end)}
    behind = ""
    if answer.begin.number:
        facts["begin"] = str(answer.begin)
        behind = f", behind {answer.begin}"
    sentence = f"{facts['rows']} rows{behind} are as they were written. Keep this elsewhere, for --expect: {answer.end}"
    say(facts, sentence, machine=as_json)


def _sound(answer: Sound | Broken) -> Sound:
    if isinstance(answer, Broken):
        raise click.ClickException(f"row {answer.number} of the audit log: {answer.because}")
    return answer


def _of_files(files: Sequence[Path], expected: Mark | None = None) -> Sound | Broken:
    """Whether exports hold one chain; it may begin anywhere."""
    rows = _rows(files)
    first = next(rows, None)
    if first is None:
        raise click.ClickException("there is no row in it")
    return decide.follow(chain([first], rows), Mark(first.number - 1, first.previous), expected)


def _rows(files: Sequence[Path]) -> Iterator[Row]:
    for path in files:
        try:
            with path.open(encoding="utf-8") as lines:
                yield from (_row(f"{path}:{number}", text) for number, text in enumerate(lines, 1))
        except (OSError, UnicodeDecodeError) as error:
            because = getattr(error, "strerror", None) or error
            raise click.ClickException(f"{path} cannot be read: {because}") from error


def _row(place: str, text: str) -> Row:
    try:
        return decide.row_of(text)
    except decide.LineError as error:
        raise click.ClickException(f"{place} is no row of an export: {error}") from error


@audit.command("export", context_settings=HELP)
@of_workspace
@click.option(
    "--older-than", "days", type=click.IntRange(0), metavar="DAYS", help="Only rows older than this many days."
)
@click.option("--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="Write here, once all is there.")
def audit_export(workspace_id: str, days: int | None, path: Path | None) -> None:
    """Print every row as one line of JSON, oldest first, as it is sealed: `verify --file` needs nothing else.

    \b
    Example:
      sonde admin audit export --workspace ws_… --older-than 400 --file 2025.jsonl
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    with database() as db, db.read() as tx:
        _known(tx, workspace_id)
        until = None if days is None else tx.now - days * 86_400_000
        with _output(path) as write:
            answer = _sound(service.export(tx, workspace_id, until, lambda row: write(decide.line(row) + "\n")))
    click.echo(f"{answer.end.number - answer.begin.number} rows, up to {answer.end}", err=True)


@contextmanager
def _output(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Standard output, or a new file that has its name only when it is whole and on the disk."""
    if path is None:
        yield sys.stdout.write  # buffered, as click.echo is not
        return
    if path.exists():
        raise click.ClickException(f"{path} is there already; an export does not replace one")
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as out:
            yield out.write
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror})") from error


@audit.command("cut", context_settings=HELP)
@of_workspace
@from_files(required=True)
@as_json
def audit_cut(workspace_id: str, files: Sequence[Path], *, as_json: bool) -> None:
    """Remove from the database the rows that an export holds. The log itself says so, and stays verifiable.

    Nothing else ever removes a row. The export must be whole and begin where the log begins.

    \b
    Example:
      sonde admin audit cut --workspace ws_… --file 2025.jsonl
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    exported = _sound(_of_files(files))
    with database() as db, db.write("admin.change") as tx:
        _known(tx, workspace_id)
        try:
            many = service.cut(tx, workspace_id, exported, operator())
        except service.NotCutError as error:
            raise click.ClickException(f"nothing was cut: {error}") from error
    told = f"{many} rows were cut, up to {exported.end}. Keep the export: it is all there is of them"
    say({"rows": many, "cut": str(exported.end)}, told, machine=as_json)
