"""`sonde admin permission`: what the jobs of a repository may do."""

import click

from sonde.server.admin.frame import HELP, as_json, database, linked, operator, say
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth import permission_store, permissions
from sonde.server.auth.decide import described
from sonde.server.auth.model import Grant, Permission
from sonde.server.auth.patterns import PatternError, check
from sonde.server.kernel.db import Tx
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces.model import Repository

of_workspace = click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace.")
of_repository = click.option("--repo", "full_name", required=True, metavar="OWNER/NAME", help="The repository.")


def _pattern(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del ctx, param
    try:
        check(value)
    except PatternError as error:
        raise click.ClickException(str(error)) from error
    return value


@click.group(context_settings=HELP)
def permission() -> None:
    r"""What the jobs of a repository may do: each row gives one permission to the jobs that fit.

    \b
    A pattern is * for any, a name as it is, or a regular expression for the whole name:
      plan.yaml    ^(main|develop)$    prod.*    [a-z]+\.ya?ml
    """


@permission.command("list", context_settings=HELP)
@of_workspace
@of_repository
@as_json
def permission_list(workspace_id: str, full_name: str, *, as_json: bool) -> None:
    """Show the rows of a repository."""
    with database() as db, db.read() as tx:
        rows = permission_store.of_repository(tx, linked(tx, workspace_id, full_name).id)
    lines = [f"{row.id}  {row.permission}: {described(row)}" for row in rows]
    say(
        {"permissions": [_facts(row) for row in rows]},
        "\n".join(lines) or "There is no row: no job may do anything",
        machine=as_json,
    )


def _facts(row: Grant) -> dict[str, object]:
    patterns = {"workflow": row.workflow, "branch": row.branch, "environment": row.environment}
    return {"id": row.id, "permission": row.permission, **patterns, "strangers": row.strangers}


@permission.command("add", context_settings=HELP)
@click.argument("name", metavar="PERMISSION", type=click.Choice([str(one) for one in Permission]))
@of_workspace
@of_repository
@click.option(
    "--workflow", default="*", callback=_pattern, help="The workflow's file name, workflow_ref or job_workflow_ref."
)
@click.option("--branch", default="*", callback=_pattern, help="The branch; of a pull request the one it comes from.")
@click.option("--environment", default="*", callback=_pattern, help="The job's environment.")
@click.option(
    "--strangers",
    is_flag=True,
    help="Also in pull_request_target, which may run a stranger's change. Read docs/security.md first.",
)
@as_json
def permission_add(
    name: str, workspace_id: str, full_name: str, *, strangers: bool, as_json: bool, **patterns: str
) -> None:
    """Give a permission to jobs; sessions that live have it at once. The same again changes nothing.

    \b
    Example:
      sonde admin permission add git:commit --workspace ws_… --repo acme/infra --workflow format.yaml
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    with database() as db, db.write("admin.change") as tx:
        repository = linked(tx, workspace_id, full_name)
        row, changed = permissions.add(
            tx, Grant(new_id("perm", tx.now), repository.id, name, **patterns, strangers=strangers)
        )
        done = f"{repository.full_name} gives {name} to: {described(row)}"
        if changed:
            _record(tx, repository, row, "assigned", done)
    say({**_facts(row), "changed": changed}, done if changed else f"{done} (it did already)", machine=as_json)


@permission.command("remove", context_settings=HELP)
@click.argument("row_id", metavar="perm_…")
@of_workspace
@of_repository
@as_json
def permission_remove(row_id: str, workspace_id: str, full_name: str, *, as_json: bool) -> None:
    """Take a row away, also from sessions that live. Static tokens have permissions of their own."""
    with database() as db, db.write("admin.change") as tx:
        repository = linked(tx, workspace_id, full_name)
        rows = permission_store.of_repository(tx, repository.id)
        row = next((one for one in rows if one.id == row_id), None)
        if row is None:
            raise click.ClickException(
                f"{repository.full_name} has no row {row_id!r}; sonde admin permission list shows them"
            )
        permissions.remove(tx, row)
        done = f"{repository.full_name} gives {row.permission} no longer to: {described(row)}"
        _record(tx, repository, row, "removed", done)
    say(_facts(row), done, machine=as_json)


def _record(tx: Tx, repository: Repository, row: Grant, verb: str, description: str) -> None:
    change = ("permission", row.id), description, {"repository": repository.full_name, **_facts(row)}
    record(tx, Change(repository.workspace_id, f"permission.{verb}", operator(), *change))
