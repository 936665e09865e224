"""`sonde admin workspace`: tenants."""

import re
from collections import Counter

import click

from sonde.server.admin.frame import HELP, as_json, database, operator, printable, say, standing
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import MAX_LOCK_TTL, Workspace

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


@workspace.command("list", context_settings=HELP)
@as_json
def workspace_list(*, as_json: bool) -> None:
    """Show the workspaces by name, with their ids and how many repositories each has."""
    with database() as db, db.read() as tx:
        many = Counter(repository.workspace_id for repository in workspaces.all_repositories(tx))
        found = [{"id": one.id, "name": one.name, "repositories": many[one.id]} for one in workspaces.every(tx)]
    lines = [f"{one['id']}  {one['name']}, {one['repositories']} repositories" for one in found]
    nothing = "There is no workspace yet: sonde admin workspace create NAME"
    say({"workspaces": found}, "\n".join(lines) or nothing, machine=as_json)


@workspace.command("set", context_settings=HELP)
@click.argument("workspace_id", metavar="ws_…")
@click.option(
    "--strict-drift/--no-strict-drift",
    default=None,
    help="Refuse an inventory in which an instance wants drift detection and lacks its workflows, or only mark it.",
)
@click.option(
    "--max-lock-ttl",
    type=click.IntRange(1, MAX_LOCK_TTL),
    metavar="SECONDS",
    help="The longest that a job may ask a lock for.",
)
@as_json
def workspace_set(workspace_id: str, max_lock_ttl: int | None, *, strict_drift: bool | None, as_json: bool) -> None:
    """Change what a workspace demands. Locks that are held stay as they are.

    \b
    Examples:
      sonde admin workspace set ws_… --strict-drift
      sonde admin workspace set ws_… --max-lock-ttl 14400
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    given = {"strict_drift": strict_drift, "max_lock_ttl": max_lock_ttl}
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("Say what to change: --strict-drift or --max-lock-ttl.")
    with database() as db, db.write("admin.change") as tx:
        before = standing(tx, workspace_id)
        workspaces.demand_of_workspace(tx, workspace_id, **wanted)
        for name, value in wanted.items():
            if getattr(before, name) != value:
                setting = f"{name} is {str(value).lower()} now"
                target = ("workspace", workspace_id)
                record(tx, Change(workspace_id, "workspace.settings_changed", operator(), target, setting))
        now = standing(tx, workspace_id)
    does = "refuses inventories in which" if now.strict_drift else "marks instances whose"
    say(
        {"id": workspace_id, "strictDrift": now.strict_drift, "maxLockTtl": now.max_lock_ttl},
        f"Workspace {workspace_id} {does} drift detection cannot run; its locks live at most {now.max_lock_ttl} seconds",
        machine=as_json,
    )
