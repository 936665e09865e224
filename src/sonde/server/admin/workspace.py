"""`sonde admin workspace`: tenants."""

import re

import click

from sonde.server.admin.frame import HELP, as_json, database, operator, printable, say, standing
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Workspace

WORKSPACE_ID = re.compile(r"ws_[A-Za-z0-9_-]{1,60}")


@click.group(context_settings=HELP)
def workspace() -> None:
    """A workspace is a tenant: repositories, locks and instances belong to one."""


@workspace.command("create", context_settings=HELP)
@click.argument("name", callback=printable)
@click.option("--id", "workspace_id", metavar="ws_…", help="The id to give it; one is made by default.")
@as_json
def workspace_create(name: str, workspace_id: str | None, *, as_json: bool) -> None:
    """Create a workspace; prints its id, which jobs get as ATMOS_PRO_WORKSPACE_ID. The same again changes nothing."""
    if workspace_id and not WORKSPACE_ID.fullmatch(workspace_id):
        raise click.ClickException(
            f"{workspace_id!r} is no workspace id; one looks like ws_ and up to 60 letters, digits, _ or -"
        )
    with database() as db, db.write("admin.change") as tx:
        made = Workspace(workspace_id or new_id("ws", tx.now), name)
        known = workspaces.workspace_named(tx, name) or (
            workspaces.workspace(tx, workspace_id) if workspace_id else None
        )
        if known is None:
            workspaces.put_workspace(tx, made)
            record(tx, Change(made.id, "workspace.created", operator(), ("workspace", made.id), f"Workspace {name}"))
        elif known.name != name or (workspace_id and known.id != workspace_id):
            raise click.ClickException(
                f"workspace {known.id} is named {known.name!r} already; ids and names are given once"
            )
    found = known or made
    say({"id": found.id, "name": found.name}, f"Workspace {found.name}: {found.id}", machine=as_json)


@workspace.command("set", context_settings=HELP)
@click.argument("workspace_id", metavar="ws_…")
@click.option(
    "--strict-drift/--no-strict-drift",
    required=True,
    help="Refuse an inventory in which an instance wants drift detection and lacks its workflows, or only mark it.",
)
@as_json
def workspace_set(workspace_id: str, *, strict_drift: bool, as_json: bool) -> None:
    """Change what a workspace demands.

    \b
    Example:
      sonde admin workspace set ws_… --strict-drift
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    with database() as db, db.write("admin.change") as tx:
        before = standing(tx, workspace_id)
        workspaces.set_strict_drift(tx, workspace_id, strict=strict_drift)
        if before.strict_drift != strict_drift:
            setting = f"strict_drift is {str(strict_drift).lower()} now"
            target = ("workspace", workspace_id)
            record(tx, Change(workspace_id, "workspace.settings_changed", operator(), target, setting))
    does = "refuses inventories in which" if strict_drift else "marks instances whose"
    say(
        {"id": workspace_id, "strictDrift": strict_drift},
        f"Workspace {workspace_id} {does} drift detection cannot run",
        machine=as_json,
    )
