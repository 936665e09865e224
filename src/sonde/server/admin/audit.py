"""`sonde admin audit`: who changed what, and whether the log of it is whole."""

import re
from dataclasses import asdict

import click

from sonde.server.admin.frame import HELP, as_json, database, say
from sonde.server.audit import service, store
from sonde.server.audit.model import SERVER, Broken, Row
from sonde.wire.times import wire_time

EXPECTED = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")
of_workspace = click.option(
    "--workspace",
    "workspace_id",
    default=SERVER,
    metavar="ws_…",
    help="The workspace; without it what belongs to none, such as sign-in links.",
)


@click.group(context_settings=HELP)
def audit() -> None:
    """Who changed what. Rows are only ever added, and each is sealed with the one before it."""


@audit.command("list", context_settings=HELP)
@of_workspace
@click.option("--category", default="", metavar="WORD", help="Only actions that begin so: permission, token, lock, …")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")
@as_json
def audit_list(workspace_id: str, category: str, limit: int, *, as_json: bool) -> None:
    """Show the newest changes, newest first."""
    with database() as db, db.read() as tx:
        rows = store.newest(tx, workspace_id, category, limit)
    lines = [
        f"{row.number:>5}  {wire_time(row.at)}  {row.action}  {row.actor_name} ({row.actor_type}): {row.description}"
        for row in rows
    ]
    say({"entries": [_facts(row) for row in rows]}, "\n".join(lines) or "Nothing is written down", machine=as_json)


def _facts(row: Row) -> dict[str, object]:
    return asdict(row) | {"at": wire_time(row.at)}


def _expected(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, str] | None:
    del ctx, param
    found = EXPECTED.fullmatch(value)
    if value and not found:
        raise click.ClickException(f"{value!r} is no NUMBER:SEAL as verify prints it")
    return (int(found[1]), found[2]) if found else None


@audit.command("verify", context_settings=HELP)
@of_workspace
@click.option(
    "--expect",
    "expected",
    default="",
    callback=_expected,
    metavar="NUMBER:SEAL",
    help="What an earlier verify printed: finds a log that was written anew as a whole.",
)
@as_json
def audit_verify(workspace_id: str, expected: tuple[int, str] | None, *, as_json: bool) -> None:
    """Look whether every row is as it was written; names the first that is not, and exits with 1.

    \b
    Example:
      sonde admin audit verify --workspace ws_…
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    with database() as db, db.read() as tx:
        answer = service.verify(tx, workspace_id, expected)
    if isinstance(answer, Broken):
        raise click.ClickException(f"row {answer.number} of the audit log: {answer.because}")
    facts = {"rows": answer.number, "head": f"{answer.number}:{answer.seal}"}
    sentence = f"{answer.number} rows are as they were written. Keep this elsewhere, for --expect: {facts['head']}"
    say(facts, sentence, machine=as_json)
